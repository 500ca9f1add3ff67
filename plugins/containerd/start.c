/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * start: a task of the container's snapshot, with thole-log at its output.
 */
#include <string.h>

#include "health.h"
#include "net.h"
#include "place.h"
#include "reap.h"
#include "root.h"
#include "slots.h"

#define START_SECONDS 100.0
#define LOOKS 50
#define LOOK_PAUSE 0.002
#define REASON_MAX 500 /* a label has room for 4 KiB */

typedef struct
{
  CtrJob job;
  char *container;
  gboolean tty, input;
  gboolean marked;     /* is in `starting` */
  char *in, *out, *err;
  GError *failure;
  guint pid, looks;
  GSource *timer;
} Start;

static void
unmark (Start *self)
{
  if (self->marked)
    g_hash_table_remove (self->job.driver->starting, self->container);
  self->marked = FALSE;
}

static void
start_clear (gpointer data)
{
  Start *self = data;

  unmark (self);
  g_free (self->container);
  g_free (self->in);
  g_free (self->out);
  g_free (self->err);
  g_clear_error (&self->failure);
}

/* failures -------------------------------------------------------------------------------------------- */

static void
on_unlabelled (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);

  unmark (self);
  ctr_fail (task, self->failure);
}

static void
on_net_undone (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);

  g_autofree char *reason = g_utf8_substring (self->failure->message, 0, MIN (g_utf8_strlen (self->failure->message, -1), REASON_MAX));

  ctr_thing_label (task, self->container, (const char *const[]){ CTR_LABEL_STARTED, "", CTR_LABEL_REASON, reason, NULL }, on_unlabelled);
}

static void
on_task_undone (GTask *task, gpointer value, GError *error)
{
  ctr_net_down (task, ((Start *) g_task_get_task_data (task))->container, on_net_undone);
}

static void
undo (GTask *task, const GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Delete", .message = &request.base };

  /* what is not known is left for the next look */
  if (ctr_is_unsure (error))
    {
      unmark (self);
      ctr_fail (task, error);
      return;
    }
  self->failure = g_error_copy (error);
  request.container_id = self->container;
  ctr_call (task, &call, on_task_undone);
}

/* the task -------------------------------------------------------------------------------------------- */

/* The runtime comes back before its own process has become the program: until then a signal ends that. */
static gboolean
is_runtime (guint pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/exe", pid);
  g_autofree char *program = g_file_read_link (path, NULL);

  return program != NULL && strstr (program, "runc") != NULL;
}

static gboolean
look_whether_runs (gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Start *self = g_task_get_task_data (task);

  thole_timer_clear (&self->timer);
  if (self->looks++ < LOOKS && is_runtime (self->pid))
    self->timer = ctr_timer (self->job.driver, LOOK_PAUSE, look_whether_runs, task);
  if (self->timer != NULL)
    {
      g_steal_pointer (&task);
      return G_SOURCE_REMOVE;
    }
  unmark (self);
  ctr_health_begin (self->job.driver, self->container, FALSE);
  g_task_return_boolean (task, TRUE);
  return G_SOURCE_REMOVE;
}

static void
on_started (GTask *task, gpointer value, GError *error)
{
  Ctr__TaskStarted *started = value;

  if (error != NULL)
    {
      undo (task, error);
      return;
    }
  ((Start *) g_task_get_task_data (task))->pid = started->pid;
  look_whether_runs (g_object_ref (task));
}

static void
on_labelled (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Start", .message = &request.base, .reply = &ctr__task_started__descriptor, .seconds = START_SECONDS };

  if (error != NULL)
    {
      undo (task, error);
      return;
    }
  request.container_id = self->container;
  ctr_call (task, &call, on_started);
}

static void
on_networked (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  g_autofree char *now = g_strdup_printf ("%" G_GINT64_FORMAT, ctr_now (self->job.driver));

  if (error != NULL)
    undo (task, error);
  else
    ctr_thing_label (task, self->container, (const char *const[]){ CTR_LABEL_STARTED, now, CTR_LABEL_ENDED, "", CTR_LABEL_CODE, "",
                     CTR_LABEL_OOM, "", NULL }, on_labelled);
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Ctr__TaskPid *made = value;

  if (error != NULL)
    undo (task, error);
  else
    ctr_net_up (task, ((Start *) g_task_get_task_data (task))->container, made->pid, on_networked);
}

