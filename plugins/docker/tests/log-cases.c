/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define THOUSAND 3893 /* bytes of the lines from 1 to 1000 */
/* what a program waits at until let_on() */
#define GATE "until [ -e /tmp/go ]; do sleep 0.1; done"

/* a sanitizer keeps freed memory: there its size says nothing */
#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define GROWTH_MAX (400 * MIB)
#else
#define GROWTH_MAX (8 * MIB)
#endif

static GIOStream *
open_log (Bench *b, const char *id, const char *options)
{
  g_autoptr(GVariant) dictionary = g_variant_ref_sink (g_variant_new_parsed (options));
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->logs_async, b->driver, id, dictionary, NULL);
  g_autoptr(GError) error = NULL;
  GIOStream *stream = b->workload->logs_finish (b->driver, result, &error);

  g_assert_no_error (error);
  return stream;
}

static char *
read_log (Bench *b, const char *id, const char *options)
{
  g_autoptr(GVariant) dictionary = g_variant_ref_sink (g_variant_new_parsed (options));

  return log_text (b, id, dictionary, 0);
}

static void
test_streams (Bench *b)
{
  g_autofree char *id = fresh_id ("streams");
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;

  run_ok (b, id, "for i in 1 2 3; do echo o$i; echo e$i >&2; sleep 0.05; done", NULL);
  g_variant_unref (wait_state (b, id, "exited"));
  out = read_log (b, id, "{'stderr': <false>}");
  err = read_log (b, id, "{'stdout': <false>}");
  g_assert_cmpstr (out, ==, "o1\no2\no3\n");
  g_assert_cmpstr (err, ==, "e1\ne2\ne3\n");
}

static void
test_terminal (Bench *b)
{
  g_autofree char *id = fresh_id ("tty");
  g_autoptr(GVariant) more = dict ("{'tty': <true>}");
  g_autofree char *text = NULL;

  run_ok (b, id, "echo out; echo err >&2; test -t 1 && echo terminal", more);
  g_variant_unref (wait_state (b, id, "exited"));
  text = read_log (b, id, "@a{sv} {}");
  g_assert_cmpstr (text, ==, "out\r\nerr\r\nterminal\r\n");
}

static void
test_tail (Bench *b)
{
  g_autofree char *id = fresh_id ("tail");
  g_autofree char *two = NULL;
  g_autofree char *none = NULL;
  g_autofree char *all = NULL;

  run_ok (b, id, "for i in 1 2 3 4 5; do echo $i; done", NULL);
  g_variant_unref (wait_state (b, id, "exited"));
  two = read_log (b, id, "{'tail': <int64 2>}");
  none = read_log (b, id, "{'tail': <int64 0>}");
  all = read_log (b, id, "{'tail': <int64 -1>}");
  g_assert_cmpstr (two, ==, "4\n5\n");
  g_assert_cmpstr (none, ==, "");
  g_assert_cmpstr (all, ==, "1\n2\n3\n4\n5\n");
}

static gboolean
has_said (Bench *b, gpointer id)
{
  g_autofree char *text = read_log (b, id, "@a{sv} {}");

  return *text != '\0';
}

static void
let_on (Bench *b, const char *id)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = run (b, id, "touch /tmp/go", &error);

  g_assert_no_error (error);
}

static void
test_since (Bench *b)
{
  g_autofree char *id = fresh_id ("since");
  g_autofree char *late = NULL;
  g_autofree char *early = NULL;
  g_autofree char *since = NULL;
  g_autofree char *until = NULL;
  gint64 middle;

  run_ok (b, id, "echo early; " GATE "; echo late", NULL);
  g_assert_true (bench_until (has_said, b, id, 60));
  middle = g_get_real_time ();
  let_on (b, id);
  g_variant_unref (wait_state (b, id, "exited"));
  since = g_strdup_printf ("{'since': <int64 %" G_GINT64_FORMAT ">}", middle);
  until = g_strdup_printf ("{'until': <int64 %" G_GINT64_FORMAT ">}", middle);
  late = read_log (b, id, since);
  early = read_log (b, id, until);
  g_assert_cmpstr (late, ==, "late\n");
  g_assert_cmpstr (early, ==, "early\n");
}

