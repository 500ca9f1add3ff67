/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "feed.h"

#include <string.h>

/* a source that is ready whenever its stream is */
typedef struct
{
  GSource source;
  GObject *stream;
  gboolean (*ready) (GObject *stream);
} ReadySource;

static gboolean
ready_prepare (GSource *source, int *timeout)
{
  ReadySource *self = (ReadySource *) source;

  *timeout = -1;
  return self->ready (self->stream);
}

static gboolean
ready_check (GSource *source)
{
  ReadySource *self = (ReadySource *) source;

  return self->ready (self->stream);
}

static gboolean
ready_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static void
ready_finalize (GSource *source)
{
  g_object_unref (((ReadySource *) source)->stream);
}

/* the pollable source around it does the work */
static gboolean
ready_callback (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs ready_funcs = {
  ready_prepare, ready_check, ready_dispatch, ready_finalize, ready_callback, NULL,
};

static GSource *
ready_source_new (gpointer stream, gboolean (*ready) (GObject *stream), GCancellable *cancellable)
{
  g_autoptr (GSource) child = g_source_new (&ready_funcs, sizeof (ReadySource));
  ReadySource *self = (ReadySource *) child;

  self->stream = g_object_ref (stream);
  self->ready = ready;
  g_source_set_static_name (child, "thole-memory-stream");
  return g_pollable_source_new_full (stream, child, cancellable);
}

/* the feed */

#define MEM_TYPE_FEED (mem_feed_get_type ())
G_DECLARE_FINAL_TYPE (MemFeed, mem_feed, MEM, FEED, GInputStream)

struct _MemFeed
{
  GInputStream parent;
  MemFeedFunc fill;
  gpointer data;
  GDestroyNotify closed;
  GByteArray *buffer;
  gsize offset;
  gboolean ended;
};

static void mem_feed_pollable_init (GPollableInputStreamInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE (MemFeed, mem_feed, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      mem_feed_pollable_init))

static void
mem_feed_end (MemFeed *self)
{
  GDestroyNotify closed = g_steal_pointer (&self->closed);

  self->ended = TRUE;
  if (closed != NULL)
    closed (self->data);
}

static gboolean
mem_feed_ready (GObject *object)
{
  MemFeed *self = MEM_FEED (object);

  if (self->ended || self->offset < self->buffer->len)
    return TRUE;
  g_byte_array_set_size (self->buffer, 0);
  self->offset = 0;
  switch (self->fill (self->data, self->buffer))
    {
    case MEM_FEED_MORE:
      return self->buffer->len > 0;
    case MEM_FEED_END:
      self->ended = TRUE;
      return TRUE;
    default:
      return FALSE;
    }
}

static gssize
mem_feed_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize count, GError **error)
{
  MemFeed *self = MEM_FEED (stream);
  gsize part;

  if (!mem_feed_ready (G_OBJECT (stream)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "nothing to read yet");
      return -1;
    }
  part = MIN (count, self->buffer->len - self->offset);
  if (part > 0)
    memcpy (buffer, self->buffer->data + self->offset, part);
  self->offset += part;
  return (gssize) part;
}

static gssize
mem_feed_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return mem_feed_read_nonblocking (G_POLLABLE_INPUT_STREAM (stream), buffer, count, error);
}

static gboolean
mem_feed_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  mem_feed_end (MEM_FEED (stream));
  return TRUE;
}

static void
mem_feed_close_async (GInputStream *stream, int priority, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, user_data);

  mem_feed_end (MEM_FEED (stream));
  g_task_return_boolean (task, TRUE);
}

static gboolean
mem_feed_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
mem_feed_is_readable (GPollableInputStream *stream)
{
  return mem_feed_ready (G_OBJECT (stream));
}

static GSource *
mem_feed_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  return ready_source_new (stream, mem_feed_ready, cancellable);
}

static void
mem_feed_finalize (GObject *object)
{
  MemFeed *self = MEM_FEED (object);

  mem_feed_end (self);
  g_byte_array_unref (self->buffer);
  G_OBJECT_CLASS (mem_feed_parent_class)->finalize (object);
}

