/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * create: the volumes are there, make the container, write its files. A repeated create finishes a half-done one.
 */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "convert.h"
#include "lookup.h"
#include "thole-tar.h"
#include "wire.h"

#define CREATE_TIMEOUT 120.0
#define LOOKS 40
#define LOOK_PAUSE 0.05
#define FILES_MAX (64 * 1024 * 1024)

typedef struct
{
  TholeDriver *driver;
  char *id;
  GVariant *body;      /* what the engine gets */
  GPtrArray *volumes;  /* names that have to exist */
  guint checked;       /* how many of them do */
  GBytes *archive;     /* (nullable): files to be written */
  DockerAgent *agent;  /* (nullable) */
  GVariant *plain;     /* (nullable): the body without the agent's mounts */
  char *engine_id;
  gboolean adopted;
  GError *error;       /* why it is being undone, or why the name could not be had */
  guint looks;         /* how often the owner of the name was looked for */
  GSource *timer;
} Create;

static void
create_free (Create *self)
{
  thole_timer_clear (&self->timer);
  docker_driver_unref (self->driver);
  g_free (self->id);
  g_clear_pointer (&self->body, g_variant_unref);
  g_clear_pointer (&self->plain, g_variant_unref);
  g_clear_pointer (&self->agent, docker_agent_free);
  g_clear_pointer (&self->volumes, g_ptr_array_unref);
  g_clear_pointer (&self->archive, g_bytes_unref);
  g_free (self->engine_id);
  g_clear_error (&self->error);
  g_free (self);
}

/* the end --------------------------------------------------------------------------------------------- */

static void
succeed (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "engine_id", "s", self->engine_id);
  g_variant_dict_insert_value (&out, "handle",
                               g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, self->engine_id, strlen (self->engine_id), 1));
  g_variant_dict_insert (&out, "adopted", "b", self->adopted);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

static void
on_undone (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  if (reply == NULL)
    docker_log (self->driver, G_LOG_LEVEL_WARNING, "container %s stays behind: %s", self->engine_id, error->message);
  g_task_return_error (task, g_steal_pointer (&self->error));
}

/* Takes @error. */
static void
undo (GTask *task, GError *error)
{
  Create *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s?v=1&force=1", self->engine_id);
  DockerRequest request = { .method = "DELETE", .path = path };

  self->error = error;
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_undone, g_object_ref (task));
}

/* files ----------------------------------------------------------------------------------------------- */

static void
on_agent_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;

  /* without it there is no session, which is told when one is asked for */
  if (docker_upload_finish (self->driver, result, &error) || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    succeed (task);
  else
    g_task_return_error (task, g_steal_pointer (&error));
  if (error != NULL)
    docker_log (self->driver, G_LOG_LEVEL_WARNING, "workload %s has no agent: %s", self->id, error->message);
}

/* Into its volume, which works whatever the root is. */
static void
write_agent (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s/archive?path=" DOCKER_AGENT_PLACE, self->engine_id);
  g_autoptr(GBytes) archive = NULL;
  g_autoptr(GInputStream) input = NULL;
  GError *error = NULL;

  if (self->agent == NULL || self->agent->folder != NULL)
    {
      succeed (task);
      return;
    }
  archive = docker_agent_archive (self->agent, docker_now (self->driver) / G_USEC_PER_SEC, &error);
  if (archive == NULL)
    {
      docker_log (self->driver, G_LOG_LEVEL_WARNING, "workload %s has no agent: %s", self->id, error->message);
      g_error_free (error);
      succeed (task);
      return;
    }
  input = g_memory_input_stream_new_from_bytes (archive);
  docker_upload_async (self->driver, "PUT", path, input, g_task_get_cancellable (task), on_agent_written,
                       g_object_ref (task));
}

static void
on_files_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (docker_upload_finish (self->driver, result, &error))
    write_agent (task);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || self->adopted)
    g_task_return_error (task, error); /* a repetition goes on from here */
  else
    undo (task, error);
}

static void
write_files (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s/archive?path=/", self->engine_id);
  g_autoptr(GInputStream) input = NULL;

  if (self->archive == NULL)
    {
      write_agent (task);
      return;
    }
  input = g_memory_input_stream_new_from_bytes (self->archive);
  docker_upload_async (self->driver, "PUT", path, input, g_task_get_cancellable (task), on_files_written, g_object_ref (task));
}

/* the container --------------------------------------------------------------------------------------- */

