/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <libsoup/soup.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "problem.h"
#include "thole-json.h"

#define MAX_BODY (64 * 1024 * 1024)
#define PIECE 65536
#define RETRY_TIME (5 * G_USEC_PER_SEC)
#define MAX_LOSSES 2
#define RETRY_PAUSE (200 * 1000)

struct _CliClient
{
  SoupSession *session;
  char *base;  /* "http://localhost" */
  char *url;   /* as people know it */
  char *token; /* (nullable) */
  char *guard; /* (nullable): If-Match of the next call */
  GPtrArray *calls; /* on their way */
};

/* One call on its way. */
typedef struct
{
  CliClient *client;
  SoupMessage *message;
  GInputStream *stream;
  GByteArray *bytes;
  GCancellable *cancellable;
  GCancellable *outer; /* (nullable) */
  gulong outer_id;
  GSource *deadline;
  gboolean late;
  CliReplied replied;
  gpointer user_data;
} Call;

/* What a synchronous call waits for. */
typedef struct
{
  gboolean done;
  CliReply *reply;
  GError *error;
} Waiting;

static char *
default_url (void)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");

  if (geteuid () == 0 || runtime == NULL || *runtime == '\0')
    return g_strdup ("unix:/run/thole/thole.sock");
  return g_strdup_printf ("unix:%s/thole/thole.sock", runtime);
}

/* those that may sign for the daemon instead of the system's own */
static gboolean
set_authority (CliClient *self, const char *name, GError **error)
{
  g_autofree char *path = NULL;
  g_autoptr(GTlsDatabase) database = NULL;
  g_autoptr(GError) wrong = NULL;

  if (name == NULL || *name == '\0')
    return TRUE;
  path = g_canonicalize_filename (name, NULL);
  database = g_tls_file_database_new (path, &wrong);
  if (database == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("certificates of authorities: %s: %s"), path, wrong->message);
      return FALSE;
    }
  soup_session_set_tls_database (self->session, database);
  return TRUE;
}

static gboolean
set_address (CliClient *self, GError **error)
{
  g_autoptr(GSocketAddress) address = NULL;
  const char *path;

  if (g_str_has_prefix (self->url, "http://") || g_str_has_prefix (self->url, "https://"))
    {
      g_autoptr(GUri) uri = g_uri_parse (self->url, G_URI_FLAGS_NONE, NULL);

      if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0')
        {
          g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is not a URL of a daemon"), self->url);
          return FALSE;
        }
      self->base = g_strdup (self->url);
      while (g_str_has_suffix (self->base, "/"))
        self->base[strlen (self->base) - 1] = '\0';
      self->session = soup_session_new_with_options ("max-conns", 256, "max-conns-per-host", 256, NULL);
      return TRUE;
    }
  if (!g_str_has_prefix (self->url, "unix:") || self->url[5] == '\0')
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is not a URL of a daemon: unix:PATH or http[s]://HOST:PORT"),
                   self->url);
      return FALSE;
    }
  path = self->url + 5;
  if (g_str_has_prefix (path, "//"))
    path += 2;
  address = g_unix_socket_address_new (path);
  self->base = g_strdup ("http://localhost");
  self->session = soup_session_new_with_options ("remote-connectable", address, "max-conns", 256,
                                                 "max-conns-per-host", 256, NULL);
  return TRUE;
}

CliClient *
cli_client_new (const char *url, const char *token, const char *authority, GError **error)
{
  g_autoptr(CliClient) self = g_new0 (CliClient, 1);

  self->url = url != NULL && *url != '\0' ? g_strdup (url) : default_url ();
  self->token = g_strdup (token);
  self->calls = g_ptr_array_new ();
  if (!set_address (self, error) || !set_authority (self, authority, error))
    return NULL;
  soup_session_set_user_agent (self->session, "tholectl/" THOLE_VERSION);
  /* the answers are JSON of a neighbour: compressing them only costs */
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_CONTENT_DECODER);
  return g_steal_pointer (&self);
}

