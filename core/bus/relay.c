/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/relay.h"

#include <errno.h>
#include <gio/gunixconnection.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/frame.h"

#define ROOM (128 * 1024)             /* bytes of a buffer that need not hold a long message */
#define SHORT (16 * 1024)             /* bytes of a body that nobody counts */
#define MOST_HEADER (64 * 1024)       /* bytes; a longer one is no message to us */
#define MOST_DESCRIPTORS 253          /* that a socket carries at once */
#define MOST_WAITING (1024 * 1024) /* bytes that wait to be looked at */
#define SOON 2                        /* ms until they are looked for again */
#define MOST_TRIES 500                /* of sending descriptors, SOON apart */

/* One of both directions. In the buffer: what is being sent, then what is not whole yet. */
typedef struct
{
  int from, to;
  gboolean from_bus;
  guint8 *data;
  gsize size, length;      /* of the buffer, and what is in it */
  gsize begin, ready;      /* [begin, ready) may leave */
  gsize pass, drop;        /* bytes of a message that go on, or do not, as they come */
  gsize wanted;            /* bytes until it can be said what becomes of a message */
  gsize start;             /* where the newest message begins */
  int descriptors[MOST_DESCRIPTORS];
  guint n_descriptors;
  gboolean placed;
  gsize place;             /* where the message begins that they belong to */
  guint tries;             /* to send them, since it went well */
  gboolean lost;           /* GDBus has closed: nothing more goes there */
} Way;

struct _TholeBusRelay
{
  gint refs;
  GSocketConnection *bus;
  int own;                 /* our end of the pair that GDBus has the other of */
  gsize limit;
  gboolean begun;          /* they have made themselves known; messages follow */
  gssize waiting;          /* atomic */
  GMutex lock;
  GCond ended;
  gboolean over;           /* under the lock */
  Way in, out;
};

/* what is in a buffer -------------------------------------------------------------------------------------------- */

static void
drop_descriptors (Way *way)
{
  for (guint i = 0; i < way->n_descriptors; i++)
    close (way->descriptors[i]);
  way->n_descriptors = 0;
  way->placed = FALSE;
}

/* the message at the end of what is ready does not go on, nor do its descriptors: those in the hand are the last one's */
static void
drop_message (Way *way, gsize length)
{
  way->drop = length;
  if (way->n_descriptors > 0 && (way->placed ? way->place == way->ready : way->ready + length >= way->length))
    drop_descriptors (way);
}

static void
remove_bytes (Way *way, gsize at, gsize n)
{
  memmove (way->data + at, way->data + at + n, way->length - at - n);
  way->length -= n;
}

static void
make_room (Way *way, gsize size)
{
  if (size <= way->size)
    return;
  way->data = g_realloc (way->data, size);
  way->size = size;
}

/* what has left makes room, and a buffer for a long message is given back */
static void
compact (Way *way)
{
  remove_bytes (way, 0, way->begin);
  way->start = way->start > way->begin ? way->start - way->begin : 0;
  way->place = way->place > way->begin ? way->place - way->begin : 0;
  way->ready -= way->begin;
  way->begin = 0;
  if (way->size > ROOM && way->length == 0)
    {
      g_free (way->data);
      way->data = g_malloc (ROOM);
      way->size = ROOM;
    }
}

/* lines, until one says that messages follow. Returns FALSE when it is none of those. */
static gboolean
take_lines (TholeBusRelay *self, Way *way)
{
  const guint8 *end;

  while (!self->begun && (end = memchr (way->data + way->ready, '\n', way->length - way->ready)) != NULL)
    {
      gsize length = (gsize) (end + 1 - (way->data + way->ready));

      self->begun = length == strlen ("BEGIN\r\n") && memcmp (way->data + way->ready, "BEGIN\r\n", length) == 0;
      way->ready += length;
    }
  way->start = way->ready;
  return self->begun || way->length < ROOM;
}

