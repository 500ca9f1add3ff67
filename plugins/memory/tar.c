/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tree.h"

#include <string.h>

#include "feed.h"
#include "thole-error.h"

#define BLOCK 512
#define PART 65536
#define LONGEST_NAME 65536
#define LARGEST (256u << 20)
#define MOST_ENTRIES 100000

/* offsets of the fields of a ustar header */
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

/* the writer */

typedef struct
{
  char *name;
  MemNode *node;
} TarEntry;

typedef struct
{
  GPtrArray *entries;
  guint at;
  gsize offset;      /* in the content of the entry at hand */
  gboolean begun;    /* its header is written */
  gsize base_length; /* of the folder above, cut from all names */
} TarWriter;

static void
tar_entry_free (TarEntry *entry)
{
  g_free (entry->name);
  mem_node_free (entry->node);
  g_free (entry);
}

static void
tar_writer_free (gpointer data)
{
  TarWriter *self = data;

  g_ptr_array_unref (self->entries);
  g_free (self);
}

static void
put_octal (guint8 *header, guint at, guint width, guint64 value)
{
  char text[24];

  g_snprintf (text, sizeof text, "%0*" G_GINT64_MODIFIER "o", (int) width - 1, value);
  memcpy (header + at, text, width);
}

static guint64
checksum_of (const guint8 *header)
{
  guint64 sum = 0;

  for (guint i = 0; i < BLOCK; i++)
    sum += i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : header[i];
  return sum;
}

static void
append_padding (GByteArray *out, gsize length)
{
  static const guint8 zeros[BLOCK];

  if (length % BLOCK != 0)
    g_byte_array_append (out, zeros, (guint) (BLOCK - length % BLOCK));
}

static void
append_header (GByteArray *out, const char *name, char type, guint mode, guint64 size, gint64 mtime,
               const char *link)
{
  guint8 header[BLOCK] = { 0 };

  memcpy (header + AT_NAME, name, MIN (strlen (name), 100));
  put_octal (header, AT_MODE, 8, mode & 07777);
  put_octal (header, AT_UID, 8, 0);
  put_octal (header, AT_GID, 8, 0);
  put_octal (header, AT_SIZE, 12, size);
  put_octal (header, AT_MTIME, 12, (guint64) MAX (mtime / G_USEC_PER_SEC, 0));
  header[AT_TYPE] = (guint8) type;
  if (link != NULL)
    memcpy (header + AT_LINK, link, MIN (strlen (link), 100));
  memcpy (header + AT_MAGIC, "ustar\0" "00", 8);
  put_octal (header, AT_CHECKSUM, 7, checksum_of (header));
  header[AT_CHECKSUM + 7] = ' ';
  g_byte_array_append (out, header, BLOCK);
}

/* GNU's way for names above 100 bytes, which every tar reads */
static void
append_long (GByteArray *out, char type, const char *text)
{
  gsize length = strlen (text) + 1;

  if (length <= 101)
    return;
  append_header (out, "././@LongLink", type, 0644, length, 0, NULL);
  g_byte_array_append (out, (const guint8 *) text, (guint) length);
  append_padding (out, length);
}

static void
append_entry_header (GByteArray *out, const TarEntry *entry)
{
  static const char types[] = { '0', '5', '2' };
  const MemNode *node = entry->node;
  gsize size = node->content != NULL ? g_bytes_get_size (node->content) : 0;

  append_long (out, 'L', entry->name);
  if (node->target != NULL)
    append_long (out, 'K', node->target);
  append_header (out, entry->name, types[node->kind], node->mode, size, node->mtime, node->target);
}

static MemFeedResult
tar_writer_fill (gpointer data, GByteArray *out)
{
  TarWriter *self = data;
  static const guint8 zeros[BLOCK];
  const TarEntry *entry;
  const guint8 *content = NULL;
  gsize size = 0;
  gsize part;

  if (self->at > self->entries->len)
    return MEM_FEED_END;
  if (self->at == self->entries->len)
    {
      self->at++;
      g_byte_array_append (out, zeros, BLOCK);
      g_byte_array_append (out, zeros, BLOCK);
      return MEM_FEED_MORE;
    }
  entry = self->entries->pdata[self->at];
  if (!self->begun)
    append_entry_header (out, entry);
  self->begun = TRUE;
  if (entry->node->content != NULL)
    content = g_bytes_get_data (entry->node->content, &size);
  part = MIN (size - self->offset, PART);
  if (part > 0)
    g_byte_array_append (out, content + self->offset, (guint) part);
  self->offset += part;
  if (self->offset < size)
    return MEM_FEED_MORE;
  append_padding (out, size);
  self->at++;
  self->offset = 0;
  self->begun = FALSE;
  return MEM_FEED_MORE;
}

