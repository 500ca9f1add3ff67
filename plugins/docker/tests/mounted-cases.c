/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of a workload where the driver itself has to mount them, and to let go of them again: not of Docker's.
 */
#include "cases.h"

#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#include "thole-tar.h"

#define MANY 8

/* @missing: bytes that are cut off the end */
static GBytes *
archive_of (const char *path, const char *text, gsize length, gsize missing)
{
  GByteArray *archive = g_byte_array_new ();

  thole_tar_append_file (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = path, .mode = 0640, .uid = 12, .gid = 34, .size = length, .mtime = 1700000000 }, text);
  thole_tar_append_end (archive);
  g_byte_array_set_size (archive, (guint) (archive->len - missing));
  return g_byte_array_free_to_bytes (archive);
}

static gboolean
put (Bench *b, const char *id, const char *folder, const char *name, const char *text, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GBytes) bytes = archive_of (name, text, strlen (text), 0);
  g_autoptr(GInputStream) tar = g_memory_input_stream_new_from_bytes (bytes);
  g_autoptr(GAsyncResult) result = AWAIT (b->files->put_async, b->driver, id, folder, tar, none, NULL);

  return b->files->put_finish (b->driver, result, error);
}

static GIOStream *
get (Bench *b, const char *id, const char *path, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->files->get_async, b->driver, id, path, none, NULL);

  return b->files->get_finish (b->driver, result, error);
}

/* The content of the one file. */
static char *
get_text (Bench *b, const char *id, const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) stream = get (b, id, path, &error);
  g_autoptr(GByteArray) bytes = NULL;

  g_assert_no_error (error);
  bytes = bench_read (g_io_stream_get_input_stream (stream), G_MAXUINT32, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (bytes->len, >=, 1024);
  return g_strndup ((char *) bytes->data + 512, 512);
}

/* Does anybody else see what the driver has mounted? */
static gboolean
is_seen (const char *target)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/mounts", &text, NULL, NULL));
  return strstr (text, target) != NULL;
}

/* What the program sees is what one gets and puts, before it runs, while it does and after. */
static void
test_volume (Bench *b)
{
  g_autofree char *volume = fresh_id ("volume"), *id = fresh_id ("mounted");
  g_autoptr(GVariant) none = empty (), keys = dict ("{'name': <'data'>}");
  g_autoptr(GAsyncResult) made = AWAIT (b->volume->create_async, b->driver, volume, keys, none, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) shown = b->volume->create_finish (b->driver, made, &error);
  g_autoptr(GVariant) mount = dict ("{'mounts': <[{'target': <'/data/deep'>, 'volume': <%s>}]>}", volume);
  g_autoptr(GVariant) spec = shell_spec ("while ! [ -e /data/deep/go ]; do sleep 0.05; done; cat /data/deep/*", mount);
  g_autofree char *inside = g_build_filename (thole_dict_string (shown, "mountpoint", ""), "before", NULL), *text = NULL, *log = NULL;

  create_ok (b, id, spec);
  g_assert_true (put (b, id, "/data/deep", "before", "1\n", &error));
  g_assert_true (g_file_test (inside, G_FILE_TEST_EXISTS));
  text = get_text (b, id, "/data/deep/before");
  g_assert_cmpstr (text, ==, "1\n");
  g_assert_true (start (b, id, &error));
  g_assert_true (put (b, id, "/data/deep", "during", "2\n", &error));
  g_assert_true (put (b, id, "/data/deep", "go", "", &error));
  g_assert_no_error (error);
  g_variant_unref (wait_state (b, id, "exited"));
  log = log_text (b, id, none, 1);
  g_assert_cmpstr (log, ==, "1\n2\n");
  g_free (text);
  text = get_text (b, id, "/data/deep/during");
  g_assert_cmpstr (text, ==, "2\n");
  g_assert_false (is_seen ("/root/data/deep"));
  g_assert_true (remove_it (b, id, TRUE, &error));
  g_clear_object (&made);
  made = AWAIT (b->volume->remove_async, b->driver, volume, none, NULL);
  g_assert_true (b->volume->remove_finish (b->driver, made, &error));
}

