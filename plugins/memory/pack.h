/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes an a{sv} in its serialised form at once. A GVariantBuilder makes ten allocations an entry, which is too slow for a
 * list of 10,000 workloads.
 */
#pragma once

#include <gio/gio.h>

#define MEM_PACK_ENTRIES 24

typedef struct
{
  GByteArray *bytes;
  gsize ends[MEM_PACK_ENTRIES];
  guint n_ends;
} MemPack;

void      mem_pack_begin   (MemPack *self);
void      mem_pack_text    (MemPack *self, const char *key, const char *value);
void      mem_pack_number  (MemPack *self, const char *key, gint64 value);
void      mem_pack_boolean (MemPack *self, const char *key, gboolean value);
/* Takes any value, also a floating one. */
void      mem_pack_value   (MemPack *self, const char *key, GVariant *value);
/* Returns: (transfer floating): a{sv} */
GVariant *mem_pack_end     (MemPack *self);
