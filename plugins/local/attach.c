/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" attach: what the main program says from now on, out of its log, and its input, which stays open for the next one.
 */
#include <unistd.h>

#include "box.h"
#include "exec.h"
#include "slots.h"
#include "talk.h"
#include "thole-log-files.h"
#include "watch.h"

/* Reference-counted (g_rc_box): both halves of a stream have it. */
typedef struct
{
  TholeDriver *driver;
  char *id;
  int fd;          /* of its input, asked for, -1 = not yet */
  gboolean asking;
} Main;

static void
main_free (gpointer data)
{
  Main *self = data;

  if (self->fd >= 0)
    close (self->fd);
  g_free (self->id);
  local_driver_unref (self->driver);
}

static void
main_unref (gpointer box)
{
  g_rc_box_release_full (box, main_free);
}

/* its input: asked for when the first byte comes, for it may not run yet ------------------------------ */

static void
on_input (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Main *self = user_data;

  self->asking = FALSE;
  local_ask_finish (result, &self->fd, NULL);
  main_unref (self);
}

static int
input_descriptor (gpointer user_data)
{
  Main *self = user_data;

  if (self->fd < 0 && !self->asking)
    {
      self->asking = TRUE;
      local_ask_async (self->driver, self->id, THOLE_SANDBOX_ATTACH, 0, 0, 0, NULL, on_input, g_rc_box_acquire (self));
    }
  return self->fd >= 0 ? self->fd : THOLE_INPUT_LATER;
}

static void
on_input_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  local_ask_finish (result, NULL, NULL);
}

static void
end_input (gpointer user_data)
{
  Main *self = user_data;

  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  local_ask_async (self->driver, self->id, THOLE_SANDBOX_END_INPUT, 0, 0, 0, NULL, on_input_ended, NULL);
}

static const TholeInputOps input_ops = { .struct_size = sizeof input_ops, .descriptor = input_descriptor, .end = end_input };

/* its end: when its supervisor has ended, how it did is written down ---------------------------------- */

static void
on_ended (GTask *task)
{
  g_task_return_boolean (task, TRUE);
}

static void
end_async (gpointer user_data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Main *self = user_data;
  g_autoptr(GTask) task = local_job_new (self->driver, self->id, sizeof (LocalJob), NULL, NULL, cancellable, callback, data);

  local_watch_wait (task, self->driver, self->id, on_ended);
}

static gboolean
end_finish (gpointer user_data, GAsyncResult *result, gint32 *code, guint8 *signal, GError **error)
{
  Main *self = user_data;
  LocalState state;

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  local_box_state (self->driver, self->id, &state);
  if (state.phase != LOCAL_EXITED || state.lost)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "it is not known how it ended");
      return FALSE;
    }
  *code = (gint32) state.code;
  *signal = (guint8) state.signal;
  return TRUE;
}

static const TholeAttachOps attach_ops = { .struct_size = sizeof attach_ops, .end_async = end_async, .end_finish = end_finish };

/* the slot -------------------------------------------------------------------------------------------- */

void
local_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (LocalJob), NULL, options, cancellable, callback, user_data);
  TholeLogWanted wanted = { .follow = TRUE, .tail = 0, .streams = { FALSE, TRUE, TRUE } };
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;
  g_autofree char *folder = local_box_path (self, id, THOLE_SANDBOX_LOG);
  g_autoptr(GInputStream) log = NULL, stream = NULL;
  g_autoptr(GOutputStream) output = NULL;
  gboolean takes;
  LocalState state;
  Main *main;

  if (task == NULL)
    return;
  if (record == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  local_box_state (self, id, &state);
  if (state.phase == LOCAL_EXITED)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  wanted.patient = state.phase == LOCAL_CREATED || state.phase == LOCAL_STARTING;
  log = thole_log_files_read (folder, &wanted);
  main = g_rc_box_new0 (Main);
  *main = (Main){ local_driver_ref (self), g_strdup (id), -1, FALSE };
  stream = thole_attach_new (&attach_ops, log, g_rc_box_acquire (main), main_unref);
  takes = thole_dict_boolean (record, "stdin", FALSE) || thole_dict_boolean (record, "tty", FALSE);
  output = thole_input_new (&input_ops, takes, FALSE, main, main_unref);
  g_task_return_pointer (task, thole_stream_new (stream, output), g_object_unref);
}
