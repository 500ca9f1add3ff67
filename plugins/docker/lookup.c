/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "lookup.h"

#include <string.h>

#include "convert.h"

/* finding --------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  char *id;
  char *handle; /* "" = none */
  gboolean by_label; /* the last way was begun */
} Find;

static void
find_free (Find *self)
{
  docker_driver_unref (self->driver);
  g_free (self->id);
  g_free (self->handle);
  g_free (self);
}

/* The handle is the engine's id; whatever else it may be is not put into a path. */
static char *
read_handle (GVariant *options)
{
  g_autoptr(GVariant) value = thole_dict_value (options, "handle", "ay");
  gsize length = 0;
  const char *data = value != NULL ? g_variant_get_fixed_array (value, &length, 1) : "";

  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isxdigit (data[i]))
      length = 0;
  return g_strndup (data, length <= 128 ? length : 0);
}

static void on_inspected (GObject *source, GAsyncResult *result, gpointer user_data);

static void
inspect (GTask *task, const char *name)
{
  Find *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/containers/%s/json", name);
  DockerRequest request = { .method = "GET", .path = path };

  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_inspected, g_object_ref (task));
}

static void
not_found (GTask *task)
{
  Find *self = g_task_get_task_data (task);

  g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "the engine has no workload %s", self->id);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Find *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) first = NULL;

  if (reply == NULL)
    g_task_return_error (task, error);
  else if (!g_variant_is_of_type (reply->json, G_VARIANT_TYPE ("av")) || g_variant_n_children (reply->json) == 0)
    not_found (task);
  else
    {
      g_variant_get_child (reply->json, 0, "v", &first);
      inspect (task, thole_dict_string (first, "Id", "-"));
    }
}

static void
list_by_label (GTask *task)
{
  Find *self = g_task_get_task_data (task);
  g_autofree char *id = g_strconcat (DOCKER_LABEL_ID "=", self->id, NULL);
  g_autofree char *instance = g_strconcat (DOCKER_LABEL_INSTANCE "=", self->driver->config->instance, NULL);
  g_autofree char *filters = docker_filters ("label", id, instance, NULL);
  g_autofree char *path = g_strconcat ("/containers/json?all=1&limit=1&", filters, NULL);
  DockerRequest request = { .method = "GET", .path = path };

  self->by_label = TRUE;
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_listed, g_object_ref (task));
}

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Find *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) config = reply != NULL ? thole_dict_value (reply->json, "Config", "a{sv}") : NULL;
  g_autoptr(GVariant) labels = config != NULL ? thole_dict_value (config, "Labels", "a{sv}") : NULL;
  gboolean ours = docker_labels_match (labels, self->driver->config->instance, self->id);

  if (reply == NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);
  if (ours)
    g_task_return_pointer (task, g_variant_ref (reply->json), (GDestroyNotify) g_variant_unref);
  else if (self->by_label)
    not_found (task);
  else
    list_by_label (task);
}

void
docker_find_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Find *find = g_new0 (Find, 1);
  g_autofree char *name = docker_object_name (self->config->instance, id);

  find->driver = docker_driver_ref (self);
  find->id = g_strdup (id);
  find->handle = read_handle (options);
  g_task_set_task_data (task, find, (GDestroyNotify) find_free);
  inspect (task, find->handle[0] != '\0' ? find->handle : name);
}

GVariant *
docker_find_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* resolving ------------------------------------------------------------------------------------------- */

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (NULL, result, &error);

  if (inspection == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_strdup (thole_dict_string (inspection, "Id", "-")), g_free);
}

void
docker_resolve_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autofree char *handle = read_handle (options);

  if (handle[0] != '\0')
    g_task_return_pointer (task, g_steal_pointer (&handle), g_free);
  else
    docker_find_async (self, id, options, cancellable, on_found, g_steal_pointer (&task));
}

char *
docker_resolve_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* acting ---------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  DockerRequest request;
  char *suffix;
} Act;

static void
act_free (Act *self)
{
  docker_driver_unref (self->driver);
  g_clear_pointer (&self->request.body, g_variant_unref);
  g_free (self->suffix);
  g_free (self);
}

static void
on_acted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  DockerReply *reply = docker_call_finish (NULL, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, reply, (GDestroyNotify) docker_reply_free);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Act *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *engine_id = docker_resolve_finish (self->driver, result, &error);
  g_autofree char *path = NULL;

  if (engine_id == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  path = g_strconcat ("/containers/", engine_id, self->suffix, NULL);
  self->request.path = path;
  docker_call_async (self->driver, &self->request, g_task_get_cancellable (task), on_acted, g_object_ref (task));
  self->request.path = NULL;
}

void
docker_act_async (TholeDriver *self, const char *id, GVariant *options, const DockerRequest *request,
                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Act *act = g_new0 (Act, 1);
  GError *error = NULL;

  act->driver = docker_driver_ref (self);
  act->request = *request;
  act->request.body = request->body != NULL ? g_variant_ref_sink (request->body) : NULL;
  act->suffix = g_strdup (request->path);
  g_task_set_task_data (task, act, (GDestroyNotify) act_free);
  if (options != NULL && !thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_resolve_async (self, id, options, cancellable, on_resolved, g_steal_pointer (&task));
}

DockerReply *
docker_act_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
