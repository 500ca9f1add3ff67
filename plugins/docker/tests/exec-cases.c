/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

typedef struct
{
  GString *out, *err;
  gint32 code; /* -1: no exit record */
  guint8 signal;
  guint exits;
} Output;

static void
output_clear (Output *self)
{
  g_string_free (self->out, TRUE);
  g_string_free (self->err, TRUE);
}

/* Reads records to the end, or until @until was seen in stdout. */
static Output
read_records (GIOStream *stream, const char *until)
{
  Output output = { g_string_new (NULL), g_string_new (NULL), -1, 0, 0 };
  g_autoptr(GByteArray) rest = g_byte_array_new ();
  GInputStream *input = g_io_stream_get_input_stream (stream);
  guint8 piece[4096];
  gssize n = 1;

  while (n > 0 && (until == NULL || strstr (output.out->str, until) == NULL))
    {
      g_autoptr(GAsyncResult) result = AWAIT (g_input_stream_read_async, input, piece, sizeof piece, 0, NULL);
      g_autoptr(GError) error = NULL;
      TholeRecordKind kind;
      const guint8 *body;
      gsize length;
      gssize size;

      n = g_input_stream_read_finish (input, result, &error);
      g_assert_no_error (error);
      g_byte_array_append (rest, piece, (guint) n);
      while ((size = thole_record_parse (rest->data, rest->len, &kind, &body, &length)) > 0)
        {
          if (kind == THOLE_RECORD_STDOUT)
            g_string_append_len (output.out, (const char *) body, (gssize) length);
          else if (kind == THOLE_RECORD_STDERR)
            g_string_append_len (output.err, (const char *) body, (gssize) length);
          else if (++output.exits > 0)
            g_assert_true (thole_record_parse_exit (body, length, &output.code, &output.signal));
          g_byte_array_remove_range (rest, 0, (guint) size);
        }
      g_assert_cmpint (size, ==, 0);
    }
  return output;
}

static gboolean
write_all (GIOStream *stream, GByteArray *bytes, GError **error)
{
  GOutputStream *output = g_io_stream_get_output_stream (stream);
  g_autoptr(GAsyncResult) result = AWAIT (g_output_stream_write_all_async, output, bytes->data, bytes->len, 0, NULL);

  return g_output_stream_write_all_finish (output, result, NULL, error);
}

/* @text NULL: the end of input */
static void
send (GIOStream *stream, const char *text)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autoptr(GError) error = NULL;

  thole_record_append (bytes, THOLE_RECORD_STDIN, text, text != NULL ? strlen (text) : 0);
  write_all (stream, bytes, &error);
  g_assert_no_error (error);
}

static GIOStream *
open_exec (Bench *b, const char *id, GVariant *command, char **exec_id, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->exec->open_async, b->driver, id, command, none, NULL);

  return b->exec->open_finish (b->driver, result, exec_id, error);
}

static void
close_stream (GIOStream *stream)
{
  g_autoptr(GAsyncResult) result = AWAIT (g_io_stream_close_async, stream, 0, NULL);

  g_assert_true (g_io_stream_close_finish (stream, result, NULL));
}

static GVariant *
run_command (Bench *b, const char *id, GVariant *command, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->exec->run_async, b->driver, id, command, none, NULL);

  return b->exec->run_finish (b->driver, result, error);
}

static void
test_run (Bench *b)
{
  g_autofree char *id = fresh_id ("run");
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;

  run_ok (b, id, "sleep 60", NULL);
  answer = run (b, id, "echo out; echo err >&2; exit 42", &error);
  g_assert_no_error (error);
  out = bytes_text (answer, "stdout");
  err = bytes_text (answer, "stderr");
  g_assert_cmpint (thole_dict_int (answer, "exit_code", -1), ==, 42);
  g_assert_cmpstr (thole_dict_string (answer, "exit_signal", "?"), ==, "");
  g_assert_cmpstr (out, ==, "out\n");
  g_assert_cmpstr (err, ==, "err\n");
  g_assert_false (thole_dict_boolean (answer, "truncated", TRUE));
}

static void
test_run_surroundings (Bench *b)
{
  g_autofree char *id = fresh_id ("around");
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', 'echo $WORD; pwd; id -u; kill -9 $$']>, "
                                      "'env': <{'WORD': 'oar'}>, 'working_dir': <'/tmp'>, 'user': <'77'>}");
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = NULL;
  g_autofree char *out = NULL;

  run_ok (b, id, "sleep 60", NULL);
  answer = run_command (b, id, command, &error);
  g_assert_no_error (error);
  out = bytes_text (answer, "stdout");
  g_assert_cmpstr (out, ==, "oar\n/tmp\n77\n");
  g_assert_cmpint (thole_dict_int (answer, "exit_code", -1), ==, 137);
  g_assert_cmpstr (thole_dict_string (answer, "exit_signal", ""), ==, "SIGKILL");
}

