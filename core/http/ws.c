/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/ws.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK 65536
#define BLOCKS 4        /* that are read before others get their turn */
#define KEEP 4096       /* a longer queue is given back once it is empty */
#define HEAD_MAX 10     /* bytes of a frame's head */
#define SILENCE 3       /* pings without a word */

typedef enum
{
  OPEN,
  CLOSING, /* we have closed; the peer has not answered */
  CLOSED,  /* both have; the rest of the queue goes out */
  OVER,
} State;

struct _TholeWs
{
  int fd;
  TholeClock *clock;
  TholeWsLimits limits;
  TholeWsHandler handler;
  gpointer user_data;
  TholeWsParser *parser;
  GByteArray *queue; /* (nullable) */
  gsize sent;        /* of @queue */
  State state;
  gboolean paused;   /* not reading */
  gboolean high;     /* the queue was above THOLE_WS_LOW */
  gboolean deaf;     /* the peer broke the protocol: what it sends is thrown away */
  gboolean shut;     /* our direction of the descriptor is closed */
  gint64 heard;      /* monotonic µs: when the peer last sent something */
  gint64 due;        /* of the next ping, or the end of the time to close */
};

static gint64
later (TholeWs *self, double seconds)
{
  return thole_clock_monotonic (self->clock) + (gint64) (seconds * G_USEC_PER_SEC);
}

static void
end (TholeWs *self)
{
  if (self->state == OVER)
    return;
  self->state = OVER;
  self->handler.wants (self->user_data);
  self->handler.over (self->user_data);
}

gsize
thole_ws_queued (const TholeWs *self)
{
  return self->queue != NULL ? self->queue->len - self->sent : 0;
}

GIOCondition
thole_ws_wants (const TholeWs *self)
{
  if (self->state == OVER)
    return 0;
  return (self->state != CLOSED && (!self->paused || self->state == CLOSING) ? G_IO_IN : 0) |
         (thole_ws_queued (self) > 0 ? G_IO_OUT : 0);
}

/* writing ---------------------------------------------------------------------------- */

static void
queue_rest (TholeWs *self, const struct iovec *parts, guint n, gsize skip)
{
  if (self->queue == NULL)
    self->queue = g_byte_array_new ();
  for (guint i = 0; i < n; i++)
    {
      gsize from = MIN (skip, parts[i].iov_len);

      skip -= from;
      if (from < parts[i].iov_len)
        g_byte_array_append (self->queue, (const guint8 *) parts[i].iov_base + from,
                             (guint) (parts[i].iov_len - from));
    }
}

/* straight to the descriptor as long as nothing waits */
static void
put (TholeWs *self, struct iovec *parts, guint n)
{
  gboolean waiting = thole_ws_queued (self) > 0;
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
  gsize all = 0;
  gssize sent = 0;

  for (guint i = 0; i < n; i++)
    all += parts[i].iov_len;
  if (!waiting)
    sent = sendmsg (self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR)
    {
      end (self);
      return;
    }
  if ((gsize) MAX (sent, 0) == all)
    return;
  queue_rest (self, parts, n, (gsize) MAX (sent, 0));
  self->high |= thole_ws_queued (self) > THOLE_WS_LOW;
  if (!waiting)
    self->handler.wants (self->user_data);
}

static void
put_frame (TholeWs *self, TholeWsOpcode opcode, const guint8 *data, gsize length)
{
  guint8 head[HEAD_MAX];
  struct iovec parts[] = { { head, thole_ws_head (head, opcode, length) }, { (gpointer) data, length } };

  put (self, parts, G_N_ELEMENTS (parts));
}

/* the queue is empty: what follows then */
static void
queue_empty (TholeWs *self)
{
  if (self->state == CLOSED)
    end (self);
  else if (self->state == CLOSING && self->deaf && !self->shut)
    {
      self->shut = TRUE;
      shutdown (self->fd, SHUT_WR);
    }
}

