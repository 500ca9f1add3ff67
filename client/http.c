/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The way by HTTP: over a unix socket, TCP or TLS, with libsoup.
 */
#include "http.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

#include "content.h"
#include "thole-json.h"

#define MAX_BODY (64 * 1024 * 1024)
#define PIECE 65536
#define MAX_CONNECTIONS 256

/* One call on its way; data of its task. */
typedef struct
{
  TholeHttp *http;
  SoupMessage *message;
  GByteArray *bytes;
  char *key;         /* (nullable): Idempotency-Key */
  GInputStream *content; /* (nullable): what is uploaded */
  gboolean sent;     /* it was on its way */
  gboolean repeated;
} Request;

/* requests ---------------------------------------------------------------------------------------------- */

static void
on_wrote_headers (SoupMessage *message, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
arm (Request *request)
{
  request->sent = FALSE;
  g_signal_connect (request->message, "wrote-headers", G_CALLBACK (on_wrote_headers), &request->sent);
  if (request->key != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (request->message), "Idempotency-Key", request->key);
}

static void
on_network_event (SoupMessage *message, GSocketClientEvent event, GIOStream *connection, gpointer content)
{
  if (event == G_SOCKET_CLIENT_CONNECTED && G_IS_SOCKET_CONNECTION (connection))
    thole_content_set_way (content, g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection)));
}

/* Over a connection of its own, since it cannot be sent twice; a daemon that does not want it says so before it comes. */
static void
give_content (Request *request, const TholeCall *call)
{
  const char *type = strcmp (call->operation->name, "file.extract") == 0 ? "application/x-tar" : "application/octet-stream";

  request->content = thole_content_new_to (call->content);
  soup_message_set_request_body (request->message, type, request->content, call->length);
  soup_message_headers_set_expectations (soup_message_get_request_headers (request->message), SOUP_EXPECTATION_CONTINUE);
  soup_message_add_flags (request->message, SOUP_MESSAGE_NEW_CONNECTION);
  g_signal_connect_object (request->message, "network-event", G_CALLBACK (on_network_event), request->content, 0);
}

static Request *
request_new (TholeHttp *self, const TholeCall *call, GError **error)
{
  SoupMessage *message = thole_http_message (self, call, error);
  Request *request;

  if (message == NULL)
    return NULL;
  request = g_new0 (Request, 1);
  request->http = self;
  request->message = message;
  request->bytes = g_byte_array_new ();
  /* a command that ran is not run again for want of an answer */
  if (call->content != NULL)
    give_content (request, call);
  else if (strcmp (call->operation->method, "POST") == 0 && strcmp (call->operation->name, "workload.exec") != 0)
    request->key = g_uuid_string_random ();
  arm (request);
  return request;
}

static void
request_free (Request *request)
{
  g_signal_handlers_disconnect_by_data (request->message, &request->sent);
  g_object_unref (request->message);
  g_byte_array_unref (request->bytes);
  g_clear_object (&request->content);
  g_free (request->key);
  g_free (request);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Request, request_free)

/* The connection broke under a request that can be made twice: it is made once more, as a new message. */
static gboolean
request_again (Request *request, const TholeCall *call, const GError *cause)
{
  SoupMessage *message;

  if (request->repeated || !request->sent || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      || (request->key == NULL && strcmp (call->operation->method, "GET") != 0))
    return FALSE;
  message = thole_http_message (request->http, call, NULL);
  if (message == NULL)
    return FALSE;
  g_signal_handlers_disconnect_by_data (request->message, &request->sent);
  g_object_unref (request->message);
  request->message = message;
  request->repeated = TRUE;
  g_byte_array_set_size (request->bytes, 0);
  arm (request);
  return TRUE;
}

static gboolean
request_take (Request *request, const guint8 *data, gsize length, GError **error)
{
  if (request->bytes->len + length > MAX_BODY)
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon's answer is too large");
      return FALSE;
    }
  g_byte_array_append (request->bytes, data, (guint) length);
  return TRUE;
}

static gboolean
request_reply (Request *request, GVariant **reply, GError **error)
{
  guint status = soup_message_get_status (request->message);
  g_autoptr(GError) fault = NULL;

  if (status >= 400)
    {
      thole_http_refused (status, request->bytes->data, request->bytes->len, error);
      return FALSE;
    }
  *reply = NULL;
  if (request->bytes->len == 0)
    return TRUE;
  *reply = thole_json_parse ((const char *) request->bytes->data, request->bytes->len, &fault);
  if (*reply == NULL)
    g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon's answer cannot be read: %s", fault->message);
  return *reply != NULL;
}

/* Why it failed: what it was given to send, or the way. */
static void
request_explain (Request *request, const GError *fault, GError **error)
{
  const GError *own = request->content != NULL ? thole_content_fault (THOLE_CONTENT (request->content)) : NULL;

  if (fault->domain == THOLE_CLIENT_ERROR)
    own = fault;
  if (own != NULL)
    g_propagate_error (error, g_error_copy (own));
  else
    thole_http_explain (request->http, fault, error);
}

