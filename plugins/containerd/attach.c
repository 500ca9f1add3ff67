/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1" attach: what the main process says from now on, out of its log, and its input, which stays open for the next one.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "log.h"
#include "place.h"
#include "thing.h"

#define PIECE 65536
#define POLL_SECONDS 0.05
#define POLLS 100

struct _TholeCtrAttach
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

#define CTR_TYPE_ATTACH (thole_ctr_attach_get_type ())
G_DECLARE_FINAL_TYPE (TholeCtrAttach, thole_ctr_attach, THOLE, CTR_ATTACH, GInputStream)
G_DEFINE_FINAL_TYPE (TholeCtrAttach, thole_ctr_attach, G_TYPE_INPUT_STREAM)

typedef struct
{
  CtrJob job;
  gpointer buffer;
  gsize count;
  GTask *outer;    /* the read that waits for the exit code */
  GSource *timer;
  guint polls;
} Read;

static void read_log (GTask *task);

/* Gives what is there; FALSE = nothing. */
static gboolean
give (GTask *task)
{
  TholeCtrAttach *self = g_task_get_source_object (task);
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

/* the exit code: a moment after the end of the log it is written down ---------------------------------- */

static void ask_for_end (GTask *task);

static void
read_clear (gpointer data)
{
  thole_timer_clear (&((Read *) data)->timer);
  g_clear_object (&((Read *) data)->outer);
}

static gboolean
ask_again (gpointer user_data)
{
  g_autoptr(GTask) task = user_data;

  thole_timer_clear (&((Read *) g_task_get_task_data (task))->timer);
  ask_for_end (task);
  return G_SOURCE_REMOVE;
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  Read *self = g_task_get_task_data (task);
  TholeCtrAttach *stream = g_task_get_source_object (self->outer);
  Ctr__Container *container = value;
  const char *code = container != NULL ? ctr_label (container->labels, container->n_labels, CTR_LABEL_CODE) : "";

  if (error == NULL && code[0] == '\0' && ++self->polls < POLLS && !g_cancellable_is_cancelled (g_task_get_cancellable (self->outer)))
    {
      self->timer = ctr_timer (self->job.driver, POLL_SECONDS, ask_again, g_object_ref (task));
      if (self->timer != NULL)
        return;
      g_object_unref (task);
    }
  if (code[0] != '\0')
    {
      gint32 number = (gint32) g_ascii_strtoll (code, NULL, 10);

      thole_record_append_exit (stream->out, number, number > 128 && number <= 128 + 64 ? (guint8) (number - 128) : 0);
    }
  stream->ended = TRUE;
  give (self->outer);
  g_task_return_boolean (task, TRUE);
}

static void
ask_for_end (GTask *task)
{
  Read *self = g_task_get_task_data (task);
  TholeCtrAttach *stream = g_task_get_source_object (self->outer);

  ctr_thing_find (task, stream->id, on_found);
}

/* reading --------------------------------------------------------------------------------------------- */

static void
take_records (TholeCtrAttach *self)
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
  TholeCtrAttach *self = g_task_get_source_object (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    g_task_return_error (task, error);
  else if (n == 0)
    {
      g_autoptr(GTask) inner = ctr_job_new (self->driver, sizeof (Read), read_clear, NULL, NULL, NULL, NULL);

      ((Read *) g_task_get_task_data (inner))->outer = g_object_ref (task);
      ask_for_end (inner);
    }
  else
    {
      g_byte_array_append (self->in, self->piece, (guint) n);
      take_records (self);
      if (!give (task))
        read_log (task);
    }
}

static void
read_log (GTask *task)
{
  TholeCtrAttach *self = g_task_get_source_object (task);

  g_input_stream_read_async (self->log, self->piece, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_log,
                             g_object_ref (task));
}

static void
attach_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);
  Read *read = g_new0 (Read, 1);

  read->buffer = buffer;
  read->count = count;
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
thole_ctr_attach_finalize (GObject *object)
{
  TholeCtrAttach *self = THOLE_CTR_ATTACH (object);

  ctr_driver_unref (self->driver);
  g_free (self->id);
  g_object_unref (self->log);
  g_byte_array_unref (self->in);
  g_byte_array_unref (self->out);
  g_free (self->piece);
  G_OBJECT_CLASS (thole_ctr_attach_parent_class)->finalize (object);
}

