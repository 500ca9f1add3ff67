/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "workload/1": list, inspect, recover, and the plain calls. create.c, start.c and stop.c hold the long ones.
 */
#include <string.h>

#include "log.h"
#include "reap.h"
#include "remains.h"
#include "slots.h"
#include "spec.h"
#include "stats.h"

typedef struct
{
  CtrJob job;
  char *id, *container;
  int signal;
  gboolean recover, reaped;
  Ctr__Container *found;      /* a copy that stays */
  GVariant *changes;
} Look;

static void
look_clear (gpointer data)
{
  Look *self = data;

  g_free (self->id);
  g_free (self->container);
  if (self->found != NULL)
    ctr_message_free (&self->found->base);
  g_clear_pointer (&self->changes, g_variant_unref);
}

static GTask *
look_new (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
          gpointer user_data)
{
  GTask *task = ctr_job_new (self, sizeof (Look), look_clear, options, cancellable, callback, user_data);

  if (task != NULL)
    ((Look *) g_task_get_task_data (task))->id = g_strdup (id);
  return task;
}

static void
keep (Look *self, Ctr__Container *container)
{
  if (self->found != NULL)
    ctr_message_free (&self->found->base);
  self->found = (Ctr__Container *) ctr_message_copy (&container->base);
  g_free (self->container);
  self->container = g_strdup (container->id);
}

/* inspect and recover --------------------------------------------------------------------------------- */

static void on_found (GTask *task, gpointer value, GError *error);

static void
on_reaped (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);

  self->reaped = TRUE;
  if (error != NULL)
    ctr_fail (task, error);
  else
    ctr_thing_find (task, self->id, on_found);
}

static void
on_task_got (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  Ctr__Process *process = got != NULL ? got->process : NULL;

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else if (process != NULL && process->status == CTR_TASK_STOPPED && !self->reaped)
    ctr_reap (task, self->container, on_reaped);
  else
    g_task_return_pointer (task, ctr_thing_show (self->job.driver, self->found, process), (GDestroyNotify) g_variant_unref);
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  if (self->recover && ctr_is (error, THOLE_ERROR_NOT_FOUND))
    g_task_return_pointer (task, ctr_thing_gone (self->job.driver, self->id), (GDestroyNotify) g_variant_unref);
  else if (error != NULL)
    ctr_fail (task, error);
  else
    {
      keep (self, value);
      if (g_hash_table_contains (self->job.driver->reaping, self->container))
        ctr_reap_wait (task, self->container, on_reaped);
      else
        ctr_task_get (task, self->container, on_task_got);
    }
}

static void
workload_inspect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr(GTask) task = look_new (self, id, options, cancellable, callback, user_data);

  if (task != NULL)
    ctr_thing_find (task, id, on_found);
}

static void
workload_recover_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr(GTask) task = look_new (self, id, options, cancellable, callback, user_data);

  if (task == NULL)
    return;
  ((Look *) g_task_get_task_data (task))->recover = TRUE;
  ctr_thing_find (task, id, on_found);
}

/* list ------------------------------------------------------------------------------------------------ */

typedef struct
{
  CtrJob job;
  Ctr__ContainerList *containers;
  Ctr__TaskList *tasks;
  gsize at;        /* whose task is looked at */
  gboolean reaped; /* some had ended */
  gboolean again;  /* all was asked for anew */
} List;

static void
list_clear (gpointer data)
{
  List *self = data;

  if (self->containers != NULL)
    ctr_message_free (&self->containers->base);
  if (self->tasks != NULL)
    ctr_message_free (&self->tasks->base);
}

static const Ctr__Process *
task_of (const List *self, const char *container)
{
  for (gsize i = 0; i < self->tasks->n_tasks; i++)
    if (strcmp (self->tasks->tasks[i]->id, container) == 0)
      return self->tasks->tasks[i];
  return NULL;
}

static void list_begin (GTask *task);

