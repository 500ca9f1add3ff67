/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" attach: what the main program says from now on, out of its log, and its input, which stays open for the next one.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "exec.h"
#include "slots.h"
#include "talk.h"
#include "thole-log-files.h"
#include "watch.h"

#define PIECE 65536

struct _TholeLocalAttach
{
  GInputStream parent;
  TholeDriver *driver;
  char *id;
  GInputStream *log;
  GByteArray *in, *out;
  gsize given;
  gboolean ended;
  guint8 *piece;
};

#define LOCAL_TYPE_ATTACH (thole_local_attach_get_type ())
G_DECLARE_FINAL_TYPE (TholeLocalAttach, thole_local_attach, THOLE, LOCAL_ATTACH, GInputStream)
G_DEFINE_FINAL_TYPE (TholeLocalAttach, thole_local_attach, G_TYPE_INPUT_STREAM)

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
  TholeLocalAttach *self = g_task_get_source_object (task);
  Read *read = g_task_get_task_data (task);
  gsize n = MIN (read->count, self->out->len - self->given);

  if (n == 0 && !self->ended)
    return FALSE;
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

/* Its supervisor has ended: how the program did is written down. */
static void
on_end (GTask *task)
{
  TholeLocalAttach *self = g_task_get_source_object (task);
  LocalState state;

  local_box_state (self->driver, self->id, &state);
  if (state.phase == LOCAL_EXITED && !state.lost)
    thole_record_append_exit (self->out, (gint32) state.code, (guint8) state.signal);
  self->ended = TRUE;
  give (task);
}

static void
take_records (TholeLocalAttach *self)
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
  TholeLocalAttach *self = g_task_get_source_object (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    {
      g_task_return_error (task, error);
      return;
    }
  if (n == 0)
    {
      local_watch_wait (task, self->driver, self->id, on_end);
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
  TholeLocalAttach *self = g_task_get_source_object (task);

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
thole_local_attach_finalize (GObject *object)
{
  TholeLocalAttach *self = THOLE_LOCAL_ATTACH (object);

  local_driver_unref (self->driver);
  g_free (self->id);
  g_object_unref (self->log);
  g_byte_array_unref (self->in);
  g_byte_array_unref (self->out);
  g_free (self->piece);
  G_OBJECT_CLASS (thole_local_attach_parent_class)->finalize (object);
}

static void
thole_local_attach_class_init (TholeLocalAttachClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_local_attach_finalize;
  stream_class->read_fn = attach_read;
  stream_class->read_async = attach_read_async;
  stream_class->read_finish = attach_read_finish;
  stream_class->close_async = attach_close_async;
  stream_class->close_finish = attach_close_finish;
}

static void
thole_local_attach_init (TholeLocalAttach *self)
{
  self->in = g_byte_array_new ();
  self->out = g_byte_array_new ();
  self->piece = g_malloc (PIECE);
}

/* its input: asked for when the first byte comes, for it may not run yet --------------------------------- */

typedef struct
{
  TholeDriver *driver;
  char *id;
  int fd;          /* asked for, -1 = not yet */
  gboolean asking;
} Input;

static void
input_free (gpointer data)
{
  Input *self = data;

  if (self->fd >= 0)
    close (self->fd);
  g_free (self->id);
  local_driver_unref (self->driver);
}

static void
input_unref (gpointer box)
{
  g_rc_box_release_full (box, input_free);
}

static void
on_input (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Input *self = user_data;

  self->asking = FALSE;
  local_ask_finish (result, &self->fd, NULL);
  input_unref (self);
}

static int
input_descriptor (gpointer user_data)
{
  Input *self = user_data;

  if (self->fd < 0 && !self->asking)
    {
      self->asking = TRUE;
      local_ask_async (self->driver, self->id, THOLE_SANDBOX_ATTACH, 0, 0, 0, NULL, on_input, g_rc_box_acquire (self));
    }
  return self->fd >= 0 ? self->fd : THOLE_INPUT_LATER;
}

static void
on_input_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  local_ask_finish (result, NULL, NULL);
}

static void
end_input (gpointer user_data)
{
  Input *self = user_data;

  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  local_ask_async (self->driver, self->id, THOLE_SANDBOX_END_INPUT, 0, 0, 0, NULL, on_input_ended, NULL);
}

static const TholeInputOps input_ops = { .struct_size = sizeof input_ops, .descriptor = input_descriptor, .end = end_input };

/* the slot -------------------------------------------------------------------------------------------- */

void
local_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (LocalJob), NULL, options, cancellable, callback, user_data);
  TholeLogWanted wanted = { .follow = TRUE, .tail = 0, .streams = { FALSE, TRUE, TRUE } };
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;
  g_autofree char *folder = local_box_path (self, id, THOLE_SANDBOX_LOG);
  g_autoptr(TholeLocalAttach) stream = NULL;
  g_autoptr(GOutputStream) output = NULL;
  gboolean takes;
  LocalState state;
  Input *input;

  if (task == NULL)
    return;
  if (record == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  local_box_state (self, id, &state);
  if (state.phase == LOCAL_EXITED)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  wanted.patient = state.phase == LOCAL_CREATED || state.phase == LOCAL_STARTING;
  stream = g_object_new (LOCAL_TYPE_ATTACH, NULL);
  stream->driver = local_driver_ref (self);
  stream->id = g_strdup (id);
  stream->log = thole_log_files_read (folder, &wanted);
  input = g_rc_box_new0 (Input);
  *input = (Input){ local_driver_ref (self), g_strdup (id), -1, FALSE };
  takes = thole_dict_boolean (record, "stdin", FALSE) || thole_dict_boolean (record, "tty", FALSE);
  output = thole_input_new (&input_ops, takes, FALSE, input, input_unref);
  g_task_return_pointer (task, thole_stream_new (G_INPUT_STREAM (stream), output), g_object_unref);
}
