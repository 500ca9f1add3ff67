/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-host.h"
#include "thole-program.h"

/* A driver whose engine is this machine's kernel: a shell for each program. */
struct _TholeDriver
{
  guint alive, killed, left, told;
};

typedef struct
{
  TholeProgram program;
  TholeDriver *driver;
  gboolean loses; /* its end does not become known */
  GSource *watch;
} Shell;

static void
shell_clear (gpointer box)
{
  Shell *self = box;
  int fds[] = { self->program.in, self->program.out, self->program.err };

  thole_timer_clear (&self->watch);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
  g_free (self->program.id);
  self->driver->alive--;
}

static TholeProgram *
shell_ref (TholeProgram *program)
{
  return g_rc_box_acquire (program);
}

static void
shell_unref (TholeProgram *program)
{
  g_rc_box_release_full (program, shell_clear);
}

static void
on_shell_end (GPid pid, int status, gpointer user_data)
{
  Shell *self = user_data;

  self->program.lost = self->loses;
  self->program.exited = !self->loses;
  self->program.signal = WIFSIGNALED (status) ? (guint8) WTERMSIG (status) : 0;
  self->program.code = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
  if (self->program.changed != NULL)
    self->program.changed (self->program.user_data);
}

static const TholeProgramOps shell_ops;

static void
shell_start (TholeDriver *driver, const char *id, GVariant *command, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_auto(GStrv) words = thole_dict_strv (command, "command");
  GError *error = NULL;
  Shell *self;
  GPid pid;
  int fds[3];

  if (!g_spawn_async_with_pipes (NULL, words, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &fds[0], &fds[1], &fds[2], &error))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "%s", error->message);
      g_error_free (error);
      return;
    }
  for (guint i = 0; i < 3; i++)
    fcntl (fds[i], F_SETFL, O_NONBLOCK);
  if (!thole_dict_boolean (command, "stdin", FALSE))
    {
      close (fds[0]);
      fds[0] = -1;
    }
  self = g_rc_box_new0 (Shell);
  self->program = (TholeProgram){ .ops = &shell_ops, .id = g_strdup_printf ("%d", pid), .in = fds[0], .out = fds[1], .err = fds[2] };
  self->driver = driver;
  self->loses = strcmp (id, "loses") == 0;
  driver->alive++;
  self->watch = g_child_watch_source_new (pid);
  g_source_set_callback (self->watch, G_SOURCE_FUNC (on_shell_end), self, NULL);
  g_source_attach (self->watch, NULL);
  g_task_return_pointer (task, self, NULL);
}

static TholeProgram *
shell_start_finish (TholeDriver *driver, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GSource *
shell_timer (TholeProgram *program, double seconds, GSourceFunc function, gpointer user_data)
{
  GSource *source = g_timeout_source_new ((guint) (seconds * 1000));

  g_source_set_callback (source, function, user_data, NULL);
  g_source_attach (source, NULL);
  return source;
}

static void
shell_kill (TholeProgram *program)
{
  if (program->exited || program->lost)
    return;
  ((Shell *) program)->driver->killed++;
  kill ((GPid) g_ascii_strtoll (program->id, NULL, 10), SIGKILL);
}

static void
shell_end_input (TholeProgram *program)
{
  if (program->in >= 0)
    close (program->in);
  program->in = -1;
}

static void
shell_leave (TholeProgram *program)
{
  g_assert_null (program->changed);
  ((Shell *) program)->driver->left++;
}

static void
shell_told (TholeProgram *program)
{
  ((Shell *) program)->driver->told++;
}

static const TholeProgramOps shell_ops = {
  .struct_size = sizeof shell_ops, .start_async = shell_start, .start_finish = shell_start_finish, .ref = shell_ref, .unref = shell_unref,
  .timer = shell_timer, .kill = shell_kill, .end_input = shell_end_input, .leave = shell_leave, .told = shell_told,
};

/* asking ---------------------------------------------------------------------------------------------- */

static void
take_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static GVariant *
command_of (const char *script, const char *input, double timeout)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  const char *const words[] = { "/bin/sh", "-c", script };

  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv (words, G_N_ELEMENTS (words)));
  if (input != NULL)
    g_variant_dict_insert_value (&dict, "stdin", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, input, strlen (input), 1));
  g_variant_dict_insert (&dict, "timeout", "d", timeout);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static GVariant *
