/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

#include "thole-tar.h"

#define BIG (20 * 1024 * 1024)

/* 20 MiB that do not repeat every block */
static guint8 *
big_content (void)
{
  guint8 *data = g_malloc (BIG);
  GRand *random = g_rand_new_with_seed (42);

  for (gsize i = 0; i < BIG; i += 4)
    {
      guint32 word = g_rand_int (random);

      memcpy (data + i, &word, 4);
    }
  g_rand_free (random);
  return data;
}

static GInputStream *
tar_stream (const char *path, gconstpointer data, gsize length)
{
  GByteArray *archive = g_byte_array_new ();
  g_autoptr(GBytes) bytes = NULL;

  thole_tar_append_file (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = path + strspn (path, "/"), .mode = 0640, .uid = 12, .gid = 34, .size = length, .mtime = 1700000000 }, data);
  thole_tar_append_end (archive);
  bytes = g_byte_array_free_to_bytes (archive);
  return g_memory_input_stream_new_from_bytes (bytes);
}

static gboolean
put (Bench *b, const char *id, const char *path, GInputStream *tar, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->files->put_async, b->driver, id, path, tar, none, NULL);

  return b->files->put_finish (b->driver, result, error);
}

static GIOStream *
get (Bench *b, const char *id, const char *path, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->files->get_async, b->driver, id, path, none, NULL);

  return b->files->get_finish (b->driver, result, error);
}

static char *
checksum_inside (Bench *b, const char *id, const char *path)
{
  g_autofree char *script = g_strdup_printf ("sha256sum %s", path);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = run (b, id, script, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = bytes_text (answer, "stdout");
  g_assert_cmpint (strlen (text), >, 64);
  return g_strndup (text, 64);
}

static void
test_archive (Bench *b)
{
  g_autofree char *id = fresh_id ("archive");
  g_autofree guint8 *data = big_content ();
  g_autofree char *expected = g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, BIG);
  g_autoptr(GInputStream) tar = tar_stream ("/sub/folder/big file", data, BIG);
  g_autoptr(GIOStream) back = NULL;
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *inside = NULL;
  g_autoptr(GVariant) answer = NULL;
  g_autofree char *mode = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_true (put (b, id, "/tmp", tar, &error));
  g_assert_no_error (error);
  inside = checksum_inside (b, id, "'/tmp/sub/folder/big file'");
  g_assert_cmpstr (inside, ==, expected);
  answer = run (b, id, "stat -c '%a %u %g' '/tmp/sub/folder/big file'", &error);
  mode = bytes_text (answer, "stdout");
  g_assert_cmpstr (mode, ==, "640 12 34\n");
  back = get (b, id, "/tmp/sub/folder/big file", &error);
  g_assert_no_error (error);
  bytes = bench_read (g_io_stream_get_input_stream (back), G_MAXUINT32, &error);
  g_assert_no_error (error);
  g_assert_cmpint (bytes->len, >=, BIG + 512);
  g_assert_cmpstr ((char *) bytes->data, ==, "big file");
  g_assert_true (memcmp (bytes->data + 512, data, BIG) == 0);
}

/* What is stopped has files, too. */
static void
test_stopped (Bench *b)
{
  g_autofree char *id = fresh_id ("stopped");
  g_autoptr(GVariant) spec = shell_spec ("cat /root/a", NULL);
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GInputStream) tar = tar_stream ("a", "from outside\n", 13);
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) back = NULL;
  g_autoptr(GByteArray) bytes = NULL;
  g_autofree char *text = NULL;

  create_ok (b, id, spec);
  g_assert_true (put (b, id, "/root", tar, &error));
  g_assert_no_error (error);
  g_assert_true (start (b, id, &error));
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 1);
  g_assert_cmpstr (text, ==, "from outside\n");
  back = get (b, id, "/root/a", &error);
  bytes = bench_read (g_io_stream_get_input_stream (back), G_MAXUINT32, &error);
  g_assert_no_error (error);
  g_assert_true (memcmp (bytes->data + 512, "from outside\n", 13) == 0);
}

