/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "registry.h"

#include <libsoup/soup.h>
#include <string.h>

#define IDLE_SECONDS 60
#define TOKEN_MAX 65536
#define REDIRECTIONS_MAX 8
#define PIECE 65536

struct _CtrRegistry
{
  SoupSession *session;
  char *base;          /* https://host */
  char *repository;
  char *user, *password;
  char *authorization; /* (nullable): what was asked for */
};

static gboolean
is_plain (TholeDriver *driver, const char *host)
{
  g_autofree char *name = g_strndup (host, host[0] == '[' ? strcspn (host, "]") + 1 : strcspn (host, ":"));

  return strcmp (name, "localhost") == 0 || strcmp (name, "[::1]") == 0 || g_str_has_prefix (name, "127.")
         || g_strv_contains ((const char *const *) driver->config->plain_http, host);
}

CtrRegistry *
ctr_registry_new (TholeDriver *driver, const char *host, const char *repository, const char *user, const char *password)
{
  CtrRegistry *self = g_new0 (CtrRegistry, 1);
  const char *real = strcmp (host, "docker.io") == 0 ? "registry-1.docker.io" : host;

  self->session = soup_session_new_with_options ("timeout", IDLE_SECONDS, "idle-timeout", 5, "max-conns-per-host", 4, "user-agent", "thole", NULL);
  self->base = g_strdup_printf ("%s://%s", is_plain (driver, host) ? "http" : "https", real);
  self->repository = g_strdup (repository);
  self->user = g_strdup (user);
  self->password = g_strdup (password);
  return self;
}

void
ctr_registry_free (CtrRegistry *self)
{
  soup_session_abort (self->session);
  g_object_unref (self->session);
  g_free (self->base);
  g_free (self->repository);
  g_free (self->user);
  g_free (self->password);
  g_free (self->authorization);
  g_free (self);
}

GError *
ctr_transport_error (GError *error)
{
  GError *own;

  if (error->domain == THOLE_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return error;
  own = g_error_new (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the registry: %s", error->message);
  g_error_free (error);
  return own;
}

/* to the end of a stream ------------------------------------------------------------------------------ */

typedef struct
{
  GByteArray *data;
  gsize limit;
  guint8 piece[PIECE];
} ReadAll;

static void
read_all_free (gpointer data)
{
  g_byte_array_unref (((ReadAll *) data)->data);
  g_free (data);
}

static void
on_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  ReadAll *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    g_task_return_error (task, ctr_transport_error (error));
  else if (n == 0)
    g_task_return_pointer (task, g_bytes_new (self->data->data, self->data->len), (GDestroyNotify) g_bytes_unref);
  else if (self->data->len + (gsize) n > self->limit)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the registry's answer is too long");
  else
    {
      g_byte_array_append (self->data, self->piece, (guint) n);
      g_input_stream_read_async (G_INPUT_STREAM (source), self->piece, PIECE, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_piece,
                                 g_object_ref (task));
    }
}

void
ctr_read_all_async (GInputStream *stream, gsize limit, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (stream, cancellable, callback, user_data);
  ReadAll *self = g_new0 (ReadAll, 1);

  self->data = g_byte_array_new ();
  self->limit = limit;
  g_task_set_task_data (task, self, read_all_free);
  g_input_stream_read_async (stream, self->piece, PIECE, G_PRIORITY_DEFAULT, cancellable, on_piece, task);
}

GBytes *
ctr_read_all_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* one request ----------------------------------------------------------------------------------------- */

typedef struct
{
  CtrRegistry *registry;
  char *url, *accept;
  gboolean elsewhere;   /* another host: no credentials there */
  gboolean logged_in;   /* a login was tried */
  guint redirections;
  SoupMessage *message;
  char *type;
} Get;

static void
get_free (gpointer data)
{
  Get *self = data;

  g_free (self->url);
  g_free (self->accept);
  g_free (self->type);
  g_clear_object (&self->message);
  g_free (self);
}

static void send_request (GTask *task);

static void
fail_status (GTask *task, guint status)
{
  Get *self = g_task_get_task_data (task);
  int code = status == 404 ? THOLE_ERROR_IMAGE_NOT_FOUND
             : status == 401 || status == 403 ? THOLE_ERROR_AUTH
             : status == 429 ? THOLE_ERROR_LIMIT
             : status >= 500 ? THOLE_ERROR_UNAVAILABLE : THOLE_ERROR_FAILED;

  g_task_return_new_error (task, THOLE_ERROR, code, "the registry answered %u for %s", status, self->registry->repository);
}

static void
on_token_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Get *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GBytes) bytes = ctr_read_all_finish (result, &error);
  g_autoptr(GVariant) json = NULL;
  const char *token = "";

  if (bytes == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  json = thole_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL);
  if (json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT))
    token = thole_dict_string (json, "token", thole_dict_string (json, "access_token", ""));
  if (token[0] == '\0' || strpbrk (token, "\r\n") != NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_AUTH, "the registry gave no token");
      return;
    }
  g_free (self->registry->authorization);
  self->registry->authorization = g_strconcat ("Bearer ", token, NULL);
  send_request (task);
}

static void
on_token (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Get *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);

  if (stream == NULL)
    g_task_return_error (task, ctr_transport_error (error));
  else if (soup_message_get_status (self->message) != 200)
    fail_status (task, soup_message_get_status (self->message) == 404 ? 404 : 401);
  else
    ctr_read_all_async (stream, TOKEN_MAX, g_task_get_cancellable (task), on_token_read, g_object_ref (task));
}

static char *
basic (const CtrRegistry *registry)
{
  g_autofree char *both = g_strdup_printf ("%s:%s", registry->user, registry->password);
  g_autofree char *coded = g_base64_encode ((const guchar *) both, strlen (both));

  return g_strconcat ("Basic ", coded, NULL);
}