/* a message of the bus whose header is all there. Returns FALSE when more of it is needed. */
static gboolean
judge (TholeBusRelay *self, Way *way, gsize head, gsize body)
{
  guint8 *data = way->data + way->ready;
  gsize have = way->length - way->ready;

  if (body <= SHORT)
    {
      way->pass = head + body;
      return TRUE;
    }
  if (body <= self->limit && have < head + body)
    {
      make_room (way, way->ready + head + body);
      way->wanted = head + body - have;
      return FALSE;
    }
  if (body <= self->limit && thole_frame_is_small (data, head, body, THOLE_BUS_MAX_VALUES))
    way->pass = head + body;
  else if (thole_frame_cut (data, head))
    {
      way->ready += head;
      way->drop = body;
    }
  else
    drop_message (way, head + body);
  return TRUE;
}

/* Returns FALSE when more is needed. */
static gboolean
take_begin (TholeBusRelay *self, Way *way, gboolean *broken)
{
  gsize have = way->length - way->ready, head, body;

  way->start = way->ready;
  way->wanted = have < THOLE_FRAME_FIXED ? THOLE_FRAME_FIXED - have : 0;
  if (have < THOLE_FRAME_FIXED)
    return FALSE;
  if (!thole_frame_measure (way->data + way->ready, &head, &body))
    {
      *broken = TRUE;
      return FALSE;
    }
  if (way->from_bus && head > MOST_HEADER)
    drop_message (way, head + body);
  else if (have < head && head <= MOST_HEADER)
    way->wanted = head - have;
  else if (way->from_bus)
    return judge (self, way, head, body);
  else
    way->pass = head + body;
  return way->wanted == 0;
}

/* Says of all that is in the buffer what becomes of it. Returns FALSE when it makes no sense. */
static gboolean
take_messages (TholeBusRelay *self, Way *way)
{
  gboolean broken = FALSE;

  do
    {
      gsize n = MIN (way->pass, way->length - way->ready);

      way->ready += n;
      way->pass -= n;
      n = MIN (way->drop, way->length - way->ready);
      remove_bytes (way, way->ready, n);
      way->drop -= n;
    }
  while (way->pass == 0 && way->drop == 0 && way->length > way->ready && take_begin (self, way, &broken));
  return !broken;
}

/* Descriptors come with the first bytes of their message, and nothing is read beyond those at once. */
static void
place_descriptors (Way *way)
{
  if (way->n_descriptors == 0 || way->placed)
    return;
  way->place = MAX (way->start, way->begin);
  way->placed = TRUE;
}

static gboolean
sort_out (TholeBusRelay *self, Way *way)
{
  gboolean good = TRUE;

  if (!self->begun && !way->from_bus)
    good = take_lines (self, way);
  else if (!self->begun)
    way->ready = way->start = way->length;
  if (self->begun)
    good = take_messages (self, way);
  place_descriptors (way);
  return good;
}

/* reading and writing ---------------------------------------------------------------------------------------------- */

typedef union
{
  struct cmsghdr align;
  char bytes[CMSG_SPACE (sizeof (int) * MOST_DESCRIPTORS)];
} Control;

static void
keep_descriptors (Way *way, struct msghdr *message)
{
  for (struct cmsghdr *one = CMSG_FIRSTHDR (message); one != NULL; one = CMSG_NXTHDR (message, one))
    {
      gsize n = (one->cmsg_len - CMSG_LEN (0)) / sizeof (int);

      for (gsize i = 0; one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_RIGHTS && i < n; i++)
        {
          int fd;

          memcpy (&fd, CMSG_DATA (one) + i * sizeof fd, sizeof fd);
          if (way->n_descriptors < MOST_DESCRIPTORS)
            way->descriptors[way->n_descriptors++] = fd;
          else
            close (fd);
        }
    }
}