static void
collect_entry (gpointer data, const char *path, const MemNode *node)
{
  TarWriter *self = data;
  TarEntry *entry = g_new0 (TarEntry, 1);
  const char *name = path + self->base_length;

  entry->name = g_strconcat (*name == '\0' ? "." : name, node->kind == MEM_NODE_FOLDER ? "/" : "", NULL);
  entry->node = mem_node_copy (node);
  g_ptr_array_add (self->entries, entry);
}

GInputStream *
mem_tar_write (MemTree *tree, const char *path)
{
  TarWriter *self = g_new0 (TarWriter, 1);

  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) tar_entry_free);
  self->base_length = (gsize) (strrchr (path, '/') - path) + 1;
  mem_tree_each (tree, path, collect_entry, self);
  return mem_feed_new (tar_writer_fill, self, tar_writer_free);
}

/* the reader */

struct _MemTarReader
{
  char *root;
  GPtrArray *entries;     /* of TarEntry, with full paths */
  GByteArray *header;     /* what has come of a header */
  GByteArray *body;       /* what has come of a body */
  guint64 size;           /* of the body */
  guint64 padding;        /* bytes to skip after it */
  char type;
  gboolean in_body;
  gboolean ended;
  char *long_name, *long_link;
  guint64 total;
  TarEntry *entry;        /* whose body is coming */
};

MemTarReader *
mem_tar_reader_new (const char *root)
{
  MemTarReader *self = g_new0 (MemTarReader, 1);

  self->root = g_strdup (root);
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) tar_entry_free);
  self->header = g_byte_array_sized_new (BLOCK);
  return self;
}

void
mem_tar_reader_free (MemTarReader *self)
{
  g_free (self->root);
  g_ptr_array_unref (self->entries);
  g_byte_array_unref (self->header);
  g_clear_pointer (&self->body, g_byte_array_unref);
  g_free (self->long_name);
  g_free (self->long_link);
  g_clear_pointer (&self->entry, tar_entry_free);
  g_free (self);
}

static gboolean
refuse (GError **error, const char *text)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not a good tar archive: %s", text);
  return FALSE;
}

static gboolean
get_octal (const guint8 *header, guint at, guint width, guint64 *value)
{
  guint64 sum = 0;
  guint i = 0;

  while (i < width && header[at + i] == ' ')
    i++;
  for (; i < width && header[at + i] >= '0' && header[at + i] <= '7'; i++)
    sum = sum * 8 + (header[at + i] - '0');
  *value = sum;
  return i == width || header[at + i] == '\0' || header[at + i] == ' ';
}

static char *
get_text (const guint8 *header, guint at, guint width)
{
  return g_strndup ((const char *) header + at, width);
}

static char *
name_of (MemTarReader *self, const guint8 *header)
{
  g_autofree char *name = NULL;
  g_autofree char *prefix = NULL;

  if (self->long_name != NULL)
    return g_steal_pointer (&self->long_name);
  name = get_text (header, AT_NAME, 100);
  prefix = memcmp (header + AT_MAGIC, "ustar\0", 6) == 0 ? get_text (header, AT_PREFIX, 155) : NULL;
  if (prefix == NULL || *prefix == '\0')
    return g_steal_pointer (&name);
  return g_strconcat (prefix, "/", name, NULL);
}

/* the path inside the root; names that would leave it are refused */
static char *
path_of (MemTarReader *self, const char *name)
{
  g_autofree char *inside = mem_path_normal (name);

  if (inside == NULL)
    return NULL;
  if (strcmp (self->root, "/") == 0)
    return g_steal_pointer (&inside);
  return strcmp (inside, "/") == 0 ? g_strdup (self->root) : g_strconcat (self->root, inside, NULL);
}

static gboolean
add_entry (MemTarReader *self, TarEntry *entry, GError **error)
{
  g_ptr_array_add (self->entries, entry);
  return self->entries->len <= MOST_ENTRIES || refuse (error, "too many entries");
}

static gboolean
begin_entry (MemTarReader *self, const guint8 *header, GError **error)
{
  g_autofree char *name = name_of (self, header);
  g_autofree char *link = g_steal_pointer (&self->long_link);
  g_autofree char *path = path_of (self, name);
  MemNodeKind kind = self->type == '5'   ? MEM_NODE_FOLDER
                     : self->type == '2' ? MEM_NODE_LINK
                                         : MEM_NODE_FILE;
  guint64 mode;
  guint64 mtime;
  TarEntry *entry;

  if (path == NULL)
    return refuse (error, "a name leaves the folder");
  if (strchr ("0257", self->type) == NULL)
    return refuse (error, "only files, folders and symbolic links are taken");
  if (!get_octal (header, AT_MODE, 8, &mode) || !get_octal (header, AT_MTIME, 12, &mtime))
    return refuse (error, "a bad number");
  if (link == NULL)
    link = get_text (header, AT_LINK, 100);
  entry = g_new0 (TarEntry, 1);
  entry->name = g_steal_pointer (&path);
  entry->node = mem_node_new (kind, (guint) mode & 07777, (gint64) (mtime & G_MAXUINT32) * G_USEC_PER_SEC, NULL,
                              kind == MEM_NODE_LINK ? link : NULL);
  if (kind == MEM_NODE_FILE)
    {
      self->entry = entry;
      return TRUE;
    }
  return add_entry (self, entry, error);
}

