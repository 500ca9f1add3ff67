/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tar.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 512
#define NAME_AT 0
#define MODE_AT 100
#define USER_AT 108
#define GROUP_AT 116
#define SIZE_AT 124
#define TIME_AT 136
#define SUM_AT 148
#define KIND_AT 156
#define MAGIC_AT 257

GInputStream *
kit_tar (const char *name, const char *content, gsize length)
{
  gsize padded = (length + BLOCK - 1) / BLOCK * BLOCK, size = BLOCK + padded + 2 * BLOCK;
  char *bytes = g_malloc0 (size);
  guint sum = 0;

  g_strlcpy (bytes + NAME_AT, name, MODE_AT);
  memcpy (bytes + MODE_AT, "0000644", 8);
  memcpy (bytes + USER_AT, "0000000", 8);
  memcpy (bytes + GROUP_AT, "0000000", 8);
  snprintf (bytes + SIZE_AT, 12, "%011" G_GINT64_MODIFIER "o", (gint64) length);
  memcpy (bytes + TIME_AT, "14000000000", 12);
  memset (bytes + SUM_AT, ' ', 8);
  bytes[KIND_AT] = '0';
  memcpy (bytes + MAGIC_AT, "ustar\00000", 8);
  for (guint i = 0; i < BLOCK; i++)
    sum += (guchar) bytes[i];
  snprintf (bytes + SUM_AT, 8, "%06o", sum);
  memcpy (bytes + BLOCK, content, length);
  return g_memory_input_stream_new_from_data (bytes, (gssize) size, g_free);
}

GBytes *
kit_untar (const GByteArray *bytes)
{
  gsize at = 0;

  while (at + BLOCK <= bytes->len)
    {
      const char *head = (const char *) bytes->data + at;
      g_autofree char *text = g_strndup (head + SIZE_AT, 12);
      gsize length = (gsize) g_ascii_strtoull (text, NULL, 8);

      if ((head[KIND_AT] == '0' || head[KIND_AT] == '\0') && head[0] != '\0' && at + BLOCK + length <= bytes->len)
        return g_bytes_new (head + BLOCK, length);
      at += BLOCK + (length + BLOCK - 1) / BLOCK * BLOCK;
    }
  return NULL;
}
