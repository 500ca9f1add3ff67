/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * snapshot: the engine cannot copy a volume. A container that never runs mounts both, and its archive of the one is unpacked into
 * the other; nothing is kept in between.
 */
#include "volume.h"

#include <string.h>

#include "convert.h"
#include "tar.h"

#define EMPTY_REPOSITORY "thole-empty"
#define EMPTY_IMAGE EMPTY_REPOSITORY ":1"
#define COPY_IDLE_TIMEOUT 300.0

typedef struct
{
  TholeDriver *driver;
  char *from, *to;     /* the engine's names */
  char *snapshot;      /* Thole's id of the copy */
  char *copier;        /* the container's name */
  GVariant *volume;    /* the copy, what is returned */
  GError *error;       /* why it failed, while the container goes */
  gboolean answered;   /* cancelled: nobody waits any more */
  gboolean retried;    /* a container that was left behind was removed */
  gboolean image_made;
} Snapshot;

static void
snapshot_free (Snapshot *self)
{
  docker_driver_unref (self->driver);
  g_free (self->from);
  g_free (self->to);
  g_free (self->snapshot);
  g_free (self->copier);
  g_clear_pointer (&self->volume, g_variant_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void make_image (GTask *task);

/* the end --------------------------------------------------------------------------------------------- */

static void
on_copier_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL)
    docker_log (self->driver, G_LOG_LEVEL_WARNING, "container %s stays behind: %s", self->copier, error->message);
  if (self->answered)
    return;
  if (self->error != NULL)
    g_task_return_error (task, g_steal_pointer (&self->error));
  else
    g_task_return_pointer (task, g_variant_ref (self->volume), (GDestroyNotify) g_variant_unref);
}

static void
remove_copier (GTask *task, GAsyncReadyCallback callback)
{
  Snapshot *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s?force=1", self->copier);
  DockerRequest request = { .method = "DELETE", .path = path };

  docker_call_async (self->driver, &request, NULL, callback, g_object_ref (task));
}

/* Takes @error. */
static void
give_up (GTask *task, GError *error)
{
  Snapshot *self = g_task_get_task_data (task);

  self->answered = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  if (self->answered)
    g_task_return_error (task, error);
  else
    self->error = error;
  remove_copier (task, on_copier_removed);
}

/* copying --------------------------------------------------------------------------------------------- */

static void
on_copied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL)
    give_up (task, error);
  else
    remove_copier (task, on_copier_removed);
}

static void
on_archive (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) archive = docker_stream_finish (self->driver, result, &error);
  g_autofree char *path = g_strdup_printf ("/containers/%s/archive?path=/to", self->copier);
  DockerRequest request = { .method = "PUT", .path = path, .upload = archive, .timeout = COPY_IDLE_TIMEOUT };

  if (archive == NULL)
    give_up (task, error);
  else
    docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_copied, g_object_ref (task));
}

static void make_copier (GTask *task);

static void
on_left_behind_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  g_autoptr(DockerReply) reply = docker_call_finish (NULL, result, NULL);

  make_copier (task);
}

static void
on_copier_made (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autofree char *path = g_strdup_printf ("/containers/%s/archive?path=/from/.", self->copier);
  DockerRequest request = { .method = "GET", .path = path };

  if (reply != NULL)
    docker_stream_async (self->driver, &request, g_task_get_cancellable (task), on_archive, g_object_ref (task));
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT) && !self->retried)
    {
      g_error_free (error);
      self->retried = TRUE;
      remove_copier (task, on_left_behind_removed);
    }
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND) && !self->image_made)
    {
      g_error_free (error);
      self->image_made = TRUE;
      make_image (task);
    }
  else
    g_task_return_error (task, error);
}

static void
add_mount (GVariantBuilder *mounts, const char *volume, const char *target, gboolean read_only)
{
  g_auto(GVariantDict) mount = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&mount, "Type", "s", "volume");
  g_variant_dict_insert (&mount, "Source", "s", volume);
  g_variant_dict_insert (&mount, "Target", "s", target);
  g_variant_dict_insert (&mount, "ReadOnly", "b", read_only);
  g_variant_builder_add_value (mounts, g_variant_dict_end (&mount));
}

