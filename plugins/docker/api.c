/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "api.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

#include "bound.h"
#include "reply.h"

#define CALLS_AT_ONCE 128
#define DEFAULT_TIMEOUT 60.0
#define ERROR_TEXT_MAX 65536
#define READ_SIZE 65536

/* One request under way. */
typedef struct
{
  DockerBound bound;
  SoupMessage *message;
  gboolean refused; /* the reply is an error: its body is the text */
  gsize limit;
  GInputStream *input;
  GByteArray *reply;
  guint8 buffer[READ_SIZE];
} Call;

/* opening --------------------------------------------------------------------------------------------- */

static void
unref_if_any (gpointer object)
{
  g_clear_object (&object);
}

static void
load_tls (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const DockerConfig *config = task_data;
  g_autoptr(GTlsCertificate) certificate = NULL;
  g_autoptr(GTlsDatabase) authorities = NULL;
  g_autoptr(GError) error = NULL;
  GPtrArray *both;

  if (config->tls_cert != NULL)
    certificate = g_tls_certificate_new_from_files (config->tls_cert, config->tls_key, &error);
  if (error == NULL && config->tls_ca != NULL)
    authorities = g_tls_file_database_new (config->tls_ca, &error);
  if (error != NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "the TLS files cannot be used: %s", error->message);
      return;
    }
  both = g_ptr_array_new_with_free_func (unref_if_any);
  g_ptr_array_add (both, g_steal_pointer (&certificate));
  g_ptr_array_add (both, g_steal_pointer (&authorities));
  g_task_return_pointer (task, both, (GDestroyNotify) g_ptr_array_unref);
}

static SoupSession *
make_session (TholeDriver *self)
{
  SoupSession *session = g_object_new (SOUP_TYPE_SESSION, "max-conns", CALLS_AT_ONCE, "max-conns-per-host", CALLS_AT_ONCE,
                                       "timeout", 0, "idle-timeout", 30, "proxy-resolver", NULL,
                                       "user-agent", "thole/" THOLE_VERSION, "remote-connectable",
                                       self->config->socket_path != NULL ? self->address : NULL, NULL);

  /* compressing archives costs the engine more than a local copy */
  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  if (self->authorities != NULL)
    soup_session_set_tls_database (session, self->authorities);
  return session;
}

static void
open_sessions (TholeDriver *self)
{
  if (self->config->socket_path != NULL)
    self->address = G_SOCKET_CONNECTABLE (g_unix_socket_address_new (self->config->socket_path));
  else
    self->address = g_network_address_new (self->config->host, self->config->port);
  self->calls = make_session (self);
}

static void
on_tls_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeDriver *self = g_task_get_task_data (task);
  g_autoptr(GPtrArray) both = NULL;
  GError *error = NULL;

  both = g_task_propagate_pointer (G_TASK (result), &error);
  if (both == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (self->calls == NULL)
    {
      self->certificate = g_steal_pointer (&both->pdata[0]);
      self->authorities = g_steal_pointer (&both->pdata[1]);
      open_sessions (self);
    }
  g_task_return_boolean (task, TRUE);
}

void
docker_connect_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GTask) load = NULL;

  g_task_set_task_data (task, docker_driver_ref (self), (GDestroyNotify) docker_driver_unref);
  if (self->calls == NULL && !self->config->tls)
    open_sessions (self);
  if (self->calls != NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  load = g_task_new (NULL, cancellable, on_tls_loaded, g_object_ref (task));
  g_task_set_task_data (load, self->config, NULL);
  g_task_run_in_thread (load, load_tls);
}

gboolean
docker_connect_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* one request ----------------------------------------------------------------------------------------- */

static void
call_free (Call *self)
{
  docker_bound_clear (&self->bound);
  g_clear_object (&self->message);
  g_clear_object (&self->input);
  g_clear_pointer (&self->reply, g_byte_array_unref);
  g_free (self);
}

static gint64
read_date (SoupMessageHeaders *headers)
{
  const char *text = soup_message_headers_get_one (headers, "Date");
  g_autoptr(GDateTime) date = text != NULL ? soup_date_time_new_from_http_string (text) : NULL;

  return date != NULL ? g_date_time_to_unix (date) : 0;
}