static void
flush (TholeWs *self)
{
  gsize left;

  while ((left = thole_ws_queued (self)) > 0)
    {
      gssize sent = send (self->fd, self->queue->data + self->sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (sent < 0 && errno == EINTR)
        continue;
      if (sent < 0 && errno == EAGAIN)
        break;
      if (sent < 0)
        {
          end (self);
          return;
        }
      self->sent += (gsize) sent;
    }
  if (left == 0 && self->queue != NULL)
    {
      self->sent = 0;
      if (self->queue->len > KEEP)
        g_clear_pointer (&self->queue, g_byte_array_unref);
      else
        g_byte_array_set_size (self->queue, 0);
      self->handler.wants (self->user_data);
    }
  else if (self->queue != NULL && self->sent > self->queue->len / 2)
    {
      g_byte_array_remove_range (self->queue, 0, (guint) self->sent);
      self->sent = 0;
    }
  if (left < THOLE_WS_LOW && self->high)
    {
      self->high = FALSE;
      self->handler.drained (self->user_data);
    }
  if (thole_ws_queued (self) == 0)
    queue_empty (self);
}

void
thole_ws_send (TholeWs *self, gboolean text, const guint8 *head, gsize head_length, const guint8 *data, gsize length)
{
  guint8 frame[HEAD_MAX];
  struct iovec parts[] = {
    { frame, thole_ws_head (frame, text ? THOLE_WS_TEXT : THOLE_WS_BINARY, head_length + length) },
    { (gpointer) head, head_length },
    { (gpointer) data, length },
  };

  if (self->state == OPEN)
    put (self, parts, G_N_ELEMENTS (parts));
}

/* closing ---------------------------------------------------------------------------- */

static void
put_close (TholeWs *self, guint code, const char *reason)
{
  g_autoptr(GByteArray) frame = g_byte_array_new ();
  struct iovec part;

  if (code == THOLE_WS_NO_STATUS)
    thole_ws_append (frame, THOLE_WS_CLOSE, NULL, 0);
  else
    thole_ws_append_close (frame, code, reason);
  part = (struct iovec) { frame->data, frame->len };
  put (self, &part, 1);
}

void
thole_ws_close (TholeWs *self, guint code, const char *reason)
{
  if (self->state != OPEN)
    return;
  self->state = CLOSING;
  self->due = later (self, self->limits.close_timeout);
  put_close (self, code, reason);
  self->handler.wants (self->user_data);
  if (thole_ws_queued (self) == 0)
    queue_empty (self);
}

/* the peer breaks the protocol: it is told why, and nothing more of it is looked at */
static void
fault (TholeWs *self, guint code)
{
  self->deaf = TRUE;
  thole_ws_close (self, code, code == THOLE_WS_TOO_BIG ? "{\"code\":\"too_large\"}"
                              : code == THOLE_WS_INVALID_DATA ? "{\"code\":\"not_utf8\"}" : "{\"code\":\"protocol\"}");
  if (self->state == CLOSING && thole_ws_queued (self) == 0)
    queue_empty (self);
}

/* reading ---------------------------------------------------------------------------- */

static void
on_message (gpointer user_data, gboolean text, const guint8 *data, gsize length)
{
  TholeWs *self = user_data;

  if (self->state == OPEN)
    self->handler.message (self->user_data, text, data, length);
}

static void
on_ping (gpointer user_data, const guint8 *data, gsize length)
{
  TholeWs *self = user_data;

  /* who pings and does not read gets no more answers */
  if (self->state == OPEN && thole_ws_queued (self) < THOLE_WS_LOW)
    put_frame (self, THOLE_WS_PONG, data, length);
}

static void
on_pong (gpointer user_data, const guint8 *data, gsize length)
{
}

static void
on_close (gpointer user_data, guint code, const char *reason)
{
  TholeWs *self = user_data;
  gboolean answer = self->state == OPEN;

  if (self->state == OVER)
    return;
  self->state = CLOSED;
  self->due = later (self, self->limits.close_timeout);
  if (answer)
    put_close (self, code, "");
  self->handler.wants (self->user_data);
}

static const TholeWsEvents parser_events = { on_message, on_ping, on_pong, on_close };

void
thole_ws_feed (TholeWs *self, guint8 *data, gsize length)
{
  guint code;

  self->heard = thole_clock_monotonic (self->clock);
  if (self->deaf || self->state >= CLOSED || length == 0)
    return;
  code = thole_ws_parser_feed (self->parser, data, length);
  if (code != 0)
    fault (self, code);
  /* not from inside the parser */
  if (self->state == CLOSED && thole_ws_queued (self) == 0)
    end (self);
}

static void
take (TholeWs *self)
{
  guint8 buffer[BLOCK];

  for (guint i = 0; i < BLOCKS && (thole_ws_wants (self) & G_IO_IN) != 0; i++)
    {
      gssize n = recv (self->fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      if (n <= 0)
        {
          end (self);
          return;
        }
      thole_ws_feed (self, buffer, (gsize) n);
      if ((gsize) n < sizeof buffer)
        return;
    }
}

void
thole_ws_ready (TholeWs *self, GIOCondition condition)
{
  if ((condition & G_IO_OUT) != 0 && self->state != OVER)
    flush (self);
  if ((condition & G_IO_IN) != 0)
    take (self);
  /* what is still to be read comes first */
  if ((condition & (G_IO_HUP | G_IO_ERR)) != 0 && ((condition & G_IO_IN) == 0 || (thole_ws_wants (self) & G_IO_IN) == 0))
    end (self);
}

void
thole_ws_read (TholeWs *self, gboolean on)
{
  if (self->paused == !on)
    return;
  self->paused = !on;
  self->heard = thole_clock_monotonic (self->clock);
  self->handler.wants (self->user_data);
}

/* ---------------------------------------------------------------------------- */

void
thole_ws_tick (TholeWs *self)
{
  gint64 now = thole_clock_monotonic (self->clock);
  gint64 pause = (gint64) (self->limits.ping * G_USEC_PER_SEC);

  if (self->state == OVER || now < self->due)
    return;
  if (self->state != OPEN || (!self->paused && now - self->heard > SILENCE * pause))
    {
      end (self);
      return;
    }
  self->due = now + pause;
  if (thole_ws_queued (self) < THOLE_WS_LOW)
    put_frame (self, THOLE_WS_PING, NULL, 0);
}

TholeWs *
thole_ws_new (int fd, TholeClock *clock, const TholeWsLimits *limits, const TholeWsHandler *handler, gpointer user_data)
{
  TholeWs *self = g_new0 (TholeWs, 1);

  self->fd = fd;
  self->clock = clock;
  self->limits = *limits;
  self->handler = *handler;
  self->user_data = user_data;
  self->parser = thole_ws_parser_new (limits->max_message, &parser_events, self);
  self->heard = thole_clock_monotonic (clock);
  self->due = later (self, limits->ping);
  return self;
}

void
thole_ws_free (TholeWs *self)
{
  thole_ws_parser_free (self->parser);
  g_clear_pointer (&self->queue, g_byte_array_unref);
  close (self->fd);
  g_free (self);
}
