/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tar.h"

#include <string.h>

#define BLOCK 512
#define NAME_MAX_LENGTH 100

/* POSIX ustar header; all fields are text */
typedef struct
{
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2];
  char user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} Header;

G_STATIC_ASSERT (sizeof (Header) == BLOCK);

static void
append_padding (GByteArray *out)
{
  static const guint8 zeros[BLOCK];

  if (out->len % BLOCK != 0)
    g_byte_array_append (out, zeros, BLOCK - out->len % BLOCK);
}

static void
put_octal (char *field, gsize width, guint64 value)
{
  g_snprintf (field, width, "%0*" G_GINT64_MODIFIER "o", (int) width - 1, value);
}

static void
append_header (GByteArray *out, const char *name, char type, gsize size, guint mode, guint uid, guint gid, gint64 mtime)
{
  Header header = { 0 };
  const guint8 *bytes = (const guint8 *) &header;
  guint sum = 0;

  memcpy (header.name, name, MIN (strlen (name), sizeof header.name));
  put_octal (header.mode, sizeof header.mode, mode & 07777);
  put_octal (header.uid, sizeof header.uid, uid & 07777777);
  put_octal (header.gid, sizeof header.gid, gid & 07777777);
  put_octal (header.size, sizeof header.size, size);
  put_octal (header.mtime, sizeof header.mtime, (guint64) MAX (mtime, 0));
  header.type = type;
  /* the old GNU magic, whose long names every reader knows */
  memcpy (header.magic, "ustar ", 6);
  memcpy (header.version, " ", 2);
  memset (header.checksum, ' ', sizeof header.checksum);
  for (guint i = 0; i < BLOCK; i++)
    sum += bytes[i];
  put_octal (header.checksum, 7, sum);
  g_byte_array_append (out, bytes, BLOCK);
}

void
docker_tar_append (GByteArray *out, const char *path, gconstpointer data, gsize length, guint mode, guint uid, guint gid,
                   gint64 mtime)
{
  const char *name = path + strspn (path, "/");

  if (strlen (name) > NAME_MAX_LENGTH)
    {
      append_header (out, "././@LongLink", 'L', strlen (name) + 1, 0644, 0, 0, 0);
      g_byte_array_append (out, (const guint8 *) name, strlen (name) + 1);
      append_padding (out);
    }
  append_header (out, name, '0', length, mode, uid, gid, mtime);
  g_byte_array_append (out, data, length);
  append_padding (out);
}

void
docker_tar_append_folder (GByteArray *out, const char *path, guint mode, gint64 mtime)
{
  append_header (out, path + strspn (path, "/"), '5', 0, mode, 0, 0, mtime);
}

void
docker_tar_end (GByteArray *out)
{
  static const guint8 zeros[2 * BLOCK];

  g_byte_array_append (out, zeros, sizeof zeros);
}