static void
on_mounts (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__SnapshotMounts *reply = value;
  Ctr__TaskCreate request = CTR__TASK_CREATE__INIT;
  CtrCall call = { .method = "Tasks/Create", .message = &request.base, .reply = &ctr__task_pid__descriptor, .seconds = START_SECONDS };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  request.container_id = self->container;
  request.rootfs = reply->mounts;
  request.n_rootfs = reply->n_mounts;
  request.terminal = self->tty;
  request.stdin = self->in;
  request.stdout = self->out;
  request.stderr = self->err;
  ctr_call (task, &call, on_task);
}

/* what the shim starts with the program; it hands on the query in any order, but pair by pair */
static char *
logger_uri (Start *self)
{
  TholeDriver *driver = self->job.driver;
  g_autofree char *log = ctr_place_path (driver, self->container, "log");
  g_autofree char *folder = g_uri_escape_string (log, "/", FALSE), *program = g_uri_escape_string (driver->config->logger, "/", FALSE);

  return g_strdup_printf ("binary://%s?dir=%s&max=%" G_GINT64_FORMAT, program, folder, driver->config->log_max_size);
}

static gboolean
make_stdio (Start *self, GError **error)
{
  TholeDriver *driver = self->job.driver;

  self->in = self->input ? ctr_pipe_make (driver, self->container, "in", error) : g_strdup ("");
  if (self->in == NULL)
    return FALSE;
  if (self->input && !self->tty)
    {
      self->out = ctr_pipe_make (driver, self->container, "out", error);
      self->err = self->out != NULL ? ctr_pipe_make (driver, self->container, "err", error) : NULL;
      return self->err != NULL;
    }
  self->out = logger_uri (self);
  self->err = g_strdup (self->tty ? "" : self->out);
  return TRUE;
}

/* Nobody else has the snapshot mounted. */
static void
on_vacated (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__SnapshotKey request = CTR__SNAPSHOT_KEY__INIT;
  CtrCall call = { .method = "Snapshots/Mounts", .message = &request.base, .reply = &ctr__snapshot_mounts__descriptor };
  GError *wrong = NULL;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  if (!make_stdio (self, &wrong))
    {
      g_task_return_error (task, wrong);
      return;
    }
  request.snapshotter = self->job.driver->config->snapshotter;
  request.key = self->container;
  ctr_call (task, &call, on_mounts);
}

static void
launch (GTask *task)
{
  Start *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;

  if (!g_hash_table_add (driver->starting, g_strdup (self->container)))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_BUSY, "it is being started");
      return;
    }
  self->marked = TRUE;
  g_hash_table_remove (driver->oom, self->container);
  g_hash_table_remove (driver->ends, self->container);
  ctr_root_vacate (task, self->container, on_vacated);
}

static void
on_cleared (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else
    launch (task);
}

static void
on_got (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  int status = got != NULL && got->process != NULL ? got->process->status : 0;
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Delete", .message = &request.base };

  if (error != NULL)
    on_cleared (task, NULL, error);
  else if (status == CTR_TASK_STOPPED)
    ctr_reap (task, self->container, on_cleared);
  else if (status == CTR_TASK_CREATED)
    {
      /* somebody died between making and starting it */
      request.container_id = self->container;
      ctr_call (task, &call, on_cleared);
    }
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_settled (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);

  if (error != NULL)
    ctr_fail (task, error);
  else
    ctr_task_get (task, self->container, on_got);
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Start *self = g_task_get_task_data (task);
  Ctr__Container *container = value;
  const char *stdio;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  stdio = ctr_label (container->labels, container->n_labels, CTR_LABEL_STDIO);
  self->container = g_strdup (container->id);
  self->tty = strstr (stdio, "tty") != NULL;
  self->input = strstr (stdio, "stdin") != NULL;
  if (g_hash_table_contains (self->job.driver->starting, container->id))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_BUSY, "it is being started");
  else
    ctr_reap_wait (task, self->container, on_settled);
}

void
ctr_start_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Start), start_clear, options, cancellable, callback, user_data);

  if (task != NULL)
    ctr_thing_find (task, id, on_found);
}
