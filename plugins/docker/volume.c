/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "volume/1": list, create, remove. snapshot.c holds snapshot.
 */
#include "volume.h"

#include "convert.h"

typedef struct
{
  TholeDriver *driver;
  char *id;
  char *name;    /* the engine's */
  GVariant *body; /* create: of /volumes/create */
  gboolean force;
  gboolean adopted;
} Volume;

static void
volume_free (Volume *self)
{
  docker_driver_unref (self->driver);
  g_clear_pointer (&self->body, g_variant_unref);
  g_free (self->id);
  g_free (self->name);
  g_free (self);
}

static GTask *
volume_task (TholeDriver *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = thole_task_new (cancellable, callback, user_data);
  Volume *volume = g_new0 (Volume, 1);

  volume->driver = docker_driver_ref (self);
  volume->id = g_strdup (id);
  volume->name = docker_object_name (self->config->instance, id);
  g_task_set_task_data (task, volume, (GDestroyNotify) volume_free);
  return task;
}

/* finding --------------------------------------------------------------------------------------------- */

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Volume *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) labels = reply != NULL ? thole_dict_value (reply->json, "Labels", "a{sv}") : NULL;

  if (reply == NULL)
    g_task_return_error (task, error);
  else if (!docker_labels_match (labels, self->driver->config->instance, self->id))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_EXISTS, "the volume %s is not ours", self->name);
  else
    g_task_return_pointer (task, g_variant_ref (reply->json), (GDestroyNotify) g_variant_unref);
}

void
docker_volume_find_async (TholeDriver *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data)
{
  GTask *task = volume_task (self, id, cancellable, callback, user_data);
  Volume *volume = g_task_get_task_data (task);
  g_autofree char *path = g_strconcat ("/volumes/", volume->name, NULL);
  DockerRequest request = { .method = "GET", .path = path };

  docker_call_async (self, &request, cancellable, on_found, task);
}

GVariant *
docker_volume_find_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* list ------------------------------------------------------------------------------------------------ */

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Volume *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) found = reply != NULL ? thole_dict_value (reply->json, "Volumes", "aa{sv}") : NULL;
  g_auto(GVariantBuilder) volumes = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  for (gsize i = 0; found != NULL && i < g_variant_n_children (found); i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (found, i);
      g_autoptr(GVariant) volume = docker_volume_from_engine (entry, !docker_config_is_remote (self->driver->config));

      g_variant_builder_add_value (&volumes, volume);
    }
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&volumes)), (GDestroyNotify) g_variant_unref);
}

static void
docker_volumes_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  g_autoptr(GTask) task = volume_task (self, "", cancellable, callback, user_data);
  g_autofree char *label = g_strconcat (DOCKER_LABEL_INSTANCE "=", self->config->instance, NULL);
  g_autofree char *filters = docker_filters ("label", DOCKER_LABEL_ID, label, NULL);
  g_autofree char *path = g_strconcat ("/volumes?", filters, NULL);
  DockerRequest request = { .method = "GET", .path = path, .limit = DOCKER_LIST_MAX };
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_call_async (self, &request, cancellable, on_listed, g_steal_pointer (&task));
}

/* create ---------------------------------------------------------------------------------------------- */

static void
succeed (GTask *task, GVariant *volume)
{
  Volume *self = g_task_get_task_data (task);
  g_autoptr(GVariant) ours = docker_volume_from_engine (volume, !docker_config_is_remote (self->driver->config));
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (ours);

  g_variant_dict_insert (&out, "adopted", "b", self->adopted);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

static void
on_created (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Volume *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    succeed (task, reply->json);
}

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Volume *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) volume = docker_volume_find_finish (self->driver, result, &error);
  DockerRequest request = { .method = "POST", .path = "/volumes/create", .body = self->body };

  if (volume != NULL)
    {
      self->adopted = TRUE;
      succeed (task, volume);
    }
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      g_clear_error (&error);
      docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_created, g_object_ref (task));
    }
  else
    g_task_return_error (task, error);
}

void
docker_volume_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = volume_task (self, id, cancellable, callback, user_data);
  Volume *volume = g_task_get_task_data (task);
  g_autoptr(GVariant) labels = thole_dict_value (spec, "labels", "a{ss}");
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  GError *error = NULL;

  g_variant_dict_insert (&body, "Name", "s", volume->name);
  g_variant_dict_insert (&body, "Driver", "s", "local");
  g_variant_dict_insert_value (&body, "Labels",
                               docker_labels_make (labels, self->config->instance, id, NULL, thole_dict_string (spec, "name", "")));
  volume->body = g_variant_ref_sink (g_variant_dict_end (&body));
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_volume_find_async (self, id, cancellable, on_looked_up, g_steal_pointer (&task));
}

/* remove ---------------------------------------------------------------------------------------------- */

static void
on_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Volume *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);
  g_task_return_boolean (task, TRUE);
}

static void
on_found_to_remove (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Volume *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) volume = docker_volume_find_finish (self->driver, result, &error);
  g_autofree char *path = g_strdup_printf ("/volumes/%s?force=%d", self->name, self->force);
  DockerRequest request = { .method = "DELETE", .path = path };

  if (volume != NULL)
    {
      docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_removed, g_object_ref (task));
      return;
    }
  if (!g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);
  g_task_return_boolean (task, TRUE);
}

static void
docker_volume_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = volume_task (self, id, cancellable, callback, user_data);
  Volume *volume = g_task_get_task_data (task);
  GError *error = NULL;

  volume->force = thole_dict_boolean (options, "force", FALSE);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_volume_find_async (self, id, cancellable, on_found_to_remove, g_steal_pointer (&task));
}

const TholeVolumeOps docker_volume_ops = {
  .struct_size = sizeof docker_volume_ops,
  .list_async = docker_volumes_async,
  .list_finish = thole_finish_value,
  .create_async = docker_volume_create_async,
  .create_finish = thole_finish_value,
  .snapshot_async = docker_snapshot_async,
  .snapshot_finish = thole_finish_value,
  .remove_async = docker_volume_remove_async,
  .remove_finish = thole_finish_boolean,
};
