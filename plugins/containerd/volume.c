/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "volume/1".
 */
#include "volume.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "cni.h"
#include "place.h"
#include "thing.h"

#define COPY_SECONDS 570.0
#define REMOVE_SECONDS 110.0
#define USED "volumes"   /* beside a container */
#define GONE ".gone-"    /* a folder that is being removed */
#define COPY ".copy-"    /* one that is being filled */

typedef struct
{
  CtrJob job;
  char *id, *folder, *name;
  GVariant *labels;
} Volume;

static void
volume_clear (gpointer data)
{
  Volume *self = data;

  g_free (self->id);
  g_free (self->folder);
  g_free (self->name);
  g_clear_pointer (&self->labels, g_variant_unref);
}

/* folders --------------------------------------------------------------------------------------------- */

static char *
folder_of (TholeDriver *driver, const char *id, const char *part)
{
  g_autofree char *name = ctr_thing_name (driver->config->instance, id);

  return g_build_filename (driver->config->state_dir, "volumes", name, part, NULL);
}

/* @word: COPY or GONE */
static char *
unused_folder (TholeDriver *driver, const char *word)
{
  return g_strdup_printf ("%s/volumes/%s%" G_GINT64_FORMAT "-%u", driver->config->state_dir, word, ctr_now (driver), driver->serial++);
}

static GTask *
volume_new (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  GTask *task = ctr_job_new (self, sizeof (Volume), volume_clear, options, cancellable, callback, user_data);
  Volume *volume = task != NULL ? g_task_get_task_data (task) : NULL;

  if (volume == NULL)
    return NULL;
  volume->id = g_strdup (id);
  volume->folder = folder_of (self, id, NULL);
  return task;
}

/* Returns: (transfer full) (nullable): what the file says */
static GVariant *
read_volume (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "volume", NULL), *text = NULL;
  g_autoptr(GVariant) json = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return NULL;
  json = thole_json_parse (text, length, NULL);
  return json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT) ? g_steal_pointer (&json) : NULL;
}

static GVariant *
show (TholeDriver *driver, const char *folder, GVariant *file)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *data = g_build_filename (folder, "data", NULL), *base = g_path_get_basename (folder);
  g_autoptr(GVariant) labels = thole_dict_value (file, "labels", "a{ss}");

  g_variant_dict_insert (&out, "id", "s", thole_dict_string (file, "id", ""));
  g_variant_dict_insert (&out, "engine_id", "s", base);
  g_variant_dict_insert (&out, "name", "s", thole_dict_string (file, "name", ""));
  g_variant_dict_insert_value (&out, "labels", labels != NULL ? labels : g_variant_new_array (G_VARIANT_TYPE ("{ss}"), NULL, 0));
  g_variant_dict_insert (&out, "created_at", "x", thole_dict_int (file, "created_at", 0));
  g_variant_dict_insert (&out, "mountpoint", "s", data);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

/* What a thread writes, for it waits for the disk. */
typedef struct
{
  char *data;         /* (nullable): a folder that is made before */
  char *path, *text;
  GTask *task;
  CtrNext next;
} Disk;

static void
disk_free (gpointer data)
{
  Disk *self = data;

  g_free (self->data);
  g_free (self->path);
  g_free (self->text);
  g_object_unref (self->task);
  g_free (self);
}