no_options (void)
{
  return g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

/* Runs what is left of programs that were killed. */
static void
settle (TholeDriver *driver)
{
  while (driver->alive > 0 || g_main_context_pending (NULL))
    g_main_context_iteration (NULL, driver->alive > 0);
}

static GVariant *
run (TholeDriver *driver, const char *id, GVariant *command, GError **error)
{
  g_autoptr(GVariant) owned = command, options = no_options ();
  g_autoptr(GAsyncResult) result = NULL;

  thole_program_run_async (&shell_ops, driver, id, owned, options, NULL, take_result, &result);
  wait_for (&result);
  return thole_finish_value (driver, result, error);
}

static void
assert_bytes (GVariant *dict, const char *key, const char *wanted)
{
  g_autoptr(GVariant) value = thole_dict_value (dict, key, "ay");
  gsize length;
  const char *bytes = g_variant_get_fixed_array (value, &length, 1);

  g_assert_cmpmem (bytes, length, wanted, strlen (wanted));
}

static void
test_run (void)
{
  TholeDriver driver = { 0 };
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) plain = run (&driver, "w", command_of ("echo out; echo err >&2; exit 3", NULL, 0), &error);
  g_autoptr(GVariant) killed = run (&driver, "w", command_of ("kill -TERM $$", NULL, 0), &error);
  g_autoptr(GVariant) fed = run (&driver, "w", command_of ("tr a-z A-Z", "abc", 0), &error);
  g_autoptr(GVariant) much = run (&driver, "w", command_of ("head -c 1048577 /dev/zero", NULL, 0), &error);
  g_autoptr(GVariant) most = thole_dict_value (much, "stdout", "ay");

  g_assert_no_error (error);
  g_assert_cmpint (thole_dict_int (plain, "exit_code", -1), ==, 3);
  g_assert_cmpstr (thole_dict_string (plain, "exit_signal", "-"), ==, "");
  assert_bytes (plain, "stdout", "out\n");
  assert_bytes (plain, "stderr", "err\n");
  g_assert_false (thole_dict_boolean (plain, "truncated", TRUE));
  g_assert_cmpint (thole_dict_int (killed, "exit_code", -1), ==, 128 + SIGTERM);
  g_assert_cmpstr (thole_dict_string (killed, "exit_signal", ""), ==, "SIGTERM");
  assert_bytes (fed, "stdout", "ABC");
  g_assert_cmpuint (g_variant_n_children (most), ==, 1024 * 1024);
  g_assert_true (thole_dict_boolean (much, "truncated", FALSE));
  settle (&driver);
  g_assert_cmpuint (driver.told, ==, 4);
  g_assert_cmpuint (driver.killed, ==, 0);
}

static void
test_run_fails (void)
{
  TholeDriver driver = { 0 };
  g_autoptr(GError) late = NULL, lost = NULL, refused = NULL;
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  const char *const words[] = { "/nowhere/program" };

  g_assert_null (run (&driver, "w", command_of ("exec sleep 600", NULL, 0.05), &late));
  g_assert_error (late, THOLE_ERROR, THOLE_ERROR_TIMEOUT);
  g_assert_cmpuint (driver.killed, ==, 1);
  g_assert_null (run (&driver, "loses", command_of ("true", NULL, 0), &lost));
  g_assert_error (lost, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv (words, 1));
  g_assert_null (run (&driver, "w", g_variant_ref_sink (g_variant_dict_end (&dict)), &refused));
  g_assert_error (refused, THOLE_ERROR, THOLE_ERROR_INVALID);
  settle (&driver);
}

