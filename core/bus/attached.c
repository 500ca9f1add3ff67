/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session as a stream socket that speaks frames of thole-agent (agent/PROTOCOL.md): the caller is a viewer on channel 1 that is
 * attached already. It gets ATTACHED, OUTPUT, GAP, TAKEN, RESIZED, EXIT and DETACHED; it sends GRANT, ACK, INPUT, INPUT_END and
 * DETACH, and on channel 0 PING, RESIZE and SIGNAL. Nothing comes that was not granted.
 */
#include "bus/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/turn.h"
#include "operations/verb.h"
#include "sessions/agent-frames.h"
#include "thole-dict.h"

#define CHANNEL 1
#define ENOUGH (256 * 1024) /* bytes that wait for the caller: nothing is granted, and nothing read, beyond */
#define KEPT 4096           /* bytes that an idle viewer's buffer may have */

typedef struct
{
  TholeBusStream stream;
  TholeViewer *viewer;
  GSource *in, *out;      /* @out: while the caller's socket is full */
  GSource *turn;
  gboolean due;           /* what is pending is to be sent in the next turn */
  GByteArray *got;        /* the begin of a frame */
  GByteArray *pending;    /* to be sent: ENOUGH, what was granted then, and a little */
  gsize sent;
  gsize owed;             /* granted by the caller, not yet passed on */
  gboolean blocked;       /* enough input waits for the program */
  guint64 offset;         /* of the next input byte */
  gboolean typed;
  gboolean input_ended;
  gboolean over;          /* ends once everything is sent */
} Attached;

static void
attached_free (TholeBusStream *stream)
{
  Attached *self = (Attached *) stream;

  thole_source_clear (&self->in);
  thole_source_clear (&self->out);
  thole_source_clear (&self->turn);
  g_clear_pointer (&self->viewer, thole_viewer_free);
  g_byte_array_unref (self->got);
  g_byte_array_unref (self->pending);
  g_free (self);
}

static gboolean received (int fd, GIOCondition condition, gpointer user_data);

static gboolean
has_enough (const Attached *self)
{
  return self->pending->len - self->sent > ENOUGH;
}

/* whoever does not read is not read from, either */
static void
read_on (Attached *self)
{
  if (self->in != NULL || self->over || self->blocked || has_enough (self))
    return;
  self->in = g_unix_fd_source_new (self->stream.fd, G_IO_IN | G_IO_ERR | G_IO_HUP);
  g_source_set_callback (self->in, G_SOURCE_FUNC (received), self, NULL);
  /* else its descriptor is taken out of the loop and put in again around each call, which wakes the loop twice */
  g_source_set_can_recurse (self->in, TRUE);
  g_source_attach (self->in, g_main_context_get_thread_default ());
}

static void
grant (Attached *self)
{
  gsize owed = self->owed;

  if (owed == 0 || self->over || has_enough (self))
    return;
  self->owed = 0;
  thole_viewer_grant (self->viewer, owed);
}

/* to the caller ------------------------------------------------------------------------------------------------ */

static gboolean sent_on (int fd, GIOCondition condition, gpointer user_data);

static void
wait_for_room (Attached *self)
{
  if (self->out != NULL)
    return;
  self->out = g_unix_fd_source_new (self->stream.fd, G_IO_OUT | G_IO_ERR | G_IO_HUP);
  g_source_set_callback (self->out, G_SOURCE_FUNC (sent_on), self, NULL);
  g_source_attach (self->out, g_main_context_get_thread_default ());
}

static void
empty_pending (Attached *self)
{
  if (self->pending->len > KEPT)
    {
      g_byte_array_unref (self->pending);
      self->pending = g_byte_array_new ();
    }
  g_byte_array_set_size (self->pending, 0);
  self->sent = 0;
}

/* one that reads a little slower than is written never lets it become empty */
static void
drop_sent (Attached *self)
{
  if (self->sent <= 16 * KEPT)
    return;
  g_byte_array_remove_range (self->pending, 0, (guint) self->sent);
  self->sent = 0;
}

/* may end it */
static void
send_pending (Attached *self)
{
  gssize written = send (self->stream.fd, self->pending->data + self->sent, self->pending->len - self->sent, MSG_NOSIGNAL);
  gboolean broken = written < 0 && errno != EAGAIN && errno != EINTR;

  if (written > 0)
    self->sent += (gsize) written;
  if (!broken && self->sent < self->pending->len)
    {
      drop_sent (self);
      wait_for_room (self);
      return;
    }
  thole_source_clear (&self->out);
  empty_pending (self);
  if (broken || self->over)
    {
      thole_bus_stream_end (&self->stream);
      return;
    }
  grant (self);
  read_on (self);
}

