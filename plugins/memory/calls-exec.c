/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slots of exec/1. */

#include "session.h"

#include <string.h>

#include "control.h"
#include "thole-dict.h"

#define MOST_OUTPUT (1u << 20)

/* one-shot */

typedef struct
{
  MemCall *call;
  MemProcess *process;
  GByteArray *out[2];
  gboolean truncated;
  MemDue timeout;
  MemWorld *world;
} Run;

static void
run_free (gpointer data)
{
  Run *run = data;

  mem_world_schedule (run->world, &run->timeout, G_MAXINT64);
  g_clear_pointer (&run->process, mem_process_free);
  g_byte_array_unref (run->out[0]);
  g_byte_array_unref (run->out[1]);
  g_free (run);
}

static void
run_output (gpointer data, guint8 stream, const char *bytes, gsize length)
{
  Run *run = data;
  GByteArray *out = run->out[stream == 2 ? 1 : 0];
  gsize part = MIN (length, MOST_OUTPUT - out->len);

  run->truncated |= part < length;
  if (part > 0)
    g_byte_array_append (out, (const guint8 *) bytes, (guint) part);
}

static gboolean
run_full (gpointer data)
{
  return FALSE;
}

static GVariant *
bytes_value (const void *data, gsize length)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, length, 1);
}

static GVariant *
run_value (int code, const char *signal, const void *out, gsize out_length, const void *err, gsize err_length,
           gboolean truncated)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "exit_code", "x", (gint64) code);
  g_variant_dict_insert (&dict, "exit_signal", "s", signal);
  g_variant_dict_insert_value (&dict, "stdout", bytes_value (out, out_length));
  g_variant_dict_insert_value (&dict, "stderr", bytes_value (err, err_length));
  g_variant_dict_insert (&dict, "truncated", "b", truncated);
  return g_variant_dict_end (&dict);
}

static void
run_ended (gpointer data, const MemProgramEnd *end)
{
  Run *run = data;

  mem_call_value (run->call, run_value (end->exit_code, end->signal != 0 ? thole_signal_name (end->signal) : "",
                                        run->out[0]->data, run->out[0]->len, run->out[1]->data, run->out[1]->len,
                                        run->truncated));
}

static const MemProcessFuncs run_funcs = { run_output, run_full, run_ended };

static void
run_timed_out (MemDue *due, MemWorld *world, gint64 at)
{
  Run *run = (Run *) ((char *) due - G_STRUCT_OFFSET (Run, timeout));

  mem_call_fail (run->call, THOLE_ERROR_TIMEOUT, "it was killed after its timeout");
}

static void
work_control (MemCall *call, char *const *words)
{
  g_autoptr (GString) out = g_string_new ("");
  GError *error = NULL;

  if (mem_control (call->driver, words, out, &error))
    mem_call_value (call, run_value (0, "", out->str, out->len, "", 0, FALSE));
  else
    mem_call_error (call, error);
}

static void
work_run (MemCall *call)
{
  g_auto (GStrv) words = thole_dict_strv (call->dict, "command");
  g_autoptr (GVariant) input = thole_dict_value (call->dict, "stdin", "ay");
  double timeout = thole_dict_double (call->dict, "timeout", 0);
  gint64 now = mem_now (call->driver);
  GError *error = NULL;
  MemWorkload *workload;
  MemProcess *process;
  Run *run;

  if (call->unruly)
    {
      work_control (call, strcmp (call->id, "control") == 0 ? words : words + 1);
      return;
    }
  workload = mem_call_workload (call);
  if (workload == NULL)
    return;
  run = g_new0 (Run, 1);
  run->call = call;
  run->world = workload->world;
  run->out[0] = g_byte_array_new ();
  run->out[1] = g_byte_array_new ();
  run->timeout.fire = run_timed_out;
  call->data = run;
  call->data_free = run_free;
  process = run->process = mem_process_new (workload, call->dict, &run_funcs, run, now, &error);
  if (process == NULL)
    {
      mem_call_error (call, error);
      return;
    }
  if (timeout > 0)
    mem_world_schedule (run->world, &run->timeout, now + (gint64) (timeout * G_USEC_PER_SEC));
  if (input != NULL && g_variant_get_size (input) > 0)
    mem_program_input (mem_process_program (process), g_variant_get_data (input), g_variant_get_size (input));
  mem_program_input (mem_process_program (process), NULL, 0);
  mem_process_go_on (process, now);
}

