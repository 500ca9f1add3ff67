/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "bound.h"
#include "reply.h"

#define HEAD_MAX 16384
#define ERROR_TEXT_MAX 65536
#define PIECE 4096

typedef struct
{
  DockerBound bound;
  GIOStream *connection;
  char *request;
  GByteArray *received;
  guint status;
  gboolean chunked;
  gsize body;       /* where the body begins */
  guint64 length;   /* of the body; G_MAXUINT64 = until the end */
  guint8 piece[PIECE];
} Opening;

void
docker_wire_free (DockerWire *self)
{
  g_clear_object (&self->connection);
  g_clear_pointer (&self->surplus, g_byte_array_unref);
  g_free (self);
}

static void
opening_free (Opening *self)
{
  docker_bound_clear (&self->bound);
  g_clear_object (&self->connection);
  g_clear_pointer (&self->received, g_byte_array_unref);
  g_free (self->request);
  g_free (self);
}

static void
fail (GTask *task, GError *error)
{
  Opening *self = g_task_get_task_data (task);

  g_task_return_error (task, docker_bound_error (&self->bound, error));
}

/* the reply ------------------------------------------------------------------------------------------- */

static void read_more (GTask *task);

/* Looks for the end of the head. FALSE: not there yet. */
static gboolean
parse_head (Opening *self)
{
  const char *data = (const char *) self->received->data;
  const char *end = memmem (data, self->received->len, "\r\n\r\n", 4);
  g_auto(GStrv) lines = NULL;
  g_autofree char *head = NULL;

  if (end == NULL)
    return FALSE;
  self->body = (gsize) (end - data) + 4;
  head = g_strndup (data, self->body - 4);
  lines = g_strsplit (head, "\r\n", 0);
  self->status = g_str_has_prefix (lines[0], "HTTP/1.") && strlen (lines[0]) >= 12 ? (guint) strtoul (lines[0] + 9, NULL, 10) : 0;
  self->length = G_MAXUINT64;
  for (guint i = 1; lines[i] != NULL; i++)
    {
      if (g_ascii_strncasecmp (lines[i], "Content-Length:", 15) == 0)
        self->length = g_ascii_strtoull (g_strstrip (lines[i] + 15), NULL, 10);
      else if (g_ascii_strncasecmp (lines[i], "Transfer-Encoding:", 18) == 0)
        self->chunked = g_ascii_strcasecmp (g_strstrip (lines[i] + 18), "chunked") == 0;
    }
  return TRUE;
}

static void
succeed (GTask *task)
{
  Opening *self = g_task_get_task_data (task);
  DockerWire *wire = g_new0 (DockerWire, 1);

  docker_bound_disarm (&self->bound);
  g_byte_array_remove_range (self->received, 0, (guint) self->body);
  wire->status = self->status;
  wire->chunked = self->chunked;
  wire->length = self->length;
  wire->connection = g_steal_pointer (&self->connection);
  wire->surplus = g_steal_pointer (&self->received);
  g_task_return_pointer (task, wire, (GDestroyNotify) docker_wire_free);
}

static void
refuse (GTask *task)
{
  Opening *self = g_task_get_task_data (task);
  gsize length = (gsize) MIN (self->received->len - self->body, self->length);

  docker_bound_disarm (&self->bound);
  g_task_return_error (task, docker_error_from_reply (self->status, NULL, self->received->data + self->body, length));
}

static void
judge (GTask *task, gboolean ended)
{
  Opening *self = g_task_get_task_data (task);

  if (self->status == 0 && !parse_head (self) && (ended || self->received->len > HEAD_MAX))
    fail (task, g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine closed the connection"));
  else if (self->body == 0)
    read_more (task);
  else if (self->status < 300 && self->status >= 100)
    succeed (task);
  else if (ended || self->received->len - self->body >= MIN (self->length, ERROR_TEXT_MAX))
    refuse (task);
  else
    read_more (task);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Opening *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    {
      fail (task, error);
      return;
    }
  g_byte_array_append (self->received, self->piece, (guint) n);
  judge (task, n == 0);
}

static void
read_more (GTask *task)
{
  Opening *self = g_task_get_task_data (task);

  g_input_stream_read_async (g_io_stream_get_input_stream (self->connection), self->piece, sizeof self->piece,
                             G_PRIORITY_DEFAULT, self->bound.inner, on_read, g_object_ref (task));
}

/* the request ----------------------------------------------------------------------------------------- */

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    fail (task, error);
  else
    read_more (task);
}

