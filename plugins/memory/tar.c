/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tree.h"

#include <string.h>

#include "feed.h"
#include "thole-error.h"
#include "thole-tar.h"

#define PART 65536
#define LARGEST (256u << 20)
#define MOST_ENTRIES 100000

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
append_entry_header (GByteArray *out, const TarEntry *entry)
{
  static const TholeTarKind kinds[] = { THOLE_TAR_FILE, THOLE_TAR_FOLDER, THOLE_TAR_LINK };
  const MemNode *node = entry->node;

  thole_tar_append_entry (out, &(TholeTarEntry) {
    .kind = kinds[node->kind],
    .name = entry->name,
    .link = node->target,
    .mode = node->mode,
    .size = node->content != NULL ? g_bytes_get_size (node->content) : 0,
    .mtime = MAX (node->mtime / G_USEC_PER_SEC, 0),
  });
}

static MemFeedResult
tar_writer_fill (gpointer data, GByteArray *out)
{
  TarWriter *self = data;
  const TarEntry *entry;
  const guint8 *content = NULL;
  gsize size = 0;
  gsize part;

  if (self->at > self->entries->len)
    return MEM_FEED_END;
  if (self->at == self->entries->len)
    {
      self->at++;
      thole_tar_append_end (out);
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
  thole_tar_append_padding (out, size);
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
  TholeTar *tar;
  GPtrArray *entries;     /* of TarEntry, with full paths */
  guint64 total;
  TarEntry *entry;        /* (nullable): whose content is coming */
  GByteArray *content;    /* of it */
};

MemTarReader *
mem_tar_reader_new (const char *root)
{
  MemTarReader *self = g_new0 (MemTarReader, 1);

  self->root = g_strdup (root);
  self->tar = thole_tar_new ();
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) tar_entry_free);
  self->content = g_byte_array_new ();
  return self;
}

void
mem_tar_reader_free (MemTarReader *self)
{
  g_free (self->root);
  thole_tar_free (self->tar);
  g_ptr_array_unref (self->entries);
  g_byte_array_unref (self->content);
  g_clear_pointer (&self->entry, tar_entry_free);
  g_free (self);
}

static gboolean
refuse (GError **error, const char *text)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not a good tar archive: %s", text);
  return FALSE;
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
end_entry (MemTarReader *self, GError **error)
{
  if (self->entry->node->kind == MEM_NODE_FILE)
    {
      self->entry->node->content = g_byte_array_free_to_bytes (self->content);
      self->content = g_byte_array_new ();
    }
  g_ptr_array_add (self->entries, g_steal_pointer (&self->entry));
  return self->entries->len <= MOST_ENTRIES || refuse (error, "too many entries");
}

static gboolean
begin_entry (MemTarReader *self, const TholeTarEntry *found, GError **error)
{
  gboolean link = found->kind == THOLE_TAR_LINK;
  MemNodeKind kind = link ? MEM_NODE_LINK : found->kind == THOLE_TAR_FOLDER ? MEM_NODE_FOLDER : MEM_NODE_FILE;
  g_autofree char *path = path_of (self, found->name);

  if (path == NULL)
    return refuse (error, "a name leaves the folder");
  if (kind == MEM_NODE_FILE && found->kind != THOLE_TAR_FILE)
    return refuse (error, "only files, folders and symbolic links are taken");
  self->total += strlen (found->name) + (link ? strlen (found->link) : 0);
  if (found->size > LARGEST || self->total + found->size > LARGEST)
    return refuse (error, "it is too large");
  self->total += found->size;
  self->entry = g_new0 (TarEntry, 1);
  self->entry->name = g_steal_pointer (&path);
  self->entry->node = mem_node_new (kind, found->mode, CLAMP (found->mtime, 0, G_MAXUINT32) * G_USEC_PER_SEC, NULL, link ? found->link : NULL);
  return TRUE;
}

gboolean
mem_tar_reader_feed (MemTarReader *self, const guint8 *data, gsize length, GError **error)
{
  const guint8 *piece;
  gsize piece_length;

  for (;;)
    {
      TholeTarEvent event = thole_tar_parse (self->tar, &data, &length, &piece, &piece_length, error);

      if (event == THOLE_TAR_ENTRY && !begin_entry (self, thole_tar_entry (self->tar), error))
        return FALSE;
      if (event == THOLE_TAR_DATA)
        g_byte_array_append (self->content, piece, (guint) piece_length);
      if (event != THOLE_TAR_ENTRY && event != THOLE_TAR_DATA)
        return event != THOLE_TAR_BAD;
      if (thole_tar_left (self->tar) == 0 && !end_entry (self, error))
        return FALSE;
    }
}

gboolean
mem_tar_reader_apply (MemTarReader *self, MemTarPut put, gpointer data, GError **error)
{
  if (thole_tar_state (self->tar) == THOLE_TAR_CUT)
    return refuse (error, "it ends too early");
  for (guint i = 0; i < self->entries->len; i++)
    {
      TarEntry *entry = self->entries->pdata[i];

      if (!put (data, entry->name, mem_node_copy (entry->node), error))
        return FALSE;
    }
  return TRUE;
}