/* calls that block -------------------------------------------------------------------------------------- */

static gboolean
read_all (Request *request, GInputStream *body, GCancellable *cancellable, GError **error)
{
  g_autofree guint8 *piece = g_malloc (PIECE);

  while (TRUE)
    {
      gssize got = g_input_stream_read (body, piece, PIECE, cancellable, error);

      if (got <= 0)
        return got == 0;
      if (!request_take (request, piece, (gsize) got, error))
        return FALSE;
    }
}

static gboolean
http_call (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GVariant **reply, GError **error)
{
  TholeHttp *self = (TholeHttp *) transport;
  g_autoptr(Request) request = request_new (self, call, error);

  while (request != NULL)
    {
      g_autoptr(GError) fault = NULL;
      g_autoptr(GInputStream) body = soup_session_send (self->session, request->message, cancellable, &fault);

      if (body != NULL && read_all (request, body, cancellable, &fault))
        return request_reply (request, reply, error);
      if (fault->domain == THOLE_CLIENT_ERROR || !request_again (request, call, fault))
        {
          request_explain (request, fault, error);
          return FALSE;
        }
    }
  return FALSE;
}

static const char *
wanted_type (const TholeCall *call)
{
  if (strcmp (call->operation->name, "event.list") == 0)
    return "text/event-stream";
  return g_str_has_prefix (call->operation->name, "file.") ? "*/*" : "text/plain";
}

static GInputStream *
http_open (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GError **error)
{
  TholeHttp *self = (TholeHttp *) transport;
  g_autoptr(SoupMessage) message = thole_http_message (self, call, error);
  g_autoptr(GInputStream) body = NULL;
  g_autoptr(GError) fault = NULL;

  if (message == NULL)
    return NULL;
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept", wanted_type (call));
  body = soup_session_send (self->session, message, cancellable, &fault);
  if (body == NULL)
    {
      thole_http_explain (self, fault, error);
      return NULL;
    }
  if (soup_message_get_status (message) < 400)
    return g_steal_pointer (&body);
  thole_http_read_refusal (message, body, error);
  return NULL;
}

static TholeFeed *
http_feed (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GError **error)
{
  GInputStream *body = http_open (transport, call, cancellable, error);

  return body != NULL ? thole_http_feed_new ((TholeHttp *) transport, body) : NULL;
}

/* calls that do not ------------------------------------------------------------------------------------- */

typedef struct
{
  Request *request;
  TholeCall *call;
} Calling;

static void
calling_free (Calling *calling)
{
  request_free (calling->request);
  thole_call_free (calling->call);
  g_free (calling);
}

static void send_request (GTask *task);

static void
call_failed (GTask *task, const GError *fault)
{
  Calling *calling = g_task_get_task_data (task);
  GError *error = NULL;

  if (fault->domain != THOLE_CLIENT_ERROR && request_again (calling->request, calling->call, fault))
    {
      send_request (task);
      return;
    }
  request_explain (calling->request, fault, &error);
  g_task_return_error (task, error);
}

static void
on_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Calling *calling = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);
  gsize length;
  const guint8 *data = piece != NULL ? g_bytes_get_data (piece, &length) : NULL;

  if (piece == NULL || !request_take (calling->request, data, length, &error))
    call_failed (task, error);
  else if (length == 0)
    g_task_return_boolean (task, TRUE);
  else
    g_input_stream_read_bytes_async (G_INPUT_STREAM (source), PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_piece,
                                     g_object_ref (task));
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GInputStream) body = soup_session_send_finish (SOUP_SESSION (source), result, &error);

  if (body == NULL)
    call_failed (task, error);
  else
    g_input_stream_read_bytes_async (body, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_piece,
                                     g_object_ref (task));
}

static void
send_request (GTask *task)
{
  Calling *calling = g_task_get_task_data (task);

  soup_session_send_async (calling->request->http->session, calling->request->message, G_PRIORITY_DEFAULT,
                           g_task_get_cancellable (task), on_sent, g_object_ref (task));
}

static void
http_call_async (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GError *error = NULL;
  Request *request = request_new ((TholeHttp *) transport, call, &error);
  Calling *calling;

  if (request == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  calling = g_new0 (Calling, 1);
  calling->request = request;
  calling->call = thole_call_copy (call);
  g_task_set_task_data (task, calling, (GDestroyNotify) calling_free);
  send_request (task);
}

static gboolean
http_call_finish (TholeTransport *transport, GAsyncResult *result, GVariant **reply, GError **error)
{
  Calling *calling = g_task_get_task_data (G_TASK (result));

  return g_task_propagate_boolean (G_TASK (result), error) && request_reply (calling->request, reply, error);
}

typedef struct
{
  TholeHttp *http;
  SoupMessage *message;
} Opening;

static void
opening_free (Opening *opening)
{
  g_object_unref (opening->message);
  g_free (opening);
}

static void
on_refusal (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Opening *opening = g_task_get_task_data (task);
  g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, NULL);
  gsize length = 0;
  const guint8 *data = bytes != NULL ? g_bytes_get_data (bytes, &length) : NULL;
  GError *error = NULL;

  thole_http_refused (soup_message_get_status (opening->message), data, length, &error);
  g_task_return_error (task, error);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Opening *opening = g_task_get_task_data (task);
  g_autoptr(GError) fault = NULL;
  g_autoptr(GInputStream) body = soup_session_send_finish (SOUP_SESSION (source), result, &fault);
  GError *error = NULL;

  if (body == NULL)
    {
      thole_http_explain (opening->http, fault, &error);
      g_task_return_error (task, error);
    }
  else if (soup_message_get_status (opening->message) < 400)
    {
      g_task_return_pointer (task, g_steal_pointer (&body), g_object_unref);
    }
  else
    {
      g_input_stream_read_bytes_async (body, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_refusal,
                                       g_object_ref (task));
    }
}

