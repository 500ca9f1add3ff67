/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "tar-read.h"

#include <string.h>

#include "thole-error.h"

#define BLOCK 512
#define META_MAX (1024 * 1024) /* extended headers hold what files have beside their content, too */

/* where the fields of a header are */
enum
{
  AT_NAME = 0,
  AT_MODE = 100,
  AT_UID = 108,
  AT_GID = 116,
  AT_SIZE = 124,
  AT_TIME = 136,
  AT_SUM = 148,
  AT_KIND = 156,
  AT_LINK = 157,
  AT_MAGIC = 257,
  AT_PREFIX = 345,
};

/* what headers before an entry say about it */
typedef struct
{
  char *name, *link;
  gint64 size, uid, gid, time;
  gboolean has_size, has_uid, has_gid, has_time;
} Extra;

struct _CtrTarReader
{
  CtrSource source;
  gpointer user_data;
  guint64 left;       /* of the present content */
  guint padding;      /* behind it */
  gboolean ended;
  Extra extra;
  char *name, *link;  /* of the present entry */
};

CtrTarReader *
ctr_tar_reader_new (CtrSource source, gpointer user_data)
{
  CtrTarReader *self = g_new0 (CtrTarReader, 1);

  self->source = source;
  self->user_data = user_data;
  return self;
}

static void
extra_clear (Extra *self)
{
  g_free (self->name);
  g_free (self->link);
  *self = (Extra) { 0 };
}

void
ctr_tar_reader_free (CtrTarReader *self)
{
  extra_clear (&self->extra);
  g_free (self->name);
  g_free (self->link);
  g_free (self);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "this is not a tar archive that can be taken: %s", why);
  return FALSE;
}

/* bytes ----------------------------------------------------------------------------------------------- */

/* Returns: how many came before the end, -1 = failed. */
static gssize
read_some (CtrTarReader *self, void *buffer, gsize size, GError **error)
{
  gsize have = 0;

  while (have < size)
    {
      gssize n = self->source (self->user_data, (guint8 *) buffer + have, size - have, error);

      if (n < 0)
        return -1;
      if (n == 0)
        break;
      have += (gsize) n;
    }
  return (gssize) have;
}

static gboolean
read_whole (CtrTarReader *self, void *buffer, gsize size, GError **error)
{
  gssize n = read_some (self, buffer, size, error);

  return n == (gssize) size || (n >= 0 && refuse (error, "it ends in the middle"));
}

static gboolean
skip (CtrTarReader *self, GError **error)
{
  guint8 rest[BLOCK * 8];

  while (self->left > 0 || self->padding > 0)
    {
      gsize part = (gsize) MIN (self->left > 0 ? self->left : self->padding, sizeof rest);

      if (!read_whole (self, rest, part, error))
        return FALSE;
      if (self->left > 0)
        self->left -= part;
      else
        self->padding -= (guint) part;
    }
  return TRUE;
}

/* fields ---------------------------------------------------------------------------------------------- */

/* GNU's numbers that octal has no room for: big-endian, in two's complement. */
static gboolean
get_binary (const guint8 *field, guint width, gint64 *value)
{
  gboolean negative = field[0] == 0xff;
  guint64 sum = negative ? G_MAXUINT64 : 0;

  if (field[0] != 0x80 && !negative)
    return FALSE;
  for (guint i = 1; i < width; i++)
    {
      if (i + 8 < width && field[i] != (negative ? 0xff : 0))
        return FALSE;
      sum = sum << 8 | field[i];
    }
  *value = (gint64) sum;
  return (*value < 0) == negative;
}

static gboolean
get_number (const guint8 *header, guint at, guint width, gint64 *value)
{
  const guint8 *field = header + at;
  gint64 sum = 0;
  guint i = 0;

  if (field[0] >= 0x80)
    return get_binary (field, width, value);
  while (i < width && field[i] == ' ')
    i++;
  for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
    sum = sum * 8 + (field[i] - '0');
  *value = sum;
  return i == width || field[i] == '\0' || field[i] == ' ';
}

