/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver for an engine called "example". To have something that works from the first minute, the engine is a shelf: a
 * key file that says of each workload whether it runs. Put calls of your own engine in the place of shelf_*; the rest stays.
 */
#include <string.h>
#include <thole-dict.h>
#include <thole-host.h>

struct _TholeDriver
{
  TholeHost *host;
  const TholeHostOps *ops;
  char *instance;  /* whose workloads these are: another daemon may use the same engine */
  char *file;
  GKeyFile *shelf; /* a group a workload */
};

/* the engine ------------------------------------------------------------------------------------------------- */

static gboolean
shelf_open (TholeDriver *self, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (g_key_file_load_from_file (self->shelf, self->file, G_KEY_FILE_NONE, &failure) ||
      g_error_matches (failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "%s", failure->message);
  return FALSE;
}

/* On the engine's object stands what it is: id and instance. They are there as soon as it exists, so that it is found again
 * whatever happens to the answer. */
static gboolean
shelf_write (TholeDriver *self, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (g_key_file_save_to_file (self->shelf, self->file, &failure))
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s", failure->message);
  return FALSE;
}

static gboolean
shelf_has (TholeDriver *self, const char *id)
{
  g_autofree char *instance = g_key_file_get_string (self->shelf, id, "instance", NULL);

  return g_strcmp0 (instance, self->instance) == 0;
}

static gboolean
shelf_set_state (TholeDriver *self, const char *id, const char *state, GError **error)
{
  const char *time = strcmp (state, "running") == 0 ? "started_at" : "finished_at";

  g_key_file_set_string (self->shelf, id, "state", state);
  g_key_file_set_int64 (self->shelf, id, time, self->ops->now (self->host));
  return shelf_write (self, error);
}

static gboolean
shelf_in_state (TholeDriver *self, const char *id, const char *state)
{
  g_autofree char *now = g_key_file_get_string (self->shelf, id, "state", NULL);

  return g_strcmp0 (now, state) == 0;
}

/* what crosses: sdk/schema.md -------------------------------------------------------------------------------- */

/* a "workload" dictionary */
static GVariant *
describe (TholeDriver *self, const char *id)
{
  g_autofree char *state = g_key_file_get_string (self->shelf, id, "state", NULL);
  g_autofree char *role = g_key_file_get_string (self->shelf, id, "role", NULL);
  g_autofree char *engine_id = g_strconcat ("shelf/", id, NULL);
  GVariantDict out;

  g_variant_dict_init (&out, NULL);
  g_variant_dict_insert (&out, "id", "s", id);
  g_variant_dict_insert (&out, "instance", "s", self->instance);
  g_variant_dict_insert (&out, "role", "s", role);
  g_variant_dict_insert (&out, "engine_id", "s", engine_id);
  g_variant_dict_insert (&out, "state", "s", state);
  if (strcmp (state, "exited") == 0)
    g_variant_dict_insert (&out, "exit_code", "x", (gint64) 0);
  g_variant_dict_insert (&out, "started_at", "x", g_key_file_get_int64 (self->shelf, id, "started_at", NULL));
  g_variant_dict_insert (&out, "finished_at", "x", g_key_file_get_int64 (self->shelf, id, "finished_at", NULL));
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

/* The daemon asks what is true; an event only says where to look. */
static void
tell (TholeDriver *self, const char *id, const char *action)
{
  self->ops->event (self->host, g_variant_new_parsed ("{'kind': <'workload'>, 'id': <%s>, 'action': <%s>}", id, action));
}

static void
return_variant (GTask *task, GVariant *value)
{
  g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
}

/* FALSE with the answer given when @id is not there, or @options ask for what is not understood */
static gboolean
check (TholeDriver *self, GTask *task, const char *id, GVariant *options)
{
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else if (!shelf_has (self, id))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "%s is not on the shelf", id);
  else
    return TRUE;
  return FALSE;
}

static void
change_state (TholeDriver *self, GTask *task, const char *id, const char *state, const char *action)
{
  GError *error = NULL;

  if (!shelf_set_state (self, id, state, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  tell (self, id, action);
  g_task_return_boolean (task, TRUE);
}

/* driver: the mandatory calls ---------------------------------------------------------------------------------- */

/* no input or output here */
static TholeDriver *
example_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  const char *name = thole_dict_string (config, "file", "shelf.ini");
  TholeDriver *self;

  if (strchr (name, '/') != NULL || name[0] == '\0')
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "file: “%s” is no name of a file", name);
      return NULL;
    }
  self = g_new0 (TholeDriver, 1);
  self->host = host;
  self->ops = ops;
  self->instance = g_strdup (thole_dict_string (config, "instance", ""));
  self->file = g_build_filename (thole_dict_string (config, "state_dir", ""), name, NULL);
  self->shelf = g_key_file_new ();
  return self;
}

static void
example_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);
  GError *error = NULL;

  if (shelf_open (self, &error))
    g_task_return_int (task, THOLE_PROBE_READY);
  else
    g_task_return_error (task, error);
}

