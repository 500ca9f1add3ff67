/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-connection.h"

#include <string.h>

#include "base/clock.h"
#include "sessions/agent-frames.h"

/* an idle connection keeps the small buffer, a busy one the large */
#define SMALL 8192
#define LARGE (256 * 1024)
#define QUIET_READS 16

struct _TholeAgentConnection
{
  guint refs; /* the owner, and each operation under way */
  gboolean dropped, writing;
  const TholeAgentConnectionEvents *events;
  gpointer user_data;
  GIOStream *stream;
  GCancellable *cancellable;
  guint8 *in;
  gsize in_size, in_length;
  guint quiet;
  GByteArray *out;
  GSource *wake;
};

static void fill (TholeAgentConnection *self);
static void read_on (TholeAgentConnection *self);

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

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeAgentConnection *self = user_data;
  g_autoptr(GError) error = NULL;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (!self->dropped && length <= 0)
    fail (self, error != NULL ? error->message : "the agent closed the connection");
  else if (!self->dropped)
    {
      self->in_length += (gsize) length;
      if (serve (self))
        {
          fit_buffer (self, (gsize) length);
          read_on (self);
        }
    }
  connection_unref (self);
}

static void
read_on (TholeAgentConnection *self)
{
  self->refs++;
  g_input_stream_read_async (g_io_stream_get_input_stream (self->stream), self->in + self->in_length,
                             self->in_size - self->in_length, G_PRIORITY_DEFAULT, self->cancellable, on_read, self);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeAgentConnection *self = user_data;
  g_autoptr(GError) error = NULL;
  gboolean good = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  self->writing = FALSE;
  if (self->out->len > SMALL)
    {
      g_byte_array_unref (self->out);
      self->out = g_byte_array_new ();
    }
  g_byte_array_set_size (self->out, 0);
  if (!good)
    fail (self, error->message);
  else if (!self->dropped)
    fill (self);
  connection_unref (self);
}

static void
fill (TholeAgentConnection *self)
{
  if (self->writing)
    return;
  self->events->fill (self->user_data, self->out);
  if (self->dropped || self->out->len == 0)
    return;
  self->writing = TRUE;
  self->refs++;
  g_output_stream_write_all_async (g_io_stream_get_output_stream (self->stream), self->out->data, self->out->len,
                                   G_PRIORITY_DEFAULT, self->cancellable, on_written, self);
}

static gboolean
on_wake (gpointer user_data)
{
  TholeAgentConnection *self = user_data;

  thole_source_clear (&self->wake);
  self->refs++;
  fill (self);
  connection_unref (self);
  return G_SOURCE_REMOVE;
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
  read_on (self);
  thole_agent_connection_wake (self);
  return self;
}

void
thole_agent_connection_wake (TholeAgentConnection *self)
{
  if (self->wake != NULL || self->writing)
    return;
  self->wake = g_idle_source_new ();
  g_source_set_priority (self->wake, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->wake, on_wake, self, NULL);
  g_source_attach (self->wake, g_main_context_get_thread_default ());
}

void
thole_agent_connection_drop (TholeAgentConnection *self)
{
  self->dropped = TRUE;
  thole_source_clear (&self->wake);
  g_cancellable_cancel (self->cancellable);
  connection_unref (self);
}