static void
test_run_input (Bench *b)
{
  g_autofree char *id = fresh_id ("input");
  g_autofree char *big = g_strnfill (200000, 'i');
  g_autoptr(GVariant) bytes = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, big, 200000, 1));
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/wc', '-c']>, 'stdin': <%@ay>}", bytes);
  g_autoptr(GVariant) closed = dict ("{'command': <['/bin/cat']>, 'stdin': <@ay []>}");
  g_autoptr(GVariant) without = dict ("{'command': <['/bin/cat']>}");
  g_autoptr(GVariant) ignored = dict ("{'command': <['/bin/true']>, 'stdin': <%@ay>}", bytes);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = NULL;
  GVariant *quiet[] = { closed, without, ignored };
  g_autofree char *out = NULL;

  run_ok (b, id, "sleep 60", NULL);
  answer = run_command (b, id, command, &error);
  g_assert_no_error (error);
  out = bytes_text (answer, "stdout");
  g_assert_cmpstr (g_strstrip (out), ==, "200000");
  for (guint i = 0; i < G_N_ELEMENTS (quiet); i++)
    {
      g_autoptr(GVariant) end = run_command (b, id, quiet[i], &error);

      g_assert_no_error (error);
      g_assert_cmpint (thole_dict_int (end, "exit_code", -1), ==, 0);
    }
}

static void
test_run_truncated (Bench *b)
{
  g_autofree char *id = fresh_id ("much");
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = NULL;
  g_autoptr(GVariant) bytes = NULL;

  run_ok (b, id, "sleep 60", NULL);
  answer = run (b, id, "head -c 3000000 /dev/zero; exit 1", &error);
  g_assert_no_error (error);
  bytes = thole_dict_value (answer, "stdout", "ay");
  g_assert_cmpint (g_variant_n_children (bytes), ==, 1024 * 1024);
  g_assert_true (thole_dict_boolean (answer, "truncated", FALSE));
  g_assert_cmpint (thole_dict_int (answer, "exit_code", -1), ==, 1);
}

static void
test_run_timeout (Bench *b)
{
  g_autofree char *id = fresh_id ("late");
  g_autoptr(GVariant) command
      = dict ("{'command': <['/bin/sh', '-c', 'echo x > /tmp/begun; sleep 277 & sleep 278; wait']>, 'timeout': <1.0>}");
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) answer = NULL;
  g_autofree char *out = NULL;
  gint64 begin = g_get_monotonic_time ();

  run_ok (b, id, "sleep 600", NULL);
  g_assert_null (run_command (b, id, command, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_TIMEOUT);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 200 * G_USEC_PER_SEC);
  g_test_message ("%s", error->message);
  if (strstr (error->message, "was killed") == NULL)
    return; /* an engine elsewhere */
  g_clear_error (&error);
  answer = run (b, id, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", &error);
  out = bytes_text (answer, "stdout");
  /* what runs there is seen at all */
  g_assert_nonnull (strstr (out, "sleep 600"));
  g_assert_null (strstr (out, "sleep 277"));
  g_assert_null (strstr (out, "sleep 278"));
}