static gboolean
disk_write (Disk *self, GError **error)
{
  g_autoptr(GError) wrong = NULL;
  gboolean made = self->data == NULL || (g_mkdir_with_parents (self->data, 0700) == 0 && g_chmod (self->data, 0755) == 0);

  if (!made)
    g_set_error (error, THOLE_ERROR, errno == ENOSPC || errno == EDQUOT ? THOLE_ERROR_LIMIT : THOLE_ERROR_FAILED, "%s: %s", self->data,
                 g_strerror (errno));
  else if (!g_file_set_contents_full (self->path, self->text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &wrong))
    g_set_error_literal (error, THOLE_ERROR, g_error_matches (wrong, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? THOLE_ERROR_LIMIT : THOLE_ERROR_FAILED,
                         wrong->message);
  return made && wrong == NULL;
}

static void
disk_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (disk_write (data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_disk (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Disk *self = g_task_get_task_data (G_TASK (result));
  g_autoptr(GError) error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  self->next (self->task, NULL, error);
}

/* With its folder of data, when that is to be made. Whoever finds the file finds a whole volume. Goes on with @next for @task, also when
 * that was given up. */
static void
write_volume (Volume *self, gboolean make, GTask *task, CtrNext next)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) whole = NULL;
  g_autoptr(GTask) working = g_task_new (NULL, NULL, on_disk, NULL);
  Disk *disk = g_new0 (Disk, 1);

  g_variant_dict_insert (&dict, "id", "s", self->id);
  g_variant_dict_insert (&dict, "name", "s", self->name != NULL ? self->name : "");
  if (self->labels != NULL)
    g_variant_dict_insert_value (&dict, "labels", self->labels);
  g_variant_dict_insert (&dict, "created_at", "x", ctr_now (self->job.driver));
  whole = g_variant_ref_sink (g_variant_dict_end (&dict));
  disk->data = make ? g_build_filename (self->folder, "data", NULL) : NULL;
  disk->path = g_build_filename (self->folder, "volume", NULL);
  disk->text = thole_json_to_string (whole);
  disk->task = g_object_ref (task);
  disk->next = next;
  g_task_set_task_data (working, disk, disk_free);
  g_task_run_in_thread (working, disk_in_thread);
}

static void
fail_with (GTask *task, const char *path, int number)
{
  g_task_return_new_error (task, THOLE_ERROR, number == ENOSPC || number == EDQUOT ? THOLE_ERROR_LIMIT : THOLE_ERROR_FAILED, "%s: %s", path,
                           g_strerror (number));
}

static void
return_volume (GTask *task, gboolean adopted)
{
  Volume *self = g_task_get_task_data (task);
  g_autoptr(GVariant) file = read_volume (self->folder), shown = NULL;
  g_auto(GVariantDict) out = { 0 };

  if (file == NULL)
    {
      fail_with (task, self->folder, EIO);
      return;
    }
  shown = show (self->job.driver, self->folder, file);
  g_variant_dict_init (&out, shown);
  g_variant_dict_insert (&out, "adopted", "b", adopted);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

/* list and create ------------------------------------------------------------------------------------- */

static void
volume_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (CtrJob), NULL, options, cancellable, callback, user_data);
  g_autofree char *folder = g_build_filename (self->config->state_dir, "volumes", NULL);
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  g_auto(GVariantBuilder) out = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  const char *name;

  if (task == NULL)
    return;
  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr(GVariant) file = ctr_thing_is_ours (self, name) ? read_volume (path) : NULL, shown = NULL;

      if (file == NULL)
        continue;
      shown = show (self, path, file);
      g_variant_builder_add_value (&out, shown);
    }
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&out)), (GDestroyNotify) g_variant_unref);
}

static void
on_created (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    return_volume (task, FALSE);
}

static void
volume_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = volume_new (self, id, options, cancellable, callback, user_data);
  Volume *volume = task != NULL ? g_task_get_task_data (task) : NULL;
  g_autoptr(GVariant) own = thole_dict_value (spec, "backend_options", "a{sv}"), file = NULL;

  if (volume == NULL)
    return;
  file = read_volume (volume->folder);
  volume->name = g_strdup (thole_dict_string (spec, "name", ""));
  volume->labels = thole_dict_value (spec, "labels", "a{ss}");
  if (own != NULL && g_variant_n_children (own) > 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "backend_options: volumes have none");
  else if (file != NULL)
    return_volume (task, TRUE);
  else
    write_volume (volume, TRUE, task, on_created);
}

/* snapshot -------------------------------------------------------------------------------------------- */

/* The copy is a job of its own: its end comes when that of the program does, even when nobody waits for it any more. */
typedef struct
{
  Volume volume; /* its folder is the unfinished one */
  GTask *outer;
  CtrWait *wait;
} Copy;

static void
copy_clear (gpointer data)
{
  Copy *self = data;

  self->volume.job.driver->copies--;
  g_clear_object (&self->outer);
  volume_clear (data);
}

static void
on_swept (GTask *task, gpointer value, GError *error)
{
  g_task_return_boolean (task, TRUE);
}

