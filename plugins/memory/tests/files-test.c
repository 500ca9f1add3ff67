/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <string.h>

#include "tree.h"

static GIOStream *
call_get (Host *host, const char *path, GError **error)
{
  Answer answer = { NULL };
  GIOStream *stream;

  host->files->get_async (host->driver, "wl-1", path, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  stream = host->files->get_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return stream;
}

static gboolean
call_put (Host *host, const char *path, gconstpointer data, gsize length, GError **error)
{
  g_autoptr (GInputStream) tar = g_memory_input_stream_new_from_data (data, (gssize) length, NULL);
  Answer answer = { NULL };
  gboolean done;

  host->files->put_async (host->driver, "wl-1", path, tar, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  done = host->files->put_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return done;
}

static GByteArray *
tar_of (Host *host, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = call_get (host, path, &error);

  g_assert_no_error (error);
  return read_bytes (g_io_stream_get_input_stream (stream));
}

static void
make (Host *host)
{
  g_autoptr (GVariant) made
    = call_create (host, "wl-1", "{'name': <'a'>, 'files': <[{'path': <'/etc/app/one.conf'>, 'content': <b'first'>,"
                                 "'mode': <int64 384>}]>}", NULL);

  g_assert_nonnull (made);
}

static void
test_round_trip (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GByteArray) tar = NULL;
  g_autoptr (GByteArray) again = NULL;
  g_autoptr (GError) error = NULL;

  make (host);
  tar = tar_of (host, "/etc/app");
  g_assert_cmpuint (tar->len % 512, ==, 0);
  g_assert_cmpstr ((const char *) tar->data, ==, "app/");
  g_assert_cmpstr ((const char *) tar->data + 512, ==, "app/one.conf");
  g_assert_cmpint (memcmp (tar->data + 1024, "first", 5), ==, 0);
  g_assert_true (call_put (host, "/", tar->data, tar->len, &error));
  g_assert_no_error (error);
  again = tar_of (host, "/app");
  g_assert_cmpuint (again->len, ==, tar->len);
  g_assert_cmpint (memcmp (again->data, tar->data, tar->len), ==, 0);
  host_free (host);
}

static void
test_large_and_long_names (void)
{
  Host *host = host_new (NULL);
  MemTree *tree = mem_tree_new ();
  g_autofree char *name = g_strnfill (90, 'n');
  g_autofree char *path = g_strdup_printf ("/top/%s/%s", name, name);
  g_autofree char *content = g_strnfill (20000000, 'x');
  g_autoptr (GBytes) bytes = g_bytes_new_static (content, 20000000);
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GByteArray) tar = NULL;
  g_autoptr (GByteArray) back = NULL;
  g_autoptr (GError) error = NULL;

  mem_tree_put (tree, path, mem_node_new (MEM_NODE_FILE, 0644, START, bytes, NULL), NULL);
  mem_tree_put (tree, "/top/link", mem_node_new (MEM_NODE_LINK, 0777, START, NULL, path), NULL);
  stream = mem_tar_write (tree, "/top");
  tar = read_bytes (stream);
  make (host);
  g_assert_true (call_put (host, "/", tar->data, tar->len, &error));
  g_assert_no_error (error);
  back = tar_of (host, "/top");
  g_assert_cmpuint (back->len, ==, tar->len);
  g_assert_cmpint (memcmp (back->data, tar->data, tar->len), ==, 0);
  mem_tree_free (tree);
  host_free (host);
}