static void
list_end (GTask *task)
{
  List *self = g_task_get_task_data (task);
  g_auto(GVariantBuilder) out = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (gsize i = 0; i < self->containers->n_containers; i++)
    {
      const Ctr__Container *container = self->containers->containers[i];
      g_autoptr(GVariant) workload = ctr_thing_show (self->job.driver, container, task_of (self, container->id));

      ctr_thing_note (self->job.driver, container);
      g_variant_builder_add_value (&out, workload);
    }
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&out)), (GDestroyNotify) g_variant_unref);
}

static void
list_next (GTask *task, gpointer value, GError *error)
{
  List *self = g_task_get_task_data (task);

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      ctr_fail (task, error);
      return;
    }
  while (self->at < self->containers->n_containers)
    {
      const char *container = self->containers->containers[self->at++]->id;
      const Ctr__Process *process = task_of (self, container);

      if ((process != NULL && process->status == CTR_TASK_STOPPED)
          || g_hash_table_contains (self->job.driver->reaping, container))
        {
          self->reaped = TRUE;
          ctr_reap (task, container, list_next);
          return;
        }
    }
  /* what was written down meanwhile is read, once */
  if (self->reaped && !self->again)
    {
      self->again = TRUE;
      list_begin (task);
    }
  else
    list_end (task);
}

static gboolean
has_container (const List *self, const char *name)
{
  for (gsize i = 0; i < self->containers->n_containers; i++)
    if (strcmp (self->containers->containers[i]->id, name) == 0)
      return TRUE;
  return FALSE;
}

static void
adopt_next (GTask *task, gpointer value, GError *error)
{
  List *self = g_task_get_task_data (task);

  /* one that was made since the list of containers was asked for has its own */
  if (error != NULL && !ctr_is (error, THOLE_ERROR_EXISTS))
    {
      ctr_fail (task, error);
      return;
    }
  while (self->at < self->tasks->n_tasks)
    {
      const char *name = self->tasks->tasks[self->at++]->id;

      if (ctr_thing_is_ours (self->job.driver, name) && !has_container (self, name))
        {
          self->reaped = TRUE;
          ctr_remains_adopt (task, name, adopt_next);
          return;
        }
    }
  self->at = 0;
  list_next (task, NULL, NULL);
}

static void
on_tasks (GTask *task, gpointer value, GError *error)
{
  List *self = g_task_get_task_data (task);

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->tasks = (Ctr__TaskList *) ctr_message_copy (value);
  if (self->again)
    list_end (task);
  else
    adopt_next (task, NULL, NULL);
}

static void
on_containers (GTask *task, gpointer value, GError *error)
{
  List *self = g_task_get_task_data (task);
  Ctr__TaskFilter request = CTR__TASK_FILTER__INIT;
  CtrCall call = { .method = "Tasks/List", .message = &request.base, .reply = &ctr__task_list__descriptor };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  list_clear (self);
  self->tasks = NULL;
  self->containers = (Ctr__ContainerList *) ctr_message_copy (value);
  ctr_call (task, &call, on_tasks);
}

static void
list_begin (GTask *task)
{
  g_autofree char *filter = g_strdup_printf ("labels.\"" CTR_LABEL_INSTANCE "\"==\"%s\"", ctr_driver_of (task)->config->instance);
  Ctr__ContainerFilter request = CTR__CONTAINER_FILTER__INIT;
  CtrCall call = { .method = "Containers/List", .message = &request.base, .reply = &ctr__container_list__descriptor };

  request.filters = &filter;
  request.n_filters = 1;
  ctr_call (task, &call, on_containers);
}

static void
workload_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (List), list_clear, options, cancellable, callback, user_data);

  if (task != NULL)
    list_begin (task);
}

/* kill, pause, unpause -------------------------------------------------------------------------------- */

