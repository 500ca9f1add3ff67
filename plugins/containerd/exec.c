/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1": run, open and resize. exec-signal.c has signals, attach.c the main process.
 */
#include "exec.h"

#include "thing.h"

/* run and open ---------------------------------------------------------------------------------------- */

static void
on_started (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_pointer (task, ctr_exec_ref (value), (GDestroyNotify) ctr_exec_unref);
}

static void
program_start_async (TholeDriver *self, const char *id, GVariant *command, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (CtrJob), NULL, NULL, cancellable, callback, user_data);

  ctr_exec_start (task, id, command, on_started);
}

static TholeProgram *
program_start_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static TholeProgram *
program_ref (TholeProgram *program)
{
  return g_rc_box_acquire (program);
}

static void
program_unref (TholeProgram *program)
{
  ctr_exec_unref ((CtrExec *) program);
}

static GSource *
program_timer (TholeProgram *program, double seconds, GSourceFunc function, gpointer user_data)
{
  return ctr_timer (((CtrExec *) program)->driver, seconds, function, user_data);
}

static void
program_kill (TholeProgram *program)
{
  ctr_exec_kill ((CtrExec *) program);
}

static void
program_end_input (TholeProgram *program)
{
  ctr_exec_end_input ((CtrExec *) program);
}

static void
program_leave (TholeProgram *program)
{
  ctr_exec_abandon ((CtrExec *) program);
}

static void
program_told (TholeProgram *program)
{
  ctr_exec_forget ((CtrExec *) program);
}

const TholeProgramOps ctr_program_ops = {
  .struct_size = sizeof ctr_program_ops,
  .start_async = program_start_async,
  .start_finish = program_start_finish,
  .ref = program_ref,
  .unref = program_unref,
  .timer = program_timer,
  .kill = program_kill,
  .end_input = program_end_input,
  .leave = program_leave,
  .told = program_told,
};

void
ctr_run_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  thole_program_run_async (&ctr_program_ops, self, id, command, options, cancellable, callback, user_data);
}

static void
exec_open_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  thole_program_open_async (&ctr_program_ops, self, id, command, options, cancellable, callback, user_data);
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
  .open_finish = thole_program_open_finish,
  .attach_async = ctr_attach_async,
  .attach_finish = thole_finish_stream,
  .resize_async = exec_resize_async,
  .resize_finish = thole_finish_boolean,
  .signal_async = ctr_exec_signal_async,
  .signal_finish = thole_finish_boolean,
};
