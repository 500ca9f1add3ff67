/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "session.h"

#include "api.h"
#include "decoded-input.h"
#include "frames.h"
#include "record-output.h"

/* the stream ends a moment before the engine knows the exit code, or long before when the program only closed its output */
#define POLL_MIN 0.005
#define POLL_MAX 1.0
#define WAIT_FOR_MAIN 5.0

typedef struct
{
  TholeDriver *driver;
  GIOStream *connection;
  gboolean tty;
  DockerFrames frames;
  char *engine_id;
  char *exec_id; /* (nullable) */
  GSource *timer;
  double pause;
  GByteArray *out; /* during decode */
} Reader;

static void
reader_free (gpointer data)
{
  Reader *self = data;

  thole_timer_clear (&self->timer);
  docker_driver_unref (self->driver);
  g_object_unref (self->connection);
  g_free (self->engine_id);
  g_free (self->exec_id);
  g_free (self);
}

static void
on_piece (guint8 stream, const guint8 *data, gsize length, gboolean begins, gpointer user_data)
{
  Reader *self = user_data;

  if (length > 0)
    thole_record_append (self->out, stream == 2 ? THOLE_RECORD_STDERR : THOLE_RECORD_STDOUT, data, length);
}

static gboolean
decode (gpointer data, const guint8 *bytes, gsize length, GByteArray *out)
{
  Reader *self = data;

  self->out = out;
  if (!self->tty)
    return docker_frames_feed (&self->frames, bytes, length, on_piece, self);
  thole_record_append (out, THOLE_RECORD_STDOUT, bytes, length);
  return TRUE;
}

static void
reader_close (gpointer data)
{
  Reader *self = data;

  g_io_stream_close_async (self->connection, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

/* the exit code: tasks return it, or -1 when it will not be known --------------------------------------- */

static void ask_for_exec (GTask *task);

static gboolean
ask_again (gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Reader *self = g_task_get_task_data (task);

  thole_timer_clear (&self->timer);
  if (!g_task_return_error_if_cancelled (task))
    ask_for_exec (task);
  return G_SOURCE_REMOVE;
}

static void
on_exec_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Reader *self = g_task_get_task_data (task);
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, NULL);

  if (reply == NULL)
    g_task_return_int (task, -1);
  else if (!thole_dict_boolean (reply->json, "Running", FALSE))
    g_task_return_int (task, (gssize) MAX (thole_dict_int (reply->json, "ExitCode", -1), -1));
  else
    {
      self->pause = MIN (MAX (self->pause * 2, POLL_MIN), POLL_MAX);
      self->timer = docker_timer (self->driver, self->pause, ask_again, task);
      if (self->timer == NULL)
        g_task_return_int (task, -1);
      else
        g_steal_pointer (&task);
    }
}

static void
ask_for_exec (GTask *task)
{
  Reader *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/exec/%s/json", self->exec_id);
  DockerRequest request = { .method = "GET", .path = path };

  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_exec_inspected, g_object_ref (task));
}

static void
on_main_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Reader *self = g_task_get_task_data (task);
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, NULL);

  g_task_return_int (task, reply != NULL ? (gssize) thole_dict_int (reply->json, "StatusCode", -1) : -1);
}

static void
end_async (gpointer data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Reader *self = data;
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "POST", .timeout = WAIT_FOR_MAIN };

  g_task_set_task_data (task, self, NULL);
  if (self->exec_id != NULL)
    {
      ask_for_exec (task);
      return;
    }
  request.path = path = g_strdup_printf ("/containers/%s/wait?condition=not-running", self->engine_id);
  docker_call_async (self->driver, &request, cancellable, on_main_waited, g_steal_pointer (&task));
}

static void
end_finish (gpointer data, GAsyncResult *result, GByteArray *out)
{
  gssize code = g_task_propagate_int (G_TASK (result), NULL);

  if (code >= 0)
    thole_record_append_exit (out, (gint32) code, code > 128 && code <= 128 + 64 ? (guint8) (code - 128) : 0);
}

static const DockerDecoder decoder = {
  .decode = decode,
  .end_async = end_async,
  .end_finish = end_finish,
  .close = reader_close,
  .free = reader_free,
  .loss_is_end = TRUE,
};

GIOStream *
docker_session_new (TholeDriver *driver, DockerWire *wire, gboolean tty, gboolean takes_input, const char *engine_id,
                    const char *exec_id)
{
  g_autoptr(DockerWire) owned = wire;
  g_autoptr(GInputStream) input = NULL;
  g_autoptr(GOutputStream) output = docker_record_output_new (wire->connection, takes_input);
  Reader *reader = g_new0 (Reader, 1);

  reader->driver = docker_driver_ref (driver);
  reader->connection = g_object_ref (wire->connection);
  reader->tty = tty;
  reader->engine_id = g_strdup (engine_id);
  reader->exec_id = g_strdup (exec_id);
  input = docker_decoded_input_new (g_io_stream_get_input_stream (wire->connection), &decoder, reader);
  if (wire->surplus->len > 0)
    docker_decoded_input_push (input, wire->surplus->data, wire->surplus->len);
  return thole_stream_new (input, output);
}