static void
make_copier (GTask *task)
{
  Snapshot *self = g_task_get_task_data (task);
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) host = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) labels = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantBuilder) mounts = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_autofree char *path = g_strconcat ("/containers/create?name=", self->copier, NULL);
  DockerRequest request = { .method = "POST", .path = path };

  add_mount (&mounts, self->from, "/from", TRUE);
  add_mount (&mounts, self->to, "/to", FALSE);
  g_variant_dict_insert_value (&host, "Mounts", g_variant_builder_end (&mounts));
  g_variant_dict_insert (&host, "NetworkMode", "s", "none");
  /* no id: it is no workload */
  g_variant_dict_insert (&labels, DOCKER_LABEL_INSTANCE, "s", self->driver->config->instance);
  g_variant_dict_insert (&labels, DOCKER_LABEL_ROLE, "s", "copy");
  g_variant_dict_insert (&body, "Image", "s", EMPTY_IMAGE);
  g_variant_dict_insert_value (&body, "Cmd", g_variant_new_strv ((const char *const[]){ "/never" }, 1));
  g_variant_dict_insert_value (&body, "Labels", g_variant_dict_end (&labels));
  g_variant_dict_insert_value (&body, "HostConfig", g_variant_dict_end (&host));
  request.body = g_variant_dict_end (&body);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_copier_made, g_object_ref (task));
}

/* the image: an archive without a member --------------------------------------------------------------- */

static void
on_image_made (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (NULL, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    make_copier (task);
}

static void
make_image (GTask *task)
{
  Snapshot *self = g_task_get_task_data (task);
  g_autoptr(GByteArray) archive = g_byte_array_new ();
  g_autoptr(GInputStream) input = NULL;
  g_autoptr(GBytes) bytes = NULL;
  DockerRequest request = { .method = "POST", .path = "/images/create?fromSrc=-&repo=" EMPTY_REPOSITORY "&tag=1" };

  docker_tar_end (archive);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&archive));
  request.upload = input = g_memory_input_stream_new_from_bytes (bytes);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_image_made, g_object_ref (task));
}

/* the volumes ----------------------------------------------------------------------------------------- */

static void
on_target_made (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->volume = docker_value_finish (self->driver, result, &error);
  if (self->volume == NULL)
    g_task_return_error (task, error);
  else
    make_copier (task);
}

static void
on_source_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) volume = docker_volume_find_finish (self->driver, result, &error);
  g_autoptr(GVariant) ours = volume != NULL ? docker_volume_from_engine (volume, FALSE) : NULL;
  g_autoptr(GVariant) labels = ours != NULL ? thole_dict_value (ours, "labels", "a{ss}") : NULL;
  g_autoptr(GVariant) options = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  g_autoptr(GVariant) spec = NULL;
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  if (volume == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_dict_insert (&dict, "name", "s", thole_dict_string (ours, "name", ""));
  g_variant_dict_insert_value (&dict, "labels", labels);
  spec = g_variant_ref_sink (g_variant_dict_end (&dict));
  docker_volume_create_async (self->driver, self->snapshot, spec, options, g_task_get_cancellable (task), on_target_made,
                              g_object_ref (task));
}

void
docker_snapshot_async (TholeDriver *self, const char *id, const char *snapshot, GVariant *options,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Snapshot *data = g_new0 (Snapshot, 1);
  GError *error = NULL;

  data->driver = docker_driver_ref (self);
  data->from = docker_object_name (self->config->instance, id);
  data->to = docker_object_name (self->config->instance, snapshot);
  data->snapshot = g_strdup (snapshot);
  data->copier = g_strconcat (data->to, "-copy", NULL);
  g_task_set_task_data (task, data, (GDestroyNotify) snapshot_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_volume_find_async (self, id, cancellable, on_source_found, g_steal_pointer (&task));
}
