/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/tar.h"

#include <string.h>

#include "thole-error.h"

#define BLOCK THOLE_TAR_BLOCK
#define TIME_MAX (G_GINT64_CONSTANT (1) << 55) /* seconds */
#define LONGEST 65536 /* of what stands before an entry: long names, a pax header */

/* offsets of the fields of a header */
enum
{
  AT_NAME = 0,
  AT_MODE = 100,
  AT_UID = 108,
  AT_GID = 116,
  AT_SIZE = 124,
  AT_MTIME = 136,
  AT_CHECKSUM = 148,
  AT_TYPE = 156,
  AT_LINK = 157,
  AT_MAGIC = 257,
  AT_PREFIX = 345,
};

struct _TholeTar
{
  TholeTarEntry entry;
  guint8 block[BLOCK];
  guint filled;            /* bytes of @block */
  guint64 left, padding;   /* of the content at hand */
  char special;            /* the content says something of the next entry; 0 = no */
  GByteArray *extra;       /* of it */
  char *name, *link;       /* for the next entry */
  gboolean has_size, has_uid, has_gid, has_mtime; /* for the next entry */
  guint64 size, uid, gid;
  gint64 mtime;
  gboolean ended;
};

void
thole_tar_entry_clear (TholeTarEntry *entry)
{
  g_free (entry->name);
  g_free (entry->link);
  *entry = (TholeTarEntry) { 0 };
}

TholeTar *
thole_tar_new (void)
{
  TholeTar *self = g_new0 (TholeTar, 1);

  self->extra = g_byte_array_new ();
  return self;
}

void
thole_tar_free (TholeTar *self)
{
  thole_tar_entry_clear (&self->entry);
  g_byte_array_unref (self->extra);
  g_free (self->name);
  g_free (self->link);
  g_free (self);
}

const TholeTarEntry *
thole_tar_entry (const TholeTar *self)
{
  return &self->entry;
}

guint64
thole_tar_left (const TholeTar *self)
{
  return self->left;
}

static gboolean
refuse (GError **error, const char *text)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not a good tar archive: %s", text);
  return FALSE;
}

/* octal digits, or GNU's big-endian number with the highest bit set */
static gboolean
get_number (const guint8 *field, guint width, guint64 *value)
{
  guint64 sum = 0;
  guint i = 0;

  if (field[0] & 0x80)
    {
      for (i = 0; i < width; i++)
        {
          if (sum >> 55 != 0)
            return FALSE;
          sum = sum << 8 | (i == 0 ? field[0] & 0x7f : field[i]);
        }
      *value = sum;
      return TRUE;
    }
  while (i < width && field[i] == ' ')
    i++;
  for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
    sum = sum * 8 + (guint64) (field[i] - '0');
  *value = sum;
  return i == width || field[i] == '\0' || field[i] == ' ';
}

/* as above, but before 1970, too: then it is the two's complement of all the field. Further away than we count is at the end */
static gboolean
get_time (const guint8 *field, guint width, gint64 *value)
{
  guint64 number = 0;
  guint i = 0;

  if ((field[0] & 0xc0) != 0xc0)
    {
      if (!get_number (field, width, &number))
        return FALSE;
      *value = (gint64) MIN (number, (guint64) TIME_MAX);
      return TRUE;
    }
  while (i < width && field[i] == 0xff)
    i++;
  *value = -TIME_MAX;
  if (width - i > 7)
    return TRUE;
  for (number = G_MAXUINT64; i < width; i++)
    number = number << 8 | field[i];
  *value = MAX ((gint64) number, -TIME_MAX);
  return TRUE;
}

static guint64
checksum_of (const guint8 *block)
{
  guint64 sum = 0;

  for (guint i = 0; i < BLOCK; i++)
    sum += i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : block[i];
  return sum;
}

static char *
get_text (const guint8 *field, guint width)
{
  return g_strndup ((const char *) field, width);
}

static char *
name_of (const guint8 *block)
{
  g_autofree char *name = get_text (block + AT_NAME, AT_MODE);
  g_autofree char *prefix = NULL;

  if (memcmp (block + AT_MAGIC, "ustar\0", 6) != 0 || block[AT_PREFIX] == '\0')
    return g_steal_pointer (&name);
  prefix = get_text (block + AT_PREFIX, 155);
  return g_strconcat (prefix, "/", name, NULL);
}

static TholeTarKind
kind_of (char type)
{
  switch (type)
    {
    case '\0':
    case '0':
    case '7':
      return THOLE_TAR_FILE;
    case '1':
      return THOLE_TAR_HARD_LINK;
    case '2':
      return THOLE_TAR_LINK;
    case '5':
      return THOLE_TAR_FOLDER;
    default:
      return THOLE_TAR_OTHER;
    }
}

static gboolean
is_device (guint8 type)
{
  return type == '3' || type == '4' || type == '6';
}