/* A caller that goes away takes the program with it. */
static void
test_run_cancelled (void)
{
  TholeDriver driver = { 0 };
  g_autoptr(GVariant) command = command_of ("exec sleep 600", NULL, 0), options = no_options ();
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  thole_program_run_async (&shell_ops, &driver, "w", command, options, cancellable, take_result, &result);
  while (driver.alive == 0 || g_main_context_pending (NULL))
    g_main_context_iteration (NULL, FALSE);
  g_cancellable_cancel (cancellable);
  wait_for (&result);
  g_assert_null (thole_finish_value (&driver, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&result);
  settle (&driver);
  g_assert_cmpuint (driver.killed, ==, 1);
}

static GIOStream *
open_shell (TholeDriver *driver, const char *script, char **id)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) plain = command_of (script, NULL, 0), command = NULL, options = no_options ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  GIOStream *stream;

  g_variant_dict_init (&dict, plain);
  g_variant_dict_insert (&dict, "stdin", "b", TRUE);
  command = g_variant_ref_sink (g_variant_dict_end (&dict));
  thole_program_open_async (&shell_ops, driver, "w", command, options, NULL, take_result, &result);
  wait_for (&result);
  stream = thole_program_open_finish (driver, result, id, &error);
  g_assert_no_error (error);
  return stream;
}

/* Reads to the end, or to @until bytes. */
static GByteArray *
read_all (GIOStream *stream, gsize until)
{
  GByteArray *all = g_byte_array_new ();
  guint8 piece[4];
  gssize n = 1;

  while (n > 0 && all->len < until)
    {
      g_autoptr(GAsyncResult) result = NULL;

      g_input_stream_read_async (g_io_stream_get_input_stream (stream), piece, sizeof piece, G_PRIORITY_DEFAULT, NULL, take_result, &result);
      wait_for (&result);
      n = g_input_stream_read_finish (g_io_stream_get_input_stream (stream), result, NULL);
      g_assert_cmpint (n, >=, 0);
      g_byte_array_append (all, piece, (guint) n);
    }
  return all;
}

static void
close_stream (GIOStream *stream)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, take_result, &result);
  wait_for (&result);
  g_assert_true (g_io_stream_close_finish (stream, result, NULL));
}

static void
test_open (void)
{
  TholeDriver driver = { 0 };
  g_autofree char *id = NULL;
  g_autoptr(GIOStream) stream = open_shell (&driver, "read line; echo $line; exit 7", &id);
  g_autoptr(GByteArray) input = g_byte_array_new (), wanted = g_byte_array_new (), seen = NULL;
  g_autoptr(GAsyncResult) result = NULL;

  g_assert_cmpint (g_ascii_strtoll (id, NULL, 10), >, 1);
  thole_record_append (input, THOLE_RECORD_STDIN, "word\n", 5);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (stream), input->data, input->len, G_PRIORITY_DEFAULT, NULL, take_result,
                                   &result);
  wait_for (&result);
  g_assert_true (g_output_stream_write_all_finish (g_io_stream_get_output_stream (stream), result, NULL, NULL));
  thole_record_append (wanted, THOLE_RECORD_STDOUT, "word\n", 5);
  thole_record_append_exit (wanted, 7, 0);
  seen = read_all (stream, G_MAXUINT);
  g_assert_cmpmem (seen->data, seen->len, wanted->data, wanted->len);
  g_assert_cmpuint (driver.told, ==, 1);
  close_stream (stream);
  g_clear_object (&stream);
  g_clear_object (&result);
  settle (&driver);
  g_assert_cmpuint (driver.left, ==, 1);
  g_assert_cmpuint (driver.told, ==, 1);
}