void
cli_client_free (CliClient *self)
{
  for (guint i = 0; i < self->calls->len; i++)
    g_cancellable_cancel (((Call *) g_ptr_array_index (self->calls, i))->cancellable);
  while (self->calls->len > 0)
    g_main_context_iteration (NULL, TRUE);
  g_ptr_array_unref (self->calls);
  if (self->session != NULL)
    soup_session_abort (self->session);
  g_clear_object (&self->session);
  g_free (self->base);
  g_free (self->url);
  g_free (self->token);
  g_free (self->guard);
  g_free (self);
}

const char *
cli_client_url (CliClient *self)
{
  return self->url;
}

SoupSession *
cli_client_session (CliClient *self)
{
  return self->session;
}

void
cli_reply_free (CliReply *reply)
{
  g_clear_pointer (&reply->body, g_variant_unref);
  g_free (reply->operation);
  g_free (reply->type);
  g_free (reply->etag);
  g_free (reply);
}

gboolean
cli_reply_check (CliReply *reply, GError **error)
{
  if (reply->status < 400)
    return TRUE;
  cli_problem_set (error, reply->status, reply->body);
  return FALSE;
}

/* sending ----------------------------------------------------------------------------------------------- */

SoupMessage *
cli_client_message (CliClient *self, const char *method, const char *path, GVariant *body, GError **error)
{
  g_autofree char *uri = g_strconcat (self->base, path, NULL);
  g_autoptr(SoupMessage) message = soup_message_new (method, uri);
  SoupMessageHeaders *headers;

  if (message == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is not a URL of a daemon"), self->url);
      return NULL;
    }
  headers = soup_message_get_request_headers (message);
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup_message_headers_append (headers, "Accept", "application/json, application/problem+json");
  if (self->token != NULL)
    {
      g_autofree char *bearer = g_strconcat ("Bearer ", self->token, NULL);
      soup_message_headers_append (headers, "Authorization", bearer);
    }
  if (body != NULL)
    {
      g_autofree char *text = thole_json_to_string (body);
      g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));
      soup_message_set_request_body_from_bytes (message, "application/json", bytes);
    }
  return g_steal_pointer (&message);
}

void
cli_client_explain (CliClient *self, const GError *cause, GError **error)
{
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("interrupted"));
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    g_set_error (error, CLI_ERROR, CLI_DENIED, _("no permission to open %s"), self->url);
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("the daemon at %s does not answer"), self->url);
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
           || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("cannot reach the daemon at %s: %s (is tholed running?)"), self->url,
                 cause->message);
  else
    g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("lost the daemon at %s: %s"), self->url, cause->message);
}

static void
call_end (Call *call, CliReply *reply, const GError *cause)
{
  g_autoptr(GError) error = NULL;

  if (call->deadline != NULL)
    g_source_destroy (call->deadline);
  if (call->outer_id != 0)
    g_cancellable_disconnect (call->outer, call->outer_id);
  if (cause != NULL && cause->domain == CLI_ERROR)
    error = g_error_copy (cause);
  else if (cause != NULL && call->late)
    {
      g_autoptr(GError) late = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "");
      cli_client_explain (call->client, late, &error);
    }
  else if (cause != NULL)
    cli_client_explain (call->client, cause, &error);
  g_ptr_array_remove_fast (call->client->calls, call);
  call->replied (reply, error, call->user_data);
  g_clear_pointer (&call->deadline, g_source_unref);
  g_clear_object (&call->message);
  g_clear_object (&call->stream);
  g_clear_object (&call->cancellable);
  g_clear_object (&call->outer);
  g_byte_array_unref (call->bytes);
  g_free (call);
}

static CliReply *
make_reply (SoupMessage *message, GByteArray *bytes, GError **error)
{
  g_autoptr(CliReply) reply = g_new0 (CliReply, 1);
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  g_autoptr(GError) fault = NULL;

  reply->status = soup_message_get_status (message);
  reply->connection = soup_message_get_connection_id (message);
  reply->type = g_strdup (soup_message_headers_get_content_type (headers, NULL));
  reply->etag = g_strdup (soup_message_headers_get_one (headers, "ETag"));
  reply->operation = g_strdup (soup_message_headers_get_one (headers, "Thole-Operation"));
  if (bytes->len == 0)
    return g_steal_pointer (&reply);
  reply->body = thole_json_parse ((const char *) bytes->data, bytes->len, &fault);
  if (reply->body == NULL && reply->status < 400)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer cannot be read: %s"), fault->message);
      return NULL;
    }
  return g_steal_pointer (&reply);
}