static void
thole_ctr_attach_class_init (TholeCtrAttachClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_ctr_attach_finalize;
  stream_class->read_fn = attach_read;
  stream_class->read_async = attach_read_async;
  stream_class->read_finish = attach_read_finish;
  stream_class->close_async = attach_close_async;
  stream_class->close_finish = attach_close_finish;
}

static void
thole_ctr_attach_init (TholeCtrAttach *self)
{
  self->in = g_byte_array_new ();
  self->out = g_byte_array_new ();
  self->piece = g_malloc (PIECE);
}

/* the slot -------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  char *id, *container;
  gboolean input;
  gboolean fresh;  /* never ran: its log is waited for */
} Attach;

static void
attach_clear (gpointer data)
{
  g_free (((Attach *) data)->id);
  g_free (((Attach *) data)->container);
}

static int
input_descriptor (gpointer user_data)
{
  TholeProgram *program = user_data;

  return program->in >= 0 ? program->in : THOLE_INPUT_CLOSED;
}

static void
end_input (gpointer user_data)
{
  ctr_exec_end_input (user_data);
}

static void
input_unref (gpointer user_data)
{
  ctr_exec_unref (user_data);
}

static const TholeInputOps input_ops = { .struct_size = sizeof input_ops, .descriptor = input_descriptor, .end = end_input };

/* An exec-like handle for the input of the main process. */
static GOutputStream *
open_input (Attach *self)
{
  TholeDriver *driver = self->job.driver;
  g_autofree char *path = self->input ? ctr_pipe_make (driver, self->container, "in", NULL) : NULL;
  CtrExec *exec = g_rc_box_new0 (CtrExec);

  exec->driver = ctr_driver_ref (driver);
  exec->container = g_strdup (self->container);
  exec->program.id = g_strdup ("");
  exec->program.out = exec->program.err = -1;
  exec->program.in = path != NULL ? open (path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
  return thole_input_new (&input_ops, exec->program.in >= 0, FALSE, exec, input_unref);
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Attach *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  Ctr__TaskGot *got = value;
  g_autofree char *folder = ctr_place_path (driver, self->container, "log");
  TholeLogWanted wanted = { .follow = TRUE, .patient = self->fresh, .tail = 0, .streams = { FALSE, TRUE, TRUE } };
  g_autoptr(TholeCtrAttach) stream = NULL;
  g_autoptr(GOutputStream) output = NULL;

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    {
      ctr_fail (task, error);
      return;
    }
  if (!self->fresh && (error != NULL || got->process == NULL || got->process->status == CTR_TASK_STOPPED))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  stream = g_object_new (CTR_TYPE_ATTACH, NULL);
  stream->driver = ctr_driver_ref (driver);
  stream->id = g_strdup (self->id);
  stream->log = thole_log_files_read (folder, &wanted);
  output = open_input (self);
  g_task_return_pointer (task, thole_stream_new (G_INPUT_STREAM (stream), output), g_object_unref);
}

static void
on_found_to_attach (GTask *task, gpointer value, GError *error)
{
  Attach *self = g_task_get_task_data (task);
  Ctr__Container *container = value;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->container = g_strdup (container->id);
  self->input = strstr (ctr_label (container->labels, container->n_labels, CTR_LABEL_STDIO), "stdin") != NULL;
  self->fresh = ctr_label (container->labels, container->n_labels, CTR_LABEL_STARTED)[0] == '\0';
  ctr_task_get (task, container->id, on_task);
}

void
ctr_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Attach), attach_clear, options, cancellable, callback, user_data);

  if (task == NULL)
    return;
  ((Attach *) g_task_get_task_data (task))->id = g_strdup (id);
  ctr_thing_find (task, id, on_found_to_attach);
}
