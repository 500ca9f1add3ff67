/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Connections are accepted here. The first head of each is looked at without being taken from the
 * socket, until it is whole; a bad or slow one never reaches the HTTP library. The same epoll tells
 * when the client of a long wait has gone.
 */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/socket.h"

#define ACCEPTS 64          /* connections that are accepted before others get their turn */
#define EVENTS 64
#define PAUSE 200000        /* µs without accepting when descriptors have run out */
#define LINGER 1.0          /* seconds */
#define LINGER_BYTES 4194304

typedef struct
{
  TholeDoor *door;
  TholeSocket *socket;
  GSource *source;
} TholeEntrance;

struct _TholeDoor
{
  TholeHttp *http;
  int epoll;
  GSource *source;
  GSource *pause;          /* (nullable): not accepting for a moment */
  GPtrArray *entrances;
  gsize size;
  char *buffer;            /* of @size, for peeking and throwing away */
};

void
thole_conn_phase (TholeConn *conn, TholeConnPhase phase, double seconds)
{
  conn->phase = phase;
  conn->deadline = seconds > 0 ? thole_clock_monotonic (conn->http->options.clock) +
                                   (gint64) (seconds * G_USEC_PER_SEC) : 0;
}

void
thole_conn_free (TholeConn *conn)
{
  thole_http_conn_gone (conn->http, conn);
  g_clear_pointer (&conn->peer, thole_principal_unref);
  g_string_free (conn->uri, TRUE);
  g_free (conn);
}

/* while the descriptor is ours */
static void
conn_close (TholeConn *conn)
{
  int fd = conn->fd;

  thole_conn_free (conn);
  close (fd);
}