/* Nobody has the snapshot beside the program: its start ends an upload, of which nothing half is left. */
static void
test_start_ends_it (Bench *b)
{
  g_autofree char *id = fresh_id ("upload"), *content = g_strnfill (300000, 'u'), *log = NULL;
  g_autoptr(GVariant) none = empty (), spec = shell_spec ("ls -A /root", NULL);
  g_autoptr(GBytes) half = archive_of ("file", content, 300000, 5000);
  g_autoptr(GInputStream) tar = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  GAsyncResult *slot = NULL;
  int pipes[2];

  create_ok (b, id, spec);
  g_assert_cmpint (pipe (pipes), ==, 0);
  tar = g_unix_input_stream_new (pipes[0], TRUE);
  b->files->put_async (b->driver, id, "/root", tar, none, NULL, bench_done, &slot);
  for (gsize at = 0, n; at < g_bytes_get_size (half); at += n)
    {
      n = MIN (g_bytes_get_size (half) - at, 4096);
      g_assert_cmpint (write (pipes[1], (const char *) g_bytes_get_data (half, NULL) + at, n), ==, n);
      while (g_main_context_pending (NULL))
        g_main_context_iteration (NULL, FALSE);
      bench_pause (0.001);
    }
  g_assert_true (start (b, id, &error));
  g_assert_no_error (error);
  while (slot == NULL)
    g_main_context_iteration (NULL, TRUE);
  result = slot;
  g_assert_false (b->files->put_finish (b->driver, result, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  close (pipes[1]);
  g_variant_unref (wait_state (b, id, "exited"));
  log = log_text (b, id, none, 0);
  g_assert_cmpstr (log, ==, "");
}

/* An upload whose archive never ends, from here on. */
typedef struct
{
  GAsyncResult *slot;
  int end; /* of the pipe that it comes from */
} Endless;

/* Returns when its first file has been seen in @id. */
static void
endless_begin (Endless *self, Bench *b, const char *id)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GByteArray) archive = g_byte_array_new ();
  g_autoptr(GInputStream) tar = NULL;
  g_autoptr(GIOStream) seen = NULL;
  int pipes[2];

  thole_tar_append_file (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = "begun", .mode = 0640, .size = 1, .mtime = 1700000000 }, "x");
  g_assert_cmpint (pipe (pipes), ==, 0);
  self->end = pipes[1];
  self->slot = NULL;
  tar = g_unix_input_stream_new (pipes[0], TRUE);
  b->files->put_async (b->driver, id, "/root", tar, none, NULL, bench_done, &self->slot);
  g_assert_cmpint (write (self->end, archive->data, archive->len), ==, archive->len);
  while ((seen = get (b, id, "/root/begun", NULL)) == NULL)
    bench_pause (0.01);
}