static void
call_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);

  if (piece == NULL)
    {
      call_end (call, NULL, error);
    }
  else if (g_bytes_get_size (piece) == 0)
    {
      CliReply *reply = make_reply (call->message, call->bytes, &error);
      call_end (call, reply, error);
    }
  else if (call->bytes->len + g_bytes_get_size (piece) > MAX_BODY)
    {
      g_set_error (&error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is too large"));
      call_end (call, NULL, error);
    }
  else
    {
      g_byte_array_append (call->bytes, g_bytes_get_data (piece, NULL), (guint) g_bytes_get_size (piece));
      g_input_stream_read_bytes_async (call->stream, PIECE, G_PRIORITY_DEFAULT, call->cancellable, call_read, call);
    }
}

static void
call_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  g_autoptr(GError) error = NULL;

  call->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (call->stream == NULL)
    call_end (call, NULL, error);
  else
    g_input_stream_read_bytes_async (call->stream, PIECE, G_PRIORITY_DEFAULT, call->cancellable, call_read, call);
}

static gboolean
call_is_late (gpointer user_data)
{
  Call *call = user_data;

  call->late = TRUE;
  g_cancellable_cancel (call->cancellable);
  return G_SOURCE_REMOVE;
}

static void
on_outer_cancelled (GCancellable *outer, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
begin_message (CliClient *self, SoupMessage *message, double timeout, GCancellable *cancellable, CliReplied replied,
               gpointer user_data)
{
  Call *call = g_new0 (Call, 1);

  call->client = self;
  g_ptr_array_add (self->calls, call);
  call->message = g_object_ref (message);
  call->bytes = g_byte_array_new ();
  call->cancellable = g_cancellable_new ();
  call->replied = replied;
  call->user_data = user_data;
  if (cancellable != NULL)
    {
      call->outer = g_object_ref (cancellable);
      call->outer_id = g_cancellable_connect (cancellable, G_CALLBACK (on_outer_cancelled), call->cancellable, NULL);
    }
  if (timeout > 0)
    {
      call->deadline = g_timeout_source_new ((guint) (timeout * 1000));
      g_source_set_callback (call->deadline, call_is_late, call, NULL);
      g_source_attach (call->deadline, NULL);
    }
  soup_session_send_async (self->session, message, G_PRIORITY_DEFAULT, call->cancellable, call_sent, call);
}

void
cli_client_begin (CliClient *self, const char *method, const char *path, GVariant *body, double timeout,
                  GCancellable *cancellable, CliReplied replied, gpointer user_data)
{
  g_autoptr(GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(SoupMessage) message = cli_client_message (self, method, path, owned, &error);

  if (message == NULL)
    replied (NULL, error, user_data);
  else
    begin_message (self, message, timeout, cancellable, replied, user_data);
}

/* waiting ----------------------------------------------------------------------------------------------- */

static void
on_replied (CliReply *reply, const GError *error, gpointer user_data)
{
  Waiting *waiting = user_data;

  waiting->reply = reply;
  waiting->error = error != NULL ? g_error_copy (error) : NULL;
  waiting->done = TRUE;
}

static CliReply *
call_once (CliClient *self, SoupMessage *message, double timeout, GCancellable *cancellable, GError **error)
{
  Waiting waiting = { 0 };

  begin_message (self, message, timeout, cancellable, on_replied, &waiting);
  while (!waiting.done)
    g_main_context_iteration (NULL, TRUE);
  if (waiting.error != NULL)
    g_propagate_error (error, waiting.error);
  return waiting.reply;
}

static void
on_wrote_headers (SoupMessage *message, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* May a call that got no answer be made again? Only what was on its way is: a daemon that was never there is reported at
 * once. @losses: how often it broke so far; @lost: when it first did. */
static gboolean
may_repeat (gboolean sent, guint *losses, gint64 *lost)
{
  gint64 now = g_get_monotonic_time ();

  if (sent && (*losses)++ == 0)
    *lost = now;
  return *losses > 0 && *losses <= MAX_LOSSES && now - *lost < RETRY_TIME;
}

void
cli_client_guard (CliClient *self, const char *etag)
{
  g_free (self->guard);
  /* what is not there has the revision 0 */
  self->guard = g_strdup (etag != NULL ? etag : "\"0\"");
}

CliReply *
cli_client_call (CliClient *self, const char *method, const char *path, GVariant *body, double timeout,
                 GCancellable *cancellable, GError **error)
{
  g_autoptr(GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  g_autofree char *key = g_uuid_string_random ();
  g_autofree char *guard = g_steal_pointer (&self->guard);
  gboolean once = strcmp (method, "POST") == 0 && g_str_has_suffix (path, "/exec");
  guint losses = 0;
  gint64 begin = g_get_monotonic_time (), lost = 0;

  while (TRUE)
    {
      g_autoptr(GError) fault = NULL;
      g_autoptr(SoupMessage) message = cli_client_message (self, method, path, owned, error);
      CliReply *reply;
      gboolean sent = FALSE;

      if (message == NULL)
        return NULL;
      g_signal_connect (message, "wrote-headers", G_CALLBACK (on_wrote_headers), &sent);
      if (strcmp (method, "POST") == 0 && !once)
        soup_message_headers_append (soup_message_get_request_headers (message), "Idempotency-Key", key);
      if (guard != NULL)
        soup_message_headers_append (soup_message_get_request_headers (message), "If-Match", guard);
      reply = call_once (self, message, timeout, cancellable, &fault);
      if (reply != NULL)
        return reply;
      g_signal_handlers_disconnect_by_data (message, &sent);
      if (once || !g_error_matches (fault, CLI_ERROR, CLI_UNREACHABLE)
          || (timeout > 0 && g_get_monotonic_time () - begin >= timeout * G_USEC_PER_SEC)
          || !may_repeat (sent, &losses, &lost))
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return NULL;
        }
      g_usleep (RETRY_PAUSE);
    }
}

CliReply *
cli_client_ask (CliClient *self, const char *method, const char *path, GVariant *body, double timeout,
                GCancellable *cancellable, GError **error)
{
  g_autoptr(CliReply) reply = cli_client_call (self, method, path, body, timeout, cancellable, error);

  if (reply == NULL || !cli_reply_check (reply, error))
    return NULL;
  return g_steal_pointer (&reply);
}

/* streams ----------------------------------------------------------------------------------------------- */

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **place = user_data;

  *place = g_object_ref (result);
}

static CliReply *
read_refusal (SoupMessage *message, GInputStream *stream)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  gsize got = 0;

  g_byte_array_set_size (bytes, PIECE);
  if (!g_input_stream_read_all (stream, bytes->data, PIECE, &got, NULL, NULL))
    got = 0;
  g_byte_array_set_size (bytes, (guint) got);
  return make_reply (message, bytes, NULL);
}

void
cli_stream_clear (CliStream *stream)
{
  g_clear_object (&stream->input);
  g_clear_pointer (&stream->type, g_free);
}

/* takes up what @message is answered by */
static gboolean
open_stream (CliClient *self, SoupMessage *message, GCancellable *cancellable, CliStream *out, CliReply **refusal, GError **error)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GInputStream) stream = NULL;
  g_autoptr(GError) fault = NULL;
  g_autoptr(CliReply) refused = NULL;

  soup_session_send_async (self->session, message, G_PRIORITY_DEFAULT, cancellable, on_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  stream = soup_session_send_finish (self->session, result, &fault);
  if (stream == NULL)
    {
      cli_client_explain (self, fault, error);
      return FALSE;
    }
  if (soup_message_get_status (message) < 400)
    {
      gboolean sized = soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH;

      out->type = g_strdup (soup_message_headers_get_content_type (headers, NULL));
      out->size = sized ? soup_message_headers_get_content_length (headers) : -1;
      out->connection = soup_message_get_connection_id (message);
      out->input = g_steal_pointer (&stream);
      return TRUE;
    }
  refused = read_refusal (message, stream);
  cli_reply_check (refused, error);
  if (refusal != NULL)
    *refusal = g_steal_pointer (&refused);
  return FALSE;
}