static void
test_errors (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) folder = NULL;
  g_autoptr (GError) broken = NULL;
  g_autoptr (GError) short_error = NULL;
  g_autoptr (GByteArray) tar = NULL;

  make (host);
  tar = tar_of (host, "/etc");
  g_assert_null (call_get (host, "/none", &missing));
  g_assert_error (missing, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_assert_false (call_put (host, "/none", tar->data, tar->len, &folder));
  g_assert_error (folder, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  tar->data[0] ^= 1;
  g_assert_false (call_put (host, "/", tar->data, tar->len, &broken));
  g_assert_error (broken, THOLE_ERROR, THOLE_ERROR_INVALID);
  tar->data[0] ^= 1;
  g_assert_false (call_put (host, "/", tar->data, 1500, &short_error));
  g_assert_error (short_error, THOLE_ERROR, THOLE_ERROR_INVALID);
  host_free (host);
}

static gboolean
refuse_entry (gpointer data, const char *path, MemNode *node, GError **error)
{
  mem_node_free (node);
  return TRUE;
}

static void
test_names_that_leave_the_folder (void)
{
  MemTree *tree = mem_tree_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);
  g_autoptr (MemTarReader) reader = mem_tar_reader_new ("/in");
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GByteArray) tar = NULL;
  g_autoptr (GError) error = NULL;
  guint sum = 8 * ' ';

  mem_tree_put (tree, "/AA/BB", mem_node_new (MEM_NODE_FILE, 0644, 0, bytes, NULL), NULL);
  stream = mem_tar_write (tree, "/AA/BB");
  tar = read_bytes (stream);
  memcpy (tar->data, "../b", 4);
  for (guint i = 0; i < 512; i++)
    sum += i >= 148 && i < 156 ? 0 : tar->data[i];
  g_snprintf ((char *) tar->data + 148, 8, "%06o", sum);
  g_assert_false (mem_tar_reader_feed (reader, tar->data, tar->len, &error)
                  && mem_tar_reader_apply (reader, refuse_entry, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  mem_tree_free (tree);
}

static void
test_any_bytes_do_no_harm (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  MemTree *tree = mem_tree_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_static ("content", 7);
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GByteArray) tar = NULL;

  mem_tree_put (tree, "/a/b", mem_node_new (MEM_NODE_FILE, 0644, 0, bytes, NULL), NULL);
  stream = mem_tar_write (tree, "/a");
  tar = read_bytes (stream);
  for (guint i = 0; i < 2000; i++)
    {
      g_autoptr (MemTarReader) reader = mem_tar_reader_new ("/");
      g_autofree guint8 *copy = g_memdup2 (tar->data, tar->len);
      gsize at = 0;

      copy[g_rand_int_range (rand, 0, (gint32) tar->len)] = (guint8) g_rand_int (rand);
      while (at < tar->len)
        {
          gsize part = (gsize) g_rand_int_range (rand, 1, 700);

          part = MIN (part, tar->len - at);
          if (!mem_tar_reader_feed (reader, copy + at, part, NULL))
            break;
          at += part;
        }
      mem_tar_reader_apply (reader, refuse_entry, NULL, NULL);
    }
  mem_tree_free (tree);
}

static void
test_paths (void)
{
  static const char *const cases[][2] = {
    { "/", "/" }, { "", "/" }, { "a", "/a" }, { "/a//b/", "/a/b" }, { "/a/./b/../c", "/a/c" }, { "/..", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *normal = mem_path_normal (cases[i][0]);

      g_assert_cmpstr (normal, ==, cases[i][1]);
    }
}

static void
test_cancelled_put (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GInputStream) tar = g_memory_input_stream_new_from_data ("x", 1, NULL);
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  make (host);
  host->files->put_async (host->driver, "wl-1", "/", tar, no_options (), cancellable, answer_take, &answer);
  g_cancellable_cancel (cancellable);
  answer_wait (&answer);
  g_assert_false (host->files->put_finish (host->driver, answer.result, &error));
  g_assert_nonnull (error);
  answer_clear (&answer);
  for (guint i = 0; i < 20; i++)
    {
      settle ();
      g_usleep (1000);
    }
  host_free (host);
}

void
add_files_tests (void)
{
  g_test_add_func ("/memory/files/round-trip", test_round_trip);
  g_test_add_func ("/memory/files/large-and-long", test_large_and_long_names);
  g_test_add_func ("/memory/files/errors", test_errors);
  g_test_add_func ("/memory/files/leaving", test_names_that_leave_the_folder);
  g_test_add_func ("/memory/files/any-bytes", test_any_bytes_do_no_harm);
  g_test_add_func ("/memory/files/paths", test_paths);
  g_test_add_func ("/memory/files/cancelled-put", test_cancelled_put);
}
