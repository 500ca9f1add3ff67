/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The only file that knows the HTTP library: libmicrohttpd, without a thread and without a
 * listening socket of its own, run by a source of our main loop. It parses requests and frames
 * responses; what they mean is decided elsewhere.
 */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define POOL_EXTRA 8192      /* of a connection's memory: for the response's head and its pieces */
#define STREAM_BLOCK 16384
#define WRITE_RATE 1024.0    /* bytes a second that a client must take at least */
#define BODY_RATE 1024.0     /* and send */

typedef struct
{
  GSource source;
  TholeListener *listener;
  gpointer tag;
} TholeRun;

struct _TholeListener
{
  TholeHttp *http;
  struct MHD_Daemon *daemon;
  GSource *source;
  gboolean due;              /* something was resumed or added since the last run */
};

/* the loop ---------------------------------------------------------------------------- */

static gboolean
run_is_due (TholeListener *self)
{
  MHD_UNSIGNED_LONG_LONG timeout;

  /* the library has no time-outs of its own here, so any answer means: now */
  return self->due || MHD_get_timeout (self->daemon, &timeout) == MHD_YES;
}

static gboolean
run_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return run_is_due (((TholeRun *) source)->listener);
}

static gboolean
run_check (GSource *source)
{
  TholeRun *run = (TholeRun *) source;

  return run->listener->due || g_source_query_unix_fd (source, run->tag) != 0;
}

static gboolean
run_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  TholeListener *self = ((TholeRun *) source)->listener;

  self->due = FALSE;
  MHD_run (self->daemon);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs run_funcs = { run_prepare, run_check, run_dispatch, NULL, NULL, NULL };

/* connections ---------------------------------------------------------------------------- */