static void
write_request (GTask *task)
{
  Opening *self = g_task_get_task_data (task);

  g_output_stream_write_all_async (g_io_stream_get_output_stream (self->connection), self->request, strlen (self->request),
                                   G_PRIORITY_DEFAULT, self->bound.inner, on_written, g_object_ref (task));
}

static void
on_handshake (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (!g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error))
    fail (task, error);
  else
    write_request (task);
}

static void
begin_tls (GTask *task)
{
  Opening *self = g_task_get_task_data (task);
  TholeDriver *driver = self->bound.driver;
  GError *error = NULL;
  GIOStream *tls = g_tls_client_connection_new (self->connection, driver->address, &error);

  if (tls == NULL)
    {
      fail (task, error);
      return;
    }
  g_object_unref (self->connection);
  self->connection = tls;
  if (driver->authorities != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (tls), driver->authorities);
  if (driver->certificate != NULL)
    g_tls_connection_set_certificate (G_TLS_CONNECTION (tls), driver->certificate);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (tls), G_PRIORITY_DEFAULT, self->bound.inner, on_handshake,
                                    g_object_ref (task));
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Opening *self = g_task_get_task_data (task);
  GError *error = NULL;
  GSocketConnection *connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);

  if (connection == NULL)
    {
      fail (task, error);
      return;
    }
  self->connection = G_IO_STREAM (connection);
  if (self->bound.driver->config->tls)
    begin_tls (task);
  else
    write_request (task);
}

void
docker_wire_async (TholeDriver *self, const char *method, const char *path, const char *headers, const char *body,
                   double timeout, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  Opening *opening;

  if (self->address == NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine was not probed yet");
      return;
    }
  opening = g_new0 (Opening, 1);
  opening->received = g_byte_array_new ();
  opening->request = g_strdup_printf ("%s /v1.%u%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: thole/" THOLE_VERSION "\r\n%s\r\n%s",
                                      method, self->api_minor, path,
                                      self->config->host != NULL ? self->config->host : "docker", headers, body);
  g_task_set_task_data (task, opening, (GDestroyNotify) opening_free);
  docker_bound_init (&opening->bound, self, timeout, cancellable);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, self->address, opening->bound.inner, on_connected, g_object_ref (task));
}

DockerWire *
docker_wire_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
docker_wire_next_async (TholeDriver *self, DockerWire *wire, double timeout, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Opening *opening = g_new0 (Opening, 1);

  opening->connection = g_steal_pointer (&wire->connection);
  opening->received = g_steal_pointer (&wire->surplus);
  g_task_set_task_data (task, opening, (GDestroyNotify) opening_free);
  docker_bound_init (&opening->bound, self, timeout, cancellable);
  docker_wire_free (wire);
  judge (task, FALSE);
}

void
docker_hijack_async (TholeDriver *self, const char *path, GVariant *body, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  g_autofree char *text = owned != NULL ? thole_json_to_string (owned) : g_strdup ("");
  g_autofree char *headers = g_strdup_printf ("Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
                                              "Content-Length: %" G_GSIZE_FORMAT "\r\n", strlen (text));

  docker_wire_async (self, "POST", path, headers, text, DOCKER_WIRE_TIMEOUT, cancellable, callback, user_data);
}

void
docker_half_close (GIOStream *connection)
{
  if (G_IS_SOCKET_CONNECTION (connection))
    g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection)), FALSE, TRUE, NULL);
  else
    /* TLS: its "close notify" is the end of input */
    g_output_stream_close_async (g_io_stream_get_output_stream (connection), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}
