/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call as a request, and what a refusal says.
 */
#include "http.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define MAX_REFUSAL 65536

/* requests ---------------------------------------------------------------------------------------------- */

static void
append_query (GString *path, const char *key, const char *value)
{
  g_string_append_printf (path, "%c%s=", strchr (path->str, '?') != NULL ? '&' : '?', key);
  g_string_append_uri_escaped (path, value, NULL, FALSE);
}

/* texts without quotes, lists as words with commas; labels are told one by one */
static void
append_option (GString *path, const char *key, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      append_query (path, key, g_variant_get_string (value, NULL));
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    {
      g_auto(GStrv) words = g_variant_dup_strv (value, NULL);
      g_autofree char *joined = g_strjoinv (",", words);

      if (strcmp (key, "label") != 0)
        append_query (path, key, joined);
      for (guint i = 0; strcmp (key, "label") == 0 && words[i] != NULL; i++)
        append_query (path, key, words[i]);
    }
  else
    {
      g_autofree char *json = thole_json_to_string (value);
      append_query (path, key, json);
    }
}

static gboolean
is_query (const TholeClientOperation *operation, const char *key)
{
  g_autofree char *word = g_strdup_printf (",%s,", key);

  return operation->query == NULL || strstr (operation->query, word) != NULL;
}

static GString *
make_path (TholeHttp *self, const TholeCall *call)
{
  GString *path = g_string_new (self->base);
  g_auto(GStrv) parts = g_strsplit (call->operation->path, "{id}", 2);

  g_string_append (path, parts[0]);
  if (call->target != NULL && parts[1] != NULL)
    {
      g_string_append_uri_escaped (path, call->target, NULL, FALSE);
      g_string_append (path, parts[1]);
    }
  return path;
}

SoupMessage *
thole_http_message (TholeHttp *self, const TholeCall *call, GError **error)
{
  g_autoptr(GString) path = make_path (self, call);
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(SoupMessage) message = NULL;
  SoupMessageHeaders *headers;
  GVariantIter iter;
  GVariant *value;
  const char *key;

  if (call->options != NULL)
    g_variant_iter_init (&iter, call->options);
  while (call->options != NULL && g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (is_query (call->operation, key))
      append_option (path, key, value);
    else
      g_variant_dict_insert_value (&body, key, value);
  message = soup_message_new (call->operation->method, path->str);
  if (message == NULL)
    {
      g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "%s cannot be asked for", path->str);
      return NULL;
    }
  headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Accept", "application/json");
  if (self->token != NULL)
    {
      g_autofree char *bearer = g_strconcat ("Bearer ", self->token, NULL);
      soup_message_headers_replace (headers, "Authorization", bearer);
    }
  if (call->operation->query != NULL)
    {
      g_autoptr(GVariant) fields = g_variant_ref_sink (g_variant_dict_end (&body));
      g_autofree char *json = thole_json_to_string (fields);
      g_autoptr(GBytes) bytes = g_bytes_new (json, strlen (json));

      soup_message_set_request_body_from_bytes (message, "application/json", bytes);
    }
  return g_steal_pointer (&message);
}

/* refusals ---------------------------------------------------------------------------------------------- */

void
thole_http_explain (TholeHttp *self, const GError *cause, GError **error)
{
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_error_copy (cause));
  else
    g_set_error (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, "cannot reach the daemon at %s: %s", self->url,
                 cause->message);
}

TholeClientError
thole_http_code (const char *word, guint status)
{
  static const struct { guint status; TholeClientError code; } codes[] = {
    { 400, THOLE_CLIENT_ERROR_MALFORMED }, { 401, THOLE_CLIENT_ERROR_UNAUTHENTICATED }, { 403, THOLE_CLIENT_ERROR_FORBIDDEN },
    { 404, THOLE_CLIENT_ERROR_NOT_FOUND }, { 409, THOLE_CLIENT_ERROR_CONFLICT },        { 410, THOLE_CLIENT_ERROR_GONE },
    { 429, THOLE_CLIENT_ERROR_LIMIT },     { 501, THOLE_CLIENT_ERROR_UNSUPPORTED },     { 503, THOLE_CLIENT_ERROR_UNAVAILABLE },
    { 504, THOLE_CLIENT_ERROR_TIMEOUT },
  };
  TholeClientError fallback = THOLE_CLIENT_ERROR_FAILED;

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (codes[i].status == status)
      fallback = codes[i].code;
  return thole_client_error_from_word (word, fallback);
}

static void
append_fields (GString *text, GVariant *problem)
{
  g_autoptr(GVariant) errors = thole_dict_value (problem, "errors", "aa{sv}");

  for (gsize i = 0; errors != NULL && i < g_variant_n_children (errors); i++)
    {
      g_autoptr(GVariant) wrong = g_variant_get_child_value (errors, i);

      g_string_append_printf (text, "%s %s %s", i == 0 ? ":" : ",", thole_dict_string (wrong, "pointer", ""),
                              thole_dict_string (wrong, "detail", ""));
    }
}

void
thole_http_refused (guint status, const guint8 *bytes, gsize length, GError **error)
{
  g_autoptr(GVariant) problem = length > 0 ? thole_json_parse ((const char *) bytes, length, NULL) : NULL;
  g_autoptr(GString) text = g_string_new (NULL);

  if (problem == NULL || !g_variant_is_of_type (problem, G_VARIANT_TYPE_VARDICT)
      || thole_dict_string (problem, "code", NULL) == NULL)
    {
      /* a lifecycle verb whose wait ran out answers with the object */
      if (status == 504)
        g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_TIMEOUT, "the state that was waited for did not come");
      else
        g_set_error (error, THOLE_CLIENT_ERROR, (int) thole_http_code (NULL, status), "the daemon answered with status %u", status);
      return;
    }
  g_string_append (text, thole_dict_string (problem, "detail", thole_dict_string (problem, "title", "refused")));
  append_fields (text, problem);
  g_set_error_literal (error, THOLE_CLIENT_ERROR,
                       (int) thole_http_code (thole_dict_string (problem, "code", NULL), status), text->str);
}

void
thole_http_read_refusal (SoupMessage *message, GInputStream *body, GError **error)
{
  g_autofree guint8 *bytes = g_malloc (MAX_REFUSAL);
  gsize got = 0;

  if (!g_input_stream_read_all (body, bytes, MAX_REFUSAL, &got, NULL, NULL))
    got = 0;
  thole_http_refused (soup_message_get_status (message), bytes, got, error);
}
