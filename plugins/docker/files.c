/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "files/1": tar streams, both ways as they come.
 */
#include "api.h"

#include "convert.h"
#include "decoded-input.h"
#include "lookup.h"
#include "wire.h"

/* Go's os.ModeDir */
#define MODE_DIRECTORY (G_GINT64_CONSTANT (1) << 31)

typedef struct
{
  TholeDriver *driver;
  char *path; /* escaped */
  char *engine_id;
  GInputStream *tar;
} Files;

static void
files_free (Files *self)
{
  docker_driver_unref (self->driver);
  g_clear_object (&self->tar);
  g_free (self->path);
  g_free (self->engine_id);
  g_free (self);
}

static void
begin (TholeDriver *self, const char *id, const char *path, GInputStream *tar, GVariant *options,
       GCancellable *cancellable, GAsyncReadyCallback on_resolved, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Files *files = g_new0 (Files, 1);
  GError *error = NULL;

  files->driver = docker_driver_ref (self);
  files->path = g_uri_escape_string (path, NULL, FALSE);
  files->tar = tar != NULL ? g_object_ref (tar) : NULL;
  g_task_set_task_data (task, files, (GDestroyNotify) files_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else if (path[0] != '/')
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not an absolute path", path);
  else
    docker_resolve_async (self, id, options, cancellable, on_resolved, g_steal_pointer (&task));
}

/* get ------------------------------------------------------------------------------------------------- */

static gboolean
pass (gpointer nothing, const guint8 *data, gsize length, GByteArray *out)
{
  g_byte_array_append (out, data, (guint) length);
  return TRUE;
}

static void
free_nothing (gpointer nothing)
{
}

/* The bytes as they are, with errors in our words. */
static const DockerDecoder plain = { .decode = pass, .free = free_nothing };

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Files *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) body = docker_stream_finish (self->driver, result, &error);
  g_autoptr(GInputStream) input = NULL;

  if (body == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  input = docker_decoded_input_new (body, &plain, NULL);
  g_task_return_pointer (task, thole_stream_new (input, NULL), g_object_unref);
}

static void
on_resolved_to_get (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Files *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "GET" };

  self->engine_id = docker_resolve_finish (self->driver, result, &error);
  if (self->engine_id == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  request.path = path = g_strdup_printf ("/containers/%s/archive?path=%s", self->engine_id, self->path);
  docker_stream_async (self->driver, &request, g_task_get_cancellable (task), on_opened, g_object_ref (task));
}

static void
docker_get_async (TholeDriver *self, const char *id, const char *path, GVariant *options, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  begin (self, id, path, NULL, options, cancellable, on_resolved_to_get, callback, user_data);
}

/* put ------------------------------------------------------------------------------------------------- */

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Files *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!docker_upload_finish (self->driver, result, &error))
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/* The header holds JSON in base64, with Go's mode bits. */
static gboolean
is_directory (const char *path_stat)
{
  gsize length = 0;
  g_autofree guchar *text = path_stat != NULL ? g_base64_decode (path_stat, &length) : NULL;
  g_autoptr(GVariant) json = text != NULL ? thole_json_parse ((const char *) text, length, NULL) : NULL;

  return json != NULL
         && ((thole_dict_int (json, "mode", 0) & MODE_DIRECTORY) != 0 || thole_dict_string (json, "linkTarget", "")[0] != '\0');
}

static void
on_target_known (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Files *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autofree char *path = NULL;

  if (reply == NULL)
    {
      /* an answer to HEAD has no text */
      if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
        {
          g_clear_error (&error);
          error = g_error_new (THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "there is no such workload, or no such folder in it");
        }
      g_task_return_error (task, error);
      return;
    }
  if (!is_directory (reply->path_stat))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "the target is not a folder");
      return;
    }
  path = g_strdup_printf ("/containers/%s/archive?path=%s", self->engine_id, self->path);
  docker_upload_async (self->driver, "PUT", path, self->tar, g_task_get_cancellable (task), on_written, g_object_ref (task));
}

static void
on_resolved_to_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Files *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "HEAD" };

  self->engine_id = docker_resolve_finish (self->driver, result, &error);
  if (self->engine_id == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* what is wrong with the target is known before the first byte is sent */
  request.path = path = g_strdup_printf ("/containers/%s/archive?path=%s", self->engine_id, self->path);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_target_known, g_object_ref (task));
}

static void
docker_put_async (TholeDriver *self, const char *id, const char *path, GInputStream *tar, GVariant *options,
                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  begin (self, id, path, tar, options, cancellable, on_resolved_to_put, callback, user_data);
}

const TholeFilesOps docker_files_ops = {
  .struct_size = sizeof docker_files_ops,
  .get_async = docker_get_async,
  .get_finish = thole_finish_stream,
  .put_async = docker_put_async,
  .put_finish = thole_finish_boolean,
};