static void
run_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
           GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = mem_call_new (self, "exec.run", id, NULL, command, options, cancellable, callback, user_data);
  g_auto (GStrv) words = thole_dict_strv (command, "command");

  call->unruly = strcmp (id, "control") == 0 || g_strcmp0 (words[0], "control") == 0;
  mem_call_begin (call, work_run);
}

static GVariant *
run_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

/* sessions */

typedef struct
{
  GIOStream *stream;
  char *id;
} Opened;

static void
opened_free (gpointer data)
{
  Opened *opened = data;

  g_clear_object (&opened->stream);
  g_free (opened->id);
  g_free (opened);
}

static void
work_open (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);
  GError *error = NULL;
  Opened *opened;

  if (workload == NULL)
    return;
  opened = g_new0 (Opened, 1);
  opened->id = g_strdup_printf ("exec-%" G_GUINT64_FORMAT, ++workload->world->serial);
  opened->stream = mem_session_open (call->driver, workload, call->dict, opened->id, &error);
  if (opened->stream != NULL)
    {
      mem_call_return (call, opened, opened_free);
      return;
    }
  opened_free (opened);
  mem_call_error (call, error);
}

static void
open_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "exec.open", id, NULL, command, options, cancellable, callback, user_data),
                  work_open);
}

static GIOStream *
open_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error)
{
  Opened *opened = mem_finish_pointer (result, error);
  GIOStream *stream;

  if (opened == NULL)
    return NULL;
  stream = g_steal_pointer (&opened->stream);
  if (exec_id != NULL)
    *exec_id = g_steal_pointer (&opened->id);
  opened_free (opened);
  return stream;
}

static void
work_attach (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);
  GError *error = NULL;
  GIOStream *stream;

  if (workload == NULL)
    return;
  stream = mem_session_attach (call->driver, workload, &error);
  if (stream != NULL)
    mem_call_return (call, stream, g_object_unref);
  else
    mem_call_error (call, error);
}

static void
attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "exec.attach", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_attach);
}

static GIOStream *
attach_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

static void
work_resize (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);

  if (workload == NULL)
    return;
  if (call->rows == 0 || call->cols == 0 || call->rows > G_MAXUINT16 || call->cols > G_MAXUINT16)
    {
      mem_call_fail (call, THOLE_ERROR_INVALID, "not a legal size: %u rows, %u columns", call->rows, call->cols);
      return;
    }
  if (*call->text != '\0' && !mem_session_resize (call->driver, call->text, call->rows, call->cols))
    {
      mem_call_fail (call, THOLE_ERROR_NOT_FOUND, "no such exec: %s", call->text);
      return;
    }
  if (*call->text == '\0' && workload->program != NULL)
    {
      mem_program_resize (workload->program, call->rows, call->cols);
      mem_workload_go_on (workload, mem_now (call->driver));
    }
  mem_call_done (call);
}

static void
resize_async (TholeDriver *self, const char *id, const char *exec_id, guint rows, guint cols,
              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = mem_call_new (self, "exec.resize", id, exec_id, NULL, NULL, cancellable, callback, user_data);

  call->rows = rows;
  call->cols = cols;
  mem_call_begin (call, work_resize);
}

static gboolean
resize_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error) != NULL;
}

static void
work_signal (MemCall *call)
{
  int signal = thole_signal_number (call->signal);

  if (mem_call_workload (call) == NULL)
    return;
  if (signal == 0)
    mem_call_fail (call, THOLE_ERROR_INVALID, "no such signal: %s", call->signal);
  else if (mem_session_signal (call->driver, call->text, signal))
    mem_call_done (call);
  else
    mem_call_fail (call, THOLE_ERROR_NOT_FOUND, "no such exec: %s", call->text);
}

static void
signal_async (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options,
              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = mem_call_new (self, "exec.signal", id, exec_id, NULL, options, cancellable, callback, user_data);

  call->signal = g_strdup (signal);
  mem_call_begin (call, work_signal);
}

const TholeExecOps mem_exec_ops = {
  .struct_size = sizeof (TholeExecOps),
  .run_async = run_async,
  .run_finish = run_finish,
  .open_async = open_async,
  .open_finish = open_finish,
  .attach_async = attach_async,
  .attach_finish = attach_finish,
  .resize_async = resize_async,
  .resize_finish = resize_finish,
  .signal_async = signal_async,
  .signal_finish = resize_finish,
};