static void inspect_existing (GTask *task);

static gboolean
inspect_again (gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);

  thole_timer_clear (&self->timer);
  inspect_existing (task);
  return G_SOURCE_REMOVE;
}

static void
adopt (GTask *task, GVariant *inspection)
{
  Create *self = g_task_get_task_data (task);
  g_autoptr(GVariant) state = thole_dict_value (inspection, "State", "a{sv}");

  self->adopted = TRUE;
  self->engine_id = g_strdup (thole_dict_string (inspection, "Id", ""));
  if (state != NULL && strcmp (thole_dict_string (state, "Status", ""), "created") == 0)
    write_files (task);
  else
    succeed (task);
}

static void
on_existing_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) config = reply != NULL ? thole_dict_value (reply->json, "Config", "a{sv}") : NULL;
  g_autoptr(GVariant) labels = config != NULL ? thole_dict_value (config, "Labels", "a{sv}") : NULL;

  if (reply != NULL && docker_labels_match (labels, self->driver->config->instance, self->id))
    adopt (task, reply->json);
  else if (reply != NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_EXISTS, "not ours: %s", self->error->message);
  else if (!g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    {
      /* the engine reserves a name before it shows the container */
      if (++self->looks < LOOKS)
        self->timer = docker_timer (self->driver, LOOK_PAUSE, inspect_again, task);
      if (self->timer != NULL)
        g_steal_pointer (&task);
      else
        g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_BUSY, "%s", self->error->message);
    }
  g_clear_error (&error);
}

static void
inspect_existing (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  g_autofree char *name = docker_object_name (self->driver->config->instance, self->id);
  g_autofree char *path = g_strdup_printf ("/containers/%s/json", name);
  DockerRequest request = { .method = "GET", .path = path };

  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_existing_inspected, g_object_ref (task));
}

static void make_container (GTask *task);

/* The engine does not see the folders of this machine, although its socket is here. */
static void
mount_no_agent (GTask *task)
{
  Create *self = g_task_get_task_data (task);

  g_clear_pointer (&self->agent->folder, g_free);
  g_variant_unref (self->body);
  self->body = docker_agent_body (self->agent, self->plain);
  g_clear_pointer (&self->plain, g_variant_unref);
  make_container (task);
}

static void
on_created (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_auto(GStrv) warnings = NULL;

  if (reply == NULL && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT)
      && strstr (error->message, "is already in use") != NULL)
    {
      self->error = error;
      inspect_existing (task);
      return;
    }
  if (reply == NULL && self->plain != NULL && strstr (error->message, "bind source path does not exist") != NULL)
    {
      mount_no_agent (task);
      g_error_free (error);
      return;
    }
  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->engine_id = g_strdup (thole_dict_string (reply->json, "Id", ""));
  warnings = thole_dict_strv (reply->json, "Warnings");
  for (guint i = 0; warnings[i] != NULL; i++)
    docker_log (self->driver, G_LOG_LEVEL_WARNING, "workload %s: %s", self->id, warnings[i]);
  write_files (task);
}

static void
make_container (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  g_autofree char *name = docker_object_name (self->driver->config->instance, self->id);
  g_autofree char *path = g_strconcat ("/containers/create?name=", name, NULL);
  DockerRequest request = { .method = "POST", .path = path, .body = self->body, .timeout = CREATE_TIMEOUT };

  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_created, g_object_ref (task));
}

/* the volumes ----------------------------------------------------------------------------------------- */

static void check_next_volume (GTask *task);

static void
on_volume_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Create *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) labels = reply != NULL ? thole_dict_value (reply->json, "Labels", "a{sv}") : NULL;

  if (reply == NULL)
    g_task_return_error (task, error);
  else if (!docker_labels_match (labels, self->driver->config->instance, NULL))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_EXISTS, "the volume %s is not ours",
                             (char *) self->volumes->pdata[self->checked]);
  else
    {
      self->checked++;
      check_next_volume (task);
    }
}

/* The engine would make a missing volume by itself, without our labels. */
static void
check_next_volume (GTask *task)
{
  Create *self = g_task_get_task_data (task);
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "GET" };

  if (self->checked == self->volumes->len)
    {
      make_container (task);
      return;
    }
  request.path = path = g_strconcat ("/volumes/", self->volumes->pdata[self->checked], NULL);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_volume_inspected, g_object_ref (task));
}

