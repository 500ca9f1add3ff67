/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a program says, as records: read from its pipes when somebody reads, so that it waits when nobody does.
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "program-session.h"
#include "thole-dict.h"
#include "thole-host.h"

#define PIECE 32768
/* another process may hold the pipes after the end of the one that was asked for */
#define LINGER_MS 1000

struct _TholeProgramSession
{
  GInputStream parent;
  TholeProgram *program;
  GByteArray *out;     /* records to be given */
  gsize given;
  gboolean ended;      /* the exit record is in `out` */
  gboolean lingered;
  GTask *reading;      /* (nullable): who waits */
  GSource *sources[4]; /* of both pipes, time, and what was cancelled */
};

#define THOLE_TYPE_PROGRAM_SESSION (thole_program_session_get_type ())
G_DECLARE_FINAL_TYPE (TholeProgramSession, thole_program_session, THOLE, PROGRAM_SESSION, GInputStream)
G_DEFINE_FINAL_TYPE (TholeProgramSession, thole_program_session, G_TYPE_INPUT_STREAM)

typedef struct
{
  gpointer buffer;
  gsize count;
} Read;

static void go_on (TholeProgramSession *self);

static void
read_pipe (TholeProgramSession *self, int *fd, TholeRecordKind kind)
{
  guint8 piece[PIECE];
  gssize n = *fd >= 0 ? read (*fd, piece, sizeof piece) : -1;

  if (n > 0)
    thole_record_append (self->out, kind, piece, (gsize) n);
  else if (*fd >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR)))
    {
      close (*fd);
      *fd = -1;
    }
}

static void
end_session (TholeProgramSession *self)
{
  self->ended = TRUE;
  if (self->program->ops->told != NULL)
    self->program->ops->told (self->program);
}

static void
fill (TholeProgramSession *self)
{
  TholeProgram *program = self->program;

  read_pipe (self, &program->out, THOLE_RECORD_STDOUT);
  read_pipe (self, &program->err, THOLE_RECORD_STDERR);
  if (self->out->len > 0 || self->ended || !(program->exited || program->lost))
    return;
  if (program->lost || self->lingered || (program->out < 0 && program->err < 0))
    {
      if (program->exited)
        thole_record_append_exit (self->out, program->code, program->signal);
      end_session (self);
    }
}

static void
stop_waiting (TholeProgramSession *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->sources); i++)
    thole_timer_clear (&self->sources[i]);
}

