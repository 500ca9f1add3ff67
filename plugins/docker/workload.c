/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "workload/1": list, inspect, recover, and the plain calls. create.c and stop.c hold the long ones.
 */
#include "workload.h"

#include <string.h>

#include "convert.h"
#include "lookup.h"

#define INSPECTIONS_AT_ONCE 16

/* list ------------------------------------------------------------------------------------------------ */

typedef struct
{
  TholeDriver *driver;
  GVariant *found;    /* av: what the engine lists */
  gsize next;
  guint pending;
  GPtrArray *workloads;
  GError *error;      /* the first that is not "gone meanwhile" */
} List;

static void
list_free (List *self)
{
  docker_driver_unref (self->driver);
  g_clear_pointer (&self->found, g_variant_unref);
  g_clear_pointer (&self->workloads, g_ptr_array_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void list_continue (GTask *task);

static void
on_one_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  List *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  self->pending--;
  if (reply != NULL)
    g_ptr_array_add (self->workloads, docker_workload_from_inspect (reply->json));
  else if (!g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND) && self->error == NULL)
    self->error = g_steal_pointer (&error);
  list_continue (task);
}

static void
list_continue (GTask *task)
{
  List *self = g_task_get_task_data (task);
  gsize n = g_variant_n_children (self->found);

  while (self->error == NULL && self->next < n && self->pending < INSPECTIONS_AT_ONCE)
    {
      g_autoptr(GVariant) entry = NULL;
      g_autofree char *path = NULL;
      DockerRequest request = { .method = "GET" };

      g_variant_get_child (self->found, self->next++, "v", &entry);
      request.path = path = g_strdup_printf ("/containers/%s/json", thole_dict_string (entry, "Id", "-"));
      self->pending++;
      docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_one_inspected, g_object_ref (task));
    }
  if (self->pending > 0)
    return;
  if (self->error != NULL)
    g_task_return_error (task, g_steal_pointer (&self->error));
  else
    g_task_return_pointer (task,
                           g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT,
                                                                    (GVariant **) self->workloads->pdata,
                                                                    self->workloads->len)),
                           (GDestroyNotify) g_variant_unref);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  List *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else if (!g_variant_is_of_type (reply->json, G_VARIANT_TYPE ("av")))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the engine's list cannot be read");
  else
    {
      self->found = g_variant_ref (reply->json);
      list_continue (task);
    }
}

static void
docker_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  List *list = g_new0 (List, 1);
  g_autofree char *label = g_strconcat (DOCKER_LABEL_INSTANCE "=", self->config->instance, NULL);
  g_autofree char *filters = docker_filters ("label", DOCKER_LABEL_ID, label, NULL);
  g_autofree char *path = g_strconcat ("/containers/json?all=1&", filters, NULL);
  DockerRequest request = { .method = "GET", .path = path, .limit = DOCKER_LIST_MAX };
  GError *error = NULL;

  list->driver = docker_driver_ref (self);
  list->workloads = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_task_set_task_data (task, list, (GDestroyNotify) list_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_call_async (self, &request, cancellable, on_listed, g_steal_pointer (&task));
}

/* inspect and recover --------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  char *id;
  gboolean recover;
} Inspect;

static void
inspect_free (Inspect *self)
{
  docker_driver_unref (self->driver);
  g_free (self->id);
  g_free (self);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Inspect *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);
  GVariant *workload = NULL;

  if (inspection != NULL)
    workload = docker_workload_from_inspect (inspection);
  else if (self->recover && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    workload = docker_workload_gone (self->driver->config->instance, self->id);
  if (workload == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);
  g_task_return_pointer (task, workload, (GDestroyNotify) g_variant_unref);
}

static void
inspect (TholeDriver *self, const char *id, gboolean recover, GVariant *options, GCancellable *cancellable,
         GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Inspect *data = g_new0 (Inspect, 1);
  GError *error = NULL;

  data->driver = docker_driver_ref (self);
  data->id = g_strdup (id);
  data->recover = recover;
  g_task_set_task_data (task, data, (GDestroyNotify) inspect_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_find_async (self, id, options, cancellable, on_found, g_steal_pointer (&task));
}

static void
docker_inspect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  inspect (self, id, FALSE, options, cancellable, callback, user_data);
}

static void
docker_recover_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  inspect (self, id, TRUE, options, cancellable, callback, user_data);
}

/* start, kill, pause, unpause, update, stats ---------------------------------------------------------- */

