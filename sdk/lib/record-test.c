/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thole-dict.h"

#include <string.h>

#include "thole-error.h"

static void
test_round_trip (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autofree guint8 *big = g_malloc0 (THOLE_RECORD_MAX + 10);
  TholeRecordKind kind;
  const guint8 *body;
  gsize at = 0, length;
  gint32 code;
  guint8 signal;

  thole_record_append (out, THOLE_RECORD_STDOUT, "hello", 5);
  thole_record_append (out, THOLE_RECORD_STDIN, NULL, 0);
  thole_record_append (out, THOLE_RECORD_STDERR, big, THOLE_RECORD_MAX + 10);
  thole_record_append_exit (out, -3, 9);

  at += (gsize) thole_record_parse (out->data, out->len, &kind, &body, &length);
  g_assert_cmpint (kind, ==, THOLE_RECORD_STDOUT);
  g_assert_cmpmem (body, length, "hello", 5);
  at += (gsize) thole_record_parse (out->data + at, out->len - at, &kind, &body, &length);
  g_assert_cmpint (kind, ==, THOLE_RECORD_STDIN);
  g_assert_cmpuint (length, ==, 0);
  at += (gsize) thole_record_parse (out->data + at, out->len - at, &kind, &body, &length);
  g_assert_cmpuint (length, ==, THOLE_RECORD_MAX);
  at += (gsize) thole_record_parse (out->data + at, out->len - at, &kind, &body, &length);
  g_assert_cmpint (kind, ==, THOLE_RECORD_STDERR);
  g_assert_cmpuint (length, ==, 10);
  at += (gsize) thole_record_parse (out->data + at, out->len - at, &kind, &body, &length);
  g_assert_cmpint (kind, ==, THOLE_RECORD_EXIT);
  g_assert_true (thole_record_parse_exit (body, length, &code, &signal));
  g_assert_cmpint (code, ==, -3);
  g_assert_cmpint (signal, ==, 9);
  g_assert_cmpuint (at, ==, out->len);
  g_assert_false (thole_record_parse_exit (body, 4, &code, &signal));
}

static void
test_pieces (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  TholeRecordKind kind;
  const guint8 *body;
  gsize length;

  thole_record_append (out, THOLE_RECORD_STDOUT, "hello", 5);
  for (gsize i = 0; i < out->len; i++)
    {
      g_autofree guint8 *cut = g_memdup2 (out->data, i);

      g_assert_cmpint (thole_record_parse (cut, i, &kind, &body, &length), ==, 0);
    }
}

static void
test_bad (void)
{
  static const guint8 kind_4[] = { 4 }, large[] = { 1, 0, 1, 0, 1 }, exit_of_4[] = { 3, 0, 0, 0, 4, 0, 0, 0, 0 },
                      log_0[] = { 0 }, log_3[] = { 3 }, log_large[] = { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
  TholeRecordKind kind;
  const guint8 *body;
  gsize length;
  guint8 stream;
  gint64 time;

  g_assert_cmpint (thole_record_parse (kind_4, sizeof kind_4, &kind, &body, &length), ==, -1);
  g_assert_cmpint (thole_record_parse (large, sizeof large, &kind, &body, &length), ==, -1);
  g_assert_cmpint (thole_record_parse (exit_of_4, sizeof exit_of_4, &kind, &body, &length), ==, -1);
  g_assert_cmpint (thole_log_record_parse (log_0, 1, &stream, &time, &body, &length), ==, -1);
  g_assert_cmpint (thole_log_record_parse (log_3, 1, &stream, &time, &body, &length), ==, -1);
  g_assert_cmpint (thole_log_record_parse (log_large, sizeof log_large, &stream, &time, &body, &length), ==, -1);
}

static void
test_log (void)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autofree guint8 *big = g_malloc0 (THOLE_RECORD_MAX * 2);
  const guint8 *body;
  gsize length, at;
  guint8 stream = 0;
  gint64 time = 0;

  thole_log_record_append (out, 2, G_GINT64_CONSTANT (1795247999123456), "line\n", 5);
  for (gsize i = 0; i < out->len; i++)
    g_assert_cmpint (thole_log_record_parse (out->data, i, &stream, &time, &body, &length), ==, 0);
  at = (gsize) thole_log_record_parse (out->data, out->len, &stream, &time, &body, &length);
  g_assert_cmpuint (at, ==, out->len);
  g_assert_cmpint (stream, ==, 2);
  g_assert_cmpint (time, ==, G_GINT64_CONSTANT (1795247999123456));
  g_assert_cmpmem (body, length, "line\n", 5);

  g_byte_array_set_size (out, 0);
  thole_log_record_append (out, 1, -1, big, THOLE_RECORD_MAX * 2);
  g_assert_cmpuint (out->len, ==, 2 * (THOLE_LOG_RECORD_HEADER + THOLE_RECORD_MAX));
  thole_log_record_parse (out->data, out->len, &stream, &time, &body, &length);
  g_assert_cmpint (time, ==, -1);
}

