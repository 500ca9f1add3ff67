/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tar.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 512
#define NAME_MAX_PLAIN 100

static void
pad (GByteArray *archive)
{
  static const guint8 zeros[BLOCK];
  guint rest = archive->len % BLOCK;

  if (rest > 0)
    g_byte_array_append (archive, zeros, BLOCK - rest);
}

static void
octal (char *field, gsize size, guint64 value)
{
  g_snprintf (field, size, "%0*" G_GINT64_MODIFIER "o", (int) size - 1, value);
}

static void
put_head (GByteArray *archive, const char *name, char type, gsize length, guint mode, guint uid, guint gid, gint64 seconds)
{
  char head[BLOCK] = { 0 };
  guint sum = 0;

  memcpy (head, name, MIN (strlen (name), NAME_MAX_PLAIN));
  octal (head + 100, 8, mode & 07777);
  octal (head + 108, 8, uid & 07777777);
  octal (head + 116, 8, gid & 07777777);
  octal (head + 124, 12, length);
  octal (head + 136, 12, (guint64) MAX (seconds, 0));
  memset (head + 148, ' ', 8);
  head[156] = type;
  memcpy (head + 257, "ustar\00000", 8);
  for (guint i = 0; i < BLOCK; i++)
    sum += (guint8) head[i];
  g_snprintf (head + 148, 8, "%06o", sum);
  g_byte_array_append (archive, (const guint8 *) head, BLOCK);
}

/* "LENGTH key=value\n", where LENGTH counts itself */
static void
put_pax (GByteArray *archive, const char *key, const char *value)
{
  gsize rest = strlen (key) + strlen (value) + 3, length = rest;
  g_autofree char *record = NULL;

  for (guint i = 0; i < 3; i++)
    length = rest + (gsize) g_snprintf (NULL, 0, "%" G_GSIZE_FORMAT, length);
  record = g_strdup_printf ("%" G_GSIZE_FORMAT " %s=%s\n", length, key, value);
  put_head (archive, "pax", 'x', strlen (record), 0644, 0, 0, 0);
  g_byte_array_append (archive, (const guint8 *) record, (guint) strlen (record));
  pad (archive);
}

void
ctr_tar_append (GByteArray *archive, const char *path, gconstpointer data, gsize length, guint mode, guint uid, guint gid, gint64 seconds)
{
  const char *name = path[0] == '/' ? path + 1 : path;

  if (strlen (name) > NAME_MAX_PLAIN)
    put_pax (archive, "path", name);
  put_head (archive, name, '0', length, mode, uid, gid, seconds);
  if (length > 0)
    g_byte_array_append (archive, data, (guint) length);
  pad (archive);
}

void
ctr_tar_end (GByteArray *archive)
{
  static const guint8 zeros[2 * BLOCK];

  g_byte_array_append (archive, zeros, sizeof zeros);
}
