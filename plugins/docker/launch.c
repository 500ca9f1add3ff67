/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "launch.h"

#include "api.h"

typedef struct
{
  TholeDriver *driver;
  gboolean tty;
  char *exec_id;
} Launch;

static void
launch_free (Launch *self)
{
  docker_driver_unref (self->driver);
  g_free (self->exec_id);
  g_free (self);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Launch *self = g_task_get_task_data (task);
  GError *error = NULL;
  DockerWire *wire = docker_wire_finish (self->driver, result, &error);

  if (wire == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, wire, (GDestroyNotify) docker_wire_free);
}

static void
on_made (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Launch *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *path = NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->exec_id = g_strdup (thole_dict_string (reply->json, "Id", "-"));
  path = g_strdup_printf ("/exec/%s/start", self->exec_id);
  g_variant_dict_insert (&body, "Detach", "b", FALSE);
  g_variant_dict_insert (&body, "Tty", "b", self->tty);
  docker_hijack_async (self->driver, path, g_variant_dict_end (&body), g_task_get_cancellable (task), on_started,
                       g_object_ref (task));
}

void
docker_launch_async (TholeDriver *self, const char *engine_id, GVariant *body, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GVariant) owned = g_variant_ref_sink (body);
  g_autofree char *path = g_strdup_printf ("/containers/%s/exec", engine_id);
  DockerRequest request = { .method = "POST", .path = path, .body = owned };
  Launch *launch = g_new0 (Launch, 1);

  launch->driver = docker_driver_ref (self);
  launch->tty = thole_dict_boolean (owned, "Tty", FALSE);
  g_task_set_task_data (task, launch, (GDestroyNotify) launch_free);
  docker_call_async (self, &request, cancellable, on_made, g_steal_pointer (&task));
}

DockerWire *
docker_launch_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error)
{
  DockerWire *wire = g_task_propagate_pointer (G_TASK (result), error);
  Launch *launch = g_task_get_task_data (G_TASK (result));

  if (wire != NULL && exec_id != NULL)
    *exec_id = g_strdup (launch->exec_id);
  return wire;
}
