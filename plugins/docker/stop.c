/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stop, unpause and remove.
 *
 * The engine's own stop takes whole seconds and, before API 1.42, no signal; so stop is made of kill and wait.
 */
#include "workload.h"

#include <math.h>
#include <string.h>

#include "agent.h"
#include "lookup.h"

#define DEFAULT_GRACE 10.0
#define KILL_TIMEOUT 60.0
#define REMOVE_TIMEOUT 120.0
#define REMOVE_POLL 0.1
#define REMOVE_POLLS 600

/* stop ------------------------------------------------------------------------------------------------ */

typedef struct
{
  TholeDriver *driver;
  char *engine_id;
  char *signal;
  double grace;
  gboolean killed; /* SIGKILL was sent */
} Stop;

static void
stop_free (Stop *self)
{
  docker_driver_unref (self->driver);
  g_free (self->engine_id);
  g_free (self->signal);
  g_free (self);
}

static void send_signal (GTask *task, const char *signal);

static void
on_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Stop *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply != NULL || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      g_clear_error (&error);
      g_task_return_boolean (task, TRUE);
    }
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_TIMEOUT) && !self->killed)
    {
      g_clear_error (&error);
      self->killed = TRUE;
      send_signal (task, "SIGKILL");
    }
  else
    g_task_return_error (task, error);
}

static void
wait_for_end (GTask *task)
{
  Stop *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s/wait?condition=not-running", self->engine_id);
  DockerRequest request = { .method = "POST", .path = path };

  request.timeout = self->killed ? KILL_TIMEOUT : MAX (self->grace, 0.001);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_waited, g_object_ref (task));
}

static void
on_signalled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Stop *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply != NULL)
    wait_for_end (task);
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT))
    {
      /* it does not run (any more) */
      g_clear_error (&error);
      g_task_return_boolean (task, TRUE);
    }
  else
    g_task_return_error (task, error);
}

static void
send_signal (GTask *task, const char *signal)
{
  Stop *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s/kill?signal=%s", self->engine_id, signal);
  DockerRequest request = { .method = "POST", .path = path, .timeout = KILL_TIMEOUT };

  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_signalled, g_object_ref (task));
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Stop *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->engine_id = docker_resolve_finish (self->driver, result, &error);
  self->killed = self->grace <= 0;
  if (self->engine_id == NULL)
    g_task_return_error (task, error);
  else
    send_signal (task, self->killed ? "SIGKILL" : self->signal);
}

void
docker_stop_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Stop *stop = g_new0 (Stop, 1);
  GError *error = NULL;

  stop->driver = docker_driver_ref (self);
  stop->signal = g_strdup (thole_dict_string (options, "signal", "SIGTERM"));
  stop->grace = thole_dict_double (options, "grace", DEFAULT_GRACE);
  g_task_set_task_data (task, stop, (GDestroyNotify) stop_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else if (thole_signal_number (stop->signal) == 0 || !isfinite (stop->grace))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "signal or grace is not legal");
  else
    docker_resolve_async (self, id, options, cancellable, on_resolved, g_steal_pointer (&task));
}

/* unpause --------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  char *id;
  GVariant *options;
  GError *refusal;
  GSource *timer;
  guint polls;
} Again;

static void
again_free (Again *self)
{
  thole_timer_clear (&self->timer);
  docker_driver_unref (self->driver);
  g_free (self->id);
  g_variant_unref (self->options);
  g_clear_error (&self->refusal);
  g_free (self);
}

static GTask *
again_task (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = thole_task_new (cancellable, callback, user_data);
  Again *again = g_new0 (Again, 1);

  again->driver = docker_driver_ref (self);
  again->id = g_strdup (id);
  again->options = g_variant_ref (options);
  g_task_set_task_data (task, again, (GDestroyNotify) again_free);
  return task;
}

static void
on_found_unpaused (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Again *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);
  g_autoptr(GVariant) state = inspection != NULL ? thole_dict_value (inspection, "State", "a{sv}") : NULL;

  if (inspection == NULL)
    g_task_return_error (task, error);
  else if (state != NULL && strcmp (thole_dict_string (state, "Status", ""), "running") == 0)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s", self->refusal->message);
}

static void
on_unpaused (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Again *self = g_task_get_task_data (task);
  g_autoptr(DockerReply) reply = docker_act_finish (self->driver, result, &self->refusal);

  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else if (strstr (self->refusal->message, "is not paused") != NULL)
    docker_find_async (self->driver, self->id, self->options, g_task_get_cancellable (task), on_found_unpaused,
                       g_object_ref (task));
  else
    g_task_return_error (task, g_steal_pointer (&self->refusal));
}

void
docker_unpause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = again_task (self, id, options, cancellable, callback, user_data);
  DockerRequest request = { .method = "POST", .path = "/unpause" };

  docker_act_async (self, id, options, &request, cancellable, on_unpaused, task);
}

/* remove ---------------------------------------------------------------------------------------------- */

static void on_still_there (GObject *source, GAsyncResult *result, gpointer user_data);

static gboolean
look_again (gpointer user_data)
{
  GTask *task = user_data;
  Again *self = g_task_get_task_data (task);

  thole_timer_clear (&self->timer);
  docker_find_async (self->driver, self->id, self->options, g_task_get_cancellable (task), on_still_there, task);
  return G_SOURCE_REMOVE;
}

/* Keeps @task until the timer has run. */
static void
look_later (GTask *task)
{
  Again *self = g_task_get_task_data (task);

  self->timer = docker_timer (self->driver, REMOVE_POLL, look_again, task);
  if (self->timer == NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the backend was closed");
      g_object_unref (task);
    }
}

static void
on_still_there (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Again *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);

  if (inspection != NULL && ++self->polls < REMOVE_POLLS)
    {
      look_later (task);
      return;
    }
  if (inspection != NULL)
    g_task_return_error (task, g_steal_pointer (&self->refusal));
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      docker_agent_forget (self->driver, self->id);
      g_task_return_boolean (task, TRUE);
    }
  else
    g_task_return_error (task, g_steal_pointer (&error));
  g_clear_error (&error);
  g_object_unref (task);
}

static void
on_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Again *self = g_task_get_task_data (task);
  g_autoptr(DockerReply) reply = docker_act_finish (self->driver, result, &self->refusal);

  if (reply != NULL || g_error_matches (self->refusal, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      docker_agent_forget (self->driver, self->id);
      g_task_return_boolean (task, TRUE);
    }
  else if (g_error_matches (self->refusal, THOLE_ERROR, THOLE_ERROR_BUSY))
    look_later (g_object_ref (task)); /* another removal of it is under way */
  else
    g_task_return_error (task, g_steal_pointer (&self->refusal));
}

void
docker_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = again_task (self, id, options, cancellable, callback, user_data);
  DockerRequest request = { .method = "DELETE", .timeout = REMOVE_TIMEOUT };

  /* v=1: the anonymous volumes that the image made go with it */
  request.path = thole_dict_boolean (options, "force", FALSE) ? "?v=1&force=1" : "?v=1";
  docker_act_async (self, id, options, &request, cancellable, on_removed, task);
}
