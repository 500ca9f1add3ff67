/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <string.h>

static char *
text_of (GVariant *result, const char *key)
{
  g_autoptr (GVariant) bytes = thole_dict_value (result, key, "ay");
  gsize length = g_variant_get_size (bytes);

  return length > 0 ? g_strndup (g_variant_get_data (bytes), length) : g_strdup ("");
}

static void
assert_run (Host *host, const char *command, int code, const char *out, const char *err)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = call_run (host, "wl-1", command, &error);
  g_autofree char *stdout_text = NULL;
  g_autofree char *stderr_text = NULL;

  g_assert_no_error (error);
  stdout_text = text_of (result, "stdout");
  stderr_text = text_of (result, "stderr");
  g_assert_cmpstr (stdout_text, ==, out);
  g_assert_cmpstr (stderr_text, ==, err);
  g_assert_cmpint (thole_dict_int (result, "exit_code", -1), ==, code);
}

static void
test_run (void)
{
  Host *host = host_new (NULL);

  run_program (host, "wl-1", "[]");
  assert_run (host, "{'command': <['print', 'a', ';', 'error', 'b', ';', 'exit', '5']>}", 5, "a\n", "b\n");
  assert_run (host, "{'command': <['cat']>, 'stdin': <b'hello'>}", 0, "hello\0", "");
  assert_run (host, "{'command': <['env', 'NAME']>, 'env': <{'NAME': 'value'}>}", 0, "value\n", "");
  assert_run (host, "{'command': <['env', 'PWD', ';', 'env', 'USER']>, 'working_dir': <'/srv'>, 'user': <'me'>}", 0,
              "/srv\nme\n", "");
  assert_run (host, "{'command': <['sleep', '5', ';', 'exit', '1']>}", 1, "", "");
  host_free (host);
}

static void
test_run_errors (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) program = NULL;
  g_autoptr (GError) timeout = NULL;
  g_autoptr (GError) stopped = NULL;
  gint64 before;

  run_program (host, "wl-1", "[]");
  g_assert_null (call_run (host, "wl-1", "{'command': <['nothing']>}", &program));
  g_assert_error (program, THOLE_ERROR, THOLE_ERROR_INVALID);
  before = clock_now ();
  g_assert_null (call_run (host, "wl-1", "{'command': <['forever']>, 'timeout': <2.0>}", &timeout));
  g_assert_error (timeout, THOLE_ERROR, THOLE_ERROR_TIMEOUT);
  g_assert_cmpint (clock_now () - before, ==, 2 * SECOND);
  call_stop (host, "wl-1", "{}", NULL);
  g_assert_null (call_run (host, "wl-1", "{'command': <['exit']>}", &stopped));
  g_assert_error (stopped, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  host_free (host);
}

static void
test_run_truncates (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) out = NULL;

  run_program (host, "wl-1", "[]");
  result = call_run (host, "wl-1", "{'command': <['flood', '3000000']>}", NULL);
  out = thole_dict_value (result, "stdout", "ay");
  g_assert_cmpuint (g_variant_get_size (out), ==, 1u << 20);
  g_assert_true (thole_dict_boolean (result, "truncated", FALSE));
  host_free (host);
}

static void
test_run_ends_with_the_workload (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) result = NULL;

  run_program (host, "wl-1", "['sleep', '1']");
  result = call_run (host, "wl-1", "{'command': <['forever']>}", NULL);
  g_assert_cmpint (thole_dict_int (result, "exit_code", -1), ==, 137);
  g_assert_cmpstr (thole_dict_string (result, "exit_signal", ""), ==, "SIGKILL");
  host_free (host);
}

