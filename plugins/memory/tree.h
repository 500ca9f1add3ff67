/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files and folders in memory, by absolute path, and their tar form (POSIX ustar; long names of GNU and pax are read and
 * written).
 */
#pragma once

#include <gio/gio.h>

typedef struct _MemTree MemTree;

typedef enum
{
  MEM_NODE_FILE,
  MEM_NODE_FOLDER,
  MEM_NODE_LINK,
} MemNodeKind;

typedef struct
{
  MemNodeKind kind;
  guint mode;
  gint64 mtime;      /* µs */
  GBytes *content;   /* of a file */
  char *target;      /* of a link */
} MemNode;

MemNode    *mem_node_new    (MemNodeKind kind, guint mode, gint64 mtime, GBytes *content, const char *target);
MemNode    *mem_node_copy   (const MemNode *node);
void        mem_node_free   (MemNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemNode, mem_node_free)

/* Has only `/`. */
MemTree    *mem_tree_new    (void);
MemTree    *mem_tree_copy   (MemTree *self);
void        mem_tree_free   (MemTree *self);

/* Returns: (transfer full) (nullable): absolute, without `.`, `..`, doubled or trailing slashes; NULL when it leaves `/` */
char       *mem_path_normal (const char *path);

/* Paths are normal ones. Returns: (transfer none) (nullable) */
const MemNode *mem_tree_find (MemTree *self, const char *path);
/* Puts @node (transfer full) at @path and makes the folders above it. Errors: INVALID (a file stands in the way),
 * LIMIT (more than 256 MiB). */
gboolean    mem_tree_put    (MemTree *self, const char *path, MemNode *node, GError **error);
typedef void (*MemTreeFunc) (gpointer data, const char *path, const MemNode *node);
/* @path and all below, parents first. */
void        mem_tree_each   (MemTree *self, const char *path, MemTreeFunc function, gpointer data);
gsize       mem_tree_bytes  (MemTree *self);

/* Returns: (transfer full): a tar of @path, its names relative to the folder above it, made while it is read */
GInputStream *mem_tar_write (MemTree *self, const char *path);

/* Reads a tar in parts of any size. */
typedef struct _MemTarReader MemTarReader;

/* @root: the normal path of the folder that it is unpacked into. Nothing is changed before mem_tar_reader_apply(). */
MemTarReader *mem_tar_reader_new   (const char *root);
void          mem_tar_reader_free  (MemTarReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemTarReader, mem_tar_reader_free)
gboolean      mem_tar_reader_feed  (MemTarReader *self, const guint8 *data, gsize length, GError **error);
/* At the end of the data: hands every entry (path is normal) to @put. Errors: INVALID (it ends too early) and those of @put. */
typedef gboolean (*MemTarPut) (gpointer data, const char *path, MemNode *node /* transfer full */, GError **error);
gboolean      mem_tar_reader_apply (MemTarReader *self, MemTarPut put, gpointer data, GError **error);
