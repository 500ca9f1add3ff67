/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "workload/1" stop and remove.
 */
#include "aside.h"
#include "box.h"
#include "slots.h"
#include "talk.h"
#include "watch.h"

#include <unistd.h>

/* seconds: until it is asked again */
#define AGAIN 0.05

typedef struct
{
  LocalJob job;
  int signal;
  double grace;
  gboolean thawing, killed, over;
  GSource *timer, *again;
} Stop;

static void
stop_clear (gpointer data)
{
  Stop *self = data;

  thole_timer_clear (&self->timer);
  thole_timer_clear (&self->again);
}

static void
on_stopped (GTask *task)
{
  Stop *self = g_task_get_task_data (task);

  self->over = TRUE;
  stop_clear (self);
  g_task_return_boolean (task, TRUE);
}

static void
end_by_force (Stop *self)
{
  stop_clear (self);
  self->killed = TRUE;
  local_watch_kill (self->job.driver, self->job.id);
}

static gboolean
on_grace (gpointer user_data)
{
  end_by_force (g_task_get_task_data (user_data));
  return G_SOURCE_REMOVE;
}

static void ask (GTask *task);

static gboolean
on_again (gpointer user_data)
{
  thole_timer_clear (&((Stop *) g_task_get_task_data (user_data))->again);
  ask (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Stop *self = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  gboolean done = local_ask_finish (result, NULL, NULL);
  LocalState state;

  if (self->over || self->killed || (cancellable != NULL && g_cancellable_is_cancelled (cancellable)) || self->job.driver->host == NULL)
    return;
  local_box_state (self->job.driver, self->job.id, &state);
  if (done && self->thawing)
    ask (task);
  else if (!done && state.phase != LOCAL_RUNNING && state.phase != LOCAL_PAUSED)
    /* it has not begun yet, so nothing of it could take the signal; or it has ended */
    end_by_force (self);
  else if (!done)
    /* so many ask it that this one was not heard, or it is about to end */
    self->again = thole_host_timer (self->job.driver->host, self->job.driver->ops, AGAIN, on_again, task);
}

/* What is paused goes on first. */
static void
ask (GTask *task)
{
  Stop *self = g_task_get_task_data (task);
  LocalState state;

  local_box_state (self->job.driver, self->job.id, &state);
  self->thawing = state.phase == LOCAL_PAUSED;
  local_ask_async (self->job.driver, self->job.id, self->thawing ? THOLE_SANDBOX_FREEZE : THOLE_SANDBOX_SIGNAL, 0,
                   self->thawing ? 0 : self->signal, 0, g_task_get_cancellable (task), on_asked, g_object_ref (task));
}

void
local_stop_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (Stop), stop_clear, options, cancellable, callback, user_data);
  Stop *stop = task != NULL ? g_task_get_task_data (task) : NULL;
  GError *error = NULL;
  g_autoptr(GVariant) record = stop != NULL ? local_box_record (self, id, &error) : NULL;

  if (stop == NULL)
    return;
  if (record == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  stop->signal = thole_signal_number (thole_dict_string (options, "signal", "SIGTERM"));
  stop->grace = thole_dict_double (options, "grace", 10);
  if (stop->signal == 0)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not a signal", thole_dict_string (options, "signal", ""));
      return;
    }
  if (!local_watch (self, id))
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  stop->timer = thole_host_timer (self->host, self->ops, stop->grace, on_grace, task);
  local_watch_wait (task, self, id, on_stopped);
  ask (task);
}

/* remove ---------------------------------------------------------------------------------------------- */

typedef struct
{
  LocalJob job;
  char *role;
} Remove;

static void
remove_clear (gpointer data)
{
  g_free (((Remove *) data)->role);
}

static void
on_removed (GTask *task, GError *error)
{
  Remove *self = g_task_get_task_data (task);

  if (self->role != NULL)
    local_box_tell (self->job.driver, self->job.id, self->role, "remove");
  g_task_return_boolean (task, TRUE);
}

static void
on_ended (GTask *task)
{
  Remove *self = g_task_get_task_data (task);
  g_autoptr(GVariant) record = local_box_record (self->job.driver, self->job.id, NULL);

  if (record != NULL)
    self->role = g_strdup (thole_dict_string (record, "role", "main"));
  local_aside (task, local_box_remove, local_box_old (self->job.driver, self->job.id), local_box_free, on_removed);
}

void
local_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (Remove), remove_clear, options, cancellable, callback, user_data);

  if (task == NULL)
    return;
  if (local_watch (self, id) && !thole_dict_boolean (options, "force", FALSE))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it runs");
      return;
    }
  local_watch_kill (self, id);
  local_watch_wait (task, self, id, on_ended);
}