void
thole_conn_refuse (TholeConn *conn, int code, const char *detail)
{
  static const struct { guint status; const char *text; } reasons[] = {
    { 400, "Bad Request" }, { 408, "Request Timeout" }, { 413, "Content Too Large" },
    { 431, "Request Header Fields Too Large" }, { 503, "Service Unavailable" },
  };
  g_autoptr(TholeProblem) problem = thole_problem_new (code, "%s", detail);
  g_autoptr(GBytes) body = NULL;
  g_autoptr(GString) text = g_string_new (NULL);
  const char *reason = "Refused";
  guint status = thole_error_status (code);
  char id[32];

  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (reasons[i].status == status)
      reason = reasons[i].text;
  thole_http_request_id (conn->http, id, sizeof id);
  body = thole_reply_render (problem, id);
  g_string_append_printf (text, "HTTP/1.1 %u %s\r\nConnection: close\r\nX-Request-Id: %s\r\n"
                          "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
                          "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
                          "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                          "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n", status, reason, id,
                          g_bytes_get_size (body));
  g_string_append_len (text, g_bytes_get_data (body, NULL), (gssize) g_bytes_get_size (body));
  thole_http_measure (conn->http, NULL, status, 0);
  /* what does not fit into the socket's buffer at once is lost: the client has been misbehaving */
  if (send (conn->fd, text->str, text->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("a refusal could not be sent: %s", g_strerror (errno));
}

static gboolean
watch (TholeDoor *self, TholeConn *conn, guint32 events)
{
  struct epoll_event event = { .events = events | EPOLLRDHUP | EPOLLET,
                               .data.u64 = (guint64) conn->serial << 32 | (guint32) conn->fd };

  if (epoll_ctl (self->epoll, conn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event) != 0)
    return FALSE;
  conn->watched = TRUE;
  return TRUE;
}

void
thole_door_watch (TholeDoor *self, TholeConn *conn)
{
  if (!conn->watched && !watch (self, conn, 0))
    g_warning ("a connection cannot be watched: %s", g_strerror (errno));
}

void
thole_door_wants (TholeDoor *self, TholeConn *conn, guint32 events)
{
  struct epoll_event event = { .events = events, .data.u64 = (guint64) conn->serial << 32 | (guint32) conn->fd };

  if (conn->watched && conn->wants == events)
    return;
  if (epoll_ctl (self->epoll, conn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd, &event) != 0)
    g_warning ("a connection cannot be watched: %s", g_strerror (errno));
  conn->watched = TRUE;
  conn->wants = events;
}

void
thole_door_forget (TholeDoor *self, TholeConn *conn)
{
  if (conn->watched && epoll_ctl (self->epoll, EPOLL_CTL_DEL, conn->fd, NULL) != 0)
    g_debug ("a connection was not watched: %s", g_strerror (errno));
  conn->watched = FALSE;
}

/* Returns: FALSE when the connection is over */
static gboolean
drain (TholeDoor *self, TholeConn *conn)
{
  gssize n;

  while ((n = recv (conn->fd, self->buffer, self->size, MSG_DONTWAIT)) > 0)
    {
      conn->drained += (gsize) n;
      if (conn->drained > LINGER_BYTES)
        return FALSE;
    }
  return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* closing with unread input would destroy the answer on its way, so what still comes is read for a
 * moment */
static void
refuse (TholeDoor *self, TholeConn *conn, int code, const char *detail)
{
  thole_conn_refuse (conn, code, detail);
  shutdown (conn->fd, SHUT_WR);
  thole_conn_phase (conn, THOLE_CONN_LINGER, LINGER);
  if (!drain (self, conn) || !watch (self, conn, EPOLLIN))
    conn_close (conn);
}

gboolean
thole_door_linger (TholeDoor *self, TholeConn *conn)
{
  int fd = fcntl (conn->fd, F_DUPFD_CLOEXEC, 0);

  if (fd < 0 || self->http->draining)
    {
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
  thole_http_conn_gone (self->http, conn);
  conn->fd = fd;
  conn->watched = FALSE;
  conn->drained = 0;
  thole_http_conn_added (self->http, conn);
  shutdown (fd, SHUT_WR);
  thole_conn_phase (conn, THOLE_CONN_LINGER, LINGER);
  if (!drain (self, conn) || !watch (self, conn, EPOLLIN))
    conn_close (conn);
  return TRUE;
}

static void
admit (TholeDoor *self, TholeConn *conn)
{
  if (conn->watched)
    watch (self, conn, 0);
  thole_conn_phase (conn, THOLE_CONN_LATER, self->http->options.head_timeout);
  thole_listener_admit (self->http->listener, conn);
}

/* @gone: no more will come */
static void
peek (TholeDoor *self, TholeConn *conn, gboolean gone)
{
  gssize n = recv (conn->fd, self->buffer, self->size, MSG_PEEK | MSG_DONTWAIT);

  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
    {
      conn_close (conn);
      return;
    }
  switch (n > 0 ? thole_strict_feed (&conn->strict, self->buffer, (gsize) n) : THOLE_STRICT_MORE)
    {
    case THOLE_STRICT_GOOD:
      admit (self, conn);
      break;
    case THOLE_STRICT_BAD:
      refuse (self, conn, THOLE_ERROR_MALFORMED, conn->strict.head.fault);
      break;
    case THOLE_STRICT_MORE:
    default:
      if (n > 0 && (gsize) n == self->size)
        refuse (self, conn, THOLE_ERROR_HEAD_TOO_LARGE, "The head of the request is too large");
      else if (gone || (!conn->watched && !watch (self, conn, EPOLLIN)))
        conn_close (conn);
      break;
    }
}

static void
on_event (TholeDoor *self, const struct epoll_event *event)
{
  TholeConn *conn = thole_http_conn (self->http, (int) (guint32) event->data.u64);
  gboolean wholly = (event->events & (EPOLLHUP | EPOLLERR)) != 0;
  gboolean gone = wholly || (event->events & EPOLLRDHUP) != 0;

  if (conn == NULL || conn->serial != event->data.u64 >> 32)
    return;
  if (conn->phase == THOLE_CONN_HEAD)
    peek (self, conn, gone);
  else if (conn->phase == THOLE_CONN_LINGER)
    {
      if (!drain (self, conn))
        conn_close (conn);
    }
  else if (conn->phase == THOLE_CONN_SOCKET)
    thole_attach_ready (conn->attach, event->events);
  else if (gone)
    {
      conn->gone = TRUE;
      conn->gone_wholly |= wholly;
      if (conn->request != NULL)
        thole_request_gone (conn->request, wholly);
    }
}

static gboolean
on_events (gint fd, GIOCondition condition, gpointer user_data)
{
  TholeDoor *self = user_data;
  struct epoll_event events[EVENTS];
  int n = epoll_wait (fd, events, EVENTS, 0);

  for (int i = 0; i < n; i++)
    on_event (self, &events[i]);
  return G_SOURCE_CONTINUE;
}

void
thole_door_expire (TholeDoor *self, TholeConn *conn)
{
  if (conn->phase == THOLE_CONN_HEAD &&
      recv (conn->fd, self->buffer, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
    refuse (self, conn, THOLE_ERROR_REQUEST_TIMEOUT, "The head of the request took too long");
  else
    conn_close (conn);
}

static TholeConn *
conn_new (TholeDoor *self, const TholeSocket *from, int fd, const struct sockaddr *address)
{
  TholeConn *conn = g_new0 (TholeConn, 1);
  struct ucred peer;
  socklen_t size = sizeof peer;

  conn->http = self->http;
  conn->fd = fd;
  conn->wide = from->wide;
  conn->uri = g_string_sized_new (64);
  if (from->local && getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid != (uid_t) -1)
    {
      conn->local = TRUE;
      conn->uid = peer.uid;
    }
  thole_conn_from (conn, address);
  thole_http_conn_added (self->http, conn);
  thole_conn_phase (conn, THOLE_CONN_HEAD, self->http->options.head_timeout);
  return conn;
}

static void set_open (TholeDoor *self, gboolean open);

static gboolean
on_pause_over (gpointer user_data)
{
  TholeDoor *self = user_data;

  thole_source_clear (&self->pause);
  set_open (self, TRUE);
  return G_SOURCE_REMOVE;
}

/* an eighth is kept for unix sockets: whoever may reach the port cannot lock the administrator out
 */
static guint
room (const TholeDoor *self, const TholeSocket *from)
{
  guint max = self->http->options.max_connections;

  return from->local ? max : max - max / 8;
}

/* what is read and written from now on; -1: there is none */
static int
stream_of (TholeDoor *self, const TholeSocket *from, int fd)
{
  int one = 1;

  if (from->local)
    return fd;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  if (self->http->tls == NULL)
    return fd;
  /* those that only say farewell count, too */
  if (thole_tls_count (self->http->tls) < 2 * self->http->options.max_connections + ACCEPTS)
    return thole_tls_wrap (self->http->tls, fd, self->http->context);
  close (fd);
  return -1;
}

static gboolean
accept_one (TholeDoor *self, const TholeSocket *from)
{
  struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
  socklen_t size = sizeof address;
  int fd = accept4 (from->fd, (struct sockaddr *) &address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  TholeConn *conn;

  if (fd < 0)
    {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        {
          g_warning ("no connection can be accepted: %s", g_strerror (errno));
          self->pause = thole_clock_timer (self->http->options.clock, PAUSE, on_pause_over, self);
          set_open (self, FALSE);
        }
      return errno == ECONNABORTED || errno == EINTR;
    }
  fd = stream_of (self, from, fd);
  if (fd < 0)
    return TRUE;
  conn = conn_new (self, from, fd, (const struct sockaddr *) &address);
  if (self->http->n_conns <= room (self, from))
    peek (self, conn, FALSE);
  else if (self->http->n_conns <= self->http->options.max_connections + ACCEPTS)
    refuse (self, conn, THOLE_ERROR_OVERLOADED, "Too many connections");
  else
    conn_close (conn);
  return TRUE;
}

static gboolean
on_accept (gint fd, GIOCondition condition, gpointer user_data)
{
  TholeEntrance *entrance = user_data;

  for (int i = 0; i < ACCEPTS && entrance->door->pause == NULL; i++)
    if (!accept_one (entrance->door, entrance->socket))
      break;
  return G_SOURCE_CONTINUE;
}

static void
entrance_free (TholeEntrance *entrance)
{
  thole_source_clear (&entrance->source);
  thole_socket_free (entrance->socket);
  g_free (entrance);
}

static GSource *
fd_source (TholeHttp *http, int fd, GUnixFDSourceFunc function, gpointer user_data)
{
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN);

  g_source_set_callback (source, (GSourceFunc) (GCallback) function, user_data, NULL);
  g_source_attach (source, http->context);
  return source;
}

static void
set_open (TholeDoor *self, gboolean open)
{
  for (guint i = 0; i < self->entrances->len; i++)
    {
      TholeEntrance *entrance = g_ptr_array_index (self->entrances, i);

      thole_source_clear (&entrance->source);
      if (open)
        entrance->source = fd_source (self->http, entrance->socket->fd, on_accept, entrance);
    }
}

TholeDoor *
thole_door_new (TholeHttp *http, GError **error)
{
  TholeDoor *self;
  int epoll = epoll_create1 (EPOLL_CLOEXEC);

  if (epoll < 0)
    {
      g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "epoll: %s",
                   g_strerror (errno));
      return NULL;
    }
  self = g_new0 (TholeDoor, 1);
  self->http = http;
  self->epoll = epoll;
  self->size = http->options.max_head;
  self->buffer = g_malloc (self->size);
  self->entrances = g_ptr_array_new_with_free_func ((GDestroyNotify) entrance_free);
  self->source = fd_source (http, epoll, on_events, self);
  return self;
}

/* Takes @socket (nullable: there is none, and @error is set). */
static gboolean
add_entrance (TholeDoor *self, TholeSocket *socket, GError **error)
{
  TholeEntrance *entrance;

  if (socket != NULL && socket->wide && self->http->options.development)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "%s: auth.mode=dev is for loopback only", socket->address);
      g_clear_pointer (&socket, thole_socket_free);
    }
  if (socket == NULL)
    return FALSE;
  entrance = g_new0 (TholeEntrance, 1);
  entrance->door = self;
  entrance->socket = socket;
  entrance->source = fd_source (self->http, socket->fd, on_accept, entrance);
  g_ptr_array_add (self->entrances, entrance);
  return TRUE;
}

static gboolean
may_be_wide (TholeDoor *self)
{
  return self->http->options.behind_proxy || self->http->tls != NULL;
}

gboolean
thole_door_open (TholeDoor *self, const char *address, GError **error)
{
  return add_entrance (self, thole_socket_open (address, may_be_wide (self), error), error);
}

gboolean
thole_door_adopt (TholeDoor *self, int fd, const char *name, GError **error)
{
  return add_entrance (self, thole_socket_adopt (fd, name, may_be_wide (self), error), error);
}

char **
thole_door_addresses (TholeDoor *self)
{
  GPtrArray *addresses = g_ptr_array_new ();

  for (guint i = 0; i < self->entrances->len; i++)
    {
      TholeEntrance *entrance = g_ptr_array_index (self->entrances, i);

      g_ptr_array_add (addresses, g_strdup (entrance->socket->address));
    }
  g_ptr_array_add (addresses, NULL);
  return (char **) g_ptr_array_free (addresses, FALSE);
}

void
thole_door_shut (TholeDoor *self)
{
  thole_source_clear (&self->pause);
  g_ptr_array_set_size (self->entrances, 0);
  for (guint fd = 0; fd < self->http->conns->len; fd++)
    {
      TholeConn *conn = thole_http_conn (self->http, (int) fd);

      if (conn != NULL && conn->phase <= THOLE_CONN_LINGER)
        conn_close (conn);
    }
}

void
thole_door_free (TholeDoor *self)
{
  thole_door_shut (self);
  thole_source_clear (&self->source);
  close (self->epoll);
  g_ptr_array_unref (self->entrances);
  g_free (self->buffer);
  g_free (self);
}