static void
http_open_async (TholeTransport *transport, const TholeCall *call, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  TholeHttp *self = (TholeHttp *) transport;
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GError *error = NULL;
  SoupMessage *message = thole_http_message (self, call, &error);
  Opening *opening;

  if (message == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept", wanted_type (call));
  opening = g_new0 (Opening, 1);
  opening->http = self;
  opening->message = message;
  g_task_set_task_data (task, opening, (GDestroyNotify) opening_free);
  soup_session_send_async (self->session, message, G_PRIORITY_DEFAULT, cancellable, on_opened, g_object_ref (task));
}

static GInputStream *
http_open_finish (TholeTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static TholeFeed *
http_feed_finish (TholeTransport *transport, GAsyncResult *result, GError **error)
{
  GInputStream *body = http_open_finish (transport, result, error);

  return body != NULL ? thole_http_feed_new ((TholeHttp *) transport, body) : NULL;
}

/* making ------------------------------------------------------------------------------------------------ */

SoupSession *
thole_http_session (TholeHttp *self)
{
  SoupSession *session = soup_session_new_with_options ("max-conns", MAX_CONNECTIONS, "max-conns-per-host", MAX_CONNECTIONS,
                                                        "remote-connectable", self->address, NULL);

  if (self->authority != NULL)
    soup_session_set_tls_database (session, self->authority);
  soup_session_set_user_agent (session, "libthole/" THOLE_VERSION);
  /* the answers are JSON of a neighbour: compressing them only costs */
  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  return session;
}

static void
http_free (TholeTransport *transport)
{
  TholeHttp *self = (TholeHttp *) transport;

  if (self->session != NULL)
    soup_session_abort (self->session);
  g_clear_object (&self->session);
  g_clear_object (&self->worker);
  g_clear_object (&self->address);
  g_clear_object (&self->authority);
  g_free (self->base);
  g_free (self->url);
  g_free (self->token);
  g_free (self);
}

static gboolean
set_authority (TholeHttp *self, GError **error)
{
  const char *name = g_getenv ("THOLE_CA_FILE");
  g_autofree char *path = NULL;
  g_autoptr(GError) wrong = NULL;

  if (name == NULL || *name == '\0')
    return TRUE;
  path = g_canonicalize_filename (name, NULL);
  self->authority = g_tls_file_database_new (path, &wrong);
  if (self->authority == NULL)
    g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "THOLE_CA_FILE: %s: %s", path, wrong->message);
  return self->authority != NULL;
}

static gboolean
set_address (TholeHttp *self, GError **error)
{
  g_autoptr(GUri) uri = NULL;
  const char *path;

  if (g_str_has_prefix (self->url, "unix:") && self->url[5] != '\0')
    {
      path = self->url + (g_str_has_prefix (self->url, "unix://") ? 7 : 5);
      self->address = g_unix_socket_address_new (path);
      self->base = g_strdup ("http://localhost");
      return TRUE;
    }
  uri = g_uri_parse (self->url, G_URI_FLAGS_NONE, NULL);
  if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0'
      || (strcmp (g_uri_get_scheme (uri), "http") != 0 && strcmp (g_uri_get_scheme (uri), "https") != 0))
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID,
                   "“%s” is not a URL of a daemon: unix:PATH or http[s]://HOST:PORT", self->url);
      return FALSE;
    }
  self->base = g_strdup (self->url);
  while (g_str_has_suffix (self->base, "/"))
    self->base[strlen (self->base) - 1] = '\0';
  return TRUE;
}

TholeTransport *
thole_transport_http_new (const char *url, const char *token, GError **error)
{
  static const TholeTransportClass class = {
    1000, http_call, http_call_async, http_call_finish, http_open, http_open_async, http_open_finish,
    http_feed, http_open_async, http_feed_finish, thole_http_wire_new, http_free,
  };
  TholeHttp *self = g_new0 (TholeHttp, 1);

  self->parent.class = &class;
  self->url = g_strdup (url);
  self->token = token != NULL && *token != '\0' ? g_strdup (token) : NULL;
  if (!set_address (self, error) || !set_authority (self, error))
    {
      http_free (&self->parent);
      return NULL;
    }
  self->session = thole_http_session (self);
  return &self->parent;
}