gboolean
cli_client_stream (CliClient *self, const char *path, const char *accept, gint64 last_event_id, GCancellable *cancellable,
                   CliStream *out, CliReply **refusal, GError **error)
{
  g_autoptr(SoupMessage) message = cli_client_message (self, "GET", path, NULL, error);
  SoupMessageHeaders *headers;

  if (message == NULL)
    return FALSE;
  headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Accept", accept);
  if (last_event_id >= 0)
    {
      g_autofree char *id = g_strdup_printf ("%" G_GINT64_FORMAT, last_event_id);
      soup_message_headers_append (headers, "Last-Event-ID", id);
    }
  return open_stream (self, message, cancellable, out, refusal, error);
}

gboolean
cli_client_open (CliClient *self, const char *method, const char *path, GVariant *body, GCancellable *cancellable, CliStream *out,
                 CliReply **refusal, GError **error)
{
  g_autoptr(GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  g_autoptr(SoupMessage) message = cli_client_message (self, method, path, owned, error);

  if (message == NULL)
    return FALSE;
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept", "*/*");
  return open_stream (self, message, cancellable, out, refusal, error);
}

/* what was read once cannot be sent again: soup would send nothing in its place */
static void
on_restarted (SoupMessage *message, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
on_connected (SoupMessage *message, GSocketClientEvent event, GIOStream *connection, gpointer source)
{
  if (event == G_SOCKET_CLIENT_CONNECTED && G_IS_SOCKET_CONNECTION (connection))
    cli_source_watch (source, g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection)));
}

CliReply *
cli_client_upload (CliClient *self, const char *method, const char *path, CliSource *source, gint64 size, GCancellable *cancellable,
                   GError **error)
{
  g_autoptr(SoupMessage) message = cli_client_message (self, method, path, NULL, error);
  g_autoptr(GCancellable) again = g_cancellable_new ();
  g_autoptr(CliReply) reply = NULL;
  g_autoptr(GError) fault = NULL;
  gulong outer;

  if (message == NULL)
    return NULL;
  soup_message_set_request_body (message, "application/octet-stream", G_INPUT_STREAM (source), size);
  soup_message_add_flags (message, SOUP_MESSAGE_NEW_CONNECTION);
  soup_message_headers_set_expectations (soup_message_get_request_headers (message), SOUP_EXPECTATION_CONTINUE);
  g_signal_connect_object (message, "network-event", G_CALLBACK (on_connected), source, 0);
  g_signal_connect_object (message, "restarted", G_CALLBACK (on_restarted), again, 0);
  outer = cancellable != NULL ? g_cancellable_connect (cancellable, G_CALLBACK (on_outer_cancelled), again, NULL) : 0;
  reply = call_once (self, message, 0, again, &fault);
  if (outer != 0)
    g_cancellable_disconnect (cancellable, outer);
  if (reply == NULL && g_cancellable_is_cancelled (again) && !g_cancellable_is_cancelled (cancellable))
    g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("lost the daemon at %s: %s"), self->url, g_strerror (EPIPE));
  else if (reply == NULL)
    g_propagate_error (error, g_steal_pointer (&fault));
  if (reply == NULL || !cli_reply_check (reply, error))
    return NULL;
  return g_steal_pointer (&reply);
}

/* paths ------------------------------------------------------------------------------------------------- */

char *
cli_path (const char *format, const char *name)
{
  g_auto(GStrv) parts = g_strsplit (format, "%s", 2);
  g_autofree char *escaped = g_uri_escape_string (name, NULL, FALSE);

  return g_strconcat (parts[0], escaped, parts[0] != NULL ? parts[1] : NULL, NULL);
}

void
cli_query (GString *path, const char *key, const char *value)
{
  if (value == NULL)
    return;
  g_string_append_printf (path, "%c%s=", strchr (path->str, '?') != NULL ? '&' : '?', key);
  g_string_append_uri_escaped (path, value, NULL, FALSE);
}
