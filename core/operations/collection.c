/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/collection.h"

#include <string.h>

struct _TholeCollection
{
  const char *(*id_of) (gconstpointer object);
  GPtrArray *sorted;
  GHashTable *by_id; /* a copy: the object may keep its id elsewhere later */
};

TholeCollection *
thole_collection_new (const char *(*id_of) (gconstpointer object))
{
  TholeCollection *self = g_new0 (TholeCollection, 1);

  self->id_of = id_of;
  self->sorted = g_ptr_array_new ();
  self->by_id = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
thole_collection_free (TholeCollection *self)
{
  g_ptr_array_unref (self->sorted);
  g_hash_table_unref (self->by_id);
  g_free (self);
}

guint
thole_collection_after (TholeCollection *self, const char *id)
{
  guint low = 0, high = self->sorted->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (strcmp (self->id_of (self->sorted->pdata[middle]), id) <= 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

void
thole_collection_add (TholeCollection *self, gpointer object)
{
  const char *id = self->id_of (object);

  g_ptr_array_insert (self->sorted, (int) thole_collection_after (self, id), object);
  g_hash_table_replace (self->by_id, g_strdup (id), object);
}

void
thole_collection_remove (TholeCollection *self, const char *id)
{
  guint index = thole_collection_after (self, id);

  if (g_hash_table_remove (self->by_id, id))
    g_ptr_array_remove_index (self->sorted, index - 1);
}

gpointer
thole_collection_lookup (TholeCollection *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}

guint
thole_collection_size (TholeCollection *self)
{
  return self->sorted->len;
}

gpointer
thole_collection_index (TholeCollection *self, guint index)
{
  return self->sorted->pdata[index];
}
