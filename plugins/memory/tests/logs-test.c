/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <string.h>

static void
assert_logs (Host *host, const char *id, const char *options, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = call_logs (host, id, options, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = read_logs (stream);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_both_streams (void)
{
  Host *host = host_new (NULL);

  run_program (host, "wl-1", "['print', 'a', '2', ';', 'error', 'b', ';', 'print', 'c']");
  assert_logs (host, "wl-1", "{}", "1 a\n1 a\n2 b\n1 c\n");
  assert_logs (host, "wl-1", "{'stdout': <false>}", "2 b\n");
  assert_logs (host, "wl-1", "{'stderr': <false>}", "1 a\n1 a\n1 c\n");
  assert_logs (host, "wl-1", "{'tail': <int64 2>}", "2 b\n1 c\n");
  assert_logs (host, "wl-1", "{'tail': <int64 1>, 'stderr': <false>}", "1 c\n");
  assert_logs (host, "wl-1", "{'tail': <int64 0>}", "");
  host_free (host);
}

static void
test_since_and_until (void)
{
  Host *host = host_new (NULL);
  gint64 begin = clock_now ();
  g_autofree char *options = g_strdup_printf ("{'since': <int64 %" G_GINT64_FORMAT ">, 'until': <int64 %" G_GINT64_FORMAT
                                              ">}", begin + SECOND, begin + 2 * SECOND);

  run_program (host, "wl-1", "['count', '5', '1000']");
  clock_pass (SECOND * 10);
  assert_logs (host, "wl-1", options, "1 2\n1 3\n");
  host_free (host);
}

static void
test_follow (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *first = NULL;
  g_autofree char *more = NULL;
  g_autofree char *rest = NULL;
  char end;

  run_program (host, "wl-1", "['count', '3', '1000']");
  stream = call_logs (host, "wl-1", "{'follow': <true>}", NULL);
  first = read_logs (stream);
  g_assert_cmpstr (first, ==, "1 1\n");
  clock_pass (SECOND);
  more = read_logs (stream);
  g_assert_cmpstr (more, ==, "1 2\n");
  clock_pass (SECOND * 5);
  rest = read_logs (stream);
  g_assert_cmpstr (rest, ==, "1 3\n");
  g_assert_cmpint (g_input_stream_read (g_io_stream_get_input_stream (stream), &end, 1, NULL, NULL), ==, 0);
  host_free (host);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
test_async_reader (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) bytes = NULL;
  GInputStream *input;

  run_program (host, "wl-1", "['sleep', '1', ';', 'print', 'late', ';', 'forever']");
  stream = call_logs (host, "wl-1", "{'follow': <true>}", NULL);
  input = g_io_stream_get_input_stream (stream);
  g_input_stream_read_bytes_async (input, 100, G_PRIORITY_DEFAULT, NULL, keep_result, &result);
  settle ();
  g_assert_null (result);
  clock_pass (SECOND);
  g_assert_nonnull (result);
  bytes = g_input_stream_read_bytes_finish (input, result, NULL);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, THOLE_LOG_RECORD_HEADER + strlen ("late\n"));
  host_free (host);
}

static void
test_kept_over_a_restart_and_bounded (void)
{
  Host *host = host_new ("log_bytes", "4096", NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *text = NULL;

  run_program (host, "wl-1", "['print', 'a line']");
  call_start (host, "wl-1", NULL);
  assert_logs (host, "wl-1", "{}", "1 a line\n1 a line\n");
  run_program (host, "wl-2", "['flood', '1000000']");
  clock_pass (SECOND);
  assert_state (host, "wl-2", "exited 0");
  stream = call_logs (host, "wl-2", "{}", NULL);
  text = read_logs (stream);
  g_assert_cmpuint (strlen (text), <=, 4096);
  g_assert_cmpuint (strlen (text), >, 1000);
  g_assert_true (g_str_has_suffix (text, "15624\n"));
  host_free (host);
}

static void
test_a_long_gap_is_caught_up_cheaply (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *text = NULL;

  run_program (host, "wl-1", "['count', '0', '1']");
  clock_set (clock_now () + 86400 * SECOND);
  settle ();
  stream = call_logs (host, "wl-1", "{'tail': <int64 1>}", NULL);
  text = read_logs (stream);
  g_assert_cmpstr (text, ==, "1 86400001\n");
  host_free (host);
}

static void
test_reader_outlives_the_backend (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *text = NULL;

  run_program (host, "wl-1", "['print', 'a', ';', 'forever']");
  stream = call_logs (host, "wl-1", "{'follow': <true>}", NULL);
  host_free (host);
  text = read_logs (stream);
  g_assert_cmpstr (text, ==, "1 a\n");
}

void
add_logs_tests (void)
{
  g_test_add_func ("/memory/logs/both-streams", test_both_streams);
  g_test_add_func ("/memory/logs/since-until", test_since_and_until);
  g_test_add_func ("/memory/logs/follow", test_follow);
  g_test_add_func ("/memory/logs/async-reader", test_async_reader);
  g_test_add_func ("/memory/logs/bounded", test_kept_over_a_restart_and_bounded);
  g_test_add_func ("/memory/logs/long-gap", test_a_long_gap_is_caught_up_cheaply);
  g_test_add_func ("/memory/logs/outlives-backend", test_reader_outlives_the_backend);
}