static gboolean
is_empty (const guint8 *header)
{
  for (guint i = 0; i < BLOCK; i++)
    if (header[i] != 0)
      return FALSE;
  return TRUE;
}

static gboolean
is_sum_right (const guint8 *header)
{
  gint64 sum = 0, said;

  for (guint i = 0; i < BLOCK; i++)
    sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : header[i];
  return get_number (header, AT_SUM, 8, &said) && said == sum;
}

static char *
get_name (const guint8 *header)
{
  g_autofree char *name = g_strndup ((const char *) header + AT_NAME, 100);
  g_autofree char *prefix = g_strndup ((const char *) header + AT_PREFIX, 155);

  /* GNU has other things there */
  if (memcmp (header + AT_MAGIC, "ustar\0", 6) != 0 || prefix[0] == '\0')
    return g_steal_pointer (&name);
  return g_strconcat (prefix, "/", name, NULL);
}

/* headers before an entry ----------------------------------------------------------------------------- */

static gboolean
take_number (const char *value, gint64 *number, gboolean *has)
{
  char *end = NULL;

  *number = g_ascii_strtoll (value, &end, 10);
  *has = TRUE;
  return end != value && (*end == '\0' || *end == '.');
}

static gboolean
take_pair (CtrTarReader *self, const char *key, const char *value, GError **error)
{
  Extra *extra = &self->extra;
  gboolean good = TRUE;

  if (strcmp (key, "path") == 0)
    {
      g_free (extra->name);
      extra->name = g_strdup (value);
    }
  else if (strcmp (key, "linkpath") == 0)
    {
      g_free (extra->link);
      extra->link = g_strdup (value);
    }
  else if (strcmp (key, "size") == 0)
    good = take_number (value, &extra->size, &extra->has_size);
  else if (strcmp (key, "uid") == 0)
    good = take_number (value, &extra->uid, &extra->has_uid);
  else if (strcmp (key, "gid") == 0)
    good = take_number (value, &extra->gid, &extra->has_gid);
  else if (strcmp (key, "mtime") == 0)
    good = take_number (value, &extra->time, &extra->has_time);
  else if (g_str_has_prefix (key, "GNU.sparse."))
    return refuse (error, "files with holes in GNU's form are not taken");
  return good || refuse (error, "a number in an extended header");
}

/* "LENGTH key=value\n", again and again */
static gboolean
take_pax (CtrTarReader *self, char *at, gsize length, GError **error)
{
  char *end = at + length;

  while (at < end)
    {
      char *rest = NULL, *equals;
      guint64 size = g_ascii_isdigit (*at) ? g_ascii_strtoull (at, &rest, 10) : 0;
      char *next = at + (size <= (guint64) (end - at) ? size : 0);

      if (next == at || rest >= next || *rest != ' ' || next[-1] != '\n')
        return refuse (error, "a bad extended header");
      next[-1] = '\0';
      rest++;
      equals = rest < next ? strchr (rest, '=') : NULL;
      /* values of other keys may hold anything */
      if (equals == NULL)
        return refuse (error, "a bad extended header");
      *equals = '\0';
      if (!take_pair (self, rest, equals + 1, error))
        return FALSE;
      at = next;
    }
  return TRUE;
}

/* Takes the content of the present entry as one. */
static gboolean
take_meta (CtrTarReader *self, char kind, GError **error)
{
  gsize length = (gsize) self->left;
  g_autofree char *text = NULL;

  if (kind == 'g')
    return skip (self, error);
  if (self->left > META_MAX)
    return refuse (error, "an extended header is too large");
  text = g_malloc0 (length + 1);
  self->left = 0;
  if (!read_whole (self, text, length, error) || !skip (self, error))
    return FALSE;
  if (kind == 'x')
    return take_pax (self, text, length, error);
  return take_pair (self, kind == 'L' ? "path" : "linkpath", text, error);
}