static gboolean
on_pipe (int fd, GIOCondition condition, gpointer user_data)
{
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_time (gpointer user_data)
{
  TholeProgramSession *self = user_data;

  self->lingered = self->program->exited;
  go_on (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_wake (gpointer user_data)
{
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static GSource *
attach (GTask *task, GSource *source, GSourceFunc function, gpointer data)
{
  g_source_set_callback (source, function, data, NULL);
  g_source_attach (source, g_task_get_context (task));
  return source;
}

/* Not at once: the driver is in the middle of its own work. */
static void
on_changed (gpointer user_data)
{
  TholeProgramSession *self = user_data;
  GSource *idle;

  if (self->reading == NULL)
    return;
  idle = g_idle_source_new ();
  g_source_set_priority (idle, G_PRIORITY_DEFAULT);
  thole_timer_clear (&self->sources[2]);
  self->sources[2] = attach (self->reading, idle, on_wake, self);
}

static void
wait_for_news (TholeProgramSession *self)
{
  GCancellable *cancellable = g_task_get_cancellable (self->reading);
  int fds[] = { self->program->out, self->program->err };

  for (guint i = 0; i < 2; i++)
    if (fds[i] >= 0)
      self->sources[i] = attach (self->reading, g_unix_fd_source_new (fds[i], G_IO_IN | G_IO_HUP), G_SOURCE_FUNC (on_pipe), self);
  if (self->program->exited)
    self->sources[2] = attach (self->reading, g_timeout_source_new (LINGER_MS), on_time, self);
  if (cancellable != NULL)
    self->sources[3] = attach (self->reading, g_cancellable_source_new (cancellable), G_SOURCE_FUNC (on_cancelled), self);
}

static void
give (TholeProgramSession *self)
{
  g_autoptr(GTask) task = g_steal_pointer (&self->reading);
  Read *read = g_task_get_task_data (task);
  gsize n = MIN (read->count, self->out->len - self->given);

  if (n > 0)
    memcpy (read->buffer, self->out->data + self->given, n);
  self->given += n;
  if (self->given == self->out->len)
    {
      g_byte_array_set_size (self->out, 0);
      self->given = 0;
    }
  g_task_return_int (task, (gssize) n);
}

static void
go_on (TholeProgramSession *self)
{
  GCancellable *cancellable = self->reading != NULL ? g_task_get_cancellable (self->reading) : NULL;

  stop_waiting (self);
  if (self->reading == NULL)
    return;
  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    {
      g_autoptr(GTask) task = g_steal_pointer (&self->reading);

      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
      return;
    }
  if (self->out->len == 0)
    fill (self);
  if (self->out->len > 0 || self->ended)
    give (self);
  else
    wait_for_news (self);
}

static void
session_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  TholeProgramSession *self = THOLE_PROGRAM_SESSION (stream);
  Read *read = g_new0 (Read, 1);

  *read = (Read){ buffer, count };
  self->reading = g_task_new (stream, cancellable, callback, user_data);
  g_task_set_check_cancellable (self->reading, FALSE);
  g_task_set_task_data (self->reading, read, g_free);
  go_on (self);
}

static gssize
session_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
session_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is read asynchronously");
  return -1;
}

static void
leave (TholeProgramSession *self)
{
  TholeProgram *program = self->program;

  if (program->changed == on_changed && program->user_data == self)
    {
      program->changed = NULL;
      program->ops->leave (program);
    }
  /* whose end came, but was not read */
  if (program->exited && !self->ended)
    end_session (self);
  self->ended = TRUE;
}

static void
session_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  leave (THOLE_PROGRAM_SESSION (stream));
  g_task_return_boolean (task, TRUE);
}

static gboolean
session_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_program_session_finalize (GObject *object)
{
  TholeProgramSession *self = THOLE_PROGRAM_SESSION (object);

  stop_waiting (self);
  leave (self);
  self->program->ops->unref (self->program);
  g_byte_array_unref (self->out);
  G_OBJECT_CLASS (thole_program_session_parent_class)->finalize (object);
}

static void
thole_program_session_class_init (TholeProgramSessionClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_program_session_finalize;
  stream_class->read_fn = session_read;
  stream_class->read_async = session_read_async;
  stream_class->read_finish = session_read_finish;
  stream_class->close_async = session_close_async;
  stream_class->close_finish = session_close_finish;
}

static void
thole_program_session_init (TholeProgramSession *self)
{
  self->out = g_byte_array_new ();
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
  TholeProgram *program = user_data;

  program->ops->end_input (program);
}

static void
input_unref (gpointer user_data)
{
  TholeProgram *program = user_data;

  program->ops->unref (program);
}

static const TholeInputOps input_ops = { .struct_size = sizeof input_ops, .descriptor = input_descriptor, .end = end_input };

GIOStream *
thole_program_session_new (TholeProgram *program)
{
  g_autoptr(GOutputStream) output = thole_input_new (&input_ops, program->in >= 0, TRUE, program->ops->ref (program), input_unref);
  g_autoptr(TholeProgramSession) self = g_object_new (THOLE_TYPE_PROGRAM_SESSION, NULL);

  self->program = program->ops->ref (program);
  program->changed = on_changed;
  program->user_data = self;
  return thole_stream_new (G_INPUT_STREAM (self), output);
}

/* the slot -------------------------------------------------------------------------------------------- */

typedef struct
{
  const TholeProgramOps *ops;
  TholeDriver *driver;
  char *exec_id;
} Open;

static void
open_free (gpointer data)
{
  g_free (((Open *) data)->exec_id);
  g_free (data);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Open *self = g_task_get_task_data (task);
  GError *error = NULL;
  TholeProgram *program = self->ops->start_finish (self->driver, result, &error);

  if (program == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->exec_id = g_strdup (program->id);
  g_task_return_pointer (task, thole_program_session_new (program), g_object_unref);
  program->ops->unref (program);
}

void
thole_program_open_async (const TholeProgramOps *ops, TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Open *open = g_new0 (Open, 1);
  GError *error = NULL;

  *open = (Open){ ops, self, NULL };
  g_task_set_task_data (task, open, open_free);
  if (thole_options_check (options, NULL, &error))
    ops->start_async (self, id, command, cancellable, on_opened, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

GIOStream *
thole_program_open_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error)
{
  Open *open = g_task_get_task_data (G_TASK (result));
  GIOStream *stream = g_task_propagate_pointer (G_TASK (result), error);

  if (stream != NULL)
    *exec_id = g_strdup (open->exec_id);
  return stream;
}