/* In the background. */
static void
sweep (TholeDriver *driver, const char *path)
{
  g_autoptr(GTask) task = ctr_job_new (driver, sizeof (CtrJob), NULL, NULL, NULL, NULL, NULL);

  ctr_cni_run (task, (const char *const[]){ "rm", "-rf", "--", path, NULL }, REMOVE_SECONDS, NULL, on_swept);
}

/* Makes the unfinished folder the volume, unless somebody else did meanwhile. */
static void
settle (Copy *self, GError **error)
{
  Volume *whole = g_task_get_task_data (self->outer);
  g_autoptr(GVariant) there = read_volume (whole->folder);
  g_autofree char *gone = unused_folder (whole->job.driver, GONE);

  /* half a one, which an earlier version left */
  if (there == NULL && g_rename (whole->folder, gone) == 0)
    sweep (whole->job.driver, gone);
  if (there == NULL && g_rename (self->volume.folder, whole->folder) < 0)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", whole->folder, g_strerror (errno));
}

static void
on_settled (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    return_volume (task, FALSE);
}

static void
on_noted (GTask *task, gpointer value, GError *error)
{
  Copy *self = g_task_get_task_data (task);
  g_autoptr(GError) wrong = error != NULL ? g_error_copy (error) : NULL;

  if (error == NULL && !ctr_wait_is_over (self->wait))
    settle (self, &wrong);
  if (g_file_test (self->volume.folder, G_FILE_TEST_EXISTS))
    sweep (self->volume.job.driver, self->volume.folder);
  ctr_wait_end (g_steal_pointer (&self->wait), NULL, wrong);
  g_task_return_boolean (task, TRUE);
}

static void
on_copied (GTask *task, gpointer value, GError *error)
{
  Copy *self = g_task_get_task_data (task);

  if (error == NULL && !ctr_wait_is_over (self->wait))
    write_volume (&self->volume, FALSE, task, on_noted);
  else
    on_noted (task, value, error);
}

static void
copy (GTask *task, GVariant *file, const char *from)
{
  Volume *volume = g_task_get_task_data (task);
  TholeDriver *driver = volume->job.driver;
  g_autoptr(GTask) inner = ctr_job_new (driver, sizeof (Copy), copy_clear, NULL, NULL, NULL, NULL);
  Copy *self = g_task_get_task_data (inner);
  g_autofree char *to = NULL;

  driver->copies++;
  self->outer = g_object_ref (task);
  self->wait = ctr_wait_new (task, on_settled);
  self->volume.id = g_strdup (volume->id);
  self->volume.folder = unused_folder (driver, COPY);
  self->volume.name = g_strdup (thole_dict_string (file, "name", ""));
  self->volume.labels = thole_dict_value (file, "labels", "a{ss}");
  to = g_build_filename (self->volume.folder, "data", NULL);
  if (g_mkdir_with_parents (to, 0700) < 0)
    {
      g_autoptr(GError) error = g_error_new (THOLE_ERROR, errno == ENOSPC ? THOLE_ERROR_LIMIT : THOLE_ERROR_FAILED, "%s: %s", to,
                                             g_strerror (errno));

      on_copied (inner, NULL, error);
      return;
    }
  /* with everything that files have */
  ctr_cni_run (inner, (const char *const[]){ "cp", "-a", "--reflink=auto", "--", from, to, NULL }, COPY_SECONDS,
               g_task_get_cancellable (task), on_copied);
}

static void
volume_snapshot_async (TholeDriver *self, const char *id, const char *snapshot, GVariant *options, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = volume_new (self, snapshot, options, cancellable, callback, user_data);
  Volume *volume = task != NULL ? g_task_get_task_data (task) : NULL;
  g_autofree char *source = folder_of (self, id, NULL), *from = folder_of (self, id, "data/.");
  g_autoptr(GVariant) file = read_volume (source), there = NULL;

  if (volume == NULL)
    return;
  there = read_volume (volume->folder);
  if (file == NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "there is no volume %s", id);
  else if (there != NULL)
    return_volume (task, TRUE);
  else
    copy (task, file, from);
}

/* use and removal ------------------------------------------------------------------------------------- */

