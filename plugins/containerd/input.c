/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An output stream that takes records and writes the bytes of `stdin` ones to a pipe, as fast as that takes them; it keeps nothing. An
 * empty record ends the program's input, and closing it does, too, if wanted. Asynchronous writes only.
 */
#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#include "exec.h"

struct _TholeCtrInput
{
  GOutputStream parent;
  CtrExec *exec;
  gboolean by_closing;
  gboolean ended;
  TholeRecordInput records;
};

#define CTR_TYPE_INPUT (thole_ctr_input_get_type ())
G_DECLARE_FINAL_TYPE (TholeCtrInput, thole_ctr_input, THOLE, CTR_INPUT, GOutputStream)
G_DEFINE_FINAL_TYPE (TholeCtrInput, thole_ctr_input, G_TYPE_OUTPUT_STREAM)

typedef struct
{
  const guint8 *data;
  gsize count, taken;
} Write;

static void
end_input (TholeCtrInput *self)
{
  if (!self->ended)
    ctr_exec_end_input (self->exec);
  self->ended = TRUE;
}

static void write_some (GTask *task);

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  write_some (user_data);
  return G_SOURCE_REMOVE;
}

static void
wait_for_room (GTask *task)
{
  TholeCtrInput *self = g_task_get_source_object (task);
  GSource *source = g_unix_fd_source_new (self->exec->in, G_IO_OUT);
  GCancellable *cancellable = g_task_get_cancellable (task);

  if (cancellable != NULL)
    {
      GSource *child = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
      g_source_unref (child);
    }
  g_source_set_callback (source, G_SOURCE_FUNC (on_writable), g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
  g_source_unref (source);
}

static void
write_some (GTask *task)
{
  TholeCtrInput *self = g_task_get_source_object (task);
  Write *job = g_task_get_task_data (task);
  gboolean fits;
  GError *error = NULL;
  gssize n;

  if (g_task_return_error_if_cancelled (task))
    return;
  self->records.refuses = self->exec->in < 0 || self->ended;
  fits = thole_record_input_take (&self->records, job->data + job->taken, job->count - job->taken, &job->taken, &error);
  if (self->records.ended)
    end_input (self);
  if (!fits)
    g_task_return_error (task, error);
  else if (job->taken == job->count)
    g_task_return_int (task, (gssize) job->taken);
  if (!fits || job->taken == job->count)
    return;
  n = write (self->exec->in, job->data + job->taken, MIN (job->count - job->taken, self->records.left));
  if (n > 0)
    {
      self->records.left -= (gsize) n;
      g_task_return_int (task, (gssize) job->taken + n);
    }
  else if (errno == EAGAIN || errno == EINTR)
    wait_for_room (task);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "the program's input is not open");
}

static void
input_write_async (GOutputStream *stream, const void *buffer, gsize count, int priority, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);
  Write *job = g_new0 (Write, 1);

  job->data = buffer;
  job->count = count;
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, job, g_free);
  write_some (task);
}

static gssize
input_write_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
input_write (GOutputStream *stream, const void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is written asynchronously");
  return -1;
}

static gboolean
input_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  if (THOLE_CTR_INPUT (stream)->by_closing)
    end_input (THOLE_CTR_INPUT (stream));
  return TRUE;
}

static void
input_close_async (GOutputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  if (THOLE_CTR_INPUT (stream)->by_closing)
    end_input (THOLE_CTR_INPUT (stream));
  g_task_return_boolean (task, TRUE);
}

static gboolean
input_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_ctr_input_finalize (GObject *object)
{
  TholeCtrInput *self = THOLE_CTR_INPUT (object);

  ctr_exec_unref (self->exec);
  G_OBJECT_CLASS (thole_ctr_input_parent_class)->finalize (object);
}

static void
thole_ctr_input_class_init (TholeCtrInputClass *class)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_ctr_input_finalize;
  stream_class->write_fn = input_write;
  stream_class->write_async = input_write_async;
  stream_class->write_finish = input_write_finish;
  stream_class->close_fn = input_close;
  stream_class->close_async = input_close_async;
  stream_class->close_finish = input_close_finish;
}

static void
thole_ctr_input_init (TholeCtrInput *self)
{
}

GOutputStream *
ctr_input_new (CtrExec *exec, gboolean by_closing)
{
  TholeCtrInput *self = g_object_new (CTR_TYPE_INPUT, NULL);

  self->exec = exec;
  self->by_closing = by_closing;
  return G_OUTPUT_STREAM (self);
}
