/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * run: one command to its end, with bounded output and a deadline.
 */
#include "exec.h"

#include <signal.h>
#include <string.h>

#include "api.h"
#include "bound.h"

#define OUTPUT_MAX (1024 * 1024)
#define PIECE 32768
#define KILL_TIMEOUT 5.0
/* how the engine reports, as output, that the program could not be started */
#define NOT_STARTED "OCI runtime exec failed"

typedef struct
{
  TholeDriver *driver;
  DockerBound bound;
  GByteArray *input; /* (nullable): records */
  DockerExec *exec;
  GByteArray *received; /* a record that is not whole yet */
  GByteArray *out, *err;
  gboolean truncated, ended;
  gboolean answered; /* while the process is being killed */
  gint32 code;
  guint8 piece[PIECE];
} Run;

static void
run_free (Run *self)
{
  docker_bound_clear (&self->bound);
  g_clear_pointer (&self->exec, docker_exec_free);
  g_clear_pointer (&self->input, g_byte_array_unref);
  g_byte_array_unref (self->received);
  g_byte_array_unref (self->out);
  g_byte_array_unref (self->err);
  docker_driver_unref (self->driver);
  g_free (self);
}

/* the end --------------------------------------------------------------------------------------------- */

static void
put_bytes (GVariantDict *dict, const char *key, GByteArray *bytes)
{
  g_variant_dict_insert_value (dict, key, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes->data, bytes->len, 1));
}

static void
succeed (GTask *task)
{
  Run *self = g_task_get_task_data (task);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  const char *signal = self->code > 128 && self->code <= 128 + 64 ? thole_signal_name (self->code - 128) : NULL;

  docker_bound_disarm (&self->bound);
  if ((self->code == 126 || self->code == 127) && self->out->len >= strlen (NOT_STARTED)
      && memcmp (self->out->data, NOT_STARTED, strlen (NOT_STARTED)) == 0)
    {
      g_autofree char *text = g_utf8_make_valid ((const char *) self->out->data, MIN (self->out->len, 4096));

      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "%s", g_strstrip (text));
      return;
    }
  g_variant_dict_insert (&out, "exit_code", "x", (gint64) self->code);
  g_variant_dict_insert (&out, "exit_signal", "s", signal != NULL ? signal : "");
  put_bytes (&out, "stdout", self->out);
  put_bytes (&out, "stderr", self->err);
  g_variant_dict_insert (&out, "truncated", "b", self->truncated);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

static void
on_pid_known (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Run *self = g_task_get_task_data (task);
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, NULL);
  gint64 pid = reply != NULL && thole_dict_boolean (reply->json, "Running", FALSE) ? thole_dict_int (reply->json, "Pid", 0) : 0;
  gboolean killed = self->driver->config->socket_path != NULL && thole_process_signal ((pid_t) pid, self->exec->engine_id, SIGKILL);

  if (self->answered)
    return;
  g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_TIMEOUT, "it did not end within %g s%s", self->bound.timeout,
                           killed ? " and was killed" : "; the engine has no way to end it, it may go on");
}

/* Ends the process as far as that is possible. */
static void
kill_process (GTask *task)
{
  Run *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/exec/%s/json", self->exec->exec_id);
  DockerRequest request = { .method = "GET", .path = path, .timeout = KILL_TIMEOUT };

  docker_call_async (self->driver, &request, NULL, on_pid_known, g_object_ref (task));
}

static void
fail (GTask *task, GError *error)
{
  Run *self = g_task_get_task_data (task);
  gboolean stopped = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  docker_bound_disarm (&self->bound);
  self->answered = !self->bound.timed_out || !stopped;
  if (self->answered)
    g_task_return_error (task, g_error_copy (error));
  if (stopped)
    kill_process (task);
  g_error_free (error);
}

/* output ---------------------------------------------------------------------------------------------- */

static void
collect (Run *self, GByteArray *to, const guint8 *data, gsize length)
{
  gsize room = OUTPUT_MAX - to->len;

  self->truncated |= length > room;
  g_byte_array_append (to, data, (guint) MIN (length, room));
}

static void
take_records (Run *self)
{
  gsize at = 0;
  gssize n;

  do
    {
      TholeRecordKind kind;
      const guint8 *body;
      gsize length;
      guint8 signal;

      n = thole_record_parse (self->received->data + at, self->received->len - at, &kind, &body, &length);
      if (n <= 0)
        break;
      if (kind == THOLE_RECORD_STDOUT)
        collect (self, self->out, body, length);
      else if (kind == THOLE_RECORD_STDERR)
        collect (self, self->err, body, length);
      else if (kind == THOLE_RECORD_EXIT)
        self->ended = thole_record_parse_exit (body, length, &self->code, &signal);
      at += (gsize) n;
    }
  while (n > 0);
  g_byte_array_remove_range (self->received, 0, (guint) at);
}

static void read_more (GTask *task);

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Run *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    {
      fail (task, error);
      return;
    }
  g_byte_array_append (self->received, self->piece, (guint) n);
  take_records (self);
  if (n > 0)
    read_more (task);
  else if (self->ended)
    succeed (task);
  else if (self->bound.timed_out || g_cancellable_is_cancelled (self->bound.inner))
    fail (task, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled"));
  else
    fail (task, g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the connection to the process was lost"));
}

static void
read_more (GTask *task)
{
  Run *self = g_task_get_task_data (task);

  g_input_stream_read_async (g_io_stream_get_input_stream (self->exec->stream), self->piece, sizeof self->piece,
                             G_PRIORITY_DEFAULT, self->bound.inner, on_read, g_object_ref (task));
}

/* input ----------------------------------------------------------------------------------------------- */

static void
on_input_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  /* a program need not read its input */
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
  g_object_unref (user_data);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Run *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->exec = docker_exec_start_finish (self->driver, result, &error);
  if (self->exec == NULL)
    {
      g_task_return_error (task, docker_bound_error (&self->bound, error));
      return;
    }
  if (self->input != NULL)
    g_output_stream_write_all_async (g_io_stream_get_output_stream (self->exec->stream), self->input->data, self->input->len,
                                     G_PRIORITY_DEFAULT, self->bound.inner, on_input_written, g_object_ref (task));
  read_more (task);
}

void
docker_run_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GVariant) input = thole_dict_value (command, "stdin", "ay");
  Run *run = g_new0 (Run, 1);

  run->driver = docker_driver_ref (self);
  run->received = g_byte_array_new ();
  run->out = g_byte_array_new ();
  run->err = g_byte_array_new ();
  docker_bound_init (&run->bound, self, MAX (thole_dict_double (command, "timeout", 0), 0), cancellable);
  if (input != NULL)
    {
      gsize length;
      const guint8 *data = g_variant_get_fixed_array (input, &length, 1);

      run->input = g_byte_array_new ();
      if (length > 0)
        thole_record_append (run->input, THOLE_RECORD_STDIN, data, length);
      thole_record_append (run->input, THOLE_RECORD_STDIN, NULL, 0);
    }
  g_task_set_task_data (task, run, (GDestroyNotify) run_free);
  if (thole_dict_boolean (command, "tty", FALSE))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "a command that is run to its end has no terminal");
  else
    docker_exec_start_async (self, id, command, input != NULL, NULL, options, run->bound.inner, on_started,
                             g_steal_pointer (&task));
}
