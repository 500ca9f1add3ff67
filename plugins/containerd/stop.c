/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stop and remove.
 */
#include <math.h>
#include <string.h>

#include "health.h"
#include "net.h"
#include "place.h"
#include "reap.h"
#include "root.h"
#include "slots.h"

#define DEFAULT_GRACE 10.0
#define KILL_SECONDS 60.0

typedef struct
{
  CtrJob job;
  char *id, *container;
  int signal;
  double grace;
  gboolean force;   /* of remove */
  gboolean killed;  /* SIGKILL was sent */
  gboolean frozen;  /* has to be thawed, or it sees no signal */
  CtrNext ended;    /* what comes when it has ended */
} Stop;

static void
stop_clear (gpointer data)
{
  Stop *self = data;

  g_free (self->id);
  g_free (self->container);
}

/* to its end: signal, wait, SIGKILL, wait, reap ------------------------------------------------------- */

static void send_signal (GTask *task, int number);

static void
on_waited (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);

  if (error == NULL || ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_reap (task, self->container, self->ended);
  else if (ctr_is (error, THOLE_ERROR_TIMEOUT) && !self->killed)
    send_signal (task, 9);
  else
    ctr_fail (task, error);
}

static void
wait_for_end (GTask *task)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Wait", .message = &request.base, .reply = &ctr__task_waited__descriptor };

  call.seconds = self->killed ? KILL_SECONDS : MAX (self->grace, 0.001);
  request.container_id = self->container;
  ctr_call (task, &call, on_waited);
}

static void
on_thawed (GTask *task, gpointer value, GError *error)
{
  wait_for_end (task);
}

static void
on_signalled (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Resume", .message = &request.base };

  /* it has ended meanwhile */
  if (ctr_is (error, THOLE_ERROR_NOT_FOUND) || ctr_is (error, THOLE_ERROR_CONFLICT))
    wait_for_end (task);
  else if (error != NULL)
    ctr_fail (task, error);
  else if (self->frozen)
    {
      self->frozen = FALSE;
      request.container_id = self->container;
      ctr_call (task, &call, on_thawed);
    }
  else
    wait_for_end (task);
}

static void
send_signal (GTask *task, int number)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__TaskKill request = CTR__TASK_KILL__INIT;
  CtrCall call = { .method = "Tasks/Kill", .message = &request.base };

  self->killed = self->killed || number == 9;
  request.container_id = self->container;
  request.signal = (guint32) number;
  ctr_call (task, &call, on_signalled);
}

static void
on_never_ran (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);

  self->ended (task, NULL, ctr_is (error, THOLE_ERROR_NOT_FOUND) ? NULL : error);
}

static void
on_got (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  int status = got != NULL && got->process != NULL ? got->process->status : CTR_TASK_STOPPED;
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Delete", .message = &request.base };

  if (error != NULL)
    on_never_ran (task, NULL, error);
  else if (status == CTR_TASK_STOPPED)
    ctr_reap (task, self->container, self->ended);
  else if (status == CTR_TASK_CREATED)
    {
      request.container_id = self->container;
      ctr_call (task, &call, on_never_ran);
    }
  else if (self->id != NULL && !self->force)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it runs");
  else
    {
      self->frozen = status == CTR_TASK_PAUSED || status == CTR_TASK_PAUSING;
      send_signal (task, self->grace <= 0 ? 9 : self->signal);
    }
}

/* stop ------------------------------------------------------------------------------------------------ */

static void
on_stopped (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_settled (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);

  if (error != NULL)
    ctr_fail (task, error);
  else
    ctr_task_get (task, self->container, on_got);
}

static void
on_found_to_stop (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__Container *container = value;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->container = g_strdup (container->id);
  ctr_reap_wait (task, self->container, on_settled);
}

void
ctr_stop_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Stop), stop_clear, options, cancellable, callback, user_data);
  Stop *stop = task != NULL ? g_task_get_task_data (task) : NULL;

  if (stop == NULL)
    return;
  stop->signal = thole_signal_number (thole_dict_string (options, "signal", "SIGTERM"));
  stop->grace = thole_dict_double (options, "grace", DEFAULT_GRACE);
  stop->ended = on_stopped;
  if (stop->signal == 0 || !isfinite (stop->grace))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "signal or grace is not legal");
  else
    ctr_thing_find (task, id, on_found_to_stop);
}

/* remove ---------------------------------------------------------------------------------------------- */

static void
on_net_down (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);

  /* its place tells what is still to be given back, and stays for that */
  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  ctr_health_end (self->job.driver, self->container);
  ctr_place_remove (self->job.driver, self->container);
  ctr_thing_tell (self->job.driver, self->container, "remove");
  ctr_thing_forget (self->job.driver, self->container);
  g_task_return_boolean (task, TRUE);
}

static void
on_snapshot_removed (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else
    ctr_net_down (task, ((Stop *) g_task_get_task_data (task))->container, on_net_down);
}

static void
on_vacated (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;
  CtrCall call = { .method = "Snapshots/Remove", .message = &request.base };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  request.snapshotter = self->job.driver->config->snapshotter;
  request.key = self->container;
  ctr_call (task, &call, on_snapshot_removed);
}

static void
on_container_removed (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else
    ctr_root_vacate (task, ((Stop *) g_task_get_task_data (task))->container, on_vacated);
}

static void
on_ended (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);
  Ctr__ContainerId request = CTR__CONTAINER_ID__INIT;
  CtrCall call = { .method = "Containers/Delete", .message = &request.base };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  request.id = self->container;
  ctr_call (task, &call, on_container_removed);
}

static void
on_found_to_remove (GTask *task, gpointer value, GError *error)
{
  Stop *self = g_task_get_task_data (task);

  /* of others nothing is touched; what a half-done create left has the same name */
  if (ctr_is (error, THOLE_ERROR_EXISTS))
    g_task_return_boolean (task, TRUE);
  else if (ctr_is (error, THOLE_ERROR_NOT_FOUND))
    on_container_removed (task, NULL, NULL);
  else if (error != NULL)
    ctr_fail (task, error);
  else
    ctr_reap_wait (task, self->container, on_settled);
}

void
ctr_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Stop), stop_clear, options, cancellable, callback, user_data);
  Stop *stop = task != NULL ? g_task_get_task_data (task) : NULL;

  if (stop == NULL)
    return;
  stop->id = g_strdup (id);
  stop->container = ctr_thing_name (self->config->instance, id);
  stop->force = thole_dict_boolean (options, "force", FALSE);
  stop->ended = on_ended;
  ctr_thing_find_any (task, id, on_found_to_remove);
}
