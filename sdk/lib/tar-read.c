/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thole-tar.h"

#include <string.h>

#include "tar-header.h"
#include "tar-pax.h"

#define BLOCK THOLE_TAR_BLOCK

struct _TholeTar
{
  TholeTarEntry entry;
  char *name, *link;     /* of @entry; @link (nullable) */
  guint8 block[BLOCK];
  guint filled;          /* bytes of @block */
  guint64 left;          /* of the content at hand */
  guint padding;         /* behind it */
  char special;          /* the content says something of the next entry; 0 = no */
  gboolean told;         /* something was said of it */
  TarSaid said;
  TarPax pax;
  GString *text;         /* a long name */
  guint zeros;           /* blocks of them: two are the end */
  gboolean bad;
};

TholeTar *
thole_tar_new (void)
{
  TholeTar *self = g_new0 (TholeTar, 1);

  self->text = g_string_new (NULL);
  self->name = g_strdup ("");
  self->entry.name = self->name;
  return self;
}

void
thole_tar_free (TholeTar *self)
{
  tar_said_clear (&self->said);
  tar_pax_clear (&self->pax);
  g_string_free (self->text, TRUE);
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
  return self->special == 0 ? self->left : 0;
}

void
thole_tar_skip (TholeTar *self, guint64 count)
{
  g_return_if_fail (count <= thole_tar_left (self));
  self->left -= count;
}

TholeTarState
thole_tar_state (const TholeTar *self)
{
  if (self->bad || self->filled > 0 || self->left > 0 || self->padding > 0 || self->special != 0 || self->told)
    return THOLE_TAR_CUT;
  return self->zeros == 2 ? THOLE_TAR_WHOLE : THOLE_TAR_UNENDED;
}

/* fields ------------------------------------------------------------------------------------------------ */

/* GNU's numbers that octal has no room for: big-endian, in two's complement, without the first bit. */
static gint64
get_binary (const guint8 *field, guint width)
{
  gint64 sum = (field[0] & 0x40) != 0 ? (gint8) field[0] : field[0] & 0x3f;

  for (guint i = 1; i < width; i++)
    {
      if (sum > G_MAXINT64 >> 8)
        return G_MAXINT64;
      if (sum < -(G_MAXINT64 >> 8))
        return -G_MAXINT64;
      sum = sum * 256 + field[i];
    }
  return sum;
}

/* What is too large or too small is at the end of what a number holds. */
static gboolean
get_number (const guint8 *field, guint width, gint64 *value)
{
  gint64 sum = 0;
  guint i = 0;

  if (field[0] >= 0x80)
    {
      *value = get_binary (field, width);
      return TRUE;
    }
  while (i < width && field[i] == ' ')
    i++;
  for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
    sum = sum * 8 + (field[i] - '0');
  *value = sum;
  return i == width || field[i] == '\0' || field[i] == ' ';
}

static char *
get_text (const guint8 *field, guint width)
{
  return g_strndup ((const char *) field, width);
}

static char *
get_name (const guint8 *block)
{
  g_autofree char *name = get_text (block + AT_NAME, NAME_WIDTH);
  g_autofree char *prefix = NULL;

  /* GNU has other things there */
  if (memcmp (block + AT_MAGIC, "ustar\0", 6) != 0 || block[AT_PREFIX] == '\0')
    return g_steal_pointer (&name);
  prefix = get_text (block + AT_PREFIX, PREFIX_WIDTH);
  return g_strconcat (prefix, "/", name, NULL);
}

static TholeTarNameFlags
flags_of (const char *name)
{
  TholeTarNameFlags flags = name[0] == '\0' ? THOLE_TAR_NAME_EMPTY : name[0] == '/' ? THOLE_TAR_NAME_ABSOLUTE : 0;

  for (const char *part = name; part != NULL; part = strchr (part, '/'))
    {
      part += strspn (part, "/");
      if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
        flags |= THOLE_TAR_NAME_CLIMBS;
    }
  return flags;
}

static TholeTarKind
kind_of (guint8 type, const char *name)
{
  switch (type)
    {
    case '\0':
    case '0':
    case '7':
      /* before there was a type, a folder was told by its name */
      return g_str_has_suffix (name, "/") ? THOLE_TAR_FOLDER : THOLE_TAR_FILE;
    case '1':
      return THOLE_TAR_HARD_LINK;
    case '2':
      return THOLE_TAR_LINK;
    case '3':
      return THOLE_TAR_CHARACTER_DEVICE;
    case '4':
      return THOLE_TAR_BLOCK_DEVICE;
    case '5':
      return THOLE_TAR_FOLDER;
    case '6':
      return THOLE_TAR_PIPE;
    default:
      return THOLE_TAR_OTHER;
    }
}

