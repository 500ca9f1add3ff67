/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signals to an exec, whoever started it; and what is left of those whose driver died: their pipes lie in the runtime folder until the
 * engine has forgotten them.
 */
#include <signal.h>
#include <string.h>

#include "exec.h"
#include "place.h"
#include "thing.h"

#define END_SECONDS 10.0

typedef struct
{
  CtrJob job;
  char *container, *exec;
  int signal;
  gboolean marked; /* it is looked for by its mark: one that has ended is not found */
} Signal;

static void
signal_clear (gpointer data)
{
  g_free (((Signal *) data)->container);
  g_free (((Signal *) data)->exec);
}

static void
ask (GTask *task, const char *method, const ProtobufCMessageDescriptor *reply, double seconds, CtrNext next)
{
  Signal *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = method, .message = &request.base, .reply = reply, .seconds = seconds };

  request.container_id = self->container;
  request.exec_id = self->exec;
  ctr_call (task, &call, next);
}

/* To the program with all that came of it where we may, else to it alone. */
static void
send_it (GTask *task, const Ctr__Process *process, CtrNext next)
{
  Signal *self = g_task_get_task_data (task);
  Ctr__TaskKill request = CTR__TASK_KILL__INIT;
  CtrCall call = { .method = "Tasks/Kill", .message = &request.base };

  if (thole_process_signal ((pid_t) process->pid, self->container, self->signal))
    {
      next (task, NULL, NULL);
      return;
    }
  request.container_id = self->container;
  request.exec_id = self->exec;
  request.signal = (guint32) self->signal;
  ctr_call (task, &call, next);
}

static void
has_ended (GTask *task)
{
  const Signal *self = g_task_get_task_data (task);

  g_task_return_new_error (task, THOLE_ERROR, self->marked ? THOLE_ERROR_NOT_FOUND : THOLE_ERROR_CONFLICT, "it has ended");
}

/* signal ---------------------------------------------------------------------------------------------- */

static void
on_sent (GTask *task, gpointer value, GError *error)
{
  if (ctr_is (error, THOLE_ERROR_NOT_FOUND))
    has_ended (task);
  else if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_got (GTask *task, gpointer value, GError *error)
{
  Ctr__TaskGot *got = value;

  if (error != NULL)
    ctr_fail (task, error);
  else if (got->process == NULL || got->process->status == CTR_TASK_STOPPED)
    has_ended (task);
  else
    send_it (task, got->process, on_sent);
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Signal *self = g_task_get_task_data (task);

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->container = g_strdup (((Ctr__Container *) value)->id);
  ask (task, "Tasks/Get", &ctr__task_got__descriptor, 0, on_got);
}

void
ctr_exec_signal_async (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Signal), signal_clear, options, cancellable, callback, user_data);
  Signal *data = task != NULL ? g_task_get_task_data (task) : NULL;

  if (data == NULL)
    return;
  data->marked = exec_id[0] == '.';
  data->exec = exec_id[0] == '.' ? g_strconcat ("e", exec_id, NULL) : g_strdup (exec_id);
  data->signal = g_str_has_prefix (signal, "SIG") ? thole_signal_number (signal) : 0;
  /* "" would be the main process */
  if (data->signal == 0 || exec_id[0] == '\0')
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "not an exec, or not a signal");
  else
    ctr_thing_find (task, id, on_found);
}

/* leftovers ------------------------------------------------------------------------------------------- */

static void
on_forgotten (GTask *task, gpointer value, GError *error)
{
  Signal *self = g_task_get_task_data (task);

  /* kept for the next look when that is open */
  if (error == NULL || ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_exec_unlink (self->job.driver, self->container, self->exec);
  else
    ctr_log (self->job.driver, G_LOG_LEVEL_WARNING, "what is left of exec %s in %s stays: %s", self->exec, self->container, error->message);
  g_task_return_boolean (task, TRUE);
}

static void
on_ended (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    on_forgotten (task, NULL, error);
  else
    ask (task, "Tasks/DeleteProcess", NULL, 0, on_forgotten);
}

static void
on_killed (GTask *task, gpointer value, GError *error)
{
  ask (task, "Tasks/Wait", &ctr__task_waited__descriptor, END_SECONDS, on_ended);
}

static void
on_leftover_got (GTask *task, gpointer value, GError *error)
{
  Signal *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;

  if (error != NULL)
    on_forgotten (task, NULL, error);
  else if (got->process == NULL || got->process->status == CTR_TASK_STOPPED || got->process->status == CTR_TASK_CREATED)
    on_ended (task, NULL, NULL);
  else
    {
      ctr_log (self->job.driver, G_LOG_LEVEL_INFO, "exec %s in %s was left behind, and is ended", self->exec, self->container);
      send_it (task, got->process, on_killed);
    }
}

static void
end_leftover (TholeDriver *driver, const char *container, const char *exec)
{
  g_autoptr(GTask) task = ctr_job_new (driver, sizeof (Signal), signal_clear, NULL, NULL, NULL, NULL);
  Signal *self = g_task_get_task_data (task);

  self->container = g_strdup (container);
  self->exec = g_strdup (exec);
  self->signal = SIGKILL;
  ask (task, "Tasks/Get", &ctr__task_got__descriptor, 0, on_leftover_got);
}

static void
look_into (TholeDriver *driver, const char *container)
{
  g_autofree char *folder = g_build_filename (driver->config->runtime_dir, container, NULL);
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  g_autoptr(GHashTable) found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  const char *name;
  gpointer key;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *exec = ctr_exec_of_pipe (name);

      if (exec != NULL && !g_hash_table_contains (driver->execs, exec))
        g_hash_table_add (found, g_steal_pointer (&exec));
    }
  g_hash_table_iter_init (&iter, found);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    end_leftover (driver, container, key);
}

void
ctr_exec_sweep (TholeDriver *driver)
{
  g_autoptr(GDir) list = g_dir_open (driver->config->runtime_dir, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    if (ctr_thing_is_ours (driver, name))
      look_into (driver, name);
}
