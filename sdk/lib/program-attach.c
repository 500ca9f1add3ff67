/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" attach: what the main program says from now on, out of its log.
 */
#include <string.h>

#include "thole-dict.h"
#include "thole-program.h"

#define PIECE 65536

struct _TholeProgramAttach
{
  GInputStream parent;
  const TholeAttachOps *ops;
  gpointer user_data;
  GDestroyNotify notify;
  GInputStream *log;
  GByteArray *in, *out;
  gsize given;
  gboolean ended;
  guint8 *piece;
};

#define THOLE_TYPE_PROGRAM_ATTACH (thole_program_attach_get_type ())
G_DECLARE_FINAL_TYPE (TholeProgramAttach, thole_program_attach, THOLE, PROGRAM_ATTACH, GInputStream)
G_DEFINE_FINAL_TYPE (TholeProgramAttach, thole_program_attach, G_TYPE_INPUT_STREAM)

typedef struct
{
  gpointer buffer;
  gsize count;
} Read;

static void read_log (GTask *task);

/* Gives what is there; FALSE = nothing. */
static gboolean
give (GTask *task)
{
  TholeProgramAttach *self = g_task_get_source_object (task);
  Read *read = g_task_get_task_data (task);
  gsize n = MIN (read->count, self->out->len - self->given);

  if (n == 0 && !self->ended)
    return FALSE;
  if (n > 0)
    memcpy (read->buffer, self->out->data + self->given, n);
  self->given += n;
  if (self->given == self->out->len)
    {
      g_byte_array_set_size (self->out, 0);
      self->given = 0;
    }
  g_task_return_int (task, (gssize) n);
  return TRUE;
}

static void
on_end (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeProgramAttach *self = g_task_get_source_object (task);
  g_autoptr(GError) error = NULL;
  gint32 code;
  guint8 signal;

  if (self->ops->end_finish (self->user_data, result, &code, &signal, &error))
    thole_record_append_exit (self->out, code, signal);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  self->ended = TRUE;
  give (task);
}

static void
take_records (TholeProgramAttach *self)
{
  const guint8 *body;
  gsize length, done = 0;
  guint8 stream;
  gint64 time;
  gssize whole;

  while ((whole = thole_log_record_parse (self->in->data + done, self->in->len - done, &stream, &time, &body, &length)) > 0)
    {
      if (length > 0)
        thole_record_append (self->out, stream == 2 ? THOLE_RECORD_STDERR : THOLE_RECORD_STDOUT, body, length);
      done += (gsize) whole;
    }
  g_byte_array_remove_range (self->in, 0, (guint) done);
}

static void
on_log (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeProgramAttach *self = g_task_get_source_object (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    {
      g_task_return_error (task, error);
      return;
    }
  if (n == 0)
    {
      self->ops->end_async (self->user_data, g_task_get_cancellable (task), on_end, g_object_ref (task));
      return;
    }
  g_byte_array_append (self->in, self->piece, (guint) n);
  take_records (self);
  if (!give (task))
    read_log (task);
}

static void
read_log (GTask *task)
{
  TholeProgramAttach *self = g_task_get_source_object (task);

  g_input_stream_read_async (self->log, self->piece, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_log,
                             g_object_ref (task));
}

static void
attach_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);
  Read *read = g_new0 (Read, 1);

  *read = (Read){ buffer, count };
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, read, g_free);
  if (!give (task))
    read_log (task);
}

static gssize
attach_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
attach_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is read asynchronously");
  return -1;
}

static void
attach_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static gboolean
attach_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_program_attach_finalize (GObject *object)
{
  TholeProgramAttach *self = THOLE_PROGRAM_ATTACH (object);

  self->notify (self->user_data);
  g_object_unref (self->log);
  g_byte_array_unref (self->in);
  g_byte_array_unref (self->out);
  g_free (self->piece);
  G_OBJECT_CLASS (thole_program_attach_parent_class)->finalize (object);
}

static void
thole_program_attach_class_init (TholeProgramAttachClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_program_attach_finalize;
  stream_class->read_fn = attach_read;
  stream_class->read_async = attach_read_async;
  stream_class->read_finish = attach_read_finish;
  stream_class->close_async = attach_close_async;
  stream_class->close_finish = attach_close_finish;
}

static void
thole_program_attach_init (TholeProgramAttach *self)
{
  self->in = g_byte_array_new ();
  self->out = g_byte_array_new ();
  self->piece = g_malloc (PIECE);
}

GInputStream *
thole_attach_new (const TholeAttachOps *ops, GInputStream *log, gpointer user_data, GDestroyNotify notify)
{
  TholeProgramAttach *self = g_object_new (THOLE_TYPE_PROGRAM_ATTACH, NULL);

  self->ops = ops;
  self->log = g_object_ref (log);
  self->user_data = user_data;
  self->notify = notify;
  return G_INPUT_STREAM (self);
}