/* an entry that people know of; what was said before it holds for it */
static gboolean
take_entry (TholeTar *self, guint64 size, GError **error)
{
  TholeTarEntry *entry = &self->entry;
  guint64 mode, uid, gid;
  gint64 mtime;

  if (!get_number (self->block + AT_MODE, 8, &mode) || !get_number (self->block + AT_UID, 8, &uid)
      || !get_number (self->block + AT_GID, 8, &gid) || !get_time (self->block + AT_MTIME, 12, &mtime))
    return refuse (error, "a number in a header is wrong");
  thole_tar_entry_clear (entry);
  entry->kind = kind_of ((char) self->block[AT_TYPE]);
  entry->name = self->name != NULL ? g_steal_pointer (&self->name) : name_of (self->block);
  if (entry->kind == THOLE_TAR_LINK || entry->kind == THOLE_TAR_HARD_LINK)
    entry->link = self->link != NULL ? g_steal_pointer (&self->link) : get_text (self->block + AT_LINK, 100);
  g_clear_pointer (&self->link, g_free);
  entry->size = self->has_size ? self->size : size;
  /* a device and a pipe have no content, whatever is said of them */
  if ((entry->kind != THOLE_TAR_FILE && entry->kind != THOLE_TAR_OTHER) || is_device (self->block[AT_TYPE]))
    entry->size = 0;
  if (entry->size > G_MAXINT64 - BLOCK)
    return refuse (error, "a size is too large");
  entry->mode = (guint) mode & 07777;
  entry->uid = (gint64) (self->has_uid ? self->uid : uid);
  entry->gid = (gint64) (self->has_gid ? self->gid : gid);
  entry->mtime = self->has_mtime ? self->mtime : mtime;
  self->has_size = self->has_uid = self->has_gid = self->has_mtime = FALSE;
  self->left = entry->size;
  self->padding = (BLOCK - entry->size % BLOCK) % BLOCK;
  return TRUE;
}

/* Returns: FALSE when it is bad; @is_entry (out) */
static gboolean
take_block (TholeTar *self, gboolean *is_entry, GError **error)
{
  static const guint8 zeros[BLOCK];
  char type = (char) self->block[AT_TYPE];
  guint64 sum, size;

  *is_entry = FALSE;
  if (memcmp (self->block, zeros, BLOCK) == 0)
    {
      self->ended = TRUE;
      return TRUE;
    }
  if (!get_number (self->block + AT_CHECKSUM, 8, &sum) || sum != checksum_of (self->block))
    return refuse (error, "a header has a wrong checksum");
  if (!get_number (self->block + AT_SIZE, 12, &size))
    return refuse (error, "a number in a header is wrong");
  if (strchr ("LKxg", type) == NULL || type == '\0')
    {
      *is_entry = TRUE;
      return take_entry (self, size, error);
    }
  if (size > LONGEST)
    return refuse (error, "a name is too long");
  self->special = type;
  self->left = size;
  self->padding = (BLOCK - size % BLOCK) % BLOCK;
  g_byte_array_set_size (self->extra, 0);
  return TRUE;
}

static void
take_figure (TholeTar *self, const char *key, const char *value, gsize length)
{
  /* of a time the seconds: what is before the point */
  const char *point = memchr (value, '.', length);
  g_autofree char *text = g_strndup (value, length), *whole = g_strndup (value, point != NULL ? (gsize) (point - value) : length);

  if (strcmp (key, "size") == 0)
    self->has_size = g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &self->size, NULL);
  else if (strcmp (key, "uid") == 0)
    self->has_uid = g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &self->uid, NULL);
  else if (strcmp (key, "gid") == 0)
    self->has_gid = g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &self->gid, NULL);
  else if (strcmp (key, "mtime") == 0)
    self->has_mtime = g_ascii_string_to_signed (whole, 10, -TIME_MAX, TIME_MAX, &self->mtime, NULL);
}

static void
take_pair (TholeTar *self, const char *key, const char *value, gsize length)
{
  if (strcmp (key, "path") == 0)
    {
      g_free (self->name);
      self->name = g_strndup (value, length);
    }
  else if (strcmp (key, "linkpath") == 0)
    {
      g_free (self->link);
      self->link = g_strndup (value, length);
    }
  else
    take_figure (self, key, value, length);
}

/* lines of "LENGTH KEY=VALUE\n", the length that of the whole line */
static gboolean
take_pax (TholeTar *self, GError **error)
{
  const char *at = (const char *) self->extra->data, *end = at + self->extra->len;

  while (at < end)
    {
      gsize length = 0;
      const char *text = at;
      const char *equals;
      g_autofree char *key = NULL;

      while (text < end && g_ascii_isdigit (*text) && length <= LONGEST)
        length = length * 10 + (gsize) (*text++ - '0');
      if (text >= end || *text != ' ' || length > (gsize) (end - at) || length < (gsize) (text - at) + 4 || at[length - 1] != '\n')
        return refuse (error, "a pax header is wrong");
      text++;
      equals = memchr (text, '=', (gsize) (at + length - text));
      if (equals == NULL)
        return refuse (error, "a pax header is wrong");
      key = g_strndup (text, (gsize) (equals - text));
      take_pair (self, key, equals + 1, (gsize) (at + length - 1 - (equals + 1)));
      at += length;
    }
  return TRUE;
}