static gboolean
sent_on (int fd, GIOCondition condition, gpointer user_data)
{
  send_pending (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_turn (gpointer user_data)
{
  Attached *self = user_data;

  if (self->out != NULL)
    return G_SOURCE_CONTINUE;
  if (self->pending->len > self->sent)
    send_pending (self);
  else
    {
      grant (self);
      read_on (self);
    }
  return G_SOURCE_CONTINUE;
}

static guint
begin (Attached *self, guint8 type)
{
  return thole_agent_begin (self->pending, type, CHANNEL);
}

static void
end (Attached *self, guint frame)
{
  thole_agent_end (self->pending, frame);
  self->due = TRUE;
}

static void
finish (Attached *self, guint code, const char *text)
{
  guint frame = begin (self, THOLE_AGENT_DETACHED);

  thole_agent_put (self->pending, code, 2);
  thole_agent_field (self->pending, THOLE_AGENT_TAG_TEXT, text, MIN (strlen (text), 1024));
  end (self, frame);
  self->over = TRUE;
  thole_source_clear (&self->in);
}

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  Attached *self = user_data;
  guint frame = begin (self, THOLE_AGENT_ATTACHED);

  thole_agent_field_number (self->pending, THOLE_AGENT_TAG_SEQ, seq);
  thole_agent_field_number (self->pending, THOLE_AGENT_TAG_TAKEN, taken);
  end (self, frame);
  /* who typed before has said itself where that begins */
  if (!self->typed)
    self->offset = taken;
}

/* Sends what is pending and @data behind it, at once: what cannot go waits. That the caller has gone is found in the next turn, since
 * nothing may be freed here.
 */
static void
send_with (Attached *self, const guint8 *data, gsize length)
{
  struct iovec pieces[2] = { { self->pending->data + self->sent, self->pending->len - self->sent }, { (gpointer) data, length } };
  struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
  gsize before = pieces[0].iov_len, rest;
  gssize written = self->out == NULL ? sendmsg (self->stream.fd, &message, MSG_NOSIGNAL) : 0;

  rest = before + length - (gsize) MAX (written, 0);
  if (rest > length)
    self->sent += (gsize) MAX (written, 0);
  else
    empty_pending (self);
  g_byte_array_append (self->pending, data + (length - MIN (rest, length)), (guint) MIN (rest, length));
  self->due = rest > 0 || self->in == NULL || self->owed > 0;
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  Attached *self = user_data;

  while (length > 0 && !self->over)
    {
      gsize part = MIN (length, THOLE_AGENT_MAX_DATA);
      guint frame = begin (self, THOLE_AGENT_OUTPUT);

      thole_agent_put (self->pending, channel, 1);
      thole_agent_put (self->pending, seq, 8);
      thole_agent_end_with (self->pending, frame, part);
      send_with (self, data, part);
      seq += part;
      data += part;
      length -= part;
    }
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  Attached *self = user_data;
  guint frame = begin (self, THOLE_AGENT_GAP);

  thole_agent_put (self->pending, from, 8);
  thole_agent_put (self->pending, to, 8);
  end (self, frame);
}

static void
on_taken (gpointer user_data, guint64 taken)
{
  Attached *self = user_data;
  guint frame = begin (self, THOLE_AGENT_TAKEN);

  thole_agent_put (self->pending, taken, 8);
  thole_agent_put (self->pending, self->input_ended, 1);
  end (self, frame);
  self->blocked = FALSE;
  read_on (self);
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
  Attached *self = user_data;
  guint frame = begin (self, THOLE_AGENT_RESIZED);

  thole_agent_put (self->pending, rows, 2);
  thole_agent_put (self->pending, cols, 2);
  end (self, frame);
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  Attached *self = user_data;
  guint frame = begin (self, THOLE_AGENT_EXIT);

  thole_agent_put (self->pending, (guint64) code, 4);
  thole_agent_put (self->pending, (guint64) signal, 4);
  thole_agent_put (self->pending, seq, 8);
  end (self, frame);
}

static void
on_closed (gpointer user_data, TholeViewerEnd why, const char *detail)
{
  Attached *self = user_data;

  if (!self->over)
    finish (self, why == THOLE_VIEWER_RESTARTING || why == THOLE_VIEWER_LOST ? THOLE_AGENT_STOPPING : THOLE_AGENT_CLOSED, detail);
}

static const TholeViewerEvents viewer_events = {
  .resumed = on_resumed, .output = on_output, .gap = on_gap, .taken = on_taken, .resized = on_resized, .exited = on_exited,
  .closed = on_closed,
};

/* from the caller ---------------------------------------------------------------------------------------------- */

static void
answer (Attached *self, guint32 request, guint code)
{
  guint frame = thole_agent_begin (self->pending, THOLE_AGENT_ANSWER, 0);

  thole_agent_put (self->pending, request, 4);
  thole_agent_put (self->pending, code, 2);
  end (self, frame);
}

/* bytes that were sent before are dropped; a hole is an error */
static gboolean
take_input (Attached *self, guint64 offset, const guint8 *data, gsize length)
{
  guint64 known;

  if (!self->typed)
    {
      thole_viewer_input_at (self->viewer, offset);
      self->offset = offset;
      self->typed = TRUE;
    }
  if (offset > self->offset || self->input_ended)
    return FALSE;
  known = self->offset - offset;
  if (known >= length)
    return TRUE;
  self->offset += length - known;
  self->blocked = !thole_viewer_input (self->viewer, data + known, length - known);
  return TRUE;
}

static gboolean
take_request (Attached *self, guint8 type, const guint8 *data, gsize length)
{
  guint32 request;
  guint64 rows, cols, signal;

  if (length < 4)
    return FALSE;
  request = (guint32) thole_agent_get (data, 4);
  rows = thole_agent_find_number (data + 4, length - 4, THOLE_AGENT_TAG_ROWS, 0);
  cols = thole_agent_find_number (data + 4, length - 4, THOLE_AGENT_TAG_COLS, 0);
  signal = thole_agent_find_number (data + 4, length - 4, THOLE_AGENT_TAG_SIGNAL, 0);
  if (type == THOLE_AGENT_RESIZE && rows > 0 && rows <= 500 && cols > 0 && cols <= 1000)
    thole_viewer_resize (self->viewer, (guint) rows, (guint) cols);
  else if (type == THOLE_AGENT_SIGNAL && signal > 0 && signal <= 64)
    thole_viewer_signal (self->viewer, (int) signal);
  else
    {
      answer (self, request, THOLE_AGENT_INVALID);
      return TRUE;
    }
  answer (self, request, THOLE_AGENT_OK);
  return TRUE;
}

/* Returns: FALSE when it may not be */
static gboolean
take_frame (Attached *self, guint8 type, const guint8 *data, gsize length)
{
  guint frame;

  switch (type)
    {
    case THOLE_AGENT_PING:
      frame = thole_agent_begin (self->pending, THOLE_AGENT_PONG, 0);
      g_byte_array_append (self->pending, data, (guint) MIN (length, 64));
      end (self, frame);
      return length <= 64;
    case THOLE_AGENT_RESIZE:
    case THOLE_AGENT_SIGNAL:
      return take_request (self, type, data, length);
    case THOLE_AGENT_GRANT:
      if (length != 4)
        return FALSE;
      self->owed = MIN (self->owed + (gsize) thole_agent_get (data, 4), THOLE_VIEWER_MAX_WINDOW);
      grant (self);
      return TRUE;
    case THOLE_AGENT_ACK:
      if (length == 8)
        thole_viewer_ack (self->viewer, thole_agent_get (data, 8));
      return length == 8;
    case THOLE_AGENT_INPUT:
      return length >= 8 && take_input (self, thole_agent_get (data, 8), data + 8, length - 8);
    case THOLE_AGENT_INPUT_END:
      if (length == 8 && !self->input_ended)
        thole_viewer_end_of_input (self->viewer);
      self->input_ended = TRUE;
      return length == 8;
    case THOLE_AGENT_DETACH:
      finish (self, THOLE_AGENT_CLOSED, "detached");
      return TRUE;
    default:
      return TRUE;
    }
}

static void
take_frames (Attached *self)
{
  gsize used = 0;

  while (!self->over && self->got->len - used >= THOLE_AGENT_HEADER)
    {
      const guint8 *head = self->got->data + used;
      gsize length = (gsize) thole_agent_get (head, 4);

      if (length > THOLE_AGENT_MAX_PAYLOAD || head[5] != 0)
        {
          finish (self, THOLE_AGENT_PROTOCOL, "that is no frame");
          return;
        }
      if (self->got->len - used < THOLE_AGENT_HEADER + length)
        break;
      if (!take_frame (self, head[4], head + THOLE_AGENT_HEADER, length))
        finish (self, THOLE_AGENT_PROTOCOL, "a frame that may not be");
      used += THOLE_AGENT_HEADER + length;
    }
  if (used > 0)
    g_byte_array_remove_range (self->got, 0, (guint) used);
}

static gboolean
received (int fd, GIOCondition condition, gpointer user_data)
{
  Attached *self = user_data;
  guint8 buffer[16384];
  gssize got = recv (fd, buffer, sizeof buffer, 0);

  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (got <= 0)
    {
      thole_bus_stream_end (&self->stream);
      return G_SOURCE_REMOVE;
    }
  g_byte_array_append (self->got, buffer, (guint) got);
  take_frames (self);
  if (self->blocked || has_enough (self))
    thole_source_clear (&self->in);
  return G_SOURCE_CONTINUE;
}

void
thole_bus_attached (TholeBusCall *self, TholeCall *call)
{
  TholeSession *session = call->reply.view;
  TholeViewFrom from = THOLE_VIEW_LIVE;
  guint64 seq = 0;
  Attached *attached;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    {
      thole_bus_fail (self, THOLE_ERROR_OVERLOADED, "no more file descriptors");
      return;
    }
  g_unix_set_fd_nonblocking (ends[0], TRUE, NULL);
  thole_view_from_parse (thole_query_string (call, "from"), session->tty, &from, &seq);
  attached = g_new0 (Attached, 1);
  thole_bus_stream_add (self, &attached->stream, ends[0], attached_free);
  attached->got = g_byte_array_new ();
  attached->pending = g_byte_array_new ();
  attached->viewer = thole_session_view (session, from, seq, &viewer_events, attached);
  attached->turn = thole_turn_source (&attached->due, on_turn, attached);
  read_on (attached);
  thole_bus_stream_give (self, ends[1]);
}
