/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thole-tar.h"

#include <string.h>

#include "tar-header.h"

#define BLOCK THOLE_TAR_BLOCK

/* Octal, or GNU's way for what that has no room for. */
static void
put_number (guint8 *field, guint width, gint64 value)
{
  char text[24];

  if (value >= 0 && value >> 3 * (width - 1) == 0)
    {
      g_snprintf (text, sizeof text, "%0*" G_GINT64_MODIFIER "o", (int) width - 1, value);
      memcpy (field, text, width);
      return;
    }
  for (guint i = width; i-- > 0; value = value < 0 ? ~(~value >> 8) : value >> 8)
    field[i] = (guint8) (value & 0xff);
  field[0] |= 0x80;
}

static void
append_header (GByteArray *out, const char *name, char type, const TholeTarEntry *entry)
{
  guint8 block[BLOCK] = { 0 };
  gboolean device = type == '3' || type == '4';

  memcpy (block + AT_NAME, name, MIN (strlen (name), NAME_WIDTH));
  put_number (block + AT_MODE, 8, entry->mode & 07777);
  put_number (block + AT_UID, 8, entry->uid);
  put_number (block + AT_GID, 8, entry->gid);
  put_number (block + AT_SIZE, 12, (gint64) entry->size);
  put_number (block + AT_MTIME, 12, entry->mtime);
  block[AT_TYPE] = (guint8) type;
  if (entry->link != NULL)
    memcpy (block + AT_LINK, entry->link, MIN (strlen (entry->link), NAME_WIDTH));
  memcpy (block + AT_MAGIC, "ustar  ", 8);
  put_number (block + AT_MAJOR, 8, device ? entry->major : 0);
  put_number (block + AT_MINOR, 8, device ? entry->minor : 0);
  put_number (block + AT_CHECKSUM, 7, tar_checksum (block));
  block[AT_CHECKSUM + 7] = ' ';
  g_byte_array_append (out, block, BLOCK);
}

static void
append_long (GByteArray *out, char type, const char *text)
{
  gsize size = strlen (text) + 1;

  if (size <= NAME_WIDTH + 1)
    return;
  append_header (out, "././@LongLink", type, &(TholeTarEntry) { .mode = 0644, .size = size });
  g_byte_array_append (out, (const guint8 *) text, (guint) size);
  thole_tar_append_padding (out, size);
}

static char
type_of (TholeTarKind kind)
{
  switch (kind)
    {
    case THOLE_TAR_HARD_LINK:
      return '1';
    case THOLE_TAR_LINK:
      return '2';
    case THOLE_TAR_CHARACTER_DEVICE:
      return '3';
    case THOLE_TAR_BLOCK_DEVICE:
      return '4';
    case THOLE_TAR_FOLDER:
      return '5';
    case THOLE_TAR_PIPE:
      return '6';
    case THOLE_TAR_FILE:
    case THOLE_TAR_OTHER:
    default:
      return '0';
    }
}

void
thole_tar_append_entry (GByteArray *out, const TholeTarEntry *entry)
{
  char type = type_of (entry->kind);
  gboolean bare = type == '5' && entry->name[0] != '\0' && !g_str_has_suffix (entry->name, "/");
  g_autofree char *name = g_strconcat (entry->name, bare ? "/" : "", NULL);
  TholeTarEntry head = *entry;

  head.size = type == '0' ? entry->size : 0;
  append_long (out, 'L', name);
  if (entry->link != NULL)
    append_long (out, 'K', entry->link);
  append_header (out, name, type, &head);
}

void
thole_tar_append_padding (GByteArray *out, guint64 size)
{
  static const guint8 zeros[BLOCK];

  g_byte_array_append (out, zeros, (guint) ((BLOCK - size % BLOCK) % BLOCK));
}

void
thole_tar_append_file (GByteArray *out, const TholeTarEntry *entry, gconstpointer data)
{
  guint size = type_of (entry->kind) == '0' ? (guint) entry->size : 0;

  thole_tar_append_entry (out, entry);
  if (size > 0)
    g_byte_array_append (out, data, size);
  thole_tar_append_padding (out, size);
}

void
thole_tar_append_end (GByteArray *out)
{
  static const guint8 zeros[2 * BLOCK];

  g_byte_array_append (out, zeros, sizeof zeros);
}