/* Takes @bytes in pieces of @piece; returns what of bodies came. */
static char *
take_all (TholeRecordInput *input, GByteArray *bytes, gsize piece, GError **error)
{
  g_autoptr(GString) bodies = g_string_new (NULL);

  for (gsize at = 0; at < bytes->len;)
    {
      gsize n = MIN (piece, bytes->len - at), taken = 0;

      if (!thole_record_input_take (input, bytes->data + at, n, &taken, error))
        return NULL;
      g_assert_cmpuint (taken, <=, n);
      n = MIN (n - taken, input->left);
      g_string_append_len (bodies, (const char *) bytes->data + at + taken, (gssize) n);
      input->left -= n;
      at += taken + n;
    }
  return g_string_free (g_steal_pointer (&bodies), FALSE);
}

static void
test_input (void)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  thole_record_append (bytes, THOLE_RECORD_STDIN, "hello ", 6);
  thole_record_append (bytes, THOLE_RECORD_STDIN, "you", 3);
  for (gsize piece = 1; piece <= bytes->len; piece++)
    {
      TholeRecordInput input = { 0 };
      g_autofree char *text = take_all (&input, bytes, piece, NULL);

      g_assert_cmpstr (text, ==, "hello you");
      g_assert_false (input.ended);
    }
}

static void
test_input_end (void)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  TholeRecordInput input = { 0 }, refusing = { .refuses = TRUE };
  g_autofree char *text = NULL, *nothing = NULL;
  g_autoptr(GError) late = NULL, refused = NULL;

  thole_record_append (bytes, THOLE_RECORD_STDIN, "x", 1);
  thole_record_append (bytes, THOLE_RECORD_STDIN, NULL, 0);
  text = take_all (&input, bytes, bytes->len, NULL);
  g_assert_cmpstr (text, ==, "x");
  g_assert_true (input.ended);
  g_assert_null (take_all (&input, bytes, bytes->len, &late));
  g_assert_error (late, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_assert_null (take_all (&refusing, bytes, 2, &refused));
  g_assert_error (refused, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_byte_array_set_size (bytes, 0);
  thole_record_append (bytes, THOLE_RECORD_STDIN, NULL, 0);
  refusing = (TholeRecordInput){ .refuses = TRUE };
  nothing = take_all (&refusing, bytes, 1, NULL);
  g_assert_cmpstr (nothing, ==, "");
  g_assert_true (refusing.ended);
}

static void
test_input_wrong (void)
{
  const guint8 wrong[][THOLE_RECORD_HEADER] = { { THOLE_RECORD_STDOUT }, { 0, 0, 1, 0, 1 }, { 0xff, 0xff, 0xff, 0xff, 0xff } };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      TholeRecordInput input = { 0 };
      g_autoptr(GError) error = NULL;
      gsize taken = 0;

      g_assert_false (thole_record_input_take (&input, wrong[i], THOLE_RECORD_HEADER, &taken, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
      g_assert_cmpuint (taken, ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/record/round-trip", test_round_trip);
  g_test_add_func ("/record/pieces", test_pieces);
  g_test_add_func ("/record/bad", test_bad);
  g_test_add_func ("/record/log", test_log);
  g_test_add_func ("/record/input", test_input);
  g_test_add_func ("/record/input/end", test_input_end);
  g_test_add_func ("/record/input/wrong", test_input_wrong);
  return g_test_run ();
}
