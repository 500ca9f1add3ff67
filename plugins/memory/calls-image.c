/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slots of image/1. What a registry would say is in the reference (README.md). */

#include "driver.h"

#include <string.h>

#include "convert.h"
#include "journal.h"
#include "thole-dict.h"

#define STEPS 5
#define BYTES 5000000

static int
compare_images (gconstpointer a, gconstpointer b)
{
  return strcmp (((const MemImage *) a)->reference, ((const MemImage *) b)->reference);
}

static void
work_list (MemCall *call)
{
  g_autoptr (GList) images = g_list_sort (g_hash_table_get_values (call->driver->world->images), compare_images);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (GList *link = images; link != NULL; link = link->next)
    g_variant_builder_add_value (&list, mem_convert_image (link->data));
  mem_call_value (call, g_variant_builder_end (&list));
}

static void
list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "image.list", "", NULL, NULL, options, cancellable, callback, user_data),
                  work_list);
}

static GVariant *
finish_value (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

typedef struct
{
  MemCall *call;
  GSource *timer;
  guint step;
} Pull;

static void
pull_free (gpointer data)
{
  Pull *pull = data;

  thole_timer_clear (&pull->timer);
  g_free (pull);
}

static void
tell_progress (Pull *pull)
{
  TholeDriver *driver = pull->call->driver;
  g_autoptr (GVariant) token = thole_dict_value (pull->call->options, "progress", "t");
  GVariantDict event;

  if (token == NULL)
    return;
  g_variant_dict_init (&event, NULL);
  g_variant_dict_insert (&event, "kind", "s", "progress");
  g_variant_dict_insert (&event, "token", "t", g_variant_get_uint64 (token));
  g_variant_dict_insert (&event, "done", "x", (gint64) BYTES / STEPS * pull->step);
  g_variant_dict_insert (&event, "total", "x", (gint64) BYTES);
  g_variant_dict_insert (&event, "unit", "s", "bytes");
  g_variant_dict_insert (&event, "message", "s", pull->step < STEPS ? "downloading" : "complete");
  driver->ops->event (driver->host, g_variant_dict_end (&event));
}

static gboolean
on_pulled (gpointer data)
{
  Pull *pull = data;
  MemCall *call = pull->call;
  gint64 pause = call->driver->pull_time / STEPS;

  thole_timer_clear (&pull->timer);
  pull->step++;
  tell_progress (pull);
  if (pull->step >= 3 && g_str_has_prefix (call->text, "broken/"))
    mem_call_fail (call, THOLE_ERROR_FAILED, "unexpected end of a layer of %s", call->text);
  else if (pull->step == STEPS)
    mem_call_value (call, mem_convert_image (mem_world_add_image (call->driver->world, call->text,
                                                                  mem_now (call->driver))));
  else
    pull->timer = mem_timer (call->driver, pause * (g_str_has_prefix (call->text, "slow/") ? 100 : 1), on_pulled, pull);
  return G_SOURCE_REMOVE;
}

/* A name in lower case, path by path, and a tag or a whole digest. */
static gboolean
is_reference (const char *text)
{
  return g_regex_match_simple ("^[a-z0-9][a-z0-9._-]*(:[0-9]+/[a-z0-9][a-z0-9._-]*)?(/[a-z0-9][a-z0-9._-]*)*"
                               "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$", text, G_REGEX_DOLLAR_ENDONLY, 0);
}

static gboolean
may_pull (MemCall *call)
{
  g_autoptr (GVariant) credentials = thole_dict_value (call->options, "credentials", "a{sv}");
  const char *reference = call->text;

  if (!is_reference (reference))
    mem_call_fail (call, THOLE_ERROR_INVALID, "not a reference: %s", reference);
  else if (g_str_has_prefix (reference, "missing/"))
    mem_call_fail (call, THOLE_ERROR_IMAGE_NOT_FOUND, "no such image in the registry: %s", reference);
  else if (g_str_has_prefix (reference, "unavailable/"))
    mem_call_fail (call, THOLE_ERROR_UNAVAILABLE, "the registry does not answer");
  else if (g_str_has_prefix (reference, "private/")
           && (credentials == NULL || strcmp (thole_dict_string (credentials, "username", ""), "thole") != 0
               || strcmp (thole_dict_string (credentials, "password", ""), "secret") != 0))
    mem_call_fail (call, THOLE_ERROR_AUTH, "the registry refused the credentials");
  else
    return TRUE;
  return FALSE;
}

static void
work_pull (MemCall *call)
{
  Pull *pull;

  if (!may_pull (call))
    return;
  pull = g_new0 (Pull, 1);
  pull->call = call;
  call->data = pull;
  call->data_free = pull_free;
  pull->timer = mem_timer (call->driver, call->driver->pull_time / STEPS, on_pulled, pull);
}

static void
pull_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "image.pull", reference, reference, NULL, options, cancellable, callback,
                                user_data),
                  work_pull);
}

static gboolean
is_used (MemWorld *world, const char *reference, gboolean force)
{
  for (GList *link = world->order.head; link != NULL; link = link->next)
    {
      const MemWorkload *workload = link->data;
      g_autofree char *image = mem_reference_full (workload->image != NULL ? workload->image : "");

      if (strcmp (image, reference) == 0 && (!force || workload->state == MEM_RUNNING || workload->state == MEM_PAUSED))
        return TRUE;
    }
  return FALSE;
}

static void
work_remove (MemCall *call)
{
  MemWorld *world = call->driver->world;
  MemImage *image = mem_world_image (world, call->text);

  if (image != NULL && is_used (world, image->reference, thole_dict_boolean (call->options, "force", FALSE)))
    {
      mem_call_fail (call, THOLE_ERROR_CONFLICT, "%s is in use", call->text);
      return;
    }
  if (image != NULL)
    {
      mem_journal_gone (world, "image", image->reference);
      g_hash_table_remove (world->images, image->reference);
    }
  mem_call_done (call);
}

static void
remove_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "image.remove", reference, reference, NULL, options, cancellable, callback,
                                user_data),
                  work_remove);
}

static gboolean
remove_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error) != NULL;
}

const TholeImageOps mem_image_ops = {
  .struct_size = sizeof (TholeImageOps),
  .list_async = list_async,
  .list_finish = finish_value,
  .pull_async = pull_async,
  .pull_finish = finish_value,
  .remove_async = remove_async,
  .remove_finish = remove_finish,
};
