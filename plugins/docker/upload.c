/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "wire.h"

#include <string.h>

#include "bound.h"

/* a source may be slow, but not silent */
#define IDLE_TIMEOUT 300.0
/* the engine may have more to write than it has read */
#define REPLY_TIMEOUT 300.0
#define PIECE 65536
/* of a chunk: its size in hexadecimal before it, an empty line behind it */
#define CHUNK_HEAD 10
#define CHUNK_TAIL 2

typedef struct
{
  DockerBound bound;
  DockerWire *wire;
  GInputStream *tar;
  GError *broken; /* the connection broke while it was written; the engine may have said why */
  char chunk[CHUNK_HEAD + PIECE + CHUNK_TAIL + 1];
} Upload;

static void
upload_free (Upload *self)
{
  docker_bound_clear (&self->bound);
  g_clear_pointer (&self->wire, docker_wire_free);
  g_object_unref (self->tar);
  g_clear_error (&self->broken);
  g_free (self);
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerWire) reply = docker_wire_finish (self->bound.driver, result, &error);

  if (reply == NULL && self->broken != NULL && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE))
    {
      g_error_free (error);
      error = g_steal_pointer (&self->broken);
    }
  if (reply != NULL && reply->status >= 200)
    g_task_return_boolean (task, TRUE);
  else if (reply != NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the engine answered out of turn");
  else
    g_task_return_error (task, docker_bound_error (&self->bound, error));
}

static void
read_reply (GTask *task)
{
  Upload *self = g_task_get_task_data (task);

  docker_bound_disarm (&self->bound);
  docker_wire_next_async (self->bound.driver, g_steal_pointer (&self->wire), REPLY_TIMEOUT, self->bound.inner, on_reply,
                          g_object_ref (task));
}

static void read_piece (GTask *task);

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    {
      docker_bound_arm (&self->bound);
      read_piece (task);
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_error (task, docker_bound_error (&self->bound, error));
  else
    {
      self->broken = error;
      read_reply (task);
    }
}

static void
on_last_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    self->broken = error;
  read_reply (task);
}

static void
write_chunk (GTask *task, gsize length)
{
  Upload *self = g_task_get_task_data (task);
  GOutputStream *output = g_io_stream_get_output_stream (self->wire->connection);
  char head[CHUNK_HEAD + 1];
  int head_length;

  if (length == 0)
    {
      g_output_stream_write_all_async (output, "0\r\n\r\n", 5, G_PRIORITY_DEFAULT, self->bound.inner, on_last_written,
                                       g_object_ref (task));
      return;
    }
  /* the head ends where the piece begins */
  head_length = g_snprintf (head, sizeof head, "%" G_GSIZE_MODIFIER "x\r\n", length);
  memcpy (self->chunk + CHUNK_HEAD - head_length, head, (gsize) head_length);
  memcpy (self->chunk + CHUNK_HEAD + length, "\r\n", CHUNK_TAIL);
  g_output_stream_write_all_async (output, self->chunk + CHUNK_HEAD - head_length, (gsize) head_length + length + CHUNK_TAIL,
                                   G_PRIORITY_DEFAULT, self->bound.inner, on_written, g_object_ref (task));
}

static void
on_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (self->tar, result, &error);

  if (n >= 0)
    write_chunk (task, (gsize) n);
  else if (error->domain == THOLE_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_error (task, docker_bound_error (&self->bound, error));
  else
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the source of the files failed: %s", error->message);
      g_error_free (error);
    }
}

static void
read_piece (GTask *task)
{
  Upload *self = g_task_get_task_data (task);

  g_input_stream_read_async (self->tar, self->chunk + CHUNK_HEAD, PIECE, G_PRIORITY_DEFAULT, self->bound.inner, on_piece,
                             g_object_ref (task));
}

static void
on_agreed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Upload *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->wire = docker_wire_finish (self->bound.driver, result, &error);
  if (self->wire == NULL)
    g_task_return_error (task, docker_bound_error (&self->bound, error));
  else if (self->wire->status >= 200)
    g_task_return_boolean (task, TRUE); /* it wants none of it, and is content */
  else
    read_piece (task);
}

void
docker_upload_async (TholeDriver *self, const char *method, const char *path, GInputStream *tar, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Upload *upload = g_new0 (Upload, 1);

  upload->tar = g_object_ref (tar);
  docker_bound_init (&upload->bound, self, IDLE_TIMEOUT, cancellable);
  g_task_set_task_data (task, upload, (GDestroyNotify) upload_free);
  docker_wire_async (self, method, path,
                     "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
                     "Connection: close\r\n", "", DOCKER_WIRE_TIMEOUT, upload->bound.inner, on_agreed, g_steal_pointer (&task));
}

gboolean
docker_upload_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