static void
return_reply (GTask *task, Call *self)
{
  g_autoptr(DockerReply) reply = g_new0 (DockerReply, 1);
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);
  g_autoptr(GError) error = NULL;

  docker_bound_disarm (&self->bound);
  reply->status = soup_message_get_status (self->message);
  reply->api_version = g_strdup (soup_message_headers_get_one (headers, "Api-Version"));
  reply->path_stat = g_strdup (soup_message_headers_get_one (headers, "X-Docker-Container-Path-Stat"));
  reply->date = read_date (headers);
  if (self->refused)
    {
      g_task_return_error (task, docker_error_from_reply (reply->status, soup_message_get_reason_phrase (self->message),
                                                          self->reply->data, self->reply->len));
      return;
    }
  if (self->reply->len == 0 || soup_message_headers_get_content_type (headers, NULL) == NULL
      || strcmp (soup_message_headers_get_content_type (headers, NULL), "application/json") != 0)
    reply->json = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));
  else
    reply->json = thole_json_parse ((const char *) self->reply->data, self->reply->len, &error);
  if (reply->json == NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the engine's answer cannot be read: %s", error->message);
  else
    g_task_return_pointer (task, g_steal_pointer (&reply), (GDestroyNotify) docker_reply_free);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Call *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (self->input, result, &error);

  if (n < 0)
    {
      g_task_return_error (task, docker_bound_error (&self->bound, error));
      return;
    }
  g_byte_array_append (self->reply, self->buffer, n);
  if (self->reply->len > self->limit && !self->refused)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_LIMIT, "the engine's answer is larger than %" G_GSIZE_FORMAT " bytes",
                             self->limit);
  else if (n == 0 || self->reply->len > self->limit)
    return_reply (task, self);
  else
    g_input_stream_read_async (self->input, self->buffer, sizeof self->buffer, G_PRIORITY_DEFAULT, self->bound.inner, on_read,
                               g_steal_pointer (&task));
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Call *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->input = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (self->input == NULL)
    {
      g_task_return_error (task, docker_bound_error (&self->bound, error));
      return;
    }
  self->refused = soup_message_get_status (self->message) >= 300 && soup_message_get_status (self->message) != 304;
  self->reply = g_byte_array_new ();
  if (self->refused)
    self->limit = ERROR_TEXT_MAX;
  g_input_stream_read_async (self->input, self->buffer, sizeof self->buffer, G_PRIORITY_DEFAULT, self->bound.inner, on_read,
                             g_steal_pointer (&task));
}

static SoupMessage *
make_message (TholeDriver *self, const DockerRequest *request)
{
  const DockerConfig *config = self->config;
  g_autofree char *version = request->unversioned ? g_strdup ("") : g_strdup_printf ("/v1.%u", self->api_minor);
  gboolean literal = config->host != NULL && strchr (config->host, ':') != NULL;
  g_autofree char *url
      = config->socket_path != NULL
            ? g_strconcat ("http://docker", version, request->path, NULL)
            : g_strdup_printf ("%s://%s%s%s:%u%s%s", config->tls ? "https" : "http", literal ? "[" : "", config->host,
                               literal ? "]" : "", config->port, version, request->path);
  SoupMessage *message = soup_message_new (request->method, url);

  if (message == NULL)
    return NULL;
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  if (self->certificate != NULL)
    soup_message_set_tls_client_certificate (message, self->certificate);
  if (request->body != NULL)
    {
      char *text = thole_json_to_string (request->body);
      g_autoptr(GBytes) bytes = g_bytes_new_take (text, strlen (text));

      soup_message_set_request_body_from_bytes (message, "application/json", bytes);
    }
  return message;
}

void
docker_call_async (TholeDriver *self, const DockerRequest *request, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autoptr(GVariant) body = request->body != NULL ? g_variant_ref_sink (request->body) : NULL;
  SoupSession *session = self->calls;
  SoupMessage *message = session != NULL ? make_message (self, request) : NULL;
  double timeout = request->timeout > 0 ? request->timeout : DEFAULT_TIMEOUT;
  Call *call;

  if (message == NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, session == NULL ? THOLE_ERROR_UNAVAILABLE : THOLE_ERROR_INVALID, "%s",
                               session == NULL ? "the engine was not probed yet" : "not a legal request");
      return;
    }
  call = g_new0 (Call, 1);
  call->message = message;
  call->limit = request->limit > 0 ? request->limit : DOCKER_REPLY_MAX;
  docker_bound_init (&call->bound, self, timeout, cancellable);
  g_task_set_task_data (task, call, (GDestroyNotify) call_free);
  soup_session_send_async (session, message, G_PRIORITY_DEFAULT, call->bound.inner, on_sent, g_steal_pointer (&task));
}

DockerReply *
docker_call_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
docker_reply_free (DockerReply *self)
{
  g_clear_pointer (&self->json, g_variant_unref);
  g_free (self->api_version);
  g_free (self->path_stat);
  g_free (self);
}

char *
docker_filters (const char *key, const char *first, ...)
{
  g_autoptr(GString) text = g_string_new ("{");
  g_autofree char *escaped = NULL;
  va_list arguments;

  thole_json_append_string (text, key);
  g_string_append (text, ":[");
  va_start (arguments, first);
  for (const char *value = first; value != NULL; value = va_arg (arguments, const char *))
    {
      if (value != first)
        g_string_append_c (text, ',');
      thole_json_append_string (text, value);
    }
  va_end (arguments);
  g_string_append (text, "]}");
  escaped = g_uri_escape_string (text->str, NULL, FALSE);
  return g_strconcat ("filters=", escaped, NULL);
}