/* entries ----------------------------------------------------------------------------------------------- */

static gboolean
take_device (TholeTar *self, GError **error)
{
  gint64 major, minor;

  if (!get_number (self->block + AT_MAJOR, 8, &major) || !get_number (self->block + AT_MINOR, 8, &minor) || major < 0 || minor < 0
      || major > G_MAXUINT32 || minor > G_MAXUINT32)
    return tar_refuse (error, "the number of a device is wrong");
  self->entry.major = (guint) major;
  self->entry.minor = (guint) minor;
  return TRUE;
}

static void
take_names (TholeTar *self)
{
  TholeTarEntry *entry = &self->entry;
  gboolean link = self->block[AT_TYPE] == '1' || self->block[AT_TYPE] == '2';

  g_free (self->name);
  g_clear_pointer (&self->link, g_free);
  self->name = self->said.name != NULL ? g_steal_pointer (&self->said.name) : get_name (self->block);
  if (link)
    self->link = self->said.link != NULL ? g_steal_pointer (&self->said.link) : get_text (self->block + AT_LINK, NAME_WIDTH);
  *entry = (TholeTarEntry) { .kind = kind_of (self->block[AT_TYPE], self->name), .name = self->name, .link = self->link };
  entry->name_flags = flags_of (self->name);
  entry->link_flags = link ? flags_of (self->link) : 0;
}

/* what was said before it holds for it */
static gboolean
take_figures (TholeTar *self, gint64 size, GError **error)
{
  const guint8 *block = self->block;
  const TarSaid *said = &self->said;
  TholeTarEntry *entry = &self->entry;
  gint64 mode, uid, gid, mtime;

  if (!get_number (block + AT_MODE, 8, &mode) || !get_number (block + AT_UID, 8, &uid) || !get_number (block + AT_GID, 8, &gid)
      || !get_number (block + AT_MTIME, 12, &mtime))
    return tar_refuse (error, "a number in a header is wrong");
  entry->mode = (guint) mode & 07777;
  entry->uid = said->has_uid ? said->uid : uid;
  entry->gid = said->has_gid ? said->gid : gid;
  entry->mtime = CLAMP (said->has_mtime ? said->mtime : mtime, -TAR_TIME_MAX, TAR_TIME_MAX);
  size = said->has_size ? said->size : size;
  /* the last one is nobody at all: to the kernel it says that the owner stays */
  if (entry->uid < 0 || entry->gid < 0 || entry->uid >= G_MAXUINT32 || entry->gid >= G_MAXUINT32)
    return tar_refuse (error, "an owner that cannot be");
  if (size < 0 || size > G_MAXINT64 - BLOCK)
    return tar_refuse (error, "a size that cannot be");
  if (entry->kind == THOLE_TAR_FOLDER && size > 0 && block[AT_TYPE] != '5')
    return tar_refuse (error, "a folder with a content");
  /* of the others some programs write a size, and no content */
  entry->size = entry->kind == THOLE_TAR_FILE || entry->kind == THOLE_TAR_OTHER ? (guint64) size : 0;
  return TRUE;
}

static gboolean
take_entry (TholeTar *self, gint64 size, GError **error)
{
  TholeTarEntry *entry = &self->entry;
  guint8 type = self->block[AT_TYPE];

  if (type == 'S' || type == 'M')
    return tar_refuse (error, type == 'S' ? "files with holes are not taken" : "its begin is in another volume");
  take_names (self);
  if (!take_figures (self, size, error))
    return FALSE;
  if ((type == '3' || type == '4') && memcmp (self->block + AT_MAGIC, "ustar", 5) == 0 && !take_device (self, error))
    return FALSE;
  tar_said_clear (&self->said);
  self->told = FALSE;
  self->left = entry->size;
  self->padding = (guint) ((BLOCK - entry->size % BLOCK) % BLOCK);
  return TRUE;
}

static gboolean
begin_special (TholeTar *self, gint64 size, GError **error)
{
  char type = (char) self->block[AT_TYPE];
  gboolean pax = type == 'x' || type == 'g';

  if (size < 0 || size > (pax ? TAR_PAX_MAX : THOLE_TAR_NAME_MAX + 1))
    return tar_refuse (error, pax ? "an extended header is too large" : "a name is too long");
  if (pax)
    tar_pax_begin (&self->pax, type == 'g');
  g_string_truncate (self->text, 0);
  self->special = type;
  self->told |= type != 'g';
  self->left = (guint64) size;
  self->padding = (guint) ((BLOCK - size % BLOCK) % BLOCK);
  return TRUE;
}