static void
endless_failed (Endless *self, Bench *b)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GAsyncResult) result = NULL;

  while (self->slot == NULL)
    g_main_context_iteration (NULL, TRUE);
  result = self->slot;
  g_assert_false (b->files->put_finish (b->driver, result, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  close (self->end);
}

/* What was begun in a running program's files ends before they are mounted again, by whomever, and before they are removed. */
static void
test_program_ends (Bench *b)
{
  g_autofree char *id = fresh_id ("ended"), *text = NULL;
  g_autoptr(GError) error = NULL;
  Endless upload;

  run_ok (b, id, "trap 'exit 0' TERM; rm -f /root/begun; touch /ready; while :; do sleep 0.05; done", NULL);
  for (guint round = 0; round < 3; round++)
    {
      g_autoptr(GVariant) ready = run (b, id, "while ! [ -e /ready ]; do sleep 0.05; done; rm -f /ready", &error);
      g_autoptr(GIOStream) unread = NULL;

      g_assert_no_error (error);
      g_assert_nonnull (ready);
      endless_begin (&upload, b, id);
      unread = get (b, id, "/", &error);
      g_assert_no_error (error);
      g_assert_true (stop (b, id, 5, &error));
      if (round == 0)
        text = get_text (b, id, "/root/begun");
      if (round < 2)
        g_assert_true (start (b, id, &error));
      else
        g_assert_true (remove_it (b, id, TRUE, &error));
      g_assert_no_error (error);
      endless_failed (&upload, b);
    }
  g_assert_cmpstr (text, ==, "x");
}

/* A cancelled one ends at once, and takes nobody's place. */
static void
test_cancelled (Bench *b)
{
  g_autofree char *id = fresh_id ("given-up"), *text = NULL;
  g_autoptr(GVariant) none = empty (), spec = shell_spec ("true", NULL);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GInputStream) tar = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  GAsyncResult *slot = NULL;
  int pipes[2];

  create_ok (b, id, spec);
  g_assert_cmpint (pipe (pipes), ==, 0);
  tar = g_unix_input_stream_new (pipes[0], TRUE);
  b->files->put_async (b->driver, id, "/root", tar, none, cancellable, bench_done, &slot);
  bench_pause (0.3);
  g_cancellable_cancel (cancellable);
  result = bench_await (&slot);
  g_assert_false (b->files->put_finish (b->driver, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  close (pipes[1]);
  g_assert_true (put (b, id, "/root", "file", "x", &error));
  text = get_text (b, id, "/root/file");
  g_assert_cmpstr (text, ==, "x");
}

/* A link that somebody has laid inside leads nowhere outside. */
static void
test_links (Bench *b)
{
  g_autofree char *id = fresh_id ("links"), *text = NULL, *name = g_strdup_printf ("thole-stray-%u", g_random_int ());
  g_autofree char *stray = g_build_filename ("/", name, NULL), *there = g_build_filename ("/up", name, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) made = NULL;

  run_ok (b, id, "ln -s ../../../../../../.. /up; ln -s /proc/1/root /self; ln -s /proc/self/cwd /cwd; touch /done; sleep 60", NULL);
  made = run (b, id, "while ! [ -e /done ]; do sleep 0.05; done", &error);
  g_assert_no_error (error);
  g_assert_true (put (b, id, "/up", name, "in", &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (stray, G_FILE_TEST_EXISTS));
  text = get_text (b, id, there);
  g_assert_cmpstr (text, ==, "in");
  g_assert_false (put (b, id, "/self", name, "out", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (put (b, id, "/cwd", name, "out", &error));
  g_assert_nonnull (error);
}

/* Those that nobody reads are bounded, hold up neither the loop nor a removal, and end with their streams. */
static void
test_unread (Bench *b)
{
  g_autofree char *id = fresh_id ("unread");
  g_autoptr(GVariant) spec = shell_spec ("true", NULL);
  g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(GError) error = NULL;
  g_autoptr(GByteArray) bytes = NULL;
  GIOStream *stream;

  create_ok (b, id, spec);
  for (guint i = 0; i < MANY; i++)
    {
      g_ptr_array_add (streams, get (b, id, "/", &error));
      g_assert_no_error (error);
    }
  g_assert_null (get (b, id, "/", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT);
  g_clear_error (&error);
  g_ptr_array_set_size (streams, MANY - 1);
  while ((stream = get (b, id, "/etc", &error)) == NULL)
    {
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT);
      g_clear_error (&error);
      bench_pause (0.01);
    }
  g_object_unref (stream);
  g_assert_true (remove_it (b, id, TRUE, &error));
  g_assert_no_error (error);
  stream = g_ptr_array_index (streams, 0);
  bytes = bench_read (g_io_stream_get_input_stream (stream), G_MAXUINT32, &error);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
}

/* One that stands still leaves its place to another one, and says so; who takes all of one workload takes none of another's. */
static void
test_idle (Bench *b)
{
  Bench *other = bench_open (NULL, INSTANCE, "files_idle", "1", NULL);
  g_autofree char *id = fresh_id ("idle"), *second = fresh_id ("beside"), *text = NULL;
  g_autoptr(GVariant) spec = shell_spec ("true", NULL);
  g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(GError) error = NULL;
  GIOStream *stream;

  create_ok (b, id, spec);
  create_ok (b, second, spec);
  g_assert_cmpint (bench_probe (other, NULL, &error), ==, THOLE_PROBE_READY);
  for (guint i = 0; i <= MANY; i++)
    {
      while ((stream = get (other, id, "/", &error)) == NULL)
        {
          g_assert_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT);
          g_clear_error (&error);
          bench_pause (0.05);
        }
      g_ptr_array_add (streams, stream);
    }
  text = get_text (other, second, "/etc/passwd");
  g_assert_nonnull (strstr (text, "root:"));
  for (guint i = 0, n = 0; i < streams->len && error == NULL; i++)
    {
      g_autoptr(GByteArray) bytes = bench_read (g_io_stream_get_input_stream (g_ptr_array_index (streams, i)), G_MAXUINT32, &error);

      g_assert_true ((bytes != NULL && error != NULL) || ++n < streams->len);
    }
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_TIMEOUT);
  g_ptr_array_set_size (streams, 0);
  bench_close (other);
}

void
add_mounted_cases (void)
{
  add_case ("files/volume", test_volume);
  add_case ("files/start-ends-it", test_start_ends_it);
  add_case ("files/program-ends", test_program_ends);
  add_case ("files/cancelled", test_cancelled);
  add_case ("files/links", test_links);
  add_case ("files/unread", test_unread);
  add_case ("files/idle", test_idle);
}
