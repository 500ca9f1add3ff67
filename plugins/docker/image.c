/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "image/1": list, remove. pull.c holds pull.
 */
#include "image.h"

#include "convert.h"

/* list ------------------------------------------------------------------------------------------------ */

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (NULL, result, &error);
  g_auto(GVariantBuilder) images = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  for (gsize i = 0; g_variant_is_of_type (reply->json, G_VARIANT_TYPE ("av")) && i < g_variant_n_children (reply->json); i++)
    {
      g_autoptr(GVariant) entry = NULL;
      g_autoptr(GVariant) image = NULL;

      g_variant_get_child (reply->json, i, "v", &entry);
      image = docker_image_from_engine (entry);
      g_variant_builder_add_value (&images, image);
    }
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&images)), (GDestroyNotify) g_variant_unref);
}

static void
docker_images_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  DockerRequest request = { .method = "GET", .path = "/images/json", .limit = DOCKER_LIST_MAX };
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_call_async (self, &request, cancellable, on_listed, g_steal_pointer (&task));
}

/* remove ---------------------------------------------------------------------------------------------- */

static void
on_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (NULL, result, &error);

  if (reply == NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND)
      && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);
  g_task_return_boolean (task, TRUE);
}

static void
docker_image_remove_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autofree char *repository = NULL, *version = NULL, *registry = NULL, *path = NULL;
  DockerRequest request = { .method = "DELETE" };
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error)
      || !docker_reference_parse (reference, &repository, &version, &registry, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  request.path = path = g_strdup_printf ("/images/%s?force=%d", reference, thole_dict_boolean (options, "force", FALSE));
  docker_call_async (self, &request, cancellable, on_removed, g_steal_pointer (&task));
}

const TholeImageOps docker_image_ops = {
  .struct_size = sizeof docker_image_ops,
  .list_async = docker_images_async,
  .list_finish = thole_finish_value,
  .pull_async = docker_pull_async,
  .pull_finish = thole_finish_value,
  .remove_async = docker_image_remove_async,
  .remove_finish = thole_finish_boolean,
};
