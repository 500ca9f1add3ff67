/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" run: a session of our own, gathered.
 */
#include "program-session.h"
#include "thole-dict.h"
#include "thole-host.h"

#define OUTPUT_MAX (1024 * 1024)
#define PIECE 65536

typedef struct
{
  const TholeProgramOps *ops;
  TholeDriver *driver;
  TholeProgram *program;    /* NULL = not started */
  GIOStream *stream;
  GByteArray *records;      /* not whole */
  GByteArray *said[2];
  gboolean truncated, exited, late;
  gint32 code;
  guint8 signal;
  GBytes *input;
  double timeout;
  GSource *timer;
  GCancellable *writing;
  guint8 piece[PIECE];
} Run;

static void
run_free (gpointer data)
{
  Run *self = data;

  thole_timer_clear (&self->timer);
  if (self->program != NULL)
    self->ops->kill (self->program);
  g_clear_object (&self->stream);
  g_clear_pointer (&self->program, self->ops->unref);
  g_object_unref (self->writing);
  g_byte_array_unref (self->records);
  g_byte_array_unref (self->said[0]);
  g_byte_array_unref (self->said[1]);
  g_clear_pointer (&self->input, g_bytes_unref);
  g_free (self);
}

static GVariant *
bytes_value (GByteArray *data)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data->data, data->len, 1);
}

static void
run_end (GTask *task)
{
  Run *self = g_task_get_task_data (task);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  const char *signal = self->signal > 0 ? thole_signal_name (self->signal) : NULL;

  g_cancellable_cancel (self->writing);
  if (self->late)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_TIMEOUT, "the command took longer than %g s and was killed", self->timeout);
  else if (!self->exited)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine went away; how the command ended is not known");
  else
    {
      g_variant_dict_insert (&out, "exit_code", "x", (gint64) self->code);
      g_variant_dict_insert (&out, "exit_signal", "s", signal != NULL ? signal : "");
      g_variant_dict_insert_value (&out, "stdout", bytes_value (self->said[0]));
      g_variant_dict_insert_value (&out, "stderr", bytes_value (self->said[1]));
      g_variant_dict_insert (&out, "truncated", "b", self->truncated);
      g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
    }
}

static void
take_records (Run *self)
{
  TholeRecordKind kind;
  const guint8 *body;
  gsize length, done = 0;
  gssize whole;

  while ((whole = thole_record_parse (self->records->data + done, self->records->len - done, &kind, &body, &length)) > 0)
    {
      GByteArray *said = self->said[kind == THOLE_RECORD_STDERR];
      gsize room = OUTPUT_MAX - said->len;

      if (kind == THOLE_RECORD_EXIT)
        self->exited = thole_record_parse_exit (body, length, &self->code, &self->signal);
      else
        {
          g_byte_array_append (said, body, (guint) MIN (length, room));
          self->truncated = self->truncated || length > room;
        }
      done += (gsize) whole;
    }
  g_byte_array_remove_range (self->records, 0, (guint) done);
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
      g_cancellable_cancel (self->writing);
      g_task_return_error (task, error);
      return;
    }
  g_byte_array_append (self->records, self->piece, (guint) n);
  take_records (self);
  if (n == 0 || self->exited)
    run_end (task);
  else
    read_more (task);
}

static void
read_more (GTask *task)
{
  Run *self = g_task_get_task_data (task);

  g_input_stream_read_async (g_io_stream_get_input_stream (self->stream), self->piece, PIECE, G_PRIORITY_DEFAULT,
                             g_task_get_cancellable (task), on_read, g_object_ref (task));
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  /* a program need not read what it is given */
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
  g_object_unref (user_data);
}

static gboolean
on_timeout (gpointer user_data)
{
  Run *self = g_task_get_task_data (user_data);

  thole_timer_clear (&self->timer);
  self->late = TRUE;
  self->ops->kill (self->program);
  return G_SOURCE_REMOVE;
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Run *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->program = self->ops->start_finish (self->driver, result, &error);
  if (self->program == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->stream = thole_program_session_new (self->program);
  if (self->timeout > 0)
    self->timer = self->ops->timer (self->program, self->timeout, on_timeout, task);
  if (self->input != NULL)
    g_output_stream_write_all_async (g_io_stream_get_output_stream (self->stream), g_bytes_get_data (self->input, NULL),
                                     g_bytes_get_size (self->input), G_PRIORITY_DEFAULT, self->writing, on_written, g_object_ref (task));
  read_more (task);
}

static GBytes *
input_records (const guint8 *data, gsize length)
{
  GByteArray *records = g_byte_array_new ();

  for (gsize at = 0; at < length; at += THOLE_RECORD_MAX)
    thole_record_append (records, THOLE_RECORD_STDIN, data + at, MIN (length - at, THOLE_RECORD_MAX));
  thole_record_append (records, THOLE_RECORD_STDIN, NULL, 0);
  return g_byte_array_free_to_bytes (records);
}

void
thole_program_run_async (const TholeProgramOps *ops, TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GVariant) input = thole_dict_value (command, "stdin", "ay"), own = NULL;
  g_auto(GVariantDict) plain = { 0 };
  gsize length = 0;
  const guint8 *data = input != NULL ? g_variant_get_fixed_array (input, &length, 1) : NULL;
  GError *error = NULL;
  Run *run;

  if (!thole_options_check (options, NULL, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  run = g_new0 (Run, 1);
  g_task_set_task_data (task, run, run_free);
  run->ops = ops;
  run->driver = self;
  run->records = g_byte_array_new ();
  run->said[0] = g_byte_array_new ();
  run->said[1] = g_byte_array_new ();
  run->writing = g_cancellable_new ();
  run->timeout = thole_dict_double (command, "timeout", 0);
  if (length > 0)
    run->input = input_records (data, length);
  g_variant_dict_init (&plain, command);
  g_variant_dict_insert (&plain, "tty", "b", FALSE);
  g_variant_dict_insert (&plain, "stdin", "b", length > 0);
  own = g_variant_ref_sink (g_variant_dict_end (&plain));
  ops->start_async (self, id, own, cancellable, on_started, g_object_ref (task));
}
