/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "image/1": list and remove; and how an image is read. pull.c gets one.
 */
#include "image.h"

#include <string.h>

#include "content.h"

/* load ------------------------------------------------------------------------------------------------ */

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  char *name, *digest;
  GVariant *manifest;
  gboolean in_index;
} Load;

static void
load_clear (gpointer data)
{
  Load *self = data;

  g_object_unref (self->outer);
  g_free (self->name);
  g_free (self->digest);
  g_clear_pointer (&self->manifest, g_variant_unref);
}

static void
load_end (GTask *task, CtrImage *image, const GError *error)
{
  Load *self = g_task_get_task_data (task);
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;

  if (ctr_is (own, THOLE_ERROR_NOT_FOUND))
    {
      g_clear_error (&own);
      own = g_error_new (THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND, "no such image: %s", self->name);
    }
  self->next (self->outer, own == NULL ? image : NULL, own);
  g_task_return_boolean (task, TRUE);
}

static GVariant *
parse (GBytes *bytes, GError **error)
{
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);
  g_autoptr(GVariant) json = thole_json_parse (text, length, error);

  if (json != NULL && !g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, "a document of an image is no object");
      return NULL;
    }
  return g_steal_pointer (&json);
}

static void
on_config (GTask *task, gpointer value, GError *error)
{
  Load *self = g_task_get_task_data (task);
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;
  g_autoptr(GVariant) config = value != NULL ? parse (value, &own) : NULL;
  g_autoptr(CtrImage) image = config != NULL ? ctr_image_new (self->name, self->digest, self->manifest, config, &own) : NULL;

  load_end (task, image, own);
}

static void
on_manifest (GTask *task, gpointer value, GError *error)
{
  Load *self = g_task_get_task_data (task);
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;
  g_autoptr(GVariant) document = value != NULL ? parse (value, &own) : NULL;
  g_autoptr(GVariant) descriptor = document != NULL ? thole_dict_value (document, "config", "a{sv}") : NULL;
  g_autofree char *chosen = NULL;

  if (document == NULL)
    {
      load_end (task, NULL, own);
      return;
    }
  if (!self->in_index && ctr_is_index (document))
    {
      self->in_index = TRUE;
      chosen = ctr_index_choose (document, ctr_architecture ());
    }
  if (chosen != NULL)
    ctr_content_read (task, chosen, on_manifest);
  else if (descriptor != NULL && ctr_digest_valid (thole_dict_string (descriptor, "digest", "")))
    {
      self->manifest = g_variant_ref (document);
      ctr_content_read (task, thole_dict_string (descriptor, "digest", ""), on_config);
    }
  else
    {
      own = g_error_new (THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND, "the image %s is not for %s", self->name, ctr_architecture ());
      load_end (task, NULL, own);
    }
}

static void
on_image (GTask *task, gpointer value, GError *error)
{
  Load *self = g_task_get_task_data (task);
  Ctr__ImageMessage *reply = value;

  if (error != NULL || reply->image == NULL || reply->image->target == NULL)
    {
      g_autoptr(GError) missing = g_error_new (THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "no such image");

      load_end (task, NULL, error != NULL ? error : missing);
      return;
    }
  self->digest = g_strdup (reply->image->target->digest);
  ctr_content_read (task, self->digest, on_manifest);
}

void
ctr_image_load (GTask *task, const char *name, CtrNext next)
{
  g_autoptr(GTask) inner = ctr_job_new (ctr_driver_of (task), sizeof (Load), load_clear, NULL, g_task_get_cancellable (task), NULL, NULL);
  Load *self = g_task_get_task_data (inner);
  Ctr__ImageName request = CTR__IMAGE_NAME__INIT;
  CtrCall call = { .method = "Images/Get", .message = &request.base, .reply = &ctr__image_message__descriptor };

  self->outer = g_object_ref (task);
  self->next = next;
  self->name = g_strdup (name);
  request.name = self->name;
  ctr_call (inner, &call, on_image);
}

