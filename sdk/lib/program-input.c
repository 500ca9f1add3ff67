/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An output stream of records: the bytes of `stdin` ones go to a descriptor as fast as that takes them; it keeps nothing.
 */
#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-error.h"
#include "thole-host.h"
#include "thole-program.h"

#define ASK_AGAIN_MS 20

struct _TholeProgramInput
{
  GOutputStream parent;
  const TholeInputOps *ops;
  gboolean by_closing, ended;
  gpointer user_data;
  GDestroyNotify notify;
  TholeRecordInput records;
};

#define THOLE_TYPE_PROGRAM_INPUT (thole_program_input_get_type ())
G_DECLARE_FINAL_TYPE (TholeProgramInput, thole_program_input, THOLE, PROGRAM_INPUT, GOutputStream)
G_DEFINE_FINAL_TYPE (TholeProgramInput, thole_program_input, G_TYPE_OUTPUT_STREAM)

typedef struct
{
  const guint8 *data;
  gsize count, taken;
  GSource *wait;
} Write;

static void
write_free (gpointer data)
{
  thole_timer_clear (&((Write *) data)->wait);
  g_free (data);
}

static void
end_input (TholeProgramInput *self)
{
  gboolean ended = self->ended;

  self->ended = self->records.refuses = TRUE;
  if (!ended)
    self->ops->end (self->user_data);
}

static void write_some (GTask *task);

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);

  thole_timer_clear (&((Write *) g_task_get_task_data (task))->wait);
  write_some (task);
  return G_SOURCE_REMOVE;
}

static gboolean
on_time (gpointer user_data)
{
  return on_writable (-1, 0, user_data);
}

/* For room in @fd, or for the descriptor; a cancelled write wakes up, too. */
static void
wait_for_room (GTask *task, int fd)
{
  Write *job = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GSource *child;

  job->wait = fd >= 0 ? g_unix_fd_source_new (fd, G_IO_OUT) : g_timeout_source_new (ASK_AGAIN_MS);
  if (cancellable != NULL)
    {
      child = g_cancellable_source_new (cancellable);
      g_source_set_dummy_callback (child);
      g_source_add_child_source (job->wait, child);
      g_source_unref (child);
    }
  g_source_set_callback (job->wait, fd >= 0 ? G_SOURCE_FUNC (on_writable) : on_time, g_object_ref (task), g_object_unref);
  g_source_attach (job->wait, g_task_get_context (task));
}

/* Headers, and the ends among them. FALSE: the task has returned */
static gboolean
take_headers (GTask *task, TholeProgramInput *self, Write *job)
{
  GError *error = NULL;
  gboolean fits = thole_record_input_take (&self->records, job->data + job->taken, job->count - job->taken, &job->taken, &error);

  if (self->records.ended)
    end_input (self);
  if (!fits)
    g_task_return_error (task, error);
  else if (job->taken == job->count)
    g_task_return_int (task, (gssize) job->taken);
  return fits && job->taken < job->count;
}

static void
write_some (GTask *task)
{
  TholeProgramInput *self = g_task_get_source_object (task);
  Write *job = g_task_get_task_data (task);
  gssize n = -1;
  int fd;

  if (g_task_return_error_if_cancelled (task) || !take_headers (task, self, job))
    return;
  fd = self->ended ? THOLE_INPUT_CLOSED : self->ops->descriptor (self->user_data);
  if (fd >= 0)
    n = write (fd, job->data + job->taken, MIN (job->count - job->taken, self->records.left));
  if (n > 0)
    {
      self->records.left -= (gsize) n;
      g_task_return_int (task, (gssize) job->taken + n);
    }
  else if (fd == THOLE_INPUT_LATER || (fd >= 0 && (errno == EAGAIN || errno == EINTR)))
    wait_for_room (task, fd);
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
  g_task_set_task_data (task, job, write_free);
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
  TholeProgramInput *self = THOLE_PROGRAM_INPUT (stream);

  if (self->by_closing)
    end_input (self);
  return TRUE;
}

static void
input_close_async (GOutputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_return_boolean (task, input_close (stream, NULL, NULL));
}

static gboolean
input_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_program_input_finalize (GObject *object)
{
  TholeProgramInput *self = THOLE_PROGRAM_INPUT (object);

  self->notify (self->user_data);
  G_OBJECT_CLASS (thole_program_input_parent_class)->finalize (object);
}

static void
thole_program_input_class_init (TholeProgramInputClass *class)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_program_input_finalize;
  stream_class->write_fn = input_write;
  stream_class->write_async = input_write_async;
  stream_class->write_finish = input_write_finish;
  stream_class->close_fn = input_close;
  stream_class->close_async = input_close_async;
  stream_class->close_finish = input_close_finish;
}

static void
thole_program_input_init (TholeProgramInput *self)
{
}

GOutputStream *
thole_input_new (const TholeInputOps *ops, gboolean takes, gboolean by_closing, gpointer user_data, GDestroyNotify notify)
{
  TholeProgramInput *self = g_object_new (THOLE_TYPE_PROGRAM_INPUT, NULL);

  self->ops = ops;
  self->by_closing = by_closing;
  self->user_data = user_data;
  self->notify = notify;
  self->records.refuses = !takes;
  return G_OUTPUT_STREAM (self);
}
