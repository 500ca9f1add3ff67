/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request whose reply is a stream: on a connection of its own, so that streams never take the place of short requests, and
 * read only as fast as their reader reads.
 */
#include "api.h"

#include <string.h>

#include "chunks.h"
#include "decoded-input.h"
#include "wire.h"

typedef struct
{
  GIOStream *connection;
  DockerBody body;
} Source;

static gboolean
decode (gpointer data, const guint8 *bytes, gsize length, GByteArray *out)
{
  Source *self = data;

  return docker_body_feed (&self->body, bytes, length, out);
}

static gboolean
is_whole (gpointer data)
{
  Source *self = data;

  return docker_body_is_whole (&self->body);
}

static void
source_close (gpointer data)
{
  Source *self = data;

  g_io_stream_close_async (self->connection, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
source_free (gpointer data)
{
  Source *self = data;

  g_object_unref (self->connection);
  g_free (self);
}

static const DockerDecoder decoder = {
  .decode = decode,
  .is_whole = is_whole,
  .close = source_close,
  .free = source_free,
};

static void
on_head (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(DockerWire) wire = docker_wire_finish (NULL, result, &error);
  GInputStream *input;
  Source *source;

  if (wire == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  source = g_new0 (Source, 1);
  source->connection = g_object_ref (wire->connection);
  docker_body_init (&source->body, wire->chunked, wire->length);
  input = docker_decoded_input_new (g_io_stream_get_input_stream (wire->connection), &decoder, source);
  if (wire->surplus->len > 0)
    docker_decoded_input_push (input, wire->surplus->data, wire->surplus->len);
  g_task_return_pointer (task, input, g_object_unref);
}

void
docker_stream_async (TholeDriver *self, const DockerRequest *request, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = thole_task_new (cancellable, callback, user_data);
  g_autofree char *auth = request->registry_auth != NULL ? g_strdup_printf ("X-Registry-Auth: %s\r\n", request->registry_auth)
                                                         : g_strdup ("");
  g_autofree char *headers = g_strconcat (auth, "Content-Length: 0\r\nConnection: close\r\n", NULL);

  docker_wire_async (self, request->method, request->path, headers, "",
                     request->timeout > 0 ? request->timeout : DOCKER_WIRE_TIMEOUT, cancellable, on_head, task);
}

GInputStream *
docker_stream_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
