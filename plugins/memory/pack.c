/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pack.h"

#include <string.h>

void
mem_pack_begin (MemPack *self)
{
  self->bytes = g_byte_array_sized_new (320);
  self->n_ends = 0;
}

static void
pad (MemPack *self)
{
  static const guint8 zeros[8];

  g_byte_array_append (self->bytes, zeros, -self->bytes->len & 7);
}

static guint
width_of (gsize size)
{
  return size > G_MAXUINT16 ? 4 : size > G_MAXUINT8 ? 2 : 1;
}

/* the width that the offsets take depends on the size that they are part of */
static guint
offset_width (gsize body, gsize count)
{
  guint width = 1;

  while (width_of (body + count * width) > width)
    width *= 2;
  return width;
}

static void
append_offset (MemPack *self, gsize offset, guint width)
{
  guint32 little = GUINT32_TO_LE ((guint32) offset);

  g_byte_array_append (self->bytes, (const guint8 *) &little, width);
}

/* one entry: the key, the variant at the next multiple of 8 (value, NUL, type), the offset of the key's end */
static void
append_entry (MemPack *self, const char *key, const char *type, gconstpointer value, gsize length)
{
  gsize key_length = strlen (key) + 1;
  gsize begin;

  g_assert (self->n_ends < MEM_PACK_ENTRIES);
  pad (self);
  begin = self->bytes->len;
  g_byte_array_append (self->bytes, (const guint8 *) key, (guint) key_length);
  pad (self);
  if (length > 0)
    g_byte_array_append (self->bytes, value, (guint) length);
  g_byte_array_append (self->bytes, (const guint8 *) "", 1);
  g_byte_array_append (self->bytes, (const guint8 *) type, (guint) strlen (type));
  append_offset (self, key_length, offset_width (self->bytes->len - begin, 1));
  self->ends[self->n_ends++] = self->bytes->len;
}

void
mem_pack_text (MemPack *self, const char *key, const char *value)
{
  append_entry (self, key, "s", value, strlen (value) + 1);
}

void
mem_pack_number (MemPack *self, const char *key, gint64 value)
{
  append_entry (self, key, "x", &value, sizeof value);
}

void
mem_pack_boolean (MemPack *self, const char *key, gboolean value)
{
  guint8 byte = value != FALSE;

  append_entry (self, key, "b", &byte, 1);
}

void
mem_pack_value (MemPack *self, const char *key, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);

  append_entry (self, key, g_variant_get_type_string (owned), g_variant_get_data (owned), g_variant_get_size (owned));
}

GVariant *
mem_pack_end (MemPack *self)
{
  g_autoptr (GBytes) bytes = NULL;
  guint width = offset_width (self->bytes->len, self->n_ends);

  for (guint i = 0; i < self->n_ends; i++)
    append_offset (self, self->ends[i], width);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&self->bytes));
  return g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, TRUE);
}