/* entries --------------------------------------------------------------------------------------------- */

static gboolean
set_entry (CtrTarReader *self, const guint8 *header, CtrTarEntry *entry, GError **error)
{
  Extra *extra = &self->extra;
  gint64 mode, uid, gid, time;

  if (!get_number (header, AT_MODE, 8, &mode) || !get_number (header, AT_UID, 8, &uid) || !get_number (header, AT_GID, 8, &gid)
      || !get_number (header, AT_TIME, 12, &time))
    return refuse (error, "a bad number");
  uid = extra->has_uid ? extra->uid : uid;
  gid = extra->has_gid ? extra->gid : gid;
  /* -1 would leave the owner as it is */
  if (uid < 0 || uid >= G_MAXUINT32 || gid < 0 || gid >= G_MAXUINT32)
    return refuse (error, "an owner that cannot be");
  g_free (self->name);
  g_free (self->link);
  self->name = extra->name != NULL ? g_steal_pointer (&extra->name) : get_name (header);
  self->link = extra->link != NULL ? g_steal_pointer (&extra->link) : g_strndup ((const char *) header + AT_LINK, 100);
  entry->name = self->name;
  entry->link = self->link;
  entry->mode = (guint) mode & 07777;
  entry->uid = (guint32) uid;
  entry->gid = (guint32) gid;
  entry->mtime = extra->has_time ? extra->time : time;
  entry->size = self->left;
  extra_clear (extra);
  return TRUE;
}

/* What @header says about the content behind it. */
static gboolean
begin_content (CtrTarReader *self, const guint8 *header, char kind, GError **error)
{
  gboolean meta = strchr ("xgLK", kind) != NULL;
  gint64 size;

  if (!get_number (header, AT_SIZE, 12, &size))
    return refuse (error, "a bad size");
  if (self->extra.has_size && !meta)
    size = self->extra.size;
  if (size < 0 || size > G_MAXINT64 - BLOCK)
    return refuse (error, "a bad size");
  /* of links and folders some programs write the size and no content */
  if (kind >= '1' && kind <= '6')
    size = 0;
  self->left = (guint64) size;
  self->padding = (guint) ((BLOCK - size % BLOCK) % BLOCK);
  return TRUE;
}

int
ctr_tar_reader_next (CtrTarReader *self, CtrTarEntry *entry, GError **error)
{
  guint8 header[BLOCK];
  char kind;

  while (!self->ended)
    {
      gssize n = skip (self, error) ? read_some (self, header, BLOCK, error) : -1;

      if (n < 0)
        return -1;
      self->ended = n == 0 || (n == BLOCK && is_empty (header));
      if (self->ended)
        break;
      if (n < BLOCK || !is_sum_right (header))
        {
          refuse (error, n < BLOCK ? "it ends in the middle" : "a header is broken");
          return -1;
        }
      kind = header[AT_KIND] == '\0' || header[AT_KIND] == '7' ? '0' : (char) header[AT_KIND];
      if (strchr ("xgLK0123456", kind) == NULL)
        {
          refuse (error, "an entry of a kind that is not known");
          return -1;
        }
      if (!begin_content (self, header, kind, error))
        return -1;
      if (strchr ("xgLK", kind) == NULL)
        {
          entry->kind = kind;
          return set_entry (self, header, entry, error) ? 1 : -1;
        }
      if (!take_meta (self, kind, error))
        return -1;
    }
  return 0;
}

gssize
ctr_tar_reader_read (CtrTarReader *self, void *buffer, gsize size, GError **error)
{
  gssize n;

  if (self->left == 0 || size == 0)
    return 0;
  n = self->source (self->user_data, buffer, (gsize) MIN (self->left, size), error);
  if (n == 0)
    {
      refuse (error, "it ends in the middle");
      return -1;
    }
  if (n > 0)
    self->left -= (guint64) n;
  return n;
}