#define START_TIMEOUT 120.0

static void
docker_start_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  DockerRequest request = { .method = "POST", .path = "/start", .timeout = START_TIMEOUT };

  docker_act_async (self, id, options, &request, cancellable, callback, user_data);
}

static gboolean
docker_done_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  g_autoptr(DockerReply) reply = docker_act_finish (self, result, error);

  return reply != NULL;
}

static void
docker_kill_async (TholeDriver *self, const char *id, const char *signal, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "POST" };

  if (thole_signal_number (signal) == 0)
    {
      g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);

      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not a signal", signal);
      return;
    }
  request.path = path = g_strconcat ("/kill?signal=", signal, NULL);
  docker_act_async (self, id, options, &request, cancellable, callback, user_data);
}

static void
docker_pause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  DockerRequest request = { .method = "POST", .path = "/pause" };

  docker_act_async (self, id, options, &request, cancellable, callback, user_data);
}

static gboolean
docker_pause_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  GError *local = NULL;
  g_autoptr(DockerReply) reply = docker_act_finish (self, result, &local);

  if (reply != NULL)
    return TRUE;
  if (strstr (local->message, "is already paused") != NULL)
    {
      g_error_free (local);
      return TRUE;
    }
  g_propagate_error (error, local);
  return FALSE;
}

static void
docker_update_async (TholeDriver *self, const char *id, GVariant *changes, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;
  GVariant *body = docker_update_body (changes, self->cpus, &error);
  DockerRequest request = { .method = "POST", .path = "/update", .body = body };

  if (body == NULL)
    {
      g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);

      g_task_return_error (task, error);
      return;
    }
  docker_act_async (self, id, options, &request, cancellable, callback, user_data);
  g_variant_unref (body);
}

static void
docker_stats_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  DockerRequest request = { .method = "GET", .path = "/stats?stream=0&one-shot=1" };

  docker_act_async (self, id, options, &request, cancellable, callback, user_data);
}

static GVariant *
docker_stats_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  g_autoptr(DockerReply) reply = docker_act_finish (self, result, error);
  GVariant *sample;

  if (reply == NULL)
    return NULL;
  sample = docker_stats_sample (reply->json);
  if (sample == NULL)
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  return sample;
}

const TholeWorkloadOps docker_workload_ops = {
  .struct_size = sizeof docker_workload_ops,
  .list_async = docker_list_async,
  .list_finish = thole_finish_value,
  .inspect_async = docker_inspect_async,
  .inspect_finish = thole_finish_value,
  .create_async = docker_create_async,
  .create_finish = thole_finish_value,
  .start_async = docker_start_async,
  .start_finish = docker_done_finish,
  .stop_async = docker_stop_async,
  .stop_finish = thole_finish_boolean,
  .kill_async = docker_kill_async,
  .kill_finish = docker_done_finish,
  .pause_async = docker_pause_async,
  .pause_finish = docker_pause_finish,
  .unpause_async = docker_unpause_async,
  .unpause_finish = thole_finish_boolean,
  .remove_async = docker_remove_async,
  .remove_finish = thole_finish_boolean,
  .update_async = docker_update_async,
  .update_finish = docker_done_finish,
  .recover_async = docker_recover_async,
  .recover_finish = thole_finish_value,
  .logs_async = docker_logs_async,
  .logs_finish = thole_finish_stream,
  .stats_async = docker_stats_async,
  .stats_finish = docker_stats_finish,
};