static void
ask_for_token (GTask *task, GHashTable *parameters)
{
  Get *self = g_task_get_task_data (task);
  CtrRegistry *registry = self->registry;
  const char *realm = g_hash_table_lookup (parameters, "realm"), *service = g_hash_table_lookup (parameters, "service");
  const char *scope = g_hash_table_lookup (parameters, "scope");
  g_autofree char *own_scope = g_strdup_printf ("repository:%s:pull", registry->repository);
  g_autofree char *query = soup_form_encode ("service", service != NULL ? service : "", "scope", scope != NULL ? scope : own_scope, NULL);
  g_autofree char *url = g_strdup_printf ("%s%c%s", realm != NULL ? realm : "", realm != NULL && strchr (realm, '?') ? '&' : '?', query);

  g_clear_object (&self->message);
  /* credentials go in clear text only where the registry itself does without */
  if (realm != NULL && (g_str_has_prefix (realm, "https://") || g_str_has_prefix (registry->base, "http://")))
    self->message = soup_message_new ("GET", url);
  if (self->message == NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_AUTH, "the registry's way to log in is not known");
      return;
    }
  if (registry->user != NULL)
    {
      g_autofree char *header = basic (registry);

      soup_message_headers_replace (soup_message_get_request_headers (self->message), "Authorization", header);
    }
  soup_message_add_flags (self->message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
  soup_session_send_async (registry->session, self->message, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_token,
                           g_object_ref (task));
}

static void
log_in (GTask *task)
{
  Get *self = g_task_get_task_data (task);
  const char *challenge = soup_message_headers_get_list (soup_message_get_response_headers (self->message), "WWW-Authenticate");
  g_autofree char *kind = challenge != NULL ? g_strndup (challenge, strcspn (challenge, " ")) : g_strdup ("");

  if (self->logged_in || self->elsewhere)
    fail_status (task, 401);
  else if (g_ascii_strcasecmp (kind, "basic") == 0 && self->registry->user != NULL)
    {
      self->logged_in = TRUE;
      g_free (self->registry->authorization);
      self->registry->authorization = basic (self->registry);
      send_request (task);
    }
  else if (g_ascii_strcasecmp (kind, "bearer") == 0)
    {
      GHashTable *parameters = soup_header_parse_param_list (challenge + strlen (kind));

      self->logged_in = TRUE;
      ask_for_token (task, parameters);
      soup_header_free_param_list (parameters);
    }
  else
    fail_status (task, 401);
}

static void
redirect (GTask *task)
{
  Get *self = g_task_get_task_data (task);
  const char *location = soup_message_headers_get_one (soup_message_get_response_headers (self->message), "Location");
  GUri *old = soup_message_get_uri (self->message);
  g_autoptr(GUri) uri = location != NULL ? g_uri_parse_relative (old, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
  gboolean safe = uri != NULL && (strcmp (g_uri_get_scheme (uri), "https") == 0 || strcmp (g_uri_get_scheme (old), "http") == 0);

  if (!safe || ++self->redirections > REDIRECTIONS_MAX)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "the registry sends us elsewhere, where we do not go");
      return;
    }
  self->elsewhere = self->elsewhere || g_strcmp0 (g_uri_get_host (uri), g_uri_get_host (old)) != 0
                    || g_uri_get_port (uri) != g_uri_get_port (old);
  g_free (self->url);
  self->url = g_uri_to_string (uri);
  send_request (task);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Get *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  guint status = stream != NULL ? soup_message_get_status (self->message) : 0;

  if (stream == NULL)
    g_task_return_error (task, ctr_transport_error (error));
  else if (status == 200)
    {
      self->type = g_strdup (soup_message_headers_get_content_type (soup_message_get_response_headers (self->message), NULL));
      g_task_return_pointer (task, g_steal_pointer (&stream), g_object_unref);
    }
  else if (status == 401)
    log_in (task);
  else if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
    redirect (task);
  else
    fail_status (task, status);
}

static void
send_request (GTask *task)
{
  Get *self = g_task_get_task_data (task);
  SoupMessageHeaders *headers;

  g_clear_object (&self->message);
  self->message = soup_message_new ("GET", self->url);
  if (self->message == NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "no such registry: %s", self->registry->base);
      return;
    }
  headers = soup_message_get_request_headers (self->message);
  soup_message_headers_replace (headers, "Accept", self->accept);
  /* blobs are what their digest says, not what a proxy made of them */
  soup_message_headers_replace (headers, "Accept-Encoding", "identity");
  if (self->registry->authorization != NULL && !self->elsewhere)
    soup_message_headers_replace (headers, "Authorization", self->registry->authorization);
  soup_message_add_flags (self->message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
  soup_message_disable_feature (self->message, SOUP_TYPE_CONTENT_DECODER);
  soup_session_send_async (self->registry->session, self->message, G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_answer,
                           g_object_ref (task));
}

void
ctr_registry_get_async (CtrRegistry *self, const char *what, const char *accept, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Get *get = g_new0 (Get, 1);

  get->registry = self;
  get->url = g_strdup_printf ("%s/v2/%s/%s", self->base, self->repository, what);
  get->accept = g_strdup (accept);
  g_task_set_task_data (task, get, get_free);
  send_request (task);
}

GInputStream *
ctr_registry_get_finish (CtrRegistry *self, GAsyncResult *result, char **type, GError **error)
{
  GInputStream *stream = g_task_propagate_pointer (G_TASK (result), error);
  Get *get = g_task_get_task_data (G_TASK (result));

  if (stream != NULL && type != NULL)
    *type = g_steal_pointer (&get->type);
  return stream;
}