static TholeConn *
conn_of (struct MHD_Connection *connection)
{
  return MHD_get_connection_info (connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void
on_connection (void *cls, struct MHD_Connection *connection, void **context,
               enum MHD_ConnectionNotificationCode code)
{
  TholeListener *self = cls;
  TholeConn *conn;

  if (code == MHD_CONNECTION_NOTIFY_STARTED)
    {
      int fd = MHD_get_connection_info (connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

      conn = thole_http_conn (self->http, fd);
      conn->library = connection;
      *context = conn;
      return;
    }
  conn = *context;
  *context = NULL;
  if (conn == NULL)
    return;
  if (conn->request != NULL)
    thole_request_end (conn->request);
  if (!conn->linger || self->http->door == NULL || !thole_door_linger (self->http->door, conn))
    thole_conn_free (conn);
}

/* the first thing known of a later request: from here its head has a deadline */
static void *
on_uri (void *cls, const char *uri, struct MHD_Connection *connection)
{
  TholeListener *self = cls;
  TholeConn *conn = conn_of (connection);

  g_string_assign (conn->uri, uri);
  thole_conn_phase (conn, THOLE_CONN_LATER, self->http->options.head_timeout);
  return NULL;
}

static void
on_completed (void *cls, struct MHD_Connection *connection, void **context,
              enum MHD_RequestTerminationCode code)
{
  TholeListener *self = cls;
  TholeRequest *request = *context;
  TholeConn *conn = conn_of (connection);

  *context = NULL;
  if (request != NULL)
    thole_request_end (request);
  if (conn == NULL)
    return;
  thole_conn_phase (conn, THOLE_CONN_IDLE, self->http->options.idle_timeout);
  if (self->http->draining)
    shutdown (conn->fd, SHUT_RD);
}

/* nothing is unescaped by the library: that is ours to do and to check */
static size_t
keep_escapes (void *cls, struct MHD_Connection *connection, char *text)
{
  return strlen (text);
}

/* answers ---------------------------------------------------------------------------- */

static void
free_bytes (void *bytes)
{
  g_bytes_unref (bytes);
}

static void
suspend (TholeRequest *request)
{
  request->suspended = TRUE;
  MHD_suspend_connection (request->conn->library);
}

static ssize_t
on_read (void *cls, uint64_t position, char *buffer, size_t size)
{
  TholeRequest *request = cls;
  gssize n;

  thole_request_look_again (request);
  n = thole_flow_read (request->flow, buffer, size);
  switch (n)
    {
    case THOLE_FLOW_WAIT:
      suspend (request);
      return 0;
    case THOLE_FLOW_END:
      return MHD_CONTENT_READER_END_OF_STREAM;
    case THOLE_FLOW_BROKEN:
      return MHD_CONTENT_READER_END_WITH_ERROR;
    default:
      return n;
    }
}

/* The descriptor is ours from here on. The library keeps nothing of the connection: a copy of the descriptor goes on, and the
 * library closes its own. */
static void
on_upgrade (void *cls, struct MHD_Connection *connection, void *context, const char *extra, size_t length, MHD_socket fd,
            struct MHD_UpgradeResponseHandle *handle)
{
  TholeRequest *request = cls;
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);

  if (copy >= 0)
    thole_attach_begin (request, copy, extra, length);
  else
    g_warning ("no descriptor for a WebSocket: %s", g_strerror (errno));
  request->http->listener->due = TRUE;
  MHD_upgrade_action (handle, MHD_UPGRADE_ACTION_CLOSE);
}

static struct MHD_Response *
make_response (TholeRequest *request)
{
  const TholeAnswer *answer = &request->answer;
  GBytes *body = g_steal_pointer (&request->answer.body);
  gsize size;
  gpointer data;

  if (request->answer.status == MHD_HTTP_SWITCHING_PROTOCOLS)
    return MHD_create_response_for_upgrade (on_upgrade, request);
  if (request->flow != NULL || answer->sized)
    return MHD_create_response_from_callback (answer->sized ? (uint64_t) answer->size : MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, request,
                                              NULL);
  if (body == NULL)
    return MHD_create_response_from_buffer (0, (gpointer) "", MHD_RESPMEM_PERSISTENT);
  data = (gpointer) g_bytes_get_data (body, &size);
  return MHD_create_response_from_buffer_with_free_callback_cls (size, data, free_bytes, body);
}

static enum MHD_Result
send_answer (TholeListener *self, struct MHD_Connection *connection, TholeRequest *request)
{
  TholeAnswer *answer = &request->answer;
  TholeConn *conn = request->conn;
  gsize size = answer->body != NULL ? g_bytes_get_size (answer->body) : 0;
  struct MHD_Response *response = request->sent ? NULL : make_response (request);
  enum MHD_Result result;

  if (response == NULL)
    return MHD_NO;
  for (guint i = 0; i < answer->n_headers; i++)
    MHD_add_response_header (response, answer->headers[i].name, answer->headers[i].value);
  if (answer->close && answer->status != MHD_HTTP_SWITCHING_PROTOCOLS)
    MHD_add_response_header (response, MHD_HTTP_HEADER_CONNECTION, "close");
  if (request->flow != NULL)
    thole_conn_phase (conn, THOLE_CONN_STREAM, self->http->options.heartbeat);
  else
    thole_conn_phase (conn, THOLE_CONN_WRITE,
                      self->http->options.idle_timeout + (double) size / WRITE_RATE);
  result = MHD_queue_response (connection, answer->status, response);
  MHD_destroy_response (response);
  return result;
}

/* The library drops a connection whose client has closed its sending side while it was suspended.
 * Nothing of this answer has been sent, so as much as the socket takes at once goes out here. */
static void
send_past (TholeRequest *request)
{
  TholeAnswer *answer = &request->answer;
  g_autoptr(GString) text = g_string_new (NULL);
  gsize size = 0;
  const char *body = answer->body != NULL ? g_bytes_get_data (answer->body, &size) : NULL;

  request->sent = TRUE;
  g_string_printf (text, "HTTP/1.1 %u \r\nConnection: close\r\n", answer->status);
  if (answer->status != 204 && answer->status != 304)
    g_string_append_printf (text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", size);
  for (guint i = 0; i < answer->n_headers; i++)
    g_string_append_printf (text, "%s: %s\r\n", answer->headers[i].name, answer->headers[i].value);
  g_string_append (text, "\r\n");
  if (body != NULL && strcmp (request->method, "HEAD") != 0)
    g_string_append_len (text, body, (gssize) size);
  if (send (request->conn->fd, text->str, text->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("an answer could not be sent: %s", g_strerror (errno));
}

/* requests ---------------------------------------------------------------------------- */

static enum MHD_Result
on_field (void *cls, enum MHD_ValueKind kind, const char *name, size_t name_length,
          const char *value, size_t value_length)
{
  thole_head_add (cls, name, name_length, value != NULL ? value : "", value_length);
  return MHD_YES;
}

static enum MHD_Result
begin (TholeListener *self, struct MHD_Connection *connection, const char *method,
       const char *version, void **context)
{
  TholeConn *conn = conn_of (connection);
  TholeRequest *request = thole_request_new (conn, method);

  *context = request;
  MHD_get_connection_values_n (connection, MHD_HEADER_KIND, on_field, &request->head);
  thole_request_begin (request, strcmp (version, MHD_HTTP_VERSION_1_1) == 0);
  if (request->upload != NULL && request->has_body && !request->answered)
    thole_request_run (request);
  /* refused before its body comes: the library ends the connection after the answer */
  conn->linger = request->answered && request->has_body;
  if (request->answered && (request->has_body || request->answer.close))
    return send_answer (self, connection, request);
  if (request->has_body)
    thole_conn_phase (conn, THOLE_CONN_BODY, self->http->options.body_timeout);
  return MHD_YES;
}

static enum MHD_Result
take_body (TholeListener *self, TholeRequest *request, const char *data, size_t *length)
{
  TholeConn *conn = request->conn;

  /* the whole body has its time, and more for each byte that has come: a drip does not hold a
   * connection */
  conn->deadline += (gint64) ((double) *length / BODY_RATE * G_USEC_PER_SEC);
  if (thole_request_body (request, data, *length))
    {
      *length = 0;
      return MHD_YES;
    }
  conn->linger = TRUE;
  thole_conn_refuse (conn, THOLE_ERROR_TOO_LARGE, "The body is too large");
  return MHD_NO;
}

/* Its reader may be slow: then so is the client. */
static enum MHD_Result
take_upload (TholeRequest *request, const char *data, size_t *length)
{
  TholeConn *conn = request->conn;
  gsize taken = thole_request_upload (request, data, *length);

  if (conn->phase != THOLE_CONN_BODY)
    thole_conn_phase (conn, THOLE_CONN_BODY, request->http->options.body_timeout);
  conn->deadline += (gint64) ((double) taken / BODY_RATE * G_USEC_PER_SEC);
  *length -= taken;
  if (*length == 0)
    return MHD_YES;
  if (request->answered)
    {
      conn->linger = TRUE;
      return MHD_NO;
    }
  thole_conn_phase (conn, THOLE_CONN_WORK, 0);
  suspend (request);
  return MHD_YES;
}

static enum MHD_Result
on_request (void *cls, struct MHD_Connection *connection, const char *url, const char *method,
            const char *version, const char *data, size_t *length, void **context)
{
  TholeListener *self = cls;
  TholeRequest *request = *context;

  if (request == NULL)
    return begin (self, connection, method, version, context);
  if (*length > 0)
    return request->upload != NULL ? take_upload (request, data, length) : take_body (self, request, data, length);
  if (request->upload != NULL && request->waiting)
    thole_body_end (request->upload);
  if (!request->answered && !request->waiting)
    thole_request_run (request);
  if (request->answered)
    return send_answer (self, connection, request);
  thole_conn_phase (request->conn, THOLE_CONN_WORK, 0);
  suspend (request);
  return MHD_YES;
}

/* ---------------------------------------------------------------------------- */

G_GNUC_PRINTF (2, 0)
static void
on_log (void *cls, const char *format, va_list arguments)
{
  g_autofree char *text = g_strdup_vprintf (format, arguments);

  g_debug ("http: %s", g_strchomp (text));
}

TholeListener *
thole_listener_new (TholeHttp *http, GError **error)
{
  TholeListener *self = g_new0 (TholeListener, 1);
  const union MHD_DaemonInfo *info;
  TholeRun *run;

  self->http = http;
  self->daemon = MHD_start_daemon (
    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_NO_LISTEN_SOCKET |
      MHD_USE_ERROR_LOG,
    0, NULL, NULL, on_request, self,
    MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
    MHD_OPTION_CONNECTION_LIMIT, http->options.max_connections + 16,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, http->options.max_head + POOL_EXTRA,
    MHD_OPTION_NOTIFY_CONNECTION, on_connection, self,
    MHD_OPTION_NOTIFY_COMPLETED, on_completed, self,
    MHD_OPTION_URI_LOG_CALLBACK, on_uri, self,
    MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
    MHD_OPTION_STRICT_FOR_CLIENT, 1,
    MHD_OPTION_END);
  info = self->daemon != NULL ? MHD_get_daemon_info (self->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (info == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the HTTP library does not start");
      thole_listener_free (self);
      return NULL;
    }
  self->source = g_source_new (&run_funcs, sizeof (TholeRun));
  run = (TholeRun *) self->source;
  run->listener = self;
  run->tag = g_source_add_unix_fd (self->source, info->epoll_fd, G_IO_IN);
  g_source_attach (self->source, http->context);
  return self;
}

void
thole_listener_free (TholeListener *self)
{
  thole_source_clear (&self->source);
  if (self->daemon != NULL)
    {
      /* the library refuses to stop while something is suspended */
      for (guint fd = 0; fd < self->http->conns->len; fd++)
        {
          TholeConn *conn = thole_http_conn (self->http, (int) fd);

          if (conn != NULL && conn->request != NULL && conn->request->suspended)
            thole_listener_resume (self, conn->request);
        }
      MHD_stop_daemon (self->daemon);
    }
  g_free (self);
}

void
thole_listener_admit (TholeListener *self, TholeConn *conn)
{
  /* the library only keeps the address; who the peer is we know already */
  struct sockaddr_in address = { .sin_family = AF_INET };
  int fd = conn->fd;
  guint32 serial = conn->serial;

  self->due = TRUE;
  if (MHD_add_connection (self->daemon, fd, (const struct sockaddr *) &address, sizeof address) ==
      MHD_YES)
    return;
  /* it has closed the descriptor, and perhaps told us so */
  conn = thole_http_conn (self->http, fd);
  if (conn != NULL && conn->serial == serial)
    thole_conn_free (conn);
}

static gboolean
is_half_closed (TholeConn *conn)
{
  char byte;

  return recv (conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void
thole_listener_answer (TholeRequest *request)
{
  /* what the client still sends is read for a while, else it may never see the answer */
  thole_conn_phase (request->conn, THOLE_CONN_BODY, request->http->options.head_timeout);
  send_past (request);
}

void
thole_listener_resume (TholeListener *self, TholeRequest *request)
{
  request->suspended = FALSE;
  self->due = TRUE;
  if (request->answered && !request->sent && request->flow == NULL && request->answer.status != MHD_HTTP_SWITCHING_PROTOCOLS &&
      is_half_closed (request->conn))
    send_past (request);
  MHD_resume_connection (request->conn->library);
}