/* Returns: as read(); 0 also at an error */
static gssize
fill (Way *way)
{
  /* no other message may come between descriptors and theirs */
  gsize room = way->n_descriptors > 0 ? MIN (way->wanted, way->size - way->length) : way->size - way->length;
  struct iovec piece = { way->data + way->length, room };
  Control control;
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  gssize got = recvmsg (way->from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  if (got < 0)
    return errno == EAGAIN || errno == EINTR ? -1 : 0;
  keep_descriptors (way, &message);
  way->length += (gsize) got;
  return got;
}

static void
attach_descriptors (const Way *way, struct msghdr *message, Control *control)
{
  struct cmsghdr *one;

  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE (sizeof (int) * way->n_descriptors);
  memset (control, 0, message->msg_controllen);
  one = CMSG_FIRSTHDR (message);
  one->cmsg_level = SOL_SOCKET;
  one->cmsg_type = SCM_RIGHTS;
  one->cmsg_len = CMSG_LEN (sizeof (int) * way->n_descriptors);
  memcpy (CMSG_DATA (one), way->descriptors, sizeof (int) * way->n_descriptors);
}

/* those of this user that nobody has taken yet are too many, which may pass */
static gboolean
is_short (int error)
{
  return error == ETOOMANYREFS || error == ENOBUFS || error == ENOMEM;
}

static gboolean
may_wait (Way *way)
{
  if (way->tries == MOST_TRIES)
    return FALSE;
  way->tries++;
  g_usleep (SOON * 1000);
  return TRUE;
}

/* Their message goes on without them, and does not say that it had any: a bus would hang up. Returns FALSE when it is no message. */
static gboolean
go_without_descriptors (Way *way)
{
  guint8 *data = way->data + way->place;
  gsize have = way->ready - way->place, head, body;

  if (have < THOLE_FRAME_FIXED || !thole_frame_measure (data, &head, &body) || head > have)
    return FALSE;
  thole_frame_cut_descriptors (data, head);
  drop_descriptors (way);
  return TRUE;
}

/* Returns FALSE when nobody takes it any more. */
static gboolean
empty (Way *way)
{
  while (way->begin < way->ready)
    {
      gboolean before = way->n_descriptors > 0 && way->begin < way->place;
      gboolean with = way->n_descriptors > 0 && way->begin == way->place;
      struct iovec piece = { way->data + way->begin, (before ? MIN (way->place, way->ready) : way->ready) - way->begin };
      Control control;
      struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
      gssize sent;

      if (with)
        attach_descriptors (way, &message, &control);
      sent = sendmsg (way->to, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return TRUE;
      if (sent < 0 && !(with && is_short (errno)))
        return FALSE;
      if (sent < 0 && may_wait (way))
        return TRUE;
      if (sent < 0 && !go_without_descriptors (way))
        return FALSE;
      if (sent < 0)
        continue;
      way->begin += (gsize) sent;
      if (with)
        {
          drop_descriptors (way);
          way->tries = 0;
        }
    }
  compact (way);
  return TRUE;
}

static gboolean
is_full (const Way *way)
{
  return way->begin < way->ready;
}

static gboolean
may_read (TholeBusRelay *self, const Way *way)
{
  return !way->lost && !is_full (way) && (!way->from_bus || g_atomic_pointer_get (&self->waiting) <= MOST_WAITING);
}

/* What GDBus has sent before it closed still goes out. Returns FALSE when it is the bus that takes nothing more. */
static gboolean
empty_or_lose (Way *way)
{
  if (empty (way))
    return TRUE;
  way->lost = way->from_bus;
  way->begin = way->ready;
  return way->lost;
}

/* Returns FALSE at its end. */
static gboolean
move (TholeBusRelay *self, Way *way, short readable)
{
  gssize got;

  if (is_full (way))
    return empty_or_lose (way);
  if (readable == 0 || !may_read (self, way))
    return TRUE;
  got = fill (way);
  return got < 0 || (got > 0 && sort_out (self, way) && empty_or_lose (way));
}

/* the thread ------------------------------------------------------------------------------------------------------- */

/* what one end has sent before it went still reaches the other, as far as that takes it */
static void
finish (Way *way)
{
  struct pollfd one = { .fd = way->to, .events = POLLOUT };

  while (is_full (way) && poll (&one, 1, -1) > 0)
    if (!empty (way))
      return;
}

static gpointer
run (gpointer user_data)
{
  TholeBusRelay *self = user_data;
  gboolean good = TRUE;

  while (good)
    {
      gboolean takes_in = may_read (self, &self->in), takes_out = may_read (self, &self->out);
      struct pollfd ends[] = {
        { .fd = takes_in || is_full (&self->out) ? self->in.from : -1,
          .events = (short) ((takes_in ? POLLIN : 0) | (is_full (&self->out) ? POLLOUT : 0)) },
        { .fd = takes_out || is_full (&self->in) ? self->own : -1,
          .events = (short) ((takes_out ? POLLIN : 0) | (is_full (&self->in) ? POLLOUT : 0)) },
      };

      if (poll (ends, G_N_ELEMENTS (ends), takes_in || is_full (&self->in) || self->in.lost ? -1 : SOON) < 0 && errno != EINTR)
        break;
      good = move (self, &self->out, ends[1].revents) && move (self, &self->in, ends[0].revents);
    }
  finish (&self->out);
  finish (&self->in);
  shutdown (self->own, SHUT_RDWR);
  shutdown (self->in.from, SHUT_RDWR);
  g_mutex_lock (&self->lock);
  self->over = TRUE;
  g_cond_broadcast (&self->ended);
  g_mutex_unlock (&self->lock);
  thole_bus_relay_unref (self);
  return NULL;
}

/* ---------------------------------------------------------------------------------------------------------------- */

static void
way_init (Way *self, int from, int to, gboolean from_bus)
{
  self->from = from;
  self->to = to;
  self->from_bus = from_bus;
  make_room (self, ROOM);
}

static void
way_clear (Way *self)
{
  drop_descriptors (self);
  g_free (self->data);
}

static GSocketConnection *
connection_of (int fd, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);

  if (socket != NULL)
    return g_socket_connection_factory_create_connection (socket);
  close (fd);
  return NULL;
}

TholeBusRelay *
thole_bus_relay_new (GSocketConnection *bus, gsize limit, GSocketConnection **ours, GError **error)
{
  int fd = g_socket_get_fd (g_socket_connection_get_socket (bus)), pair[2];
  g_autoptr (GSocketConnection) other = NULL;
  g_autoptr (TholeBusRelay) self = NULL;
  GThread *thread;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    {
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (errno), g_strerror (errno));
      return NULL;
    }
  self = g_new0 (TholeBusRelay, 1);
  self->refs = 1;
  self->bus = g_object_ref (bus);
  self->own = pair[0];
  self->limit = limit;
  g_mutex_init (&self->lock);
  g_cond_init (&self->ended);
  way_init (&self->in, fd, pair[0], TRUE);
  way_init (&self->out, pair[0], fd, FALSE);
  other = connection_of (pair[1], error);
  if (other == NULL)
    return NULL;
  thread = g_thread_try_new ("bus-relay", run, thole_bus_relay_ref (self), error);
  if (thread == NULL)
    {
      thole_bus_relay_unref (self);
      return NULL;
    }
  g_thread_unref (thread);
  g_object_set_data_full (G_OBJECT (other), "thole-bus-relay", thole_bus_relay_ref (self), (GDestroyNotify) thole_bus_relay_unref);
  *ours = g_steal_pointer (&other);
  return g_steal_pointer (&self);
}

