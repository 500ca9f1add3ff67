/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "workload/1": what needs nothing but the folder of a sandbox, and single questions to its supervisor.
 */
#include <string.h>

#include "aside.h"
#include "box.h"
#include "plan.h"
#include "seal.h"
#include "settle.h"
#include "slots.h"
#include "spec-check.h"
#include "talk.h"
#include "thole-log-files.h"
#include "watch.h"

static void
return_value (GTask *task, GVariant *value)
{
  g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
}

static GTask *
plain_job (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  return local_job_new (self, id, sizeof (LocalJob), NULL, options, cancellable, callback, user_data);
}

/* reading --------------------------------------------------------------------------------------------- */

static void
list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, "", options, cancellable, callback, user_data);
  g_autoptr(GPtrArray) records = local_box_list (self);
  g_auto(GVariantBuilder) out = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; i < records->len; i++)
    {
      g_autoptr(GVariant) workload = local_box_show (self, g_ptr_array_index (records, i));

      g_variant_builder_add_value (&out, workload);
    }
  if (task != NULL)
    return_value (task, g_variant_ref_sink (g_variant_builder_end (&out)));
}

static void
inspect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;

  if (record != NULL)
    return_value (task, local_box_show (self, record));
  else if (task != NULL)
    g_task_return_error (task, error);
}

static GVariant *
show_gone (TholeDriver *self, const char *id)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "id", "s", id);
  g_variant_dict_insert (&out, "instance", "s", self->config->instance);
  g_variant_dict_insert (&out, "engine_id", "s", "");
  g_variant_dict_insert (&out, "state", "s", "gone");
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

static void
recover_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  g_autoptr(GVariant) record = local_box_record (self, id, NULL);

  if (task == NULL)
    return;
  if (record != NULL)
    local_watch (self, id);
  return_value (task, record != NULL ? local_box_show (self, record) : show_gone (self, id));
}

static void
logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  g_autofree char *folder = local_box_path (self, id, THOLE_SANDBOX_LOG);
  g_autoptr(GInputStream) input = NULL;
  TholeLogWanted wanted = {
    .follow = thole_dict_boolean (options, "follow", FALSE),
    .tail = thole_dict_int (options, "tail", -1),
    .since = thole_dict_int (options, "since", 0),
    .until = thole_dict_int (options, "until", 0),
    .streams = { FALSE, thole_dict_boolean (options, "stdout", TRUE), thole_dict_boolean (options, "stderr", TRUE) },
  };

  if (task == NULL)
    return;
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "%s has no log", id);
      return;
    }
  input = thole_log_files_read (folder, &wanted);
  g_task_return_pointer (task, thole_stream_new (input, NULL), g_object_unref);
}

/* create and update ----------------------------------------------------------------------------------- */

static void
created (GTask *task, gboolean adopted)
{
  LocalJob *job = g_task_get_task_data (task);
  g_autofree char *name = local_box_name (job->driver, job->id);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "engine_id", "s", name);
  g_variant_dict_insert_value (&out, "handle", g_variant_new_bytestring (name));
  g_variant_dict_insert (&out, "adopted", "b", adopted);
  return_value (task, g_variant_ref_sink (g_variant_dict_end (&out)));
}

/* Who asked for the same meanwhile is told the same. */
static void
on_made (GTask *task, GError *error)
{
  LocalJob *job = g_task_get_task_data (task);
  gpointer key = NULL, value = NULL;
  g_autoptr(GPtrArray) others = NULL;

  g_hash_table_steal_extended (job->driver->making, job->id, &key, &value);
  g_free (key);
  others = value;
  for (guint i = 0; i < others->len; i++)
    if (error != NULL)
      g_task_return_error (others->pdata[i], g_error_copy (error));
    else
      created (others->pdata[i], TRUE);
  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  local_settle_later (job->driver, job->id);
  created (task, FALSE);
}

static GVariant *
make_record (TholeDriver *self, const char *id, GVariant *spec, gboolean agent)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "id", "s", id);
  g_variant_dict_insert (&out, "instance", "s", self->config->instance);
  g_variant_dict_insert (&out, "role", "s", thole_dict_string (spec, "role", "main"));
  g_variant_dict_insert (&out, "name", "s", thole_dict_string (spec, "name", ""));
  g_variant_dict_insert (&out, "image", "s", thole_dict_string (spec, "image", ""));
  g_variant_dict_insert (&out, "user", "s", thole_dict_string (spec, "user", ""));
  g_variant_dict_insert (&out, "tty", "b", thole_dict_boolean (spec, "tty", FALSE));
  g_variant_dict_insert (&out, "stdin", "b", thole_dict_boolean (spec, "stdin", FALSE));
  g_variant_dict_insert (&out, "agent", "b", agent);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

