/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "reap.h"

#include <string.h>

#include "health.h"
#include "net.h"

/* the engine gives a logger up to 12 s to come to its end */
#define DELETE_SECONDS 30.0

typedef struct
{
  CtrJob job;
  char *container;
} Reap;

typedef struct
{
  CtrWait *wait; /* NULL = the host wants to be told */
} Waiting;

static void
reap_clear (gpointer data)
{
  g_free (((Reap *) data)->container);
}

static void
reap_end (GTask *task, GError *error)
{
  Reap *self = g_task_get_task_data (task);
  g_autoptr(TholeDriver) driver = ctr_driver_ref (self->job.driver);
  g_autoptr(GPtrArray) waiting = NULL;
  GPtrArray *list = g_hash_table_lookup (driver->reaping, self->container);

  waiting = list != NULL ? g_ptr_array_ref (list) : NULL;
  g_hash_table_remove (driver->reaping, self->container);
  if (error == NULL && !g_hash_table_contains (driver->starting, self->container))
    g_hash_table_remove (driver->ends, self->container);
  if (error != NULL)
    ctr_log (driver, G_LOG_LEVEL_WARNING, "the end of %s is not written down: %s", self->container, error->message);
  for (guint i = 0; waiting != NULL && i < waiting->len; i++)
    {
      Waiting *one = g_ptr_array_index (waiting, i);

      if (one->wait == NULL)
        ctr_thing_tell (driver, self->container, "exit");
      else
        ctr_wait_end (g_steal_pointer (&one->wait), NULL, error);
    }
  g_task_return_boolean (task, TRUE);
}

static void
on_net_down (GTask *task, gpointer value, GError *error)
{
  reap_end (task, NULL);
}

/* The task is gone, and with it what it had of the network; one that is being started has cleared that away itself. */
static void
release (GTask *task, GError *error)
{
  Reap *self = g_task_get_task_data (task);

  if (!g_hash_table_contains (self->job.driver->starting, self->container))
    ctr_health_end (self->job.driver, self->container);
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    reap_end (task, error);
  else if (g_hash_table_contains (self->job.driver->starting, self->container))
    reap_end (task, NULL);
  else
    ctr_net_down (task, self->container, on_net_down);
}

static void
on_deleted (GTask *task, gpointer value, GError *error)
{
  /* somebody else may have been first */
  release (task, error);
}

static void
on_labelled (GTask *task, gpointer value, GError *error)
{
  Reap *self = g_task_get_task_data (task);
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Delete", .message = &request.base, .seconds = DELETE_SECONDS };

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      reap_end (task, error);
      return;
    }
  request.container_id = self->container;
  ctr_call (task, &call, on_deleted);
}

static void
write_down (GTask *task, guint exit_status, gint64 time, CtrNext next)
{
  Reap *self = g_task_get_task_data (task);
  g_autofree char *code = g_strdup_printf ("%u", exit_status), *ended = g_strdup_printf ("%" G_GINT64_FORMAT, MAX (time, 1));

  ctr_thing_label (task, self->container, (const char *const[]){ CTR_LABEL_CODE, code, CTR_LABEL_ENDED, ended, CTR_LABEL_OOM,
                   g_hash_table_contains (self->job.driver->oom, self->container) ? "yes" : "", NULL }, next);
}

static void
on_told_written (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    reap_end (task, error);
  else
    release (task, NULL);
}

/* The task is gone, and an event told how: does the container know? */
static void
on_container (GTask *task, gpointer value, GError *error)
{
  Reap *self = g_task_get_task_data (task);
  Ctr__ContainerMessage *reply = value;
  Ctr__Container *container = reply != NULL ? reply->container : NULL;
  const CtrEnd *end = g_hash_table_lookup (self->job.driver->ends, self->container);

  if (end != NULL && container != NULL && ctr_label (container->labels, container->n_labels, CTR_LABEL_STARTED)[0] != '\0'
      && ctr_label (container->labels, container->n_labels, CTR_LABEL_ENDED)[0] == '\0')
    write_down (task, end->code, end->time, on_told_written);
  else
    release (task, error);
}

static void
on_got (GTask *task, gpointer value, GError *error)
{
  Reap *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  Ctr__Process *process = got != NULL ? got->process : NULL;
  Ctr__ContainerId request = CTR__CONTAINER_ID__INIT;
  CtrCall call = { .method = "Containers/Get", .message = &request.base, .reply = &ctr__container_message__descriptor };

  if (process != NULL && process->status == CTR_TASK_STOPPED)
    write_down (task, process->exit_status, ctr_time_of (process->exited_at), on_labelled);
  else if (ctr_is (error, THOLE_ERROR_NOT_FOUND) && g_hash_table_contains (self->job.driver->ends, self->container))
    {
      request.id = self->container;
      ctr_call (task, &call, on_container);
    }
  else if (error != NULL)
    release (task, error);
  else
    reap_end (task, NULL);
}

static void
reap (TholeDriver *driver, const char *container, GTask *outer, CtrNext next)
{
  GPtrArray *waiting = g_hash_table_lookup (driver->reaping, container);
  gboolean first = waiting == NULL;
  Waiting *one = g_new0 (Waiting, 1);

  one->wait = outer != NULL ? ctr_wait_new (outer, next) : NULL;
  if (first)
    {
      waiting = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (driver->reaping, g_strdup (container), waiting);
    }
  g_ptr_array_add (waiting, one);
  if (first)
    {
      /* not the caller's cancellable: others may wait for the same */
      g_autoptr(GTask) task = ctr_job_new (driver, sizeof (Reap), reap_clear, NULL, NULL, NULL, NULL);
      Reap *self = g_task_get_task_data (task);

      self->container = g_strdup (container);
      ctr_task_get (task, container, on_got);
    }
}

void
ctr_reap (GTask *task, const char *container, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);

  /* one that is being started has no old end any more */
  if (g_hash_table_contains (driver->starting, container))
    next (task, NULL, NULL);
  else
    reap (driver, container, task, next);
}

void
ctr_reap_wait (GTask *task, const char *container, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);

  if (g_hash_table_contains (driver->reaping, container))
    reap (driver, container, task, next);
  else
    next (task, NULL, NULL);
}

void
ctr_reap_and_tell (TholeDriver *driver, const char *container, const CtrEnd *end)
{
  g_hash_table_insert (driver->ends, g_strdup (container), g_memdup2 (end, sizeof *end));
  reap (driver, container, NULL, NULL);
}
