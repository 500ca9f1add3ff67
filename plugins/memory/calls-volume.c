/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slots of volume/1. */

#include "driver.h"

#include <string.h>

#include "convert.h"
#include "journal.h"
#include "spec.h"
#include "thole-dict.h"
#include "tree.h"

static int
compare_volumes (gconstpointer a, gconstpointer b)
{
  return strcmp (((const MemVolume *) a)->id, ((const MemVolume *) b)->id);
}

static void
work_list (MemCall *call)
{
  g_autoptr (GList) volumes = g_list_sort (g_hash_table_get_values (call->driver->world->volumes), compare_volumes);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (GList *link = volumes; link != NULL; link = link->next)
    {
      MemVolume *volume = link->data;

      if (strcmp (volume->instance, call->driver->instance) == 0)
        g_variant_builder_add_value (&list, mem_convert_volume (volume, FALSE));
    }
  mem_call_value (call, g_variant_builder_end (&list));
}

static void
list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "volume.list", "", NULL, NULL, options, cancellable, callback, user_data),
                  work_list);
}

static GVariant *
finish_value (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

/* Returns TRUE when the call was answered: it is there already. */
static gboolean
exists (MemCall *call, const char *id)
{
  MemVolume *volume = mem_world_volume (call->driver->world, id);

  if (volume == NULL)
    return FALSE;
  if (strcmp (volume->instance, call->driver->instance) == 0)
    mem_call_value (call, mem_convert_volume (volume, TRUE));
  else
    mem_call_fail (call, THOLE_ERROR_EXISTS, "%s exists and belongs to another instance", id);
  return TRUE;
}

static void
work_create (MemCall *call)
{
  TholeDriver *driver = call->driver;
  MemVolume *volume;

  if (exists (call, call->id))
    return;
  volume = mem_world_add_volume (driver->world, call->id, driver->instance, mem_now (driver));
  volume->name = g_strdup (thole_dict_string (call->dict, "name", ""));
  volume->labels = mem_dict_strings (call->dict, "labels");
  volume->size = thole_dict_int (call->dict, "size", 0);
  mem_journal_volume (driver->world, volume);
  mem_call_value (call, mem_convert_volume (volume, FALSE));
}

static void
create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "volume.create", id, NULL, spec, options, cancellable, callback, user_data),
                  work_create);
}

static MemVolume *
our_volume (MemCall *call)
{
  MemVolume *volume = mem_world_volume (call->driver->world, call->id);

  return volume != NULL && strcmp (volume->instance, call->driver->instance) == 0 ? volume : NULL;
}

static void
work_snapshot (MemCall *call)
{
  TholeDriver *driver = call->driver;
  MemVolume *source = our_volume (call);
  MemVolume *copy;

  if (source == NULL)
    {
      mem_call_fail (call, THOLE_ERROR_NOT_FOUND, "no such volume: %s", call->id);
      return;
    }
  if (exists (call, call->text))
    return;
  copy = mem_world_add_volume (driver->world, call->text, driver->instance, mem_now (driver));
  copy->name = g_strdup (source->name);
  copy->labels = source->labels != NULL ? g_variant_ref (source->labels) : NULL;
  copy->size = source->size;
  mem_tree_free (copy->tree);
  copy->tree = mem_tree_copy (source->tree);
  mem_journal_volume (driver->world, copy);
  mem_journal_tree (driver->world, copy);
  mem_call_value (call, mem_convert_volume (copy, FALSE));
}

static void
snapshot_async (TholeDriver *self, const char *id, const char *snapshot, GVariant *options,
                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "volume.snapshot", id, snapshot, NULL, options, cancellable, callback,
                                user_data),
                  work_snapshot);
}

static void
work_remove (MemCall *call)
{
  MemVolume *volume = our_volume (call);

  if (volume != NULL && volume->users > 0)
    {
      mem_call_fail (call, THOLE_ERROR_CONFLICT, "%s is in use", call->id);
      return;
    }
  if (volume != NULL)
    mem_world_remove_volume (call->driver->world, volume);
  mem_call_done (call);
}

static void
remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "volume.remove", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_remove);
}

static gboolean
remove_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error) != NULL;
}

const TholeVolumeOps mem_volume_ops = {
  .struct_size = sizeof (TholeVolumeOps),
  .list_async = list_async,
  .list_finish = finish_value,
  .create_async = create_async,
  .create_finish = finish_value,
  .snapshot_async = snapshot_async,
  .snapshot_finish = finish_value,
  .remove_async = remove_async,
  .remove_finish = remove_finish,
};