/* Who closes early: the driver is told once, and whoever reads afterwards is not. */
static void
test_left (void)
{
  TholeDriver driver = { 0 };
  g_autofree char *id = NULL;
  g_autoptr(GIOStream) stream = open_shell (&driver, "echo here; cat; exit 0", &id);
  g_autoptr(GByteArray) seen = read_all (stream, THOLE_RECORD_HEADER + 5);

  g_assert_cmpmem (seen->data + THOLE_RECORD_HEADER, 5, "here\n", 5);
  close_stream (stream);
  g_assert_cmpuint (driver.left, ==, 1);
  g_clear_object (&stream);
  g_assert_cmpuint (driver.left, ==, 1);
  g_assert_cmpuint (driver.alive, ==, 0);
}

/* attach ---------------------------------------------------------------------------------------------- */

typedef struct
{
  int wrong; /* a code of G_IO_ERROR, -1 = it is known */
  guint freed;
} Fate;

static void
fate_async (gpointer user_data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Fate *self = user_data;
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, data);

  if (self->wrong < 0)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, G_IO_ERROR, self->wrong, "no");
}

static gboolean
fate_finish (gpointer user_data, GAsyncResult *result, gint32 *code, guint8 *signal, GError **error)
{
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  *code = 5;
  *signal = 0;
  return TRUE;
}

static void
fate_free (gpointer user_data)
{
  ((Fate *) user_data)->freed++;
}

static const TholeAttachOps fate_ops = { .struct_size = sizeof fate_ops, .end_async = fate_async, .end_finish = fate_finish };

static GIOStream *
attach (Fate *fate)
{
  g_autoptr(GByteArray) log = g_byte_array_new ();
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GInputStream) file = NULL, input = NULL;

  thole_log_record_append (log, 1, 1000, "out", 3);
  thole_log_record_append (log, 2, 2000, "err", 3);
  bytes = g_bytes_new (log->data, log->len);
  file = g_memory_input_stream_new_from_bytes (bytes);
  input = thole_attach_new (&fate_ops, file, fate, fate_free);
  return thole_stream_new (input, NULL);
}

static void
test_attach (void)
{
  Fate known = { -1, 0 }, unknown = { G_IO_ERROR_FAILED, 0 }, cancelled = { G_IO_ERROR_CANCELLED, 0 };
  g_autoptr(GIOStream) first = attach (&known), second = attach (&unknown), third = attach (&cancelled);
  g_autoptr(GByteArray) wanted = g_byte_array_new (), whole = read_all (first, G_MAXUINT), cut = read_all (second, G_MAXUINT), most = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  guint8 piece[4];

  thole_record_append (wanted, THOLE_RECORD_STDOUT, "out", 3);
  thole_record_append (wanted, THOLE_RECORD_STDERR, "err", 3);
  g_assert_cmpmem (cut->data, cut->len, wanted->data, wanted->len);
  most = read_all (third, wanted->len);
  g_assert_cmpmem (most->data, most->len, wanted->data, wanted->len);
  g_input_stream_read_async (g_io_stream_get_input_stream (third), piece, sizeof piece, G_PRIORITY_DEFAULT, NULL, take_result, &result);
  wait_for (&result);
  g_assert_cmpint (g_input_stream_read_finish (g_io_stream_get_input_stream (third), result, &error), <, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  thole_record_append_exit (wanted, 5, 0);
  g_assert_cmpmem (whole->data, whole->len, wanted->data, wanted->len);
  close_stream (first);
  g_clear_object (&first);
  g_assert_cmpuint (known.freed, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/program/run", test_run);
  g_test_add_func ("/program/run-fails", test_run_fails);
  g_test_add_func ("/program/run-cancelled", test_run_cancelled);
  g_test_add_func ("/program/open", test_open);
  g_test_add_func ("/program/left", test_left);
  g_test_add_func ("/program/attach", test_attach);
  return g_test_run ();
}