static void
on_done (GTask *task, gpointer value, GError *error)
{
  if (ctr_is (error, THOLE_ERROR_NOT_FOUND))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  else if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_found_to_kill (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  Ctr__TaskKill request = CTR__TASK_KILL__INIT;
  CtrCall call = { .method = "Tasks/Kill", .message = &request.base };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  request.container_id = ((Ctr__Container *) value)->id;
  request.signal = (guint32) self->signal;
  ctr_call (task, &call, on_done);
}

static void
workload_kill_async (TholeDriver *self, const char *id, const char *signal, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = look_new (self, id, options, cancellable, callback, user_data);
  Look *look = task != NULL ? g_task_get_task_data (task) : NULL;

  if (look == NULL)
    return;
  look->signal = thole_signal_number (signal);
  if (look->signal == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not a signal", signal);
  else
    ctr_thing_find (task, id, on_found_to_kill);
}

/* Freezes or thaws what is in the other state. */
static void
on_got_to_freeze (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  int status = got != NULL && got->process != NULL ? got->process->status : 0;
  gboolean freeze = self->signal != 0;
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = freeze ? "Tasks/Pause" : "Tasks/Resume", .message = &request.base };

  request.container_id = self->container;
  if (error != NULL)
    on_done (task, NULL, error);
  else if (status == (freeze ? CTR_TASK_PAUSED : CTR_TASK_RUNNING))
    g_task_return_boolean (task, TRUE);
  else if (status == (freeze ? CTR_TASK_RUNNING : CTR_TASK_PAUSED) || status == CTR_TASK_PAUSING)
    ctr_call (task, &call, on_done);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
}

static void
on_found_to_freeze (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  keep (self, value);
  ctr_task_get (task, self->container, on_got_to_freeze);
}

static void
freeze (TholeDriver *self, const char *id, gboolean on, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
        gpointer user_data)
{
  g_autoptr(GTask) task = look_new (self, id, options, cancellable, callback, user_data);

  if (task == NULL)
    return;
  ((Look *) g_task_get_task_data (task))->signal = on;
  ctr_thing_find (task, id, on_found_to_freeze);
}

static void
workload_pause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  freeze (self, id, TRUE, options, cancellable, callback, user_data);
}

static void
workload_unpause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  freeze (self, id, FALSE, options, cancellable, callback, user_data);
}

/* update ---------------------------------------------------------------------------------------------- */

static void
on_task_updated (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      ctr_fail (task, error);
      return;
    }
  ctr_thing_tell (self->job.driver, self->container, "update");
  g_task_return_boolean (task, TRUE);
}

static void
on_spec_updated (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  g_autoptr(GVariant) resources = thole_dict_value (self->changes, "resources", "a{sv}");
  g_autofree char *json = ctr_spec_resources (resources);
  Ctr__Any any = CTR__ANY__INIT;
  Ctr__TaskUpdate request = CTR__TASK_UPDATE__INIT;
  CtrCall call = { .method = "Tasks/Update", .message = &request.base };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  any.type_url = (char *) CTR_RESOURCES_TYPE;
  any.value.data = (guint8 *) json;
  any.value.len = strlen (json);
  request.container_id = self->container;
  request.resources = &any;
  ctr_call (task, &call, on_task_updated);
}

/* The next start is to have the new limits, too. */
static char *
change_spec (const Ctr__Container *container, GVariant *resources, GError **error)
{
  const ProtobufCBinaryData *text = &container->spec->value;
  g_autoptr(GVariant) spec = thole_json_parse ((const char *) text->data, text->len, error);
  g_autofree char *limits = ctr_spec_resources (resources);
  g_autoptr(GVariant) parsed = thole_json_parse (limits, strlen (limits), NULL), linux_part = NULL;
  g_auto(GVariantDict) inner = { 0 }, outer = { 0 };
  g_autoptr(GVariant) whole = NULL;

  if (spec == NULL)
    return NULL;
  linux_part = thole_dict_value (spec, "linux", "a{sv}");
  g_variant_dict_init (&inner, linux_part);
  g_variant_dict_insert_value (&inner, "resources", parsed);
  g_variant_dict_init (&outer, spec);
  g_variant_dict_insert_value (&outer, "linux", g_variant_dict_end (&inner));
  whole = g_variant_ref_sink (g_variant_dict_end (&outer));
  return thole_json_to_string (whole);
}

