/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" attach: what the main process says from now on, out of its log, and its input, which stays open for the next one.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "log.h"
#include "place.h"
#include "thing.h"

#define POLL_SECONDS 0.05
#define POLLS 100

/* its end: a moment after the end of the log it is written down --------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  char *id;
} Main;

static void
main_free (gpointer data)
{
  Main *self = data;

  ctr_driver_unref (self->driver);
  g_free (self->id);
  g_free (self);
}

typedef struct
{
  CtrJob job;
  char *id;
  gint32 code;
  GSource *timer;
  guint polls;
} End;

static void
end_clear (gpointer data)
{
  thole_timer_clear (&((End *) data)->timer);
  g_free (((End *) data)->id);
}

static void on_found_ended (GTask *task, gpointer value, GError *error);

static gboolean
ask_again (gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  End *self = g_task_get_task_data (task);

  thole_timer_clear (&self->timer);
  ctr_thing_find (task, self->id, on_found_ended);
  return G_SOURCE_REMOVE;
}

static void
on_found_ended (GTask *task, gpointer value, GError *error)
{
  End *self = g_task_get_task_data (task);
  Ctr__Container *container = value;
  const char *code = container != NULL ? ctr_label (container->labels, container->n_labels, CTR_LABEL_CODE) : "";

  if (error == NULL && code[0] == '\0' && ++self->polls < POLLS)
    {
      self->timer = ctr_timer (self->job.driver, POLL_SECONDS, ask_again, g_object_ref (task));
      if (self->timer != NULL)
        return;
      g_object_unref (task);
    }
  self->code = (gint32) g_ascii_strtoll (code, NULL, 10);
  if (error != NULL)
    ctr_fail (task, error);
  else if (code[0] != '\0')
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "it is not known how it ended");
}

static void
end_async (gpointer user_data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Main *self = user_data;
  g_autoptr(GTask) task = ctr_job_new (self->driver, sizeof (End), end_clear, NULL, cancellable, callback, data);

  ((End *) g_task_get_task_data (task))->id = g_strdup (self->id);
  ctr_thing_find (task, self->id, on_found_ended);
}

static gboolean
end_finish (gpointer user_data, GAsyncResult *result, gint32 *code, guint8 *signal, GError **error)
{
  End *end = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  *code = end->code;
  *signal = ctr_signal_of (end->code);
  return TRUE;
}

static const TholeAttachOps attach_ops = { .struct_size = sizeof attach_ops, .end_async = end_async, .end_finish = end_finish };

/* the slot -------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  char *id, *container;
  gboolean input;
  gboolean fresh;  /* never ran: its log is waited for */
} Attach;

static void
attach_clear (gpointer data)
{
  g_free (((Attach *) data)->id);
  g_free (((Attach *) data)->container);
}

static int
input_descriptor (gpointer user_data)
{
  TholeProgram *program = user_data;

  return program->in >= 0 ? program->in : THOLE_INPUT_CLOSED;
}

static void
end_input (gpointer user_data)
{
  ctr_exec_end_input (user_data);
}

static void
input_unref (gpointer user_data)
{
  ctr_exec_unref (user_data);
}

static const TholeInputOps input_ops = { .struct_size = sizeof input_ops, .descriptor = input_descriptor, .end = end_input };

/* An exec-like handle for the input of the main process. */
static GOutputStream *
open_input (Attach *self)
{
  TholeDriver *driver = self->job.driver;
  g_autofree char *path = self->input ? ctr_pipe_make (driver, self->container, "in", NULL) : NULL;
  CtrExec *exec = g_rc_box_new0 (CtrExec);

  exec->driver = ctr_driver_ref (driver);
  exec->container = g_strdup (self->container);
  exec->program.id = g_strdup ("");
  exec->program.out = exec->program.err = -1;
  exec->program.in = path != NULL ? open (path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
  return thole_input_new (&input_ops, exec->program.in >= 0, FALSE, exec, input_unref);
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Attach *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  Ctr__TaskGot *got = value;
  g_autofree char *folder = ctr_place_path (driver, self->container, "log");
  TholeLogWanted wanted = { .follow = TRUE, .patient = self->fresh, .tail = 0, .streams = { FALSE, TRUE, TRUE } };
  g_autoptr(GInputStream) log = NULL, stream = NULL;
  g_autoptr(GOutputStream) output = NULL;
  Main *main;

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      ctr_fail (task, error);
      return;
    }
  if (!self->fresh && (error != NULL || got->process == NULL || got->process->status == CTR_TASK_STOPPED))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  log = thole_log_files_read (folder, &wanted);
  main = g_new0 (Main, 1);
  *main = (Main){ ctr_driver_ref (driver), g_strdup (self->id) };
  stream = thole_attach_new (&attach_ops, log, main, main_free);
  output = open_input (self);
  g_task_return_pointer (task, thole_stream_new (stream, output), g_object_unref);
}

static void
on_found_to_attach (GTask *task, gpointer value, GError *error)
{
  Attach *self = g_task_get_task_data (task);
  Ctr__Container *container = value;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->container = g_strdup (container->id);
  self->input = strstr (ctr_label (container->labels, container->n_labels, CTR_LABEL_STDIO), "stdin") != NULL;
  self->fresh = ctr_label (container->labels, container->n_labels, CTR_LABEL_STARTED)[0] == '\0';
  ctr_task_get (task, container->id, on_task);
}

void
ctr_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Attach), attach_clear, options, cancellable, callback, user_data);

  if (task == NULL)
    return;
  ((Attach *) g_task_get_task_data (task))->id = g_strdup (id);
  ctr_thing_find (task, id, on_found_to_attach);
}