static void
mem_feed_class_init (MemFeedClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = mem_feed_finalize;
  stream_class->read_fn = mem_feed_read;
  stream_class->close_fn = mem_feed_close;
  stream_class->close_async = mem_feed_close_async;
  stream_class->close_finish = mem_feed_close_finish;
}

static void
mem_feed_pollable_init (GPollableInputStreamInterface *interface)
{
  interface->is_readable = mem_feed_is_readable;
  interface->create_source = mem_feed_create_source;
  interface->read_nonblocking = mem_feed_read_nonblocking;
}

static void
mem_feed_init (MemFeed *self)
{
  self->buffer = g_byte_array_new ();
}

GInputStream *
mem_feed_new (MemFeedFunc fill, gpointer data, GDestroyNotify closed)
{
  MemFeed *self = g_object_new (MEM_TYPE_FEED, NULL);

  self->fill = fill;
  self->data = data;
  self->closed = closed;
  return G_INPUT_STREAM (self);
}

/* the drain */

#define MEM_TYPE_DRAIN (mem_drain_get_type ())
G_DECLARE_FINAL_TYPE (MemDrain, mem_drain, MEM, DRAIN, GOutputStream)

struct _MemDrain
{
  GOutputStream parent;
  const MemDrainFuncs *funcs;
  gpointer data;
  gboolean ended;
};

static void mem_drain_pollable_init (GPollableOutputStreamInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE (MemDrain, mem_drain, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      mem_drain_pollable_init))

static void
mem_drain_end (MemDrain *self)
{
  if (self->ended)
    return;
  self->ended = TRUE;
  self->funcs->closed (self->data);
}

static gboolean
mem_drain_ready (GObject *object)
{
  MemDrain *self = MEM_DRAIN (object);

  return self->ended || self->funcs->room (self->data);
}

static gssize
mem_drain_write_nonblocking (GPollableOutputStream *stream, const void *buffer, gsize count, GError **error)
{
  MemDrain *self = MEM_DRAIN (stream);

  if (!mem_drain_ready (G_OBJECT (stream)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "no room yet");
      return -1;
    }
  if (self->ended)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the stream is closed");
      return -1;
    }
  count = MIN (count, 65536);
  return self->funcs->take (self->data, buffer, count, error) ? (gssize) count : -1;
}

static gssize
mem_drain_write (GOutputStream *stream, const void *buffer, gsize count, GCancellable *cancellable,
                 GError **error)
{
  return mem_drain_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (stream), buffer, count, error);
}

static gboolean
mem_drain_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  mem_drain_end (MEM_DRAIN (stream));
  return TRUE;
}

static void
mem_drain_close_async (GOutputStream *stream, int priority, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, user_data);

  mem_drain_end (MEM_DRAIN (stream));
  g_task_return_boolean (task, TRUE);
}

static gboolean
mem_drain_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
mem_drain_is_writable (GPollableOutputStream *stream)
{
  return mem_drain_ready (G_OBJECT (stream));
}

static GSource *
mem_drain_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  return ready_source_new (stream, mem_drain_ready, cancellable);
}

static void
mem_drain_finalize (GObject *object)
{
  mem_drain_end (MEM_DRAIN (object));
  G_OBJECT_CLASS (mem_drain_parent_class)->finalize (object);
}

static void
mem_drain_class_init (MemDrainClass *class)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = mem_drain_finalize;
  stream_class->write_fn = mem_drain_write;
  stream_class->close_fn = mem_drain_close;
  stream_class->close_async = mem_drain_close_async;
  stream_class->close_finish = mem_drain_close_finish;
}

static void
mem_drain_pollable_init (GPollableOutputStreamInterface *interface)
{
  interface->is_writable = mem_drain_is_writable;
  interface->create_source = mem_drain_create_source;
  interface->write_nonblocking = mem_drain_write_nonblocking;
}

static void
mem_drain_init (MemDrain *self)
{
}

GOutputStream *
mem_drain_new (const MemDrainFuncs *funcs, gpointer data)
{
  MemDrain *self = g_object_new (MEM_TYPE_DRAIN, NULL);

  self->funcs = funcs;
  self->data = data;
  return G_OUTPUT_STREAM (self);
}
