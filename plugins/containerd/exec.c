/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1": open and resize. exec-run.c has run, exec-signal.c signals, attach.c the main process.
 */
#include "exec.h"

#include "thing.h"

/* open ------------------------------------------------------------------------------------------------ */

static void
on_started (GTask *task, gpointer value, GError *error)
{
  CtrExec *exec = value;
  GIOStream *stream;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  stream = ctr_session_new (exec);
  g_object_set_data_full (G_OBJECT (stream), "thole-exec", g_strdup (exec->id), g_free);
  g_task_return_pointer (task, stream, g_object_unref);
}

static void
exec_open_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (CtrJob), NULL, options, cancellable, callback, user_data);
  gboolean input = thole_dict_boolean (command, "stdin", FALSE);

  if (task != NULL)
    ctr_exec_start (task, id, command, input, on_started);
}

static GIOStream *
exec_open_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error)
{
  GIOStream *stream = g_task_propagate_pointer (G_TASK (result), error);

  if (stream != NULL)
    *exec_id = g_strdup (g_object_get_data (G_OBJECT (stream), "thole-exec"));
  return stream;
}

/* resize ---------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  char *exec;
  guint rows, cols;
} Resize;

static void
resize_clear (gpointer data)
{
  g_free (((Resize *) data)->exec);
}

static void
on_resized (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Resize *self = g_task_get_task_data (task);
  Ctr__TaskResize request = CTR__TASK_RESIZE__INIT;
  CtrCall call = { .method = "Tasks/ResizePty", .message = &request.base };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  request.container_id = ((Ctr__Container *) value)->id;
  request.exec_id = self->exec;
  request.width = self->cols;
  request.height = self->rows;
  ctr_call (task, &call, on_resized);
}

static void
exec_resize_async (TholeDriver *self, const char *id, const char *exec_id, guint rows, guint cols, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Resize), resize_clear, NULL, cancellable, callback, user_data);
  Resize *resize = g_task_get_task_data (task);

  if (rows == 0 || cols == 0 || rows > G_MAXUINT16 || cols > G_MAXUINT16)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "a terminal has rows and columns");
      return;
    }
  resize->exec = g_strdup (exec_id);
  resize->rows = rows;
  resize->cols = cols;
  ctr_thing_find (task, id, on_found);
}

const TholeExecOps ctr_exec_ops = {
  .struct_size = sizeof ctr_exec_ops,
  .run_async = ctr_run_async,
  .run_finish = thole_finish_value,
  .open_async = exec_open_async,
  .open_finish = exec_open_finish,
  .attach_async = ctr_attach_async,
  .attach_finish = thole_finish_stream,
  .resize_async = exec_resize_async,
  .resize_finish = thole_finish_boolean,
  .signal_async = ctr_exec_signal_async,
  .signal_finish = thole_finish_boolean,
};