static gboolean
is_meta (char type)
{
  return type == 'L' || type == 'K' || type == 'x' || type == 'g';
}

static gboolean
take_header (MemTarReader *self, GError **error)
{
  const guint8 *header = self->header->data;
  guint64 checksum;

  if (header[0] == '\0' && checksum_of (header) == 8 * ' ')
    {
      self->ended = TRUE;
      return TRUE;
    }
  if (!get_octal (header, AT_CHECKSUM, 8, &checksum) || checksum != checksum_of (header))
    return refuse (error, "a bad checksum");
  self->type = (char) header[AT_TYPE];
  if (!get_octal (header, AT_SIZE, 12, &self->size))
    return refuse (error, "a bad number");
  self->total += self->size;
  if (self->size > LARGEST || self->total > LARGEST || (is_meta (self->type) && self->size > LONGEST_NAME))
    return refuse (error, "it is too large");
  self->in_body = TRUE;
  self->padding = (BLOCK - self->size % BLOCK) % BLOCK;
  g_clear_pointer (&self->body, g_byte_array_unref);
  self->body = g_byte_array_new ();
  return is_meta (self->type) || begin_entry (self, header, error);
}

/* pax: "LENGTH key=value\n" */
static gboolean
take_pax (MemTarReader *self, GError **error)
{
  const char *at = (const char *) self->body->data;
  const char *end = at + self->body->len;

  while (at < end)
    {
      char *rest = NULL;
      guint64 length = g_ascii_strtoull (at, &rest, 10);
      const char *next = at + length;

      if (length == 0 || length > (guint64) (end - at) || *rest != ' ' || next[-1] != '\n')
        return refuse (error, "a bad extended header");
      rest++;
      if (g_str_has_prefix (rest, "path="))
        {
          g_free (self->long_name);
          self->long_name = g_strndup (rest + 5, (gsize) (next - rest) - 6);
        }
      else if (g_str_has_prefix (rest, "linkpath="))
        {
          g_free (self->long_link);
          self->long_link = g_strndup (rest + 9, (gsize) (next - rest) - 10);
        }
      at = next;
    }
  return TRUE;
}

static gboolean
take_body (MemTarReader *self, GError **error)
{
  self->in_body = FALSE;
  if (self->type == 'L' || self->type == 'K')
    {
      char **text = self->type == 'L' ? &self->long_name : &self->long_link;

      g_free (*text);
      *text = g_strndup ((const char *) self->body->data, self->body->len);
      return TRUE;
    }
  if (self->type == 'x')
    {
      g_byte_array_append (self->body, (const guint8 *) "", 1);
      g_byte_array_set_size (self->body, self->body->len - 1);
      return take_pax (self, error);
    }
  if (self->entry == NULL)
    return TRUE;
  self->entry->node->content = g_byte_array_free_to_bytes (g_steal_pointer (&self->body));
  return add_entry (self, g_steal_pointer (&self->entry), error);
}

gboolean
mem_tar_reader_feed (MemTarReader *self, const guint8 *data, gsize length, GError **error)
{
  while (length > 0 && !self->ended)
    {
      gsize part = 0;

      if (!self->in_body && self->padding > 0)
        {
          part = (gsize) MIN (length, self->padding);
          self->padding -= part;
        }
      else if (!self->in_body)
        {
          part = MIN (length, BLOCK - self->header->len);
          g_byte_array_append (self->header, data, (guint) part);
          if (self->header->len == BLOCK)
            {
              if (!take_header (self, error))
                return FALSE;
              g_byte_array_set_size (self->header, 0);
            }
        }
      else if (self->body->len < self->size)
        {
          part = (gsize) MIN (length, self->size - self->body->len);
          g_byte_array_append (self->body, data, (guint) part);
        }
      if (self->in_body && self->body->len == self->size && !take_body (self, error))
        return FALSE;
      data += part;
      length -= part;
    }
  return TRUE;
}

gboolean
mem_tar_reader_apply (MemTarReader *self, MemTarPut put, gpointer data, GError **error)
{
  if (self->in_body || self->padding > 0 || self->header->len > 0)
    return refuse (error, "it ends too early");
  for (guint i = 0; i < self->entries->len; i++)
    {
      TarEntry *entry = self->entries->pdata[i];

      if (!put (data, entry->name, mem_node_copy (entry->node), error))
        return FALSE;
    }
  return TRUE;
}