/* list ------------------------------------------------------------------------------------------------ */

typedef struct
{
  CtrJob job;
  GPtrArray *names;
  guint at;
  GPtrArray *images;
} List;

static void
list_clear (gpointer data)
{
  List *self = data;

  g_clear_pointer (&self->names, g_ptr_array_unref);
  g_clear_pointer (&self->images, g_ptr_array_unref);
}

static void list_next (GTask *task);

static void
on_one_loaded (GTask *task, gpointer value, GError *error)
{
  List *self = g_task_get_task_data (task);

  if (error != NULL && error->domain == G_IO_ERROR)
    {
      ctr_fail (task, error);
      return;
    }
  /* one that others made for another processor, or only in part, cannot be run here */
  if (value != NULL)
    g_ptr_array_add (self->images, ctr_image_show (value));
  list_next (task);
}

static void
list_next (GTask *task)
{
  List *self = g_task_get_task_data (task);

  if (self->at < self->names->len)
    ctr_image_load (task, g_ptr_array_index (self->names, self->at++), on_one_loaded);
  else
    g_task_return_pointer (task, g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, (GVariant **) self->images->pdata,
                                                                          self->images->len)), (GDestroyNotify) g_variant_unref);
}

static void
on_listed (GTask *task, gpointer value, GError *error)
{
  List *self = g_task_get_task_data (task);
  Ctr__ImageList *list = value;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->images = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  for (gsize i = 0; i < list->n_images; i++)
    g_ptr_array_add (self->names, g_strdup (list->images[i]->name));
  list_next (task);
}

static void
image_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (List), list_clear, options, cancellable, callback, user_data);
  Ctr__ImageFilter request = CTR__IMAGE_FILTER__INIT;
  CtrCall call = { .method = "Images/List", .message = &request.base, .reply = &ctr__image_list__descriptor };

  if (task != NULL)
    ctr_call (task, &call, on_listed);
}

/* remove ---------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  char *name;
} Remove;

static void
remove_clear (gpointer data)
{
  g_free (((Remove *) data)->name);
}

static void
on_removed (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
remove_image (GTask *task)
{
  Remove *self = g_task_get_task_data (task);
  Ctr__ImageName request = CTR__IMAGE_NAME__INIT;
  CtrCall call = { .method = "Images/Delete", .message = &request.base };

  request.name = self->name;
  ctr_call (task, &call, on_removed);
}

static void
on_users (GTask *task, gpointer value, GError *error)
{
  Remove *self = g_task_get_task_data (task);
  Ctr__ContainerList *list = value;

  if (error != NULL)
    ctr_fail (task, error);
  else if (list->n_containers > 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "the image %s is in use", self->name);
  else
    remove_image (task);
}

static void
image_remove_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Remove), remove_clear, options, cancellable, callback, user_data);
  Remove *remove = task != NULL ? g_task_get_task_data (task) : NULL;
  g_autofree char *filter = NULL;
  Ctr__ContainerFilter request = CTR__CONTAINER_FILTER__INIT;
  CtrCall call = { .method = "Containers/List", .message = &request.base, .reply = &ctr__container_list__descriptor };
  GError *error = NULL;

  if (remove == NULL)
    return;
  remove->name = ctr_reference_parse (reference, NULL, NULL, NULL, &error);
  if (remove->name == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  filter = g_strdup_printf ("image==\"%s\"", remove->name);
  request.filters = &filter;
  request.n_filters = 1;
  /* what a container needs is its snapshot, which lives on */
  if (thole_dict_boolean (options, "force", FALSE))
    remove_image (task);
  else
    ctr_call (task, &call, on_users);
}

const TholeImageOps ctr_image_ops = {
  .struct_size = sizeof ctr_image_ops,
  .list_async = image_list_async,
  .list_finish = thole_finish_value,
  .pull_async = ctr_pull_async,
  .pull_finish = thole_finish_value,
  .remove_async = image_remove_async,
  .remove_finish = thole_finish_boolean,
};