static GPtrArray *
volume_names (const char *instance, GVariant *spec)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; mounts != NULL && i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *volume = thole_dict_string (mount, "volume", "");

      if (volume[0] != '\0')
        g_ptr_array_add (names, docker_object_name (instance, volume));
    }
  return names;
}

/* what is asked for ----------------------------------------------------------------------------------- */

static gboolean
append_file (GByteArray *archive, const char *path, GVariant *content, guint mode, GVariant *spec, gint64 now, GError **error)
{
  g_autofree char *canonical = path[0] == '/' ? g_canonicalize_filename (path, "/") : g_strdup ("");
  gsize length = 0;
  const char *data = content != NULL ? g_variant_get_fixed_array (content, &length, 1) : NULL;
  g_auto(GStrv) owner = g_strsplit (thole_dict_string (spec, "user", ""), ":", 2);
  guint uid = owner[0] != NULL ? (guint) strtoul (owner[0], NULL, 10) : 0;
  guint gid = uid > 0 && owner[1] != NULL ? (guint) strtoul (owner[1], NULL, 10) : 0;

  if (strcmp (canonical, path) != 0 || path[1] == '\0')
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "files: \"%s\" is not a plain absolute path", path);
      return FALSE;
    }
  thole_tar_append_file (archive, &(TholeTarEntry) {
    .kind = THOLE_TAR_FILE,
    .name = path + strspn (path, "/"),
    .mode = mode,
    .uid = uid,
    .gid = gid,
    .size = length,
    .mtime = now,
  }, data);
  if (archive->len <= FILES_MAX)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "files: more than %d bytes", FILES_MAX);
  return FALSE;
}

/* Files of the spec, and secrets whose name is a path. */
static gboolean
make_archive (Create *self, GVariant *spec, GVariant *secrets, GError **error)
{
  g_autoptr(GByteArray) archive = g_byte_array_new ();
  g_autoptr(GVariant) files = thole_dict_value (spec, "files", "aa{sv}");
  gint64 now = docker_now (self->driver) / G_USEC_PER_SEC;
  GVariantIter iter;
  const char *name;
  GVariant *bytes;

  for (gsize i = 0; files != NULL && i < g_variant_n_children (files); i++)
    {
      g_autoptr(GVariant) file = g_variant_get_child_value (files, i);
      g_autoptr(GVariant) content = thole_dict_value (file, "content", "ay");

      if (!append_file (archive, thole_dict_string (file, "path", ""), content,
                        (guint) thole_dict_int (file, "mode", 0644), spec, now, error))
        return FALSE;
    }
  if (secrets != NULL)
    g_variant_iter_init (&iter, secrets);
  while (secrets != NULL && g_variant_iter_next (&iter, "{&s@ay}", &name, &bytes))
    {
      g_autoptr(GVariant) owned = bytes;

      if (name[0] == '/' && !append_file (archive, name, owned, 0400, spec, now, error))
        return FALSE;
    }
  if (archive->len == 0)
    return TRUE;
  thole_tar_append_end (archive);
  self->archive = g_byte_array_free_to_bytes (g_steal_pointer (&archive));
  return TRUE;
}

static gboolean
make_body (Create *self, GVariant *spec, GVariant *options, GVariant *secrets, GError **error)
{
  g_autoptr(GVariant) with_agent = NULL;

  self->plain = docker_container_config (self->driver->config, self->id, spec, secrets, error);
  self->agent = docker_agent_of (options);
  if (self->plain == NULL)
    return FALSE;
  if (self->agent == NULL)
    self->body = g_steal_pointer (&self->plain);
  else if (self->agent->folder == NULL)
    self->body = docker_agent_body (self->agent, self->plain);
  else
    {
      with_agent = docker_agent_spec (self->agent, spec);
      self->body = docker_container_config (self->driver->config, self->id, with_agent, secrets, error);
    }
  return self->body != NULL;
}

void
docker_create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Create *create = g_new0 (Create, 1);
  g_autoptr(GVariant) secrets = thole_dict_value (options, "secrets", "a{say}");
  GError *error = NULL;

  create->driver = docker_driver_ref (self);
  create->id = g_strdup (id);
  create->volumes = volume_names (self->config->instance, spec);
  g_task_set_task_data (task, create, (GDestroyNotify) create_free);
  if (!thole_options_check (options, NULL, &error) || !make_body (create, spec, options, secrets, &error)
      || !make_archive (create, spec, secrets, &error))
    g_task_return_error (task, error);
  else
    check_next_volume (task);
}