static void
create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
              gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  g_autoptr(GHashTable) files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  g_autoptr(GVariant) there = local_box_record (self, id, NULL), secrets = thole_dict_value (options, "secrets", "a{say}");
  const char *agent = thole_dict_string (options, "agent", "");
  g_autofree char *folder = local_box_path (self, id, NULL);
  g_autoptr(GVariant) record = NULL;
  g_autoptr(GByteArray) plan = NULL;
  GPtrArray *others = g_hash_table_lookup (self->making, id);
  GError *error = NULL;

  if (task == NULL)
    return;
  if (others != NULL)
    {
      g_ptr_array_add (others, g_steal_pointer (&task));
      return;
    }
  if (there != NULL && (local_box_runs (self, id) || !local_seal_broken (folder)))
    {
      created (task, TRUE);
      return;
    }
  record = make_record (self, id, spec, agent[0] != '\0');
  if (local_spec_check (self, spec, secrets, &error))
    plan = local_plan_make (self, id, spec, secrets, agent, files, &error);
  if (plan == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_hash_table_insert (self->making, g_strdup (id), g_ptr_array_new_with_free_func (g_object_unref));
  local_aside (task, local_box_make, local_box_new (self, id, record, plan, files), local_box_free, on_made);
}

typedef struct
{
  char *path;
  GByteArray *plan;
} Written;

static void
written_free (gpointer data)
{
  Written *self = data;

  g_free (self->path);
  g_byte_array_unref (self->plan);
  g_free (self);
}

static gboolean
write_plan (gpointer data, GError **error)
{
  Written *self = data;

  return g_file_set_contents_full (self->path, (const char *) self->plan->data, self->plan->len, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
                                   error);
}

static void
on_written (GTask *task, GError *error)
{
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/* Limits are of the next run: those of one that runs would be changed behind its supervisor. */
static void
update_async (TholeDriver *self, const char *id, GVariant *changes, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  g_autoptr(GVariant) resources = thole_dict_value (changes, "resources", "a{sv}");
  g_autofree char *path = local_box_path (self, id, THOLE_SANDBOX_PLAN), *text = NULL;
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;
  gsize length;

  if (task == NULL)
    return;
  if (record == NULL)
    g_task_return_error (task, error);
  else if (resources != NULL && !local_spec_check_resources (resources, &error))
    g_task_return_error (task, error);
  else if (resources != NULL && local_box_runs (self, id) && !thole_dict_boolean (options, "may_restart", FALSE))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "limits of a sandbox count from its next start");
  else if (resources != NULL && g_file_get_contents (path, &text, &length, &error))
    {
      Written *written = g_new0 (Written, 1);

      *written = (Written){ g_steal_pointer (&path), local_plan_limit (self, id, text, length, resources) };
      local_aside (task, write_plan, written, written_free, on_written);
    }
  else if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/* kill and pause -------------------------------------------------------------------------------------- */

static void
on_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (local_ask_finish (result, NULL, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
kill_async (TholeDriver *self, const char *id, const char *signal, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  int number = thole_signal_number (signal);
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL && number > 0 ? local_box_record (self, id, &error) : NULL;

  if (task != NULL && number == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not a signal", signal);
  else if (record != NULL)
    local_ask_async (self, id, THOLE_SANDBOX_SIGNAL, 0, number, 0, cancellable, on_asked, g_object_ref (task));
  else if (task != NULL)
    g_task_return_error (task, error);
}

static void
on_frozen (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  LocalJob *job = g_task_get_task_data (task);
  GError *error = NULL;
  LocalState state;

  if (!local_ask_finish (result, NULL, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  local_box_state (job->driver, job->id, &state);
  local_box_tell (job->driver, job->id, NULL, state.phase == LOCAL_PAUSED ? "pause" : "unpause");
  g_task_return_boolean (task, TRUE);
}

static void
freeze (TholeDriver *self, const char *id, gboolean wanted, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
        gpointer user_data)
{
  g_autoptr(GTask) task = plain_job (self, id, options, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;

  if (record != NULL)
    local_ask_async (self, id, THOLE_SANDBOX_FREEZE, 0, wanted, 0, cancellable, on_frozen, g_object_ref (task));
  else if (task != NULL)
    g_task_return_error (task, error);
}

static void
pause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  freeze (self, id, TRUE, options, cancellable, callback, user_data);
}

static void
unpause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
               gpointer user_data)
{
  freeze (self, id, FALSE, options, cancellable, callback, user_data);
}

const TholeWorkloadOps local_workload_ops = {
  .struct_size = sizeof local_workload_ops,
  .list_async = list_async,
  .list_finish = thole_finish_value,
  .inspect_async = inspect_async,
  .inspect_finish = thole_finish_value,
  .create_async = create_async,
  .create_finish = thole_finish_value,
  .start_async = local_start_async,
  .start_finish = thole_finish_boolean,
  .stop_async = local_stop_async,
  .stop_finish = thole_finish_boolean,
  .kill_async = kill_async,
  .kill_finish = thole_finish_boolean,
  .pause_async = pause_async,
  .pause_finish = thole_finish_boolean,
  .unpause_async = unpause_async,
  .unpause_finish = thole_finish_boolean,
  .remove_async = local_remove_async,
  .remove_finish = thole_finish_boolean,
  .update_async = update_async,
  .update_finish = thole_finish_boolean,
  .recover_async = recover_async,
  .recover_finish = thole_finish_value,
  .logs_async = logs_async,
  .logs_finish = thole_finish_stream,
  .stats_async = local_stats_async,
  .stats_finish = thole_finish_value,
};