static void
test_run_refused (Bench *b)
{
  g_autofree char *id = fresh_id ("refused");
  g_autoptr(GVariant) missing = dict ("{'command': <['/no/such/program']>}");
  g_autoptr(GVariant) nothing = dict ("{'command': <@as []>}");
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_null (run_command (b, id, missing, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (run_command (b, id, nothing, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (run (b, "nobody", "true", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (stop (b, id, 0, &error));
  g_assert_null (run (b, id, "true", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
}

static void
test_open (Bench *b)
{
  g_autofree char *id = fresh_id ("open");
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', 'cat; echo bye >&2; exit 5']>, 'stdin': <true>}");
  g_autoptr(GError) error = NULL;
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output;

  run_ok (b, id, "sleep 60", NULL);
  stream = open_exec (b, id, command, &exec_id, &error);
  g_assert_no_error (error);
  g_assert_cmpint (strlen (exec_id), >, 0);
  send (stream, "hello ");
  send (stream, "oar\n");
  send (stream, NULL);
  output = read_records (stream, NULL);
  g_assert_cmpstr (output.out->str, ==, "hello oar\n");
  g_assert_cmpstr (output.err->str, ==, "bye\n");
  g_assert_cmpint (output.code, ==, 5);
  g_assert_cmpint (output.signal, ==, 0);
  g_assert_cmpint (output.exits, ==, 1);
  output_clear (&output);
  close_stream (stream);
}

/* A program whose input was never opened sees its end at once. */
static void
test_open_closed_input (Bench *b)
{
  g_autofree char *id = fresh_id ("closed");
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', 'cat; echo end; kill -TERM $$']>}");
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output;

  run_ok (b, id, "sleep 60", NULL);
  stream = open_exec (b, id, command, &exec_id, &error);
  g_assert_no_error (error);
  thole_record_append (bytes, THOLE_RECORD_STDIN, "x", 1);
  g_assert_false (write_all (stream, bytes, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  output = read_records (stream, NULL);
  g_assert_cmpstr (output.out->str, ==, "end\n");
  g_assert_cmpint (output.code, ==, 143);
  g_assert_cmpint (output.signal, ==, 15);
  output_clear (&output);
}

static gboolean
send_signal (Bench *b, const char *id, const char *exec_id, GError **error)
{
  g_autoptr(GVariant) options = dict ("@a{sv} {}");
  g_autoptr(GAsyncResult) result = AWAIT (b->exec->signal_async, b->driver, id, exec_id, "SIGKILL", options, NULL);

  return b->exec->signal_finish (b->driver, result, error);
}

/* one whose answer was lost is found by the mark that it was given */
static void
test_mark (Bench *b)
{
  g_autofree char *id = fresh_id ("mark"), *mark = g_strdup_printf ("%08x%08x", g_random_int (), g_random_int ());
  g_autofree char *text = g_strdup_printf ("{'command': <['/bin/sh', '-c', 'sleep 100; true']>, 'mark': <'%s'>}", mark);
  g_autofree char *exec_id = NULL, *marked = g_strconcat (".", mark, NULL);
  g_autoptr(GVariant) command = dict (text);
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output;

  run_ok (b, id, "sleep 60", NULL);
  stream = open_exec (b, id, command, &exec_id, &error);
  g_assert_no_error (error);
  if (!g_str_has_suffix (exec_id, marked))
    {
      /* a driver that does not know marks knows no such exec */
      g_assert_false (send_signal (b, id, marked, &error));
      g_assert_true (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND)
                     || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID));
      close_stream (stream);
      return;
    }
  while (!send_signal (b, id, marked, &error))
    {
      /* it is still being started */
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
      g_clear_error (&error);
    }
  output = read_records (stream, NULL);
  g_assert_cmpint (output.code, ==, 137);
  output_clear (&output);
  close_stream (stream);
  g_assert_false (send_signal (b, id, marked, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

static gboolean
resize (Bench *b, const char *id, const char *exec_id, guint rows, guint cols, GError **error)
{
  g_autoptr(GAsyncResult) result = AWAIT (b->exec->resize_async, b->driver, id, exec_id, rows, cols, NULL);

  return b->exec->resize_finish (b->driver, result, error);
}

static void
test_terminal (Bench *b)
{
  g_autofree char *id = fresh_id ("term");
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh']>, 'tty': <true>, 'stdin': <true>, 'rows': <uint32 20>, "
                                      "'cols': <uint32 60>}");
  g_autoptr(GError) error = NULL;
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output first, second, last;

  run_ok (b, id, "sleep 60", NULL);
  stream = open_exec (b, id, command, &exec_id, &error);
  g_assert_no_error (error);
  send (stream, "stty size\n");
  first = read_records (stream, "20 60\r\n");
  g_assert_true (resize (b, id, exec_id, 33, 99, &error));
  send (stream, "stty size\n");
  second = read_records (stream, "33 99\r\n");
  /* Ctrl-P Ctrl-Q are the program's, not the engine's */
  send (stream, "\x10\x11 echo still-$((40 + 2)) #\n");
  send (stream, "echo here-$((1 + 1)); exit 9\n");
  last = read_records (stream, NULL);
  g_assert_nonnull (strstr (last.out->str, "here-2"));
  g_assert_cmpint (last.err->len, ==, 0);
  g_assert_cmpint (last.code, ==, 9);
  g_assert_false (resize (b, id, exec_id, 0, 99, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  output_clear (&first);
  output_clear (&second);
  output_clear (&last);
}

/* The program ends its output long before itself: the exit code is waited for. */
static void
test_exit_after_output (Bench *b)
{
  g_autofree char *id = fresh_id ("detach");
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', 'echo x; exec >/dev/null 2>&1; sleep 1; exit 6']>}");
  g_autoptr(GError) error = NULL;
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output;

  run_ok (b, id, "sleep 60", NULL);
  stream = open_exec (b, id, command, &exec_id, &error);
  g_assert_no_error (error);
  output = read_records (stream, NULL);
  g_assert_cmpint (output.code, ==, 6);
  output_clear (&output);
}

static void
test_open_much (Bench *b)
{
  g_autofree char *id = fresh_id ("bulk");
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', 'head -c 20000000 /dev/zero']>}");
  g_autoptr(GError) error = NULL;
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output;

  run_ok (b, id, "sleep 60", NULL);
  stream = open_exec (b, id, command, &exec_id, &error);
  g_assert_no_error (error);
  output = read_records (stream, NULL);
  g_assert_cmpint (output.out->len, ==, 20000000);
  g_assert_cmpint (output.code, ==, 0);
  output_clear (&output);
}

static GIOStream *
attach (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->exec->attach_async, b->driver, id, none, NULL);

  return b->exec->attach_finish (b->driver, result, error);
}

static void
test_attach (Bench *b)
{
  g_autofree char *id = fresh_id ("attach");
  g_autoptr(GVariant) more = dict ("{'stdin': <true>}");
  g_autoptr(GVariant) spec = shell_spec ("echo begin; read line; echo got $line; read line; exit 8", more);
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) first = NULL;
  g_autoptr(GIOStream) second = NULL;
  Output output, rest;

  create_ok (b, id, spec);
  first = attach (b, id, &error);
  g_assert_no_error (error);
  g_assert_true (start (b, id, &error));
  output = read_records (first, "begin\n");
  send (first, "one\n");
  output_clear (&output);
  output = read_records (first, "got one\n");
  /* one who leaves does not end the program's input */
  close_stream (first);
  bench_pause (0.2);
  second = attach (b, id, &error);
  g_assert_no_error (error);
  send (second, "two\n");
  rest = read_records (second, NULL);
  g_assert_cmpint (rest.code, ==, 8);
  g_assert_null (attach (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  output_clear (&output);
  output_clear (&rest);
}

static void
test_attach_terminal (Bench *b)
{
  g_autofree char *id = fresh_id ("console");
  g_autoptr(GVariant) more = dict ("{'stdin': <true>, 'tty': <true>}");
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output, rest;

  run_ok (b, id, "while read line; do stty size; test $line = q && exit 4; done", more);
  stream = attach (b, id, &error);
  g_assert_no_error (error);
  g_assert_true (resize (b, id, "", 31, 97, &error));
  g_assert_no_error (error);
  send (stream, "s\n");
  output = read_records (stream, "31 97\r\n");
  send (stream, "q\n");
  rest = read_records (stream, NULL);
  g_assert_cmpint (rest.code, ==, 4);
  output_clear (&output);
  output_clear (&rest);
}

static void
test_attach_once (Bench *b)
{
  g_autofree char *id = fresh_id ("once");
  g_autoptr(GVariant) more = dict ("{'stdin': <true>, 'backend_options': <{'stdin_once': <true>}>}");
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) stream = NULL;
  Output output;

  run_ok (b, id, "wc -c", more);
  stream = attach (b, id, &error);
  g_assert_no_error (error);
  send (stream, "12345");
  send (stream, NULL);
  output = read_records (stream, NULL);
  g_assert_cmpstr (g_strstrip (output.out->str), ==, "5");
  g_assert_cmpint (output.code, ==, 0);
  output_clear (&output);
}

void
add_exec_cases (void)
{
  add_case ("exec/run", test_run);
  add_case ("exec/run-surroundings", test_run_surroundings);
  add_case ("exec/run-input", test_run_input);
  add_case ("exec/run-truncated", test_run_truncated);
  add_case ("exec/run-timeout", test_run_timeout);
  add_case ("exec/run-refused", test_run_refused);
  add_case ("exec/open", test_open);
  add_case ("exec/mark", test_mark);
  add_case ("exec/open-closed-input", test_open_closed_input);
  add_case ("exec/terminal", test_terminal);
  add_case ("exec/exit-after-output", test_exit_after_output);
  add_case ("exec/open-much", test_open_much);
  add_case ("exec/attach", test_attach);
  add_case ("exec/attach-terminal", test_attach_terminal);
  add_case ("exec/attach-once", test_attach_once);
}
