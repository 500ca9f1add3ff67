/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "record-output.h"

#include "reply.h"
#include "wire.h"

struct _TholeDockerOutput
{
  GOutputStream parent;
  GIOStream *connection;
  TholeRecordInput records;
  gboolean ended;           /* the sending direction is closed */
};

#define DOCKER_TYPE_OUTPUT (thole_docker_output_get_type ())
G_DECLARE_FINAL_TYPE (TholeDockerOutput, thole_docker_output, THOLE, DOCKER_OUTPUT, GOutputStream)
G_DEFINE_FINAL_TYPE (TholeDockerOutput, thole_docker_output, G_TYPE_OUTPUT_STREAM)

static void
end_input (TholeDockerOutput *self)
{
  if (!self->ended)
    docker_half_close (self->connection);
  self->ended = TRUE;
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeDockerOutput *self = g_task_get_source_object (task);
  gsize taken = GPOINTER_TO_SIZE (g_task_get_task_data (task));
  GError *error = NULL;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);

  if (n < 0)
    {
      g_task_return_error (task, docker_error_from_transport (error));
      return;
    }
  self->records.left -= (gsize) n;
  g_task_return_int (task, (gssize) taken + n);
}

static void
output_write_async (GOutputStream *stream, const void *buffer, gsize count, int priority, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  TholeDockerOutput *self = THOLE_DOCKER_OUTPUT (stream);
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);
  const guint8 *data = buffer;
  gsize taken = 0;
  gboolean fits;
  GError *error = NULL;

  g_task_set_check_cancellable (task, FALSE);
  fits = thole_record_input_take (&self->records, data, count, &taken, &error);
  if (self->records.ended)
    end_input (self);
  if (!fits)
    g_task_return_error (task, error);
  else if (taken == count)
    g_task_return_int (task, (gssize) taken);
  if (!fits || taken == count)
    return;
  g_task_set_task_data (task, GSIZE_TO_POINTER (taken), NULL);
  g_output_stream_write_async (g_io_stream_get_output_stream (self->connection), data + taken, MIN (count - taken, self->records.left),
                               priority, cancellable, on_sent, g_steal_pointer (&task));
}

static gssize
output_write_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
output_write (GOutputStream *stream, const void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is written asynchronously");
  return -1;
}

static gboolean
output_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  end_input (THOLE_DOCKER_OUTPUT (stream));
  return TRUE;
}

static void
output_close_async (GOutputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  end_input (THOLE_DOCKER_OUTPUT (stream));
  g_task_return_boolean (task, TRUE);
}

static gboolean
output_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_docker_output_finalize (GObject *object)
{
  g_object_unref (THOLE_DOCKER_OUTPUT (object)->connection);
  G_OBJECT_CLASS (thole_docker_output_parent_class)->finalize (object);
}

static void
thole_docker_output_class_init (TholeDockerOutputClass *class)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_docker_output_finalize;
  stream_class->write_fn = output_write;
  stream_class->write_async = output_write_async;
  stream_class->write_finish = output_write_finish;
  stream_class->close_fn = output_close;
  stream_class->close_async = output_close_async;
  stream_class->close_finish = output_close_finish;
}

static void
thole_docker_output_init (TholeDockerOutput *self)
{
}

GOutputStream *
docker_record_output_new (GIOStream *connection, gboolean takes_input)
{
  TholeDockerOutput *self = g_object_new (DOCKER_TYPE_OUTPUT, NULL);

  self->connection = g_object_ref (connection);
  self->records.refuses = !takes_input;
  return G_OUTPUT_STREAM (self);
}