static gboolean
take_special (TholeTar *self, GError **error)
{
  char type = self->special;
  char **member = type == 'L' ? &self->name : &self->link;

  self->special = 0;
  if (type == 'g')
    return TRUE;
  if (type == 'x')
    return take_pax (self, error);
  g_free (*member);
  *member = g_strndup ((const char *) self->extra->data, self->extra->len);
  return TRUE;
}

/* of an entry, or of what says something of the next one */
static gsize
take_content (TholeTar *self, const guint8 *data, gsize length)
{
  gsize part = (gsize) MIN (length, self->left);

  self->left -= part;
  if (self->special != 0)
    g_byte_array_append (self->extra, data, (guint) part);
  return part;
}

static gsize
skip_padding (TholeTar *self, gsize length)
{
  gsize part = (gsize) MIN (length, self->padding);

  self->padding -= part;
  return part;
}

static gsize
fill_block (TholeTar *self, const guint8 *data, gsize length)
{
  gsize part = MIN (length, BLOCK - self->filled);

  memcpy (self->block + self->filled, data, part);
  self->filled += (guint) part;
  return part;
}

TholeTarEvent
thole_tar_parse (TholeTar *self, const guint8 **data, gsize *length, const guint8 **piece, gsize *piece_length, GError **error)
{
  while (!self->ended)
    {
      gboolean is_entry = FALSE, content = self->left > 0;
      gsize part;

      if (self->special != 0 && self->left == 0 && !take_special (self, error))
        return THOLE_TAR_BAD;
      if (*length == 0)
        return THOLE_TAR_MORE;
      part = content ? take_content (self, *data, *length)
             : self->padding > 0 ? skip_padding (self, *length) : fill_block (self, *data, *length);
      *piece = *data;
      *piece_length = part;
      *data += part;
      *length -= part;
      if (content && self->special == 0)
        return THOLE_TAR_DATA;
      if (self->filled < BLOCK)
        continue;
      self->filled = 0;
      if (!take_block (self, &is_entry, error))
        return THOLE_TAR_BAD;
      if (is_entry)
        return THOLE_TAR_ENTRY;
    }
  return THOLE_TAR_END;
}

/* writing ---------------------------------------------------------------------------------------------- */

static void
put_number (guint8 *field, guint width, guint64 value)
{
  char text[32];

  if (value >> (3 * (width - 1)) == 0)
    {
      g_snprintf (text, sizeof text, "%0*" G_GINT64_MODIFIER "o", (int) width - 1, value);
      memcpy (field, text, width);
      return;
    }
  for (guint i = width; i-- > 0; value >>= 8)
    field[i] = (guint8) value;
  field[0] |= 0x80;
}

static void
append_block (GByteArray *out, const char *name, char type, guint64 size, const TholeTarEntry *entry)
{
  guint8 block[BLOCK] = { 0 };

  memcpy (block + AT_NAME, name, MIN (strlen (name), 100));
  put_number (block + AT_MODE, 8, entry->mode & 07777);
  put_number (block + AT_UID, 8, (guint64) entry->uid);
  put_number (block + AT_GID, 8, (guint64) entry->gid);
  put_number (block + AT_SIZE, 12, size);
  put_number (block + AT_MTIME, 12, (guint64) MAX (entry->mtime, 0));
  block[AT_TYPE] = (guint8) type;
  memcpy (block + AT_MAGIC, "ustar  ", 8);
  put_number (block + AT_CHECKSUM, 7, checksum_of (block));
  block[AT_CHECKSUM + 7] = ' ';
  g_byte_array_append (out, block, BLOCK);
}

void
thole_tar_write (GByteArray *out, const TholeTarEntry *entry)
{
  static const guint8 zeros[BLOCK];
  gsize length = strlen (entry->name) + 1;
  gboolean folder = entry->kind == THOLE_TAR_FOLDER;
  g_autofree char *name = g_strconcat (entry->name, folder ? "/" : "", NULL);

  length += folder;
  if (length > 101)
    {
      append_block (out, "././@LongLink", 'L', length, &(TholeTarEntry) { .mode = 0644 });
      g_byte_array_append (out, (const guint8 *) name, (guint) length);
      g_byte_array_append (out, zeros, (guint) ((BLOCK - length % BLOCK) % BLOCK));
    }
  append_block (out, name, folder ? '5' : '0', folder ? 0 : entry->size, entry);
}