static void
on_found_to_update (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  g_autoptr(GVariant) resources = thole_dict_value (self->changes, "resources", "a{sv}");
  g_autoptr(GError) wrong = NULL;
  g_autofree char *json = NULL;
  char *path = (char *) "spec";
  Ctr__Any any = CTR__ANY__INIT;
  Ctr__Container container = CTR__CONTAINER__INIT;
  Ctr__FieldMask mask = CTR__FIELD_MASK__INIT;
  Ctr__ContainerMessage request = CTR__CONTAINER_MESSAGE__INIT;
  CtrCall call = { .method = "Containers/Update", .message = &request.base };

  if (error == NULL)
    keep (self, value);
  if (error == NULL && resources != NULL && self->found->spec != NULL)
    json = change_spec (self->found, resources, &wrong);
  if (error != NULL || wrong != NULL)
    {
      ctr_fail (task, error != NULL ? error : wrong);
      return;
    }
  if (json == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  any.type_url = self->found->spec->type_url;
  any.value.data = (guint8 *) json;
  any.value.len = strlen (json);
  container.id = self->container;
  container.spec = &any;
  mask.paths = &path;
  mask.n_paths = 1;
  request.container = &container;
  request.update_mask = &mask;
  ctr_call (task, &call, on_spec_updated);
}

static void
workload_update_async (TholeDriver *self, const char *id, GVariant *changes, GVariant *options, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = look_new (self, id, options, cancellable, callback, user_data);

  if (task == NULL)
    return;
  ((Look *) g_task_get_task_data (task))->changes = g_variant_ref (changes);
  ctr_thing_find (task, id, on_found_to_update);
}

/* stats ----------------------------------------------------------------------------------------------- */

static void
on_metrics (GTask *task, gpointer value, GError *error)
{
  Ctr__TaskMetrics *reply = value;
  g_autoptr(GVariant) sample = NULL;

  if (error != NULL)
    {
      on_done (task, NULL, error);
      return;
    }
  if (reply->n_metrics > 0)
    sample = ctr_stats_sample (reply->metrics[0]);
  if (sample == NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  else
    g_task_return_pointer (task, g_steal_pointer (&sample), (GDestroyNotify) g_variant_unref);
}

static void
on_found_to_measure (GTask *task, gpointer value, GError *error)
{
  g_autofree char *filter = NULL;
  Ctr__TaskMetricsFilter request = CTR__TASK_METRICS_FILTER__INIT;
  CtrCall call = { .method = "Tasks/Metrics", .message = &request.base, .reply = &ctr__task_metrics__descriptor };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  filter = g_strdup_printf ("id==\"%s\"", ((Ctr__Container *) value)->id);
  request.filters = &filter;
  request.n_filters = 1;
  ctr_call (task, &call, on_metrics);
}

static void
workload_stats_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  g_autoptr(GTask) task = look_new (self, id, options, cancellable, callback, user_data);

  if (task != NULL)
    ctr_thing_find (task, id, on_found_to_measure);
}

const TholeWorkloadOps ctr_workload_ops = {
  .struct_size = sizeof ctr_workload_ops,
  .list_async = workload_list_async,
  .list_finish = thole_finish_value,
  .inspect_async = workload_inspect_async,
  .inspect_finish = thole_finish_value,
  .create_async = ctr_create_async,
  .create_finish = thole_finish_value,
  .start_async = ctr_start_async,
  .start_finish = thole_finish_boolean,
  .stop_async = ctr_stop_async,
  .stop_finish = thole_finish_boolean,
  .kill_async = workload_kill_async,
  .kill_finish = thole_finish_boolean,
  .pause_async = workload_pause_async,
  .pause_finish = thole_finish_boolean,
  .unpause_async = workload_unpause_async,
  .unpause_finish = thole_finish_boolean,
  .remove_async = ctr_remove_async,
  .remove_finish = thole_finish_boolean,
  .update_async = workload_update_async,
  .update_finish = thole_finish_boolean,
  .recover_async = workload_recover_async,
  .recover_finish = thole_finish_value,
  .logs_async = ctr_logs_async,
  .logs_finish = thole_finish_stream,
  .stats_async = workload_stats_async,
  .stats_finish = thole_finish_value,
};
