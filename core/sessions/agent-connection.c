/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-connection.h"

#include <glib-unix.h>
#include <string.h>

#include "base/clock.h"
#include "base/turn.h"
#include "sessions/agent-frames.h"

/* an idle connection keeps the small buffer, a busy one the large */
#define SMALL 8192
#define LARGE (256 * 1024)
#define QUIET_READS 16
/* fills of one turn: others are served between */
#define FILLS 4

struct _TholeAgentConnection
{
  guint refs; /* the owner, and each operation under way */
  gboolean dropped, writing;
  const TholeAgentConnectionEvents *events;
  gpointer user_data;
  GIOStream *stream;
  GCancellable *cancellable;
  /* where the stream can be polled, as a socket can: nothing is allocated and no other turn waited for on the way of a byte */
  GPollableInputStream *source;  /* (nullable) */
  GPollableOutputStream *sink;   /* (nullable) */
  GSource *readable, *writable;
  guint8 *in;
  gsize in_size, in_length;
  guint quiet;
  GByteArray *out;
  gsize sent;                    /* of @out */
  GSource *turn;
  gboolean due;                  /* it is to be filled in the next turn */
};

static void fill (TholeAgentConnection *self);

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
}

static void
connection_unref (TholeAgentConnection *self)
{
  if (--self->refs > 0)
    return;
  g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, on_closed, NULL);
  g_object_unref (self->stream);
  g_object_unref (self->cancellable);
  g_free (self->in);
  g_byte_array_unref (self->out);
  g_free (self);
}

static void
fail (TholeAgentConnection *self, const char *why)
{
  if (!self->dropped)
    self->events->broken (self->user_data, why);
}

/* serves the whole frames that came; FALSE when the connection broke or was dropped */
static gboolean
serve (TholeAgentConnection *self)
{
  gsize at = 0, length;

  while (!self->dropped && self->in_length - at >= THOLE_AGENT_HEADER)
    {
      const guint8 *head = self->in + at;

      length = (gsize) thole_agent_get (head, 4);
      if (length > THOLE_AGENT_MAX_PAYLOAD)
        {
          fail (self, "what came is not of an agent");
          return FALSE;
        }
      if (self->in_length - at - THOLE_AGENT_HEADER < length)
        break;
      if (!self->events->frame (self->user_data, head[4], (guint16) thole_agent_get (head + 6, 2),
                                head + THOLE_AGENT_HEADER, length))
        {
          fail (self, "the agent sent what it may not");
          return FALSE;
        }
      at += THOLE_AGENT_HEADER + length;
    }
  if (self->dropped)
    return FALSE;
  memmove (self->in, self->in + at, self->in_length - at);
  self->in_length -= at;
  return TRUE;
}

static void
fit_buffer (TholeAgentConnection *self, gsize got)
{
  gboolean full = self->in_size == SMALL && (got == SMALL || self->in_length > SMALL / 2);

  self->quiet = got < SMALL / 4 ? self->quiet + 1 : 0;
  if (full)
    {
      self->in = g_realloc (self->in, LARGE);
      self->in_size = LARGE;
    }
  else if (self->in_size == LARGE && self->in_length == 0 && self->quiet > QUIET_READS)
    {
      g_free (self->in);
      self->in = g_malloc (SMALL);
      self->in_size = SMALL;
    }
}

/* Returns FALSE when nothing more is to be read */
static gboolean
take (TholeAgentConnection *self, gssize length, const GError *error)
{
  if (self->dropped)
    return FALSE;
  if (length <= 0)
    {
      fail (self, error != NULL ? error->message : "the agent closed the connection");
      return FALSE;
    }
  self->in_length += (gsize) length;
  if (!serve (self))
    return FALSE;
  fit_buffer (self, (gsize) length);
  return TRUE;
}

static void read_on (TholeAgentConnection *self);

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeAgentConnection *self = user_data;
  g_autoptr(GError) error = NULL;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (take (self, length, error))
    read_on (self);
  connection_unref (self);
}

static void
read_on (TholeAgentConnection *self)
{
  self->refs++;
  g_input_stream_read_async (g_io_stream_get_input_stream (self->stream), self->in + self->in_length,
                             self->in_size - self->in_length, G_PRIORITY_DEFAULT, self->cancellable, on_read, self);
}

