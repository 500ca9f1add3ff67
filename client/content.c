/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "content.h"

#include "tar-watch.h"

#define SKIPPED 16384

struct _TholeContent
{
  GFilterInputStream parent;
  TholeClient *client; /* (nullable): NULL = it goes to the daemon */
  GSocket *way;        /* (nullable): by which it goes there */
  GError *fault;       /* (nullable) */
  gboolean tar;        /* @watch counts */
  TholeTarWatch watch;
};

G_DEFINE_TYPE (TholeContent, thole_content, G_TYPE_FILTER_INPUT_STREAM)

static GInputStream *
base_of (gpointer self)
{
  return g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (self));
}

/* wrong use, and what is no failure of the way */
static gboolean
is_own_matter (const GError *cause)
{
  return cause->domain == THOLE_CLIENT_ERROR || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED)
         || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_PENDING) || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* @cause: (transfer full) */
static void
keep_fault (TholeContent *self, GError *cause, GError **error)
{
  GError *told = cause;

  if (self->way != NULL)
    g_socket_shutdown (self->way, TRUE, TRUE, NULL);
  if (self->client != NULL && !is_own_matter (cause))
    {
      told = g_error_new (THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, "the daemon's answer broke off: %s", cause->message);
      g_error_free (cause);
    }
  if (self->fault == NULL && (self->client == NULL || told->domain == THOLE_CLIENT_ERROR))
    self->fault = g_error_copy (told);
  g_propagate_error (error, told);
}

static gboolean
has_failed (TholeContent *self, GError **error)
{
  if (self->fault != NULL)
    g_propagate_error (error, g_error_copy (self->fault));
  return self->fault != NULL;
}

/* An end is looked at before it is believed. Returns: @got, or -1 */
static gssize
take_bytes (TholeContent *self, const void *buffer, gssize got, GError **error)
{
  if (got > 0 && self->tar)
    thole_tar_watch_feed (&self->watch, buffer, (gsize) got);
  if (got > 0 || !self->tar || thole_tar_watch_whole (&self->watch))
    return got;
  keep_fault (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "the archive has no end"), error);
  return -1;
}

static gssize
content_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  TholeContent *self = THOLE_CONTENT (stream);
  GError *cause = NULL;
  gssize got;

  if (has_failed (self, error))
    return -1;
  got = g_input_stream_read (base_of (self), buffer, count, cancellable, &cause);
  if (got >= 0)
    return count > 0 ? take_bytes (self, buffer, got, error) : got;
  keep_fault (self, cause, error);
  return -1;
}

/* the base would leave out what is read here */
static gssize
content_skip (GInputStream *stream, gsize count, GCancellable *cancellable, GError **error)
{
  guint8 skipped[SKIPPED];

  return content_read (stream, skipped, MIN (count, sizeof skipped), cancellable, error);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *cause = NULL, *error = NULL;
  TholeContent *self = g_task_get_source_object (task);
  gssize got = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &cause);

  if (got >= 0)
    got = take_bytes (self, g_task_get_task_data (task), got, &error);
  else
    keep_fault (self, cause, &error);
  if (got >= 0)
    g_task_return_int (task, got);
  else
    g_task_return_error (task, error);
}

static void
content_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);
  GError *error = NULL;

  /* what was read is not lost to a cancel that comes after it */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, buffer, NULL);
  if (has_failed (THOLE_CONTENT (stream), &error))
    g_task_return_error (task, error);
  else
    g_input_stream_read_async (base_of (stream), buffer, count, priority, cancellable, on_read, g_object_ref (task));
}

static gssize
content_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (g_input_stream_close_finish (G_INPUT_STREAM (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
content_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  if (g_filter_input_stream_get_close_base_stream (G_FILTER_INPUT_STREAM (stream)))
    g_input_stream_close_async (base_of (stream), priority, cancellable, on_closed, g_object_ref (task));
  else
    g_task_return_boolean (task, TRUE);
}

static gboolean
content_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

const GError *
thole_content_fault (TholeContent *self)
{
  return self->fault;
}

void
thole_content_set_way (TholeContent *self, GSocket *socket)
{
  g_set_object (&self->way, socket);
}

GInputStream *
thole_content_new_from (TholeClient *client, GInputStream *base)
{
  TholeContent *self = g_object_new (THOLE_TYPE_CONTENT, "base-stream", base, NULL);

  g_object_unref (base);
  self->client = g_object_ref (client);
  return G_INPUT_STREAM (self);
}

GInputStream *
thole_content_new_tar (TholeClient *client, GInputStream *base)
{
  GInputStream *self = thole_content_new_from (client, base);

  THOLE_CONTENT (self)->tar = TRUE;
  return self;
}

GInputStream *
thole_content_new_to (GInputStream *base)
{
  return g_object_new (THOLE_TYPE_CONTENT, "base-stream", base, "close-base-stream", FALSE, NULL);
}

static void
thole_content_finalize (GObject *object)
{
  TholeContent *self = THOLE_CONTENT (object);
  g_autoptr(TholeClient) client = g_steal_pointer (&self->client);

  g_clear_object (&self->way);
  g_clear_error (&self->fault);
  thole_tar_watch_clear (&self->watch);
  /* lets go of the base, which needs the client */
  G_OBJECT_CLASS (thole_content_parent_class)->finalize (object);
}

static void
thole_content_class_init (TholeContentClass *class)
{
  GInputStreamClass *stream = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_content_finalize;
  stream->read_fn = content_read;
  stream->skip = content_skip;
  stream->read_async = content_read_async;
  stream->read_finish = content_read_finish;
  stream->close_async = content_close_async;
  stream->close_finish = content_close_finish;
}

static void
thole_content_init (TholeContent *self)
{
  thole_tar_watch_init (&self->watch);
}