TholeBusRelay *
thole_bus_relay_of (GIOStream *ours)
{
  return g_object_get_data (G_OBJECT (ours), "thole-bus-relay");
}

TholeBusRelay *
thole_bus_relay_ref (TholeBusRelay *self)
{
  g_atomic_int_inc (&self->refs);
  return self;
}

void
thole_bus_relay_unref (TholeBusRelay *self)
{
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  way_clear (&self->in);
  way_clear (&self->out);
  close (self->own);
  g_object_unref (self->bus);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->ended);
  g_free (self);
}

void
thole_bus_relay_drain (TholeBusRelay *self, gint64 patience)
{
  gint64 until = g_get_monotonic_time () + patience;

  g_mutex_lock (&self->lock);
  while (!self->over && g_cond_wait_until (&self->ended, &self->lock, until))
    ;
  if (!self->over)
    {
      shutdown (self->in.from, SHUT_RDWR);
      shutdown (self->own, SHUT_RDWR);
    }
  while (!self->over)
    g_cond_wait (&self->ended, &self->lock);
  g_mutex_unlock (&self->lock);
}

void
thole_bus_relay_hold (TholeBusRelay *self, gssize bytes)
{
  g_atomic_pointer_add (&self->waiting, bytes);
}

gboolean
thole_bus_relay_cut (GDBusMessage *message)
{
  return g_dbus_message_get_header (message, THOLE_FRAME_NO_BODY) != NULL;
}