/* Returns: FALSE when it is bad; @is_entry (out) */
static gboolean
take_block (TholeTar *self, gboolean *is_entry, GError **error)
{
  static const guint8 zeros[BLOCK];
  guint8 type = self->block[AT_TYPE];
  gint64 sum, size;

  if (memcmp (self->block, zeros, BLOCK) == 0)
    {
      self->zeros++;
      return !self->told || tar_refuse (error, "it ends between a header and its entry");
    }
  if (self->zeros > 0)
    return tar_refuse (error, "a single block of zeros stands in the middle");
  if (!get_number (self->block + AT_CHECKSUM, 8, &sum) || sum != tar_checksum (self->block))
    return tar_refuse (error, "a header has a wrong checksum");
  if (!get_number (self->block + AT_SIZE, 12, &size))
    return tar_refuse (error, "a number in a header is wrong");
  *is_entry = type != 'L' && type != 'K' && type != 'x' && type != 'g';
  return *is_entry ? take_entry (self, size, error) : begin_special (self, size, error);
}

/* all of it is here */
static gboolean
end_special (TholeTar *self, GError **error)
{
  char type = self->special, **member = type == 'L' ? &self->said.name : &self->said.link;
  gsize length = strlen (self->text->str);

  self->special = 0;
  if (type == 'x' || type == 'g')
    return tar_pax_end (&self->pax, error);
  for (gsize i = length; i < self->text->len; i++)
    if (self->text->str[i] != '\0')
      return tar_refuse (error, "a name has a NUL in it");
  if (length > THOLE_TAR_NAME_MAX)
    return tar_refuse (error, "a name is too long");
  g_free (*member);
  *member = g_strdup (self->text->str);
  return TRUE;
}

/* bytes ------------------------------------------------------------------------------------------------- */

static gboolean
take_special (TholeTar *self, const guint8 *data, gsize length, GError **error)
{
  if (self->special == 'x' || self->special == 'g')
    return tar_pax_feed (&self->pax, data, length, self->left, &self->said, error);
  g_string_append_len (self->text, (const char *) data, (gssize) length);
  return TRUE;
}

/* Takes a part of @length, up to where something else begins. Returns: FALSE when it is bad; @event: MORE = go on */
static gboolean
take (TholeTar *self, const guint8 *data, gsize length, gsize *taken, TholeTarEvent *event, GError **error)
{
  gsize part = length;
  gboolean is_entry = FALSE, good = TRUE;

  if (self->left > 0)
    {
      part = (gsize) MIN (part, self->left);
      self->left -= part;
      *taken = part;
      *event = self->special != 0 ? THOLE_TAR_MORE : THOLE_TAR_DATA;
      return self->special == 0 || take_special (self, data, part, error);
    }
  part = MIN (part, self->padding > 0 ? self->padding : BLOCK - self->filled);
  *taken = part;
  if (self->padding > 0)
    {
      self->padding -= (guint) part;
      return TRUE;
    }
  memcpy (self->block + self->filled, data, part);
  self->filled += (guint) part;
  if (self->filled == BLOCK)
    {
      self->filled = 0;
      good = take_block (self, &is_entry, error);
      *event = is_entry ? THOLE_TAR_ENTRY : THOLE_TAR_MORE;
    }
  return good;
}

TholeTarEvent
thole_tar_parse (TholeTar *self, const guint8 **data, gsize *length, const guint8 **piece, gsize *piece_length, GError **error)
{
  TholeTarEvent event = THOLE_TAR_MORE;

  if (self->bad)
    {
      tar_refuse (error, "it was refused before");
      return THOLE_TAR_BAD;
    }
  while (event == THOLE_TAR_MORE && self->zeros < 2)
    {
      const guint8 *at = *data;
      gsize taken = 0;

      /* a content without a byte ends, too */
      self->bad = self->special != 0 && self->left == 0 && !end_special (self, error);
      if (!self->bad && *length == 0)
        return THOLE_TAR_MORE;
      self->bad = self->bad || !take (self, at, *length, &taken, &event, error);
      if (self->bad)
        return THOLE_TAR_BAD;
      *data += taken;
      *length -= taken;
      if (event == THOLE_TAR_DATA)
        {
          *piece = at;
          *piece_length = taken;
        }
    }
  return event == THOLE_TAR_MORE ? THOLE_TAR_END : event;
}