static gboolean
read_now (TholeAgentConnection *self)
{
  g_autoptr(GError) error = NULL;
  gssize length = g_pollable_input_stream_read_nonblocking (self->source, self->in + self->in_length, self->in_size - self->in_length,
                                                            NULL, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;
  self->refs++;
  if (!take (self, length, error))
    thole_source_clear (&self->readable);
  connection_unref (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_readable (GObject *stream, gpointer user_data)
{
  return read_now (user_data);
}

static gboolean
on_socket_readable (int fd, GIOCondition condition, gpointer user_data)
{
  return read_now (user_data);
}

static void
begin_to_read (TholeAgentConnection *self)
{
  if (self->source == NULL)
    {
      read_on (self);
      return;
    }
  if (G_IS_SOCKET_CONNECTION (self->stream))
    {
      GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (self->stream));

      self->readable = g_unix_fd_source_new (g_socket_get_fd (socket), G_IO_IN | G_IO_ERR | G_IO_HUP);
      g_source_set_callback (self->readable, G_SOURCE_FUNC (on_socket_readable), self, NULL);
      /* else its descriptor is taken out of the loop and put in again around each call, which wakes the loop twice */
      g_source_set_can_recurse (self->readable, TRUE);
    }
  else
    {
      self->readable = g_pollable_input_stream_create_source (self->source, NULL);
      g_source_set_callback (self->readable, G_SOURCE_FUNC (on_readable), self, NULL);
    }
  g_source_attach (self->readable, g_main_context_get_thread_default ());
}

/* everything was taken: a large buffer is not kept */
static void
empty_out (TholeAgentConnection *self)
{
  self->writing = FALSE;
  self->sent = 0;
  if (self->out->len > SMALL)
    {
      g_byte_array_unref (self->out);
      self->out = g_byte_array_new ();
    }
  g_byte_array_set_size (self->out, 0);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeAgentConnection *self = user_data;
  g_autoptr(GError) error = NULL;
  gboolean good = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  empty_out (self);
  if (!good)
    fail (self, error->message);
  else if (!self->dropped)
    fill (self);
  connection_unref (self);
}

static void
write_later (TholeAgentConnection *self)
{
  self->writing = TRUE;
  self->refs++;
  g_output_stream_write_all_async (g_io_stream_get_output_stream (self->stream), self->out->data, self->out->len,
                                   G_PRIORITY_DEFAULT, self->cancellable, on_written, self);
}

static gboolean
on_writable (GObject *stream, gpointer user_data)
{
  TholeAgentConnection *self = user_data;

  thole_source_clear (&self->writable);
  self->refs++;
  fill (self);
  connection_unref (self);
  return G_SOURCE_REMOVE;
}

/* Returns FALSE when not everything was taken, or it broke */
static gboolean
write_now (TholeAgentConnection *self)
{
  while (self->sent < self->out->len)
    {
      g_autoptr(GError) error = NULL;
      gssize length = g_pollable_output_stream_write_nonblocking (self->sink, self->out->data + self->sent, self->out->len - self->sent,
                                                                  NULL, &error);

      if (length > 0)
        {
          self->sent += (gsize) length;
          continue;
        }
      self->writing = TRUE;
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          fail (self, error != NULL ? error->message : "the agent takes nothing");
          return FALSE;
        }
      self->writable = g_pollable_output_stream_create_source (self->sink, NULL);
      g_source_set_callback (self->writable, G_SOURCE_FUNC (on_writable), self, NULL);
      g_source_attach (self->writable, g_main_context_get_thread_default ());
      return FALSE;
    }
  empty_out (self);
  return TRUE;
}

/* asks for what is to be sent, and sends it */
static void
fill (TholeAgentConnection *self)
{
  if (self->writing && (self->sink == NULL || self->writable != NULL))
    return;
  if (self->writing && !write_now (self))
    return;
  for (guint i = 0; i < FILLS; i++)
    {
      self->events->fill (self->user_data, self->out);
      if (self->dropped || self->out->len == 0)
        return;
      if (self->sink == NULL)
        {
          write_later (self);
          return;
        }
      if (!write_now (self))
        return;
    }
  self->due = TRUE;
}

static gboolean
on_turn (gpointer user_data)
{
  TholeAgentConnection *self = user_data;

  self->refs++;
  fill (self);
  connection_unref (self);
  return G_SOURCE_CONTINUE;
}

static void
find_pollable (TholeAgentConnection *self)
{
  GInputStream *input = g_io_stream_get_input_stream (self->stream);
  GOutputStream *output = g_io_stream_get_output_stream (self->stream);

  if (G_IS_POLLABLE_INPUT_STREAM (input) && g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)))
    self->source = G_POLLABLE_INPUT_STREAM (input);
  if (G_IS_POLLABLE_OUTPUT_STREAM (output) && g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (output)))
    self->sink = G_POLLABLE_OUTPUT_STREAM (output);
}

TholeAgentConnection *
thole_agent_connection_new (GIOStream *stream, const TholeAgentConnectionEvents *events, gpointer user_data)
{
  TholeAgentConnection *self = g_new0 (TholeAgentConnection, 1);

  self->refs = 1;
  self->events = events;
  self->user_data = user_data;
  self->stream = g_object_ref (stream);
  self->cancellable = g_cancellable_new ();
  self->in = g_malloc (SMALL);
  self->in_size = SMALL;
  self->out = g_byte_array_new ();
  find_pollable (self);
  begin_to_read (self);
  self->turn = thole_turn_source (&self->due, on_turn, self);
  thole_agent_connection_wake (self);
  return self;
}

void
thole_agent_connection_wake (TholeAgentConnection *self)
{
  self->due = TRUE;
}

void
thole_agent_connection_drop (TholeAgentConnection *self)
{
  self->dropped = TRUE;
  self->due = FALSE;
  thole_source_clear (&self->turn);
  thole_source_clear (&self->readable);
  thole_source_clear (&self->writable);
  g_cancellable_cancel (self->cancellable);
  connection_unref (self);
}