static void
test_follow (Bench *b)
{
  g_autofree char *id = fresh_id ("follow");
  g_autofree char *text = NULL;
  gint64 begin = g_get_monotonic_time ();

  run_ok (b, id, "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done", NULL);
  text = read_log (b, id, "{'follow': <true>}");
  g_assert_cmpstr (text, ==, "1\n2\n3\n4\n5\n6\n");
  g_assert_cmpint (g_get_monotonic_time () - begin, >, 1000000);
}

/* A quiet log that is followed can be left. */
static void
test_close_following (Bench *b)
{
  g_autofree char *id = fresh_id ("leave");
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GAsyncResult) closed = NULL;
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  GAsyncResult *slot = NULL;
  char piece[100];

  run_ok (b, id, "sleep 60", NULL);
  stream = open_log (b, id, "{'follow': <true>}");
  g_input_stream_read_async (g_io_stream_get_input_stream (stream), piece, sizeof piece, 0, cancellable, bench_done, &slot);
  bench_pause (0.2);
  g_cancellable_cancel (cancellable);
  while (slot == NULL)
    g_main_context_iteration (NULL, TRUE);
  result = slot;
  g_assert_cmpint (g_input_stream_read_finish (g_io_stream_get_input_stream (stream), result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  closed = AWAIT (g_io_stream_close_async, stream, 0, NULL);
  g_assert_true (g_io_stream_close_finish (stream, closed, &error));
  g_assert_no_error (error);
}

static void
test_long_line (Bench *b)
{
  const char *specs[] = { "{'tty': <false>}", "{'tty': <true>}" };

  for (guint i = 0; i < G_N_ELEMENTS (specs); i++)
    {
      g_autofree char *id = fresh_id ("long");
      g_autoptr(GVariant) more = g_variant_ref_sink (g_variant_new_parsed (specs[i]));
      g_autofree char *text = NULL;

      /* 100,000 and 16,384 bytes and no end of line at the end */
      run_ok (b, id, "head -c 100000 /dev/zero | tr '\\0' x; echo; head -c 16384 /dev/zero | tr '\\0' y; echo; printf end", more);
      g_variant_unref (wait_state (b, id, "exited"));
      text = read_log (b, id, "@a{sv} {}");
      g_assert_cmpint (strlen (text), ==, 100000 + 16384 + 3 + (i == 0 ? 2 : 4));
      g_assert_cmpint (strspn (text, "x"), ==, 100000);
      g_assert_true (g_str_has_suffix (text, "end"));
    }
}

static gsize
resident (void)
{
  g_autofree char *text = NULL;
  gulong total = 0, pages = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%lu %lu", &total, &pages), ==, 2);
  return pages * (gsize) sysconf (_SC_PAGESIZE);
}

/* Reads records to the end; returns the bytes of their bodies. @waits: (nullable): is let on when @all came: the engine drops the last
 * output of a program that ends while it is far behind. @text: (nullable): takes the bodies. */
static gsize
swallow (Bench *b, const char *waits, gsize all, GInputStream *input, gsize *peak, GString *text)
{
  g_autoptr(GByteArray) rest = g_byte_array_new ();
  gsize total = 0;
  guint8 piece[65536];

  while (TRUE)
    {
      g_autoptr(GAsyncResult) result = AWAIT (g_input_stream_read_async, input, piece, sizeof piece, 0, NULL);
      g_autoptr(GError) error = NULL;
      gssize n = g_input_stream_read_finish (input, result, &error);
      gsize at = 0;

      g_assert_no_error (error);
      if (n == 0)
        break;
      g_byte_array_append (rest, piece, (guint) n);
      while (TRUE)
        {
          guint8 stream;
          gint64 time;
          const guint8 *body;
          gsize length;
          gssize size = thole_log_record_parse (rest->data + at, rest->len - at, &stream, &time, &body, &length);

          g_assert_cmpint (size, >=, 0);
          if (size == 0)
            break;
          at += (gsize) size;
          total += length;
          if (text != NULL)
            g_string_append_len (text, (const char *) body, (gssize) length);
        }
      g_byte_array_remove_range (rest, 0, (guint) at);
      *peak = MAX (*peak, resident ());
      if (waits != NULL && total >= all)
        let_on (b, g_steal_pointer (&waits));
    }
  g_assert_cmpint (rest->len, ==, 0);
  return total;
}

static void
test_hundred_megabytes (Bench *b)
{
  g_autofree char *id = fresh_id ("flood");
  g_autoptr(GIOStream) stream = NULL;
  gsize before, peak = 0, total;
  gint64 begin;

  /* 1,048,576 lines of 100 bytes */
  run_ok (b, id, "l=$(head -c 99 /dev/zero | tr '\\0' z); yes $l | head -n 1048576; " GATE, NULL);
  stream = open_log (b, id, "{'follow': <true>}");
  before = resident ();
  begin = g_get_monotonic_time ();
  total = swallow (b, id, 104857600, g_io_stream_get_input_stream (stream), &peak, NULL);
  g_test_message ("%" G_GSIZE_FORMAT " bytes in %.1f s, resident %+.1f MiB", total,
                  (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC, ((double) peak - (double) before) / MIB);
  g_assert_cmpint (total, ==, 104857600);
  g_assert_cmpint (peak, <, before + GROWTH_MAX);
}

/* A quarter of a million short lines, each the right one; ten times as many in the long form. */
static void
test_short_lines (Bench *b)
{
  guint rounds = g_strcmp0 (g_getenv ("THOLE_LONG"), "1") == 0 ? 2600 : 260;
  g_autofree char *id = fresh_id ("short");
  g_autofree char *script = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GString) text = g_string_new (NULL);
  gsize peak = 0;
  char *line;
  guint count = 0;

  script = g_strdup_printf ("n=0; while [ $n -lt 1000 ]; do n=$((n+1)); echo $n; done >/k; "
                            "n=0; while [ $n -lt %u ]; do n=$((n+1)); cat /k; done; " GATE, rounds);
  run_ok (b, id, script, NULL);
  stream = open_log (b, id, "{'follow': <true>}");
  swallow (b, id, rounds * THOUSAND, g_io_stream_get_input_stream (stream), &peak, text);
  line = text->str;
  while (*line != '\0')
    {
      guint64 number = g_ascii_strtoull (line, &line, 10);

      g_assert_cmpint (number, ==, count++ % 1000 + 1);
      g_assert_cmpint (*line++, ==, '\n');
    }
  g_assert_cmpint (count, ==, rounds * 1000);
}

/* Nobody reads: the engine is not read either, and nothing grows. */
static void
test_slow_reader (Bench *b)
{
  g_autofree char *id = fresh_id ("slow");
  g_autoptr(GIOStream) stream = NULL;
  gsize before, peak = 0, total;

  run_ok (b, id, "yes 0123456789012345678901234567890123456789012345678 | head -n 400000", NULL);
  g_variant_unref (wait_state (b, id, "exited"));
  before = resident ();
  stream = open_log (b, id, "{'follow': <true>}");
  bench_pause (1.5);
  g_assert_cmpint (resident (), <, before + GROWTH_MAX);
  total = swallow (b, NULL, 0, g_io_stream_get_input_stream (stream), &peak, NULL);
  g_assert_cmpint (total, ==, 20000000);
  g_assert_cmpint (peak, <, before + GROWTH_MAX);
}

static void
test_missing (Bench *b)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->logs_async, b->driver, "nobody", none, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (b->workload->logs_finish (b->driver, result, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

void
add_log_cases (void)
{
  add_case ("log/streams", test_streams);
  add_case ("log/terminal", test_terminal);
  add_case ("log/tail", test_tail);
  add_case ("log/since", test_since);
  add_case ("log/follow", test_follow);
  add_case ("log/close-following", test_close_following);
  add_case ("log/long-line", test_long_line);
  add_case ("log/hundred-megabytes", test_hundred_megabytes);
  add_case ("log/short-lines", test_short_lines);
  add_case ("log/slow-reader", test_slow_reader);
  add_case ("log/missing", test_missing);
}
