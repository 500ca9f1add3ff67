/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slots of files/1. */

#include "driver.h"

#include <string.h>

#include "thole-dict.h"
#include "tree.h"
#include "workload.h"

#define PART 65536
#define MOST_LINKS 40

/* What @path means once the links above its last part are followed, as engines do. Returns: (transfer full) (nullable): NULL when there
 * are too many of them, or it leaves the root */
static char *
resolve (MemWorkload *workload, const char *text)
{
  g_autofree char *path = mem_path_normal (text);
  const char *slash = path != NULL ? strchr (path + 1, '/') : NULL;

  for (guint links = 0; slash != NULL && links <= MOST_LINKS;)
    {
      g_autofree char *above = g_strndup (path, (gsize) (slash - path)), *folder = g_path_get_dirname (above), *inside = NULL, *whole = NULL;
      MemTree *tree = mem_workload_tree (workload, above, &inside);
      const MemNode *node = tree != NULL ? mem_tree_find (tree, inside) : NULL;

      if (node == NULL || node->kind != MEM_NODE_LINK)
        {
          slash = strchr (slash + 1, '/');
          continue;
        }
      links++;
      whole = g_strconcat (node->target[0] == '/' ? "" : folder, "/", node->target, slash, NULL);
      g_free (path);
      path = mem_path_normal (whole);
      slash = path != NULL ? strchr (path + 1, '/') : NULL;
    }
  return slash == NULL ? g_steal_pointer (&path) : NULL;
}

static void
work_get (MemCall *call)
{
  g_autofree char *path = NULL;
  g_autofree char *inside = NULL;
  MemWorkload *workload = mem_call_workload (call);
  g_autoptr (GInputStream) tar = NULL;
  MemTree *tree;

  if (workload == NULL)
    return;
  path = resolve (workload, call->text);
  tree = path != NULL ? mem_workload_tree (workload, path, &inside) : NULL;
  if (tree == NULL || mem_tree_find (tree, inside) == NULL)
    {
      mem_call_fail (call, THOLE_ERROR_NOT_FOUND, "no such file or folder: %s", call->text);
      return;
    }
  tar = mem_tar_write (tree, inside);
  mem_call_return (call, thole_stream_new (tar, NULL), g_object_unref);
}

static void
get_async (TholeDriver *self, const char *id, const char *path, GVariant *options, GCancellable *cancellable,
           GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "files.get", id, path, NULL, options, cancellable, callback, user_data),
                  work_get);
}

static GIOStream *
get_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

/* an upload; it outlives its call when that is cancelled, until the read at hand is back */
typedef struct
{
  MemCall *call; /* NULL = cancelled */
  MemTarReader *reader;
  GInputStream *tar;
  GCancellable *cancellable;
} Put;

static void
put_dropped (gpointer data)
{
  Put *put = data;

  put->call = NULL;
  g_cancellable_cancel (put->cancellable);
}

static void
put_free (Put *put)
{
  mem_tar_reader_free (put->reader);
  g_object_unref (put->tar);
  g_object_unref (put->cancellable);
  g_free (put);
}

static gboolean
put_entry (gpointer data, const char *path, MemNode *node, GError **error)
{
  return mem_workload_put (data, path, node, error);
}

static void
put_finished (Put *put, GError *error)
{
  MemCall *call = put->call;
  MemWorkload *workload;

  call->data = NULL;
  workload = mem_call_workload (call);
  if (workload == NULL)
    {
      g_clear_error (&error);
      put_free (put);
      return;
    }
  if (error == NULL)
    mem_tar_reader_apply (put->reader, put_entry, workload, &error);
  put_free (put);
  if (error == NULL)
    mem_call_done (call);
  else if (error->domain == THOLE_ERROR)
    mem_call_error (call, error);
  else
    {
      mem_call_fail (call, THOLE_ERROR_FAILED, "the archive cannot be read: %s", error->message);
      g_error_free (error);
    }
}

static void read_part (Put *put);

static void
on_part (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Put *put = user_data;
  GError *error = NULL;
  g_autoptr (GBytes) part = g_input_stream_read_bytes_finish (put->tar, result, &error);
  gsize length = 0;
  const guint8 *data = part != NULL ? g_bytes_get_data (part, &length) : NULL;

  if (put->call == NULL)
    {
      g_clear_error (&error);
      put_free (put);
    }
  else if (error == NULL && length > 0 && mem_tar_reader_feed (put->reader, data, length, &error))
    read_part (put);
  else
    put_finished (put, error);
}

static void
read_part (Put *put)
{
  g_input_stream_read_bytes_async (put->tar, PART, G_PRIORITY_DEFAULT, put->cancellable, on_part, put);
}

static void
work_put (MemCall *call)
{
  g_autofree char *path = NULL;
  g_autofree char *inside = NULL;
  MemWorkload *workload = mem_call_workload (call);
  MemTree *tree;
  const MemNode *node;
  Put *put;

  if (workload == NULL)
    return;
  path = resolve (workload, call->text);
  tree = path != NULL ? mem_workload_tree (workload, path, &inside) : NULL;
  node = tree != NULL ? mem_tree_find (tree, inside) : NULL;
  if (node == NULL || node->kind != MEM_NODE_FOLDER)
    {
      mem_call_fail (call, node == NULL ? THOLE_ERROR_NOT_FOUND : THOLE_ERROR_INVALID, "no such folder: %s",
                     call->text);
      return;
    }
  put = g_new0 (Put, 1);
  put->call = call;
  put->reader = mem_tar_reader_new (path);
  put->tar = g_object_ref (call->tar);
  put->cancellable = g_cancellable_new ();
  call->data = put;
  call->data_free = put_dropped;
  read_part (put);
}

static void
put_async (TholeDriver *self, const char *id, const char *path, GInputStream *tar, GVariant *options,
           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = mem_call_new (self, "files.put", id, path, NULL, options, cancellable, callback, user_data);

  call->tar = g_object_ref (tar);
  mem_call_begin (call, work_put);
}

static gboolean
put_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error) != NULL;
}

const TholeFilesOps mem_files_ops = {
  .struct_size = sizeof (TholeFilesOps),
  .get_async = get_async,
  .get_finish = get_finish,
  .put_async = put_async,
  .put_finish = put_finish,
};