static void
test_refused (Bench *b)
{
  g_autofree char *id = fresh_id ("norw");
  g_autoptr(GVariant) more = dict ("{'privileges': <{'read_only_root': <true>}>}");
  g_autofree guint8 *data = big_content ();
  struct { const char *path; int code; } wrong[] = {
    { "/no/such/folder", THOLE_ERROR_NOT_FOUND },
    { "/etc/passwd", THOLE_ERROR_INVALID },
    { "relative", THOLE_ERROR_INVALID },
    { "/root", THOLE_ERROR_DENIED },
  };
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", more);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr(GInputStream) tar = tar_stream ("a", data, BIG);

      g_assert_false (put (b, id, wrong[i].path, tar, &error));
      g_test_message ("%s: %s", wrong[i].path, error->message);
      g_assert_error (error, THOLE_ERROR, wrong[i].code);
      g_clear_error (&error);
    }
  g_assert_null (get (b, id, "/no/such/file", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (get (b, "nobody", "/etc/passwd", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

static void
test_not_a_tar (Bench *b)
{
  g_autofree char *id = fresh_id ("nottar");
  g_autoptr(GInputStream) noise = g_memory_input_stream_new_from_data (g_strnfill (5000, 'n'), 5000, g_free);
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_false (put (b, id, "/tmp", noise, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
}

static void
test_spec_files (Bench *b)
{
  g_autofree char *id = fresh_id ("files");
  g_autofree guint8 *data = big_content ();
  g_autofree char *expected = g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, BIG);
  g_autofree char *deep = g_strdup_printf ("/srv/%0150d/%0100d", 1, 2);
  g_autoptr(GVariant) content = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, BIG, 1));
  g_autoptr(GVariant) more = dict ("{'user': <'1000:1000'>, 'files': <[{'path': <'/etc/app/config'>, 'content': <@ay [0x78, 0x3d, 0x31, 0x0a]>, "
                                   "'mode': <int64 384>}, {'path': <%s>, 'content': <@ay [0x64, 0x65, 0x65, 0x70]>}, "
                                   "{'path': <'/srv/big'>, 'content': <%@ay>}]>}", deep, content);
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", more);
  g_autoptr(GVariant) answer = NULL;
  g_autofree char *script = g_strdup_printf ("cat /etc/app/config %s; stat -c '%%a %%u' /etc/app/config", deep);
  g_autoptr(GError) error = NULL;
  g_autofree char *inside = NULL;
  g_autofree char *text = NULL;

  create_ok (b, id, spec);
  create_ok (b, id, spec);
  g_assert_true (start (b, id, &error));
  answer = run (b, id, script, &error);
  text = bytes_text (answer, "stdout");
  g_assert_cmpstr (text, ==, "x=1\ndeep600 1000\n");
  inside = checksum_inside (b, id, "/srv/big");
  g_assert_cmpstr (inside, ==, expected);
}

static void
test_secrets (Bench *b)
{
  g_autofree char *id = fresh_id ("secrets");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) spec = shell_spec ("echo $TOKEN; cat /run/key; stat -c %a /run/key", NULL);
  g_autoptr(GVariant) options = dict ("{'secrets': <{'TOKEN': @ay [0x61, 0x62], '/run/key': [0x63, 0x0a]}>}");
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->create_async, b->driver, id, spec, options, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) created = b->workload->create_finish (b->driver, result, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  g_assert_nonnull (created);
  g_assert_true (start (b, id, &error));
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 0);
  g_assert_cmpstr (text, ==, "ab\nc\n400\n");
}

void
add_file_cases (void)
{
  add_case ("files/archive", test_archive);
  add_case ("files/stopped", test_stopped);
  add_case ("files/refused", test_refused);
  add_case ("files/not-a-tar", test_not_a_tar);
  add_case ("files/spec", test_spec_files);
  add_case ("files/secrets", test_secrets);
}
