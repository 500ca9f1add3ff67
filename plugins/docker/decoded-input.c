/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "decoded-input.h"

#include <string.h>

#include "reply.h"
#include "thole-error.h"

#define PIECE 32768
#define DECODED_MAX (4 * PIECE)

struct _TholeDockerInput
{
  GInputStream parent;
  GInputStream *source;
  const DockerDecoder *decoder;
  gpointer state;
  GByteArray *decoded;
  gsize taken;     /* bytes of decoded that were read */
  gboolean ended;  /* nothing comes after decoded */
  gboolean broken; /* what came could not be decoded */
  guint8 *want;    /* the reader's buffer, while one reads */
  gsize room;
  guint8 piece[PIECE];
};

#define DOCKER_TYPE_INPUT (thole_docker_input_get_type ())
G_DECLARE_FINAL_TYPE (TholeDockerInput, thole_docker_input, THOLE, DOCKER_INPUT, GInputStream)
G_DEFINE_FINAL_TYPE (TholeDockerInput, thole_docker_input, G_TYPE_INPUT_STREAM)

static void read_source (GTask *task);

static void
decode (TholeDockerInput *self, const guint8 *data, gsize length)
{
  if (!self->broken && !self->decoder->decode (self->state, data, length, self->decoded))
    self->broken = TRUE;
}

/* Gives the reader what there is; FALSE when there is nothing yet. */
static gboolean
deliver (GTask *task)
{
  TholeDockerInput *self = g_task_get_source_object (task);
  gsize n = MIN (self->room, self->decoded->len - self->taken);

  if (n == 0 && self->broken)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the engine's stream cannot be read");
  else if (n == 0 && !self->ended && self->room > 0)
    return FALSE;
  else
    {
      if (n > 0)
        memcpy (self->want, self->decoded->data + self->taken, n);
      self->taken += n;
      if (self->taken == self->decoded->len)
        {
          g_byte_array_set_size (self->decoded, 0);
          self->taken = 0;
        }
      g_task_return_int (task, (gssize) n);
    }
  return TRUE;
}

static void
on_ended (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeDockerInput *self = g_task_get_source_object (task);

  self->decoder->end_finish (self->state, result, self->decoded);
  if (g_task_return_error_if_cancelled (task))
    return;
  self->ended = TRUE;
  deliver (task);
}

static void
on_again (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeDockerInput *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr(GInputStream) next = self->decoder->again_finish (self->state, result, &error);

  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (next == NULL)
    {
      self->ended = TRUE;
      deliver (task);
      return;
    }
  g_input_stream_close_async (self->source, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_set_object (&self->source, next);
  read_source (task);
}

/* Takes what is there already, so that many small pieces cost one turn of the loop. */
static void
drain_source (TholeDockerInput *self)
{
  GPollableInputStream *pollable = G_POLLABLE_INPUT_STREAM (self->source);
  gssize n = 1;

  while (n > 0 && !self->broken && self->decoded->len < DECODED_MAX / 2)
    {
      n = g_pollable_input_stream_read_nonblocking (pollable, self->piece, sizeof self->piece, NULL, NULL);
      if (n > 0)
        decode (self, self->piece, (gsize) n);
    }
}

static void
on_source_end (GTask *task)
{
  TholeDockerInput *self = g_task_get_source_object (task);

  if (self->decoder->is_whole != NULL && !self->decoder->is_whole (self->state))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the connection to the engine was lost");
      return;
    }
  if (self->decoder->again_async != NULL)
    {
      self->decoder->again_async (self->state, g_task_get_cancellable (task), on_again, g_object_ref (task));
      return;
    }
  if (self->decoder->end_async != NULL)
    {
      self->decoder->end_async (self->state, g_task_get_cancellable (task), on_ended, g_object_ref (task));
      return;
    }
  self->ended = TRUE;
  deliver (task);
}

static void
on_source_read (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeDockerInput *self = g_task_get_source_object (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (self->source, result, &error);

  if (n < 0 && self->decoder->loss_is_end && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_clear_error (&error);
      self->ended = TRUE;
      deliver (task);
    }
  else if (n < 0)
    g_task_return_error (task, docker_error_from_transport (error));
  else if (n == 0)
    on_source_end (task);
  else
    {
      decode (self, self->piece, (gsize) n);
      if (G_IS_POLLABLE_INPUT_STREAM (self->source)
          && g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (self->source)))
        drain_source (self);
      if (!deliver (task))
        read_source (task);
    }
}

static void
read_source (GTask *task)
{
  TholeDockerInput *self = g_task_get_source_object (task);

  g_input_stream_read_async (self->source, self->piece, sizeof self->piece, g_task_get_priority (task),
                             g_task_get_cancellable (task), on_source_read, g_object_ref (task));
}

static void
input_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  TholeDockerInput *self = THOLE_DOCKER_INPUT (stream);
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, priority);
  self->want = buffer;
  self->room = count;
  if (!deliver (task))
    read_source (task);
}

static gssize
input_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is read asynchronously");
  return -1;
}

static gboolean
input_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  TholeDockerInput *self = THOLE_DOCKER_INPUT (stream);

  if (self->decoder->close == NULL)
    return g_input_stream_close (self->source, cancellable, error);
  self->decoder->close (self->state);
  return TRUE;
}

static void
on_source_closed (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;

  /* what could not be ended properly is ended all the same */
  g_input_stream_close_finish (G_INPUT_STREAM (object), result, NULL);
  g_task_return_boolean (task, TRUE);
}

static void
input_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback,
                   gpointer user_data)
{
  TholeDockerInput *self = THOLE_DOCKER_INPUT (stream);
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  if (self->decoder->close == NULL)
    {
      g_input_stream_close_async (self->source, priority, cancellable, on_source_closed, g_steal_pointer (&task));
      return;
    }
  self->decoder->close (self->state);
  g_task_return_boolean (task, TRUE);
}

static gboolean
input_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_docker_input_finalize (GObject *object)
{
  TholeDockerInput *self = THOLE_DOCKER_INPUT (object);

  self->decoder->free (self->state);
  g_byte_array_unref (self->decoded);
  g_object_unref (self->source);
  G_OBJECT_CLASS (thole_docker_input_parent_class)->finalize (object);
}

static void
thole_docker_input_class_init (TholeDockerInputClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_docker_input_finalize;
  stream_class->read_fn = input_read;
  stream_class->read_async = input_read_async;
  stream_class->read_finish = input_read_finish;
  stream_class->close_fn = input_close;
  stream_class->close_async = input_close_async;
  stream_class->close_finish = input_close_finish;
}

static void
thole_docker_input_init (TholeDockerInput *self)
{
  self->decoded = g_byte_array_new ();
}

GInputStream *
docker_decoded_input_new (GInputStream *source, const DockerDecoder *decoder, gpointer state)
{
  TholeDockerInput *self = g_object_new (DOCKER_TYPE_INPUT, NULL);

  self->source = g_object_ref (source);
  self->decoder = decoder;
  self->state = state;
  return G_INPUT_STREAM (self);
}

void
docker_decoded_input_push (GInputStream *stream, const guint8 *data, gsize length)
{
  decode (THOLE_DOCKER_INPUT (stream), data, length);
}
