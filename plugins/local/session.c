/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a program says, as records: read from its pipes when somebody reads, so that it waits when nobody does.
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"

#define PIECE 32768
/* another process may hold the pipes after the end of the one that was asked for */
#define LINGER_MS 1000

struct _TholeLocalSession
{
  GInputStream parent;
  LocalExec *exec;
  GByteArray *out;     /* records to be given */
  gsize given;
  gboolean ended;      /* the exit record is in `out` */
  gboolean lingered;
  GTask *reading;      /* (nullable): who waits */
  GSource *sources[4]; /* of both pipes, time, and what was cancelled */
};

#define LOCAL_TYPE_SESSION (thole_local_session_get_type ())
G_DECLARE_FINAL_TYPE (TholeLocalSession, thole_local_session, THOLE, LOCAL_SESSION, GInputStream)
G_DEFINE_FINAL_TYPE (TholeLocalSession, thole_local_session, G_TYPE_INPUT_STREAM)

typedef struct
{
  gpointer buffer;
  gsize count;
} Read;

static void go_on (TholeLocalSession *self);

static void
read_pipe (TholeLocalSession *self, int *fd, TholeRecordKind kind)
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
fill (TholeLocalSession *self)
{
  LocalExec *exec = self->exec;

  read_pipe (self, &exec->out, THOLE_RECORD_STDOUT);
  read_pipe (self, &exec->err, THOLE_RECORD_STDERR);
  if (self->out->len > 0 || self->ended || !exec->exited)
    return;
  if (self->lingered || (exec->out < 0 && exec->err < 0))
    {
      thole_record_append_exit (self->out, exec->code, exec->signal);
      self->ended = TRUE;
    }
}

static void
stop_waiting (TholeLocalSession *self)
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
  TholeLocalSession *self = user_data;

  self->lingered = self->exec->exited;
  go_on (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_changed (gpointer user_data)
{
  go_on (user_data);
}

static GSource *
attach (GTask *task, GSource *source, GSourceFunc function, gpointer data)
{
  g_source_set_callback (source, function, data, NULL);
  g_source_attach (source, g_task_get_context (task));
  return source;
}

static void
wait_for_news (TholeLocalSession *self)
{
  GCancellable *cancellable = g_task_get_cancellable (self->reading);
  int fds[] = { self->exec->out, self->exec->err };

  for (guint i = 0; i < 2; i++)
    if (fds[i] >= 0)
      self->sources[i] = attach (self->reading, g_unix_fd_source_new (fds[i], G_IO_IN | G_IO_HUP), G_SOURCE_FUNC (on_pipe), self);
  if (self->exec->exited)
    self->sources[2] = attach (self->reading, g_timeout_source_new (LINGER_MS), on_time, self);
  if (cancellable != NULL)
    self->sources[3] = attach (self->reading, g_cancellable_source_new (cancellable), G_SOURCE_FUNC (on_cancelled), self);
}

static void
give (TholeLocalSession *self)
{
  g_autoptr(GTask) task = g_steal_pointer (&self->reading);
  Read *read = g_task_get_task_data (task);
  gsize n = MIN (read->count, self->out->len - self->given);

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
go_on (TholeLocalSession *self)
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
  TholeLocalSession *self = THOLE_LOCAL_SESSION (stream);
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

/* Nobody listens any more: a program that goes on talking is told so by its broken pipe. */
static void
leave (TholeLocalSession *self)
{
  LocalExec *exec = self->exec;
  int *fds[] = { &exec->out, &exec->err };

  if (exec->user_data == self)
    exec->changed = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      if (*fds[i] >= 0)
        close (*fds[i]);
      *fds[i] = -1;
    }
  self->ended = TRUE;
}

static void
session_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  leave (THOLE_LOCAL_SESSION (stream));
  g_task_return_boolean (task, TRUE);
}

static gboolean
session_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_local_session_finalize (GObject *object)
{
  TholeLocalSession *self = THOLE_LOCAL_SESSION (object);

  stop_waiting (self);
  leave (self);
  local_exec_unref (self->exec);
  g_byte_array_unref (self->out);
  G_OBJECT_CLASS (thole_local_session_parent_class)->finalize (object);
}

static void
thole_local_session_class_init (TholeLocalSessionClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_local_session_finalize;
  stream_class->read_fn = session_read;
  stream_class->read_async = session_read_async;
  stream_class->read_finish = session_read_finish;
  stream_class->close_async = session_close_async;
  stream_class->close_finish = session_close_finish;
}

static void
thole_local_session_init (TholeLocalSession *self)
{
  self->out = g_byte_array_new ();
}

static int
input_descriptor (gpointer user_data)
{
  LocalExec *exec = user_data;

  return exec->in >= 0 ? exec->in : THOLE_INPUT_CLOSED;
}

static void
end_input (gpointer user_data)
{
  LocalExec *exec = user_data;
  guint8 end = 4;

  if (exec->in < 0)
    return;
  /* a terminal has no end of its own: the character for it ends what is read */
  if (exec->tty && write (exec->in, &end, 1) < 0)
    g_debug ("%s: %s", exec->id, g_strerror (errno));
  close (exec->in);
  exec->in = -1;
}

static const TholeInputOps input_ops = { .struct_size = sizeof input_ops, .descriptor = input_descriptor, .end = end_input };

static void
exec_release (gpointer exec)
{
  local_exec_unref (exec);
}

GIOStream *
local_session_new (LocalExec *exec)
{
  g_autoptr(GOutputStream) output = thole_input_new (&input_ops, exec->in >= 0, TRUE, local_exec_ref (exec), exec_release);
  g_autoptr(TholeLocalSession) self = g_object_new (LOCAL_TYPE_SESSION, NULL);

  self->exec = local_exec_ref (exec);
  exec->changed = on_changed;
  exec->user_data = self;
  return thole_stream_new (G_INPUT_STREAM (self), output);
}
