/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tree.h"

#include <string.h>

#include "thole-error.h"

#define TREE_BYTES (256u << 20)
#define TREE_NODES 100000
#define NODE_COST 256

struct _MemTree
{
  GTree *nodes; /* path -> MemNode */
  gsize bytes;
};

MemNode *
mem_node_new (MemNodeKind kind, guint mode, gint64 mtime, GBytes *content, const char *target)
{
  MemNode *node = g_new0 (MemNode, 1);

  node->kind = kind;
  node->mode = mode;
  node->mtime = mtime;
  node->content = content != NULL ? g_bytes_ref (content) : NULL;
  node->target = g_strdup (target);
  return node;
}

MemNode *
mem_node_copy (const MemNode *node)
{
  return mem_node_new (node->kind, node->mode, node->mtime, node->content, node->target);
}

void
mem_node_free (MemNode *node)
{
  g_clear_pointer (&node->content, g_bytes_unref);
  g_free (node->target);
  g_free (node);
}

static int
compare_paths (gconstpointer a, gconstpointer b, gpointer data)
{
  return strcmp (a, b);
}

MemTree *
mem_tree_new (void)
{
  MemTree *self = g_new0 (MemTree, 1);

  self->nodes = g_tree_new_full (compare_paths, NULL, g_free, (GDestroyNotify) mem_node_free);
  g_tree_insert (self->nodes, g_strdup ("/"), mem_node_new (MEM_NODE_FOLDER, 0755, 0, NULL, NULL));
  return self;
}

void
mem_tree_free (MemTree *self)
{
  g_tree_unref (self->nodes);
  g_free (self);
}

static gboolean
copy_node (gpointer key, gpointer value, gpointer data)
{
  MemTree *copy = data;

  g_tree_insert (copy->nodes, g_strdup (key), mem_node_copy (value));
  return FALSE;
}

MemTree *
mem_tree_copy (MemTree *self)
{
  MemTree *copy = mem_tree_new ();

  g_tree_foreach (self->nodes, copy_node, copy);
  copy->bytes = self->bytes;
  return copy;
}

char *
mem_path_normal (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  GString *normal = g_string_new ("");

  for (guint i = 0; parts[i] != NULL; i++)
    {
      if (*parts[i] == '\0' || strcmp (parts[i], ".") == 0)
        continue;
      if (strcmp (parts[i], "..") != 0)
        {
          g_ptr_array_add (kept, parts[i]);
          continue;
        }
      if (kept->len == 0)
        {
          g_string_free (normal, TRUE);
          return NULL;
        }
      g_ptr_array_set_size (kept, (int) kept->len - 1);
    }
  for (guint i = 0; i < kept->len; i++)
    g_string_append_printf (normal, "/%s", (const char *) kept->pdata[i]);
  if (normal->len == 0)
    g_string_append_c (normal, '/');
  return g_string_free (normal, FALSE);
}

const MemNode *
mem_tree_find (MemTree *self, const char *path)
{
  return g_tree_lookup (self->nodes, path);
}

gsize
mem_tree_bytes (MemTree *self)
{
  return self->bytes;
}

static gsize
cost_of (const MemNode *node)
{
  return NODE_COST + (node->content != NULL ? g_bytes_get_size (node->content) : 0);
}

static gboolean
make_parents (MemTree *self, const char *path, gint64 mtime, GError **error)
{
  for (const char *slash = strchr (path + 1, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      g_autofree char *parent = g_strndup (path, (gsize) (slash - path));
      const MemNode *node = g_tree_lookup (self->nodes, parent);

      if (node == NULL)
        {
          self->bytes += NODE_COST;
          g_tree_insert (self->nodes, g_steal_pointer (&parent),
                         mem_node_new (MEM_NODE_FOLDER, 0755, mtime, NULL, NULL));
        }
      else if (node->kind != MEM_NODE_FOLDER)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s is not a folder", parent);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
mem_tree_put (MemTree *self, const char *path, MemNode *node, GError **error)
{
  g_autoptr (MemNode) owned = node;
  const MemNode *old = g_tree_lookup (self->nodes, path);

  if (old != NULL && (old->kind == MEM_NODE_FOLDER) != (node->kind == MEM_NODE_FOLDER))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s is %s folder", path,
                   old->kind == MEM_NODE_FOLDER ? "a" : "not a");
      return FALSE;
    }
  if (self->bytes + cost_of (node) > TREE_BYTES || g_tree_nnodes (self->nodes) >= TREE_NODES)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "the files are larger than %u MiB or more than %u",
                   TREE_BYTES >> 20, TREE_NODES);
      return FALSE;
    }
  if (!make_parents (self, path, node->mtime, error))
    return FALSE;
  self->bytes += cost_of (node) - (old != NULL && strcmp (path, "/") != 0 ? cost_of (old) : 0);
  g_tree_replace (self->nodes, g_strdup (path), g_steal_pointer (&owned));
  return TRUE;
}

void
mem_tree_each (MemTree *self, const char *path, MemTreeFunc function, gpointer data)
{
  gsize length = strcmp (path, "/") == 0 ? 0 : strlen (path);

  for (GTreeNode *at = g_tree_lower_bound (self->nodes, path); at != NULL; at = g_tree_node_next (at))
    {
      const char *key = g_tree_node_key (at);

      if (length > 0 && strncmp (key, path, length) != 0)
        break;
      if (length == 0 || key[length] == '\0' || key[length] == '/')
        function (data, key, g_tree_node_value (at));
    }
}