static gboolean
is_used (TholeDriver *driver, const char *id)
{
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "containers", NULL);
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *path = ctr_place_path (driver, name, USED), *text = NULL;
      g_auto(GStrv) lines = g_file_get_contents (path, &text, NULL, NULL) ? g_strsplit (text, "\n", -1) : NULL;

      if (lines != NULL && g_strv_contains ((const char *const *) lines, id))
        return TRUE;
    }
  return FALSE;
}

static void
on_gone (GTask *task, gpointer value, GError *error)
{
  /* what has begun goes on, and the next start of the daemon looks for it, too */
  if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
volume_remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = volume_new (self, id, options, cancellable, callback, user_data);
  Volume *volume = task != NULL ? g_task_get_task_data (task) : NULL;
  g_autofree char *gone = NULL;

  if (volume == NULL)
    return;
  gone = unused_folder (self, GONE);
  if (is_used (self, id))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "the volume %s is in use", id);
  else if (g_rename (volume->folder, gone) == 0)
    ctr_cni_run (task, (const char *const[]){ "rm", "-rf", "--", gone, NULL }, REMOVE_SECONDS, NULL, on_gone);
  else if (errno == ENOENT)
    g_task_return_boolean (task, TRUE);
  else
    fail_with (task, volume->folder, errno);
}

void
ctr_volumes_sweep (TholeDriver *driver)
{
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "volumes", NULL);
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    /* an unfinished one is somebody's who was killed, unless one is under way here */
    if (g_str_has_prefix (name, GONE) || (driver->copies == 0 && g_str_has_prefix (name, COPY)))
      {
        g_autofree char *path = g_build_filename (folder, name, NULL);

        sweep (driver, path);
      }
}

/* for workloads --------------------------------------------------------------------------------------- */

static GVariant *
resolve_one (TholeDriver *driver, GVariant *mount, GError **error)
{
  const char *id = thole_dict_string (mount, "volume", "");
  g_autofree char *folder = folder_of (driver, id, NULL), *data = g_build_filename (folder, "data", NULL);
  g_autoptr(GVariant) file = id[0] != '\0' ? read_volume (folder) : NULL;
  g_auto(GVariantDict) out = { 0 };

  if (id[0] == '\0')
    return g_variant_ref (mount);
  if (file == NULL || thole_dict_string (mount, "source", "")[0] != '\0')
    {
      g_set_error (error, THOLE_ERROR, file == NULL ? THOLE_ERROR_NOT_FOUND : THOLE_ERROR_INVALID, file == NULL ? "mounts: there is no volume \"%s\""
                                                                         : "mounts: volume \"%s\" beside a source", id);
      return NULL;
    }
  g_variant_dict_init (&out, mount);
  g_variant_dict_insert (&out, "source", "s", data);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GVariant *
ctr_volumes_resolve (TholeDriver *driver, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_auto(GVariantDict) out = { 0 };

  if (mounts == NULL)
    return g_variant_ref (spec);
  for (gsize i = 0; i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);
      g_autoptr(GVariant) resolved = resolve_one (driver, mount, error);

      if (resolved == NULL)
        return NULL;
      g_variant_builder_add_value (&list, resolved);
    }
  g_variant_dict_init (&out, spec);
  g_variant_dict_insert_value (&out, "mounts", g_variant_builder_end (&list));
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

gboolean
ctr_volumes_note (TholeDriver *driver, const char *container, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  g_autofree char *path = ctr_place_path (driver, container, USED);
  g_autoptr(GString) lines = g_string_new (NULL);
  g_autoptr(GError) wrong = NULL;

  for (gsize i = 0; mounts != NULL && i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *id = thole_dict_string (mount, "volume", "");

      if (id[0] != '\0')
        g_string_append_printf (lines, "%s\n", id);
    }
  if (lines->len == 0 || g_file_set_contents (path, lines->str, (gssize) lines->len, &wrong))
    return TRUE;
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, wrong->message);
  return FALSE;
}

const TholeVolumeOps ctr_volume_ops = {
  .struct_size = sizeof ctr_volume_ops,
  .list_async = volume_list_async,
  .list_finish = thole_finish_value,
  .create_async = volume_create_async,
  .create_finish = thole_finish_value,
  .snapshot_async = volume_snapshot_async,
  .snapshot_finish = thole_finish_value,
  .remove_async = volume_remove_async,
  .remove_finish = thole_finish_boolean,
};
