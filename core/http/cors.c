/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pages of other origins that may use the interface (CORS). They send a credential of their own: a browser's cookie is never
 * asked for on their behalf, so there is no Access-Control-Allow-Credentials.
 */
#include "http/server.h"

#include "http/origin.h"

#include <string.h>

#define PREFLIGHT_AGE "600" /* seconds; browsers hold it no longer than two hours in any case */

static gboolean
is_origin (const char *text)
{
  const char *host = strstr (text, "://");
  gsize scheme = host != NULL ? (gsize) (host - text) : 0;

  if (strcmp (text, "*") == 0)
    return TRUE;
  if (scheme == 0 || strspn (text, "abcdefghijklmnopqrstuvwxyz+-.0123456789") < scheme)
    return FALSE;
  host += 3;
  return host[0] != '\0' && strspn (host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == strlen (host);
}

char **
thole_http_origins (TholeConfig *config, GError **error)
{
  g_auto(GStrv) origins = thole_config_list (config, "http", "origins");

  for (guint i = 0; origins[i] != NULL; i++)
    if (!is_origin (origins[i]))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                     "[http] origins: %s is not an origin: https://HOST or https://HOST:PORT, without a path", origins[i]);
        return NULL;
      }
  return g_steal_pointer (&origins);
}

static gboolean
is_any (const char *const *origins)
{
  return g_strv_contains (origins, "*");
}

void
thole_cors_answer (TholeRequest *request)
{
  const char *const *origins = request->http->options.origins;
  TholeSpan origin = request->head.values[THOLE_HEADER_ORIGIN];
  TholeAnswer *answer = &request->answer;
  g_autofree char *text = NULL;

  if (origins == NULL || origins[0] == NULL)
    return;
  /* what is said depends on who asks, so a cache must not mix it up */
  if (!is_any (origins))
    thole_answer_header (answer, "Vary", "Origin");
  if (!thole_origin_is_named (&request->head, origins))
    return;
  text = g_strndup (origin.text, origin.length);
  if (is_any (origins))
    thole_answer_header (answer, "Access-Control-Allow-Origin", "*");
  else
    thole_answer_copy (answer, "Access-Control-Allow-Origin", "", text, "");
  thole_answer_header (answer, "Access-Control-Expose-Headers",
                       "ETag, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Thole-Operation, "
                       "Idempotency-Replayed, X-Request-Id");
}

gboolean
thole_cors_is_preflight (const TholeRequest *request)
{
  return strcmp (request->method, "OPTIONS") == 0 && request->head.values[THOLE_HEADER_CORS_METHOD].text != NULL &&
         thole_origin_is_named (&request->head, request->http->options.origins);
}

void
thole_cors_preflight (TholeRequest *request)
{
  TholeAnswer *answer = &request->answer;

  thole_reply_status (request, 204);
  thole_answer_header (answer, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
  thole_answer_header (answer, "Access-Control-Allow-Headers",
                       "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Range");
  thole_answer_header (answer, "Access-Control-Max-Age", PREFLIGHT_AGE);
}