static TholeProbe
example_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  gssize probe = g_task_propagate_int (G_TASK (result), error);

  if (probe < 0)
    return THOLE_PROBE_DEFER;
  *facts = g_variant_ref_sink (g_variant_new_parsed ("{'engine': <'example'>, 'version': <'1.0'>, 'durable': <true>}"));
  return (TholeProbe) probe;
}

static void
example_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static void
example_close_finish (TholeDriver *self, GAsyncResult *result)
{
  g_key_file_unref (self->shelf);
  g_free (self->instance);
  g_free (self->file);
  g_free (self);
}

/* workload/1 --------------------------------------------------------------------------------------------------- */

static void
example_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);
  g_auto (GStrv) ids = g_key_file_get_groups (self->shelf, NULL);
  GVariantBuilder all;
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_builder_init (&all, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; ids[i] != NULL; i++)
    if (shelf_has (self, ids[i]))
      {
        g_autoptr (GVariant) one = describe (self, ids[i]);

        g_variant_builder_add_value (&all, one);
      }
  return_variant (task, g_variant_ref_sink (g_variant_builder_end (&all)));
}

static void
example_inspect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);

  if (check (self, task, id, options))
    return_variant (task, describe (self, id));
}

/* What is meant for this driver alone must be known to it. */
static gboolean
check_own_options (GVariant *spec, GError **error)
{
  g_autoptr (GVariant) own = thole_dict_value (spec, "backend_options", "a{sv}");

  if (own == NULL || g_variant_n_children (own) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "backend_options: this driver has none");
  return FALSE;
}

/* May be asked for twice, when the first answer was lost: then it finds what it made. */
static void
example_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autofree char *engine_id = g_strconcat ("shelf/", id, NULL);
  gboolean adopted = shelf_has (self, id);
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error) || !check_own_options (spec, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (!adopted)
    {
      g_key_file_set_string (self->shelf, id, "instance", self->instance);
      g_key_file_set_string (self->shelf, id, "role", thole_dict_string (spec, "role", "main"));
      g_key_file_set_string (self->shelf, id, "state", "created");
      if (!shelf_write (self, &error))
        {
          g_key_file_remove_group (self->shelf, id, NULL);
          g_task_return_error (task, error);
          return;
        }
    }
  return_variant (task, g_variant_ref_sink (g_variant_new_parsed ("{'engine_id': <%s>, 'adopted': <%b>}", engine_id, adopted)));
}

static void
example_start_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);

  if (!check (self, task, id, options))
    return;
  if (shelf_in_state (self, id, "running"))
    g_task_return_boolean (task, TRUE);
  else
    change_state (self, task, id, "running", "start");
}

static void
example_stop_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);

  if (!check (self, task, id, options))
    return;
  if (shelf_in_state (self, id, "running"))
    change_state (self, task, id, "exited", "exit");
  else
    g_task_return_boolean (task, TRUE);
}

/* What is not there is removed. */
static void
example_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else if (!shelf_has (self, id))
    g_task_return_boolean (task, TRUE);
  else if (shelf_in_state (self, id, "running") && !thole_dict_boolean (options, "force", FALSE))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s runs", id);
  else
    {
      g_key_file_remove_group (self->shelf, id, NULL);
      if (!shelf_write (self, &error))
        {
          g_task_return_error (task, error);
          return;
        }
      tell (self, id, "remove");
      g_task_return_boolean (task, TRUE);
    }
}

/* After a restart of the daemon: what has become of it? Never starts anything. */
static void
example_recover_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (cancellable, callback, user_data);
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else if (shelf_has (self, id))
    return_variant (task, describe (self, id));
  else
    return_variant (task, g_variant_ref_sink (g_variant_new_parsed (
                            "{'id': <%s>, 'instance': <%s>, 'engine_id': <''>, 'state': <'gone'>}", id, self->instance)));
}

/* -------------------------------------------------------------------------------------------------------------- */

static const TholeDriverOps driver = {
  .struct_size = sizeof driver,
  .open = example_open,
  .probe_async = example_probe_async,
  .probe_finish = example_probe_finish,
  .close_async = example_close_async,
  .close_finish = example_close_finish,
};

/* A pair that is left out says that the engine cannot do it: kill, pause, update, logs, stats. */
static const TholeWorkloadOps workload = {
  .struct_size = sizeof workload,
  .list_async = example_list_async,
  .list_finish = thole_finish_value,
  .inspect_async = example_inspect_async,
  .inspect_finish = thole_finish_value,
  .create_async = example_create_async,
  .create_finish = thole_finish_value,
  .start_async = example_start_async,
  .start_finish = thole_finish_boolean,
  .stop_async = example_stop_async,
  .stop_finish = thole_finish_boolean,
  .remove_async = example_remove_async,
  .remove_finish = thole_finish_boolean,
  .recover_async = example_recover_async,
  .recover_finish = thole_finish_value,
};

static const TholeInterface interfaces[] = { { "workload/1", &workload }, { NULL, NULL } };

THOLE_DRIVER_DEFINE (example, "0.1.0", &driver, interfaces)
