/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * snapshot: the engine cannot copy a volume. Two containers that never run mount one volume each, and the archive of the one is
 * unpacked in the other; nothing is kept in between. Two, because the engine locks a container while its archive is read.
 */
#include "volume.h"

#include <string.h>

#include "convert.h"
#include "thole-tar.h"
#include "wire.h"

#define MOUNT_POINT "/volume"
#define EMPTY_REPOSITORY "thole-empty"
#define EMPTY_IMAGE EMPTY_REPOSITORY ":1"

typedef struct
{
  TholeDriver *driver;
  char *volumes[2];    /* the engine's names of the source and the copy */
  char *copiers[2];    /* the names of the containers that mount them */
  guint made;          /* how many of them were made */
  guint removing;      /* how many are still to be removed */
  char *snapshot;      /* Thole's id of the copy */
  GVariant *volume;    /* the copy, what is returned */
  GError *error;       /* why it failed, while the container goes */
  gboolean answered;   /* cancelled: nobody waits any more */
  guint retries;       /* containers that were left behind and removed */
  gboolean image_made;
} Snapshot;

static void
snapshot_free (Snapshot *self)
{
  docker_driver_unref (self->driver);
  for (guint i = 0; i < 2; i++)
    {
      g_free (self->volumes[i]);
      g_free (self->copiers[i]);
    }
  g_free (self->snapshot);
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

  if (reply == NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    docker_log (self->driver, G_LOG_LEVEL_WARNING, "a container of the copy %s stays behind: %s", self->volumes[1],
                error->message);
  if (--self->removing > 0 || self->answered)
    return;
  if (self->error != NULL)
    g_task_return_error (task, g_steal_pointer (&self->error));
  else
    g_task_return_pointer (task, g_variant_ref (self->volume), (GDestroyNotify) g_variant_unref);
}

static void
remove_copier (GTask *task, guint which, GAsyncReadyCallback callback)
{
  Snapshot *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s?force=1", self->copiers[which]);
  DockerRequest request = { .method = "DELETE", .path = path };

  docker_call_async (self->driver, &request, NULL, callback, g_object_ref (task));
}

/* Takes @error, NULL = success. */
static void
finish (GTask *task, GError *error)
{
  Snapshot *self = g_task_get_task_data (task);

  /* nobody waits for the cleaning when it was cancelled */
  self->answered = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  if (self->answered)
    g_task_return_error (task, error);
  else
    self->error = error;
  self->removing = 2;
  for (guint i = 0; i < 2; i++)
    remove_copier (task, i, on_copier_removed);
}

/* copying --------------------------------------------------------------------------------------------- */

static void
on_copied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  docker_upload_finish (NULL, result, &error);
  finish (task, error);
}

static void
on_archive (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) archive = docker_stream_finish (self->driver, result, &error);
  g_autofree char *path = g_strdup_printf ("/containers/%s/archive?path=/", self->copiers[1]);

  if (archive == NULL)
    finish (task, error);
  else
    docker_upload_async (self->driver, "PUT", path, archive, g_task_get_cancellable (task), on_copied, g_object_ref (task));
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
  g_autofree char *path = g_strdup_printf ("/containers/%s/archive?path=" MOUNT_POINT, self->copiers[0]);
  DockerRequest request = { .method = "GET", .path = path };

  if (reply != NULL && ++self->made < 2)
    make_copier (task);
  else if (reply != NULL)
    docker_stream_async (self->driver, &request, g_task_get_cancellable (task), on_archive, g_object_ref (task));
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT) && self->retries++ < 2)
    {
      /* one was left behind by a copy that was cut off */
      g_error_free (error);
      remove_copier (task, self->made, on_left_behind_removed);
    }
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND) && !self->image_made)
    {
      g_error_free (error);
      self->image_made = TRUE;
      make_image (task);
    }
  else
    finish (task, error);
}

static void
make_copier (GTask *task)
{
  Snapshot *self = g_task_get_task_data (task);
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) host = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) labels = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) mount = G_VARIANT_DICT_INIT (NULL);
  GVariant *mounts;
  g_autofree char *path = g_strconcat ("/containers/create?name=", self->copiers[self->made], NULL);
  DockerRequest request = { .method = "POST", .path = path };

  g_variant_dict_insert (&mount, "Type", "s", "volume");
  g_variant_dict_insert (&mount, "Source", "s", self->volumes[self->made]);
  g_variant_dict_insert (&mount, "Target", "s", MOUNT_POINT);
  mounts = g_variant_dict_end (&mount);
  g_variant_dict_insert_value (&host, "Mounts", g_variant_new_array (G_VARIANT_TYPE_VARDICT, &mounts, 1));
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

  if (!docker_upload_finish (NULL, result, &error))
    finish (task, error);
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

  thole_tar_append_end (archive);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&archive));
  input = g_memory_input_stream_new_from_bytes (bytes);
  docker_upload_async (self->driver, "POST", "/images/create?fromSrc=-&repo=" EMPTY_REPOSITORY "&tag=1", input,
                       g_task_get_cancellable (task), on_image_made, g_object_ref (task));
}

/* the volumes ----------------------------------------------------------------------------------------- */

static void
on_target_made (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Snapshot *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->volume = thole_finish_value (self->driver, result, &error);
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
  data->volumes[0] = docker_object_name (self->config->instance, id);
  data->volumes[1] = docker_object_name (self->config->instance, snapshot);
  data->copiers[0] = g_strconcat (data->volumes[1], "-from", NULL);
  data->copiers[1] = g_strconcat (data->volumes[1], "-to", NULL);
  data->snapshot = g_strdup (snapshot);
  g_task_set_task_data (task, data, (GDestroyNotify) snapshot_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_volume_find_async (self, id, cancellable, on_source_found, g_steal_pointer (&task));
}