static GIOStream *
open_session (Host *host, const char *command, char **exec_id)
{
  Answer answer = { NULL };
  g_autoptr (GError) error = NULL;
  GIOStream *stream;

  host->exec->open_async (host->driver, "wl-1", dict (command), no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  stream = host->exec->open_finish (host->driver, answer.result, exec_id, &error);
  g_assert_no_error (error);
  answer_clear (&answer);
  return stream;
}

static void
assert_session (GIOStream *stream, const char *expected)
{
  g_autofree char *text = read_session (stream);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_open (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *id = NULL;

  run_program (host, "wl-1", "[]");
  stream = open_session (host, "{'command': <['cat', ';', 'error', 'done', ';', 'exit', '2']>, 'stdin': <true>}", &id);
  g_assert_nonnull (id);
  assert_session (stream, "");
  write_input (stream, "hello");
  assert_session (stream, "out[hello]");
  write_input (stream, "");
  assert_session (stream, "err[done\n]exit[2 0]");
  host_free (host);
}

static void
test_open_with_a_terminal (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *id = NULL;
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  run_program (host, "wl-1", "[]");
  stream = open_session (host, "{'command': <['size', ';', 'error', 'x', ';', 'watch-size']>, 'stdin': <true>,"
                               "'tty': <true>, 'rows': <uint32 10>, 'cols': <uint32 20>}", &id);
  assert_session (stream, "out[10 20\n]out[x\n]out[10 20\n]");
  host->exec->resize_async (host->driver, "wl-1", id, 30, 40, NULL, answer_take, &answer);
  answer_wait (&answer);
  g_assert_true (host->exec->resize_finish (host->driver, answer.result, NULL));
  answer_clear (&answer);
  assert_session (stream, "out[30 40\n]");
  host->exec->resize_async (host->driver, "wl-1", "exec-999", 30, 40, NULL, answer_take, &answer);
  answer_wait (&answer);
  g_assert_false (host->exec->resize_finish (host->driver, answer.result, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  answer_clear (&answer);
  host_free (host);
}

static void
test_slow_reader_holds_the_program (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  gsize total = 0;

  run_program (host, "wl-1", "[]");
  stream = open_session (host, "{'command': <['flood', '5000000']>}", NULL);
  clock_pass (SECOND * 10);
  for (guint i = 0; i < 1000 && total < 5000000; i++)
    {
      g_autoptr (GByteArray) bytes = read_bytes (g_io_stream_get_input_stream (stream));

      total += bytes->len / 69 * 64;
      settle ();
    }
  g_assert_cmpuint (total, >=, 5000000 - 64);
  host_free (host);
}

static void
test_not_a_record (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  run_program (host, "wl-1", "[]");
  stream = open_session (host, "{'command': <['cat']>, 'stdin': <true>}", NULL);
  g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (stream)),
                                              "\x09\0\0\0\0", 5, NULL, &error);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  host_free (host);
}

static void
test_closing_both_sides_ends_cat (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;

  run_program (host, "wl-1", "[]");
  stream = open_session (host, "{'command': <['cat']>, 'stdin': <true>}", NULL);
  g_assert_true (g_io_stream_close (stream, NULL, NULL));
  settle ();
  host_free (host);
}

static void
test_attach (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) made
    = call_create (host, "wl-1", "{'name': <'a'>, 'stdin': <true>, 'command': <['print', 'first', ';', 'cat', ';', 'exit', '6']>}",
                   NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  g_assert_nonnull (made);
  call_start (host, "wl-1", NULL);
  host->exec->attach_async (host->driver, "wl-1", no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  stream = host->exec->attach_finish (host->driver, answer.result, &error);
  g_assert_no_error (error);
  answer_clear (&answer);
  write_input (stream, "typed");
  assert_session (stream, "out[typed]");
  write_input (stream, "");
  assert_session (stream, "exit[6 0]");
  assert_state (host, "wl-1", "exited 6");
  host_free (host);
}

static void
test_engine_down_ends_without_exit (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *said = NULL;
  char end;

  run_program (host, "wl-1", "[]");
  stream = open_session (host, "{'command': <['forever']>}", NULL);
  said = control (host, "['engine-down']");
  assert_session (stream, "");
  g_assert_cmpint (g_input_stream_read (g_io_stream_get_input_stream (stream), &end, 1, NULL, NULL), ==, 0);
  host_free (host);
}

void
add_exec_tests (void)
{
  g_test_add_func ("/memory/exec/run", test_run);
  g_test_add_func ("/memory/exec/run-errors", test_run_errors);
  g_test_add_func ("/memory/exec/run-truncates", test_run_truncates);
  g_test_add_func ("/memory/exec/run-ends-with-workload", test_run_ends_with_the_workload);
  g_test_add_func ("/memory/exec/open", test_open);
  g_test_add_func ("/memory/exec/terminal", test_open_with_a_terminal);
  g_test_add_func ("/memory/exec/slow-reader", test_slow_reader_holds_the_program);
  g_test_add_func ("/memory/exec/not-a-record", test_not_a_record);
  g_test_add_func ("/memory/exec/closed", test_closing_both_sides_ends_cat);
  g_test_add_func ("/memory/exec/attach", test_attach);
  g_test_add_func ("/memory/exec/engine-down", test_engine_down_ends_without_exit);
}
