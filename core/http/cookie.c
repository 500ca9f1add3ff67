/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sign-in of a browser: a cookie that no script can read and that is sent for pages of the same site only.
 */
#include "http/server.h"

#include "access/secret-file.h"
#include "http/origin.h"

#include <string.h>

/* the prefix makes browsers refuse one that another host of the domain, or a plain page, has set */
static const char *
cookie_name (const TholeRequest *request)
{
  return request->secure ? "__Host-thole" : "thole";
}

/* Returns: (transfer full) (nullable): NULL also when there are two, for one of them is not ours */
static char *
find_value (TholeSpan header, const char *name)
{
  gsize length = strlen (name);
  const char *end = header.text != NULL ? header.text + header.length : NULL;
  const char *found = NULL;
  gsize size = 0;

  for (const char *at = header.text; at != NULL && at < end;)
    {
      const char *semicolon = memchr (at, ';', (gsize) (end - at));
      const char *stop = semicolon != NULL ? semicolon : end;

      while (at < stop && *at == ' ')
        at++;
      if ((gsize) (stop - at) > length && at[length] == '=' && memcmp (at, name, length) == 0)
        {
          if (found != NULL)
            return NULL;
          found = at + length + 1;
          size = (gsize) (stop - found);
        }
      at = semicolon != NULL ? semicolon + 1 : end;
    }
  return found != NULL ? g_strndup (found, size) : NULL;
}

/* what changes something, and what cannot be read by another page in any case but acts */
static gboolean
is_proven (TholeRequest *request, const TholePrincipal *principal)
{
  const TholeSpan *values = request->head.values;
  TholeSpan csrf = values[THOLE_HEADER_CSRF];

  if (values[THOLE_HEADER_UPGRADE].text != NULL)
    return thole_origin_is_own (&request->head, request->secure);
  if (strcmp (request->method, "GET") == 0 || strcmp (request->method, "HEAD") == 0)
    return TRUE;
  return csrf.text != NULL &&
         thole_identity_is_csrf (request->http->options.identity, principal, csrf.text, csrf.length);
}

TholePrincipal *
thole_cookie_principal (TholeRequest *request, gboolean *unproven)
{
  g_autofree char *token = find_value (request->head.values[THOLE_HEADER_COOKIE], cookie_name (request));
  g_autoptr(TholePrincipal) principal = NULL;

  if (token == NULL || thole_origin_is_alien (&request->head, request->secure))
    return NULL;
  principal = thole_identity_cookie (request->http->options.identity, token);
  if (principal == NULL || is_proven (request, principal))
    return g_steal_pointer (&principal);
  *unproven = TRUE;
  return NULL;
}

void
thole_cookie_answer (TholeRequest *request)
{
  const TholeReply *reply = &request->call->reply;
  gint64 left = reply->cookie_ends - thole_clock_now (request->http->options.clock);
  gint64 seconds = reply->cookie[0] != '\0' ? MAX (left, 0) / G_USEC_PER_SEC : 0;

  thole_secret_free (request->answer.cookie);
  request->answer.cookie =
    g_strdup_printf ("%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%" G_GINT64_FORMAT "%s", cookie_name (request),
                     reply->cookie, seconds, request->secure ? "; Secure" : "");
  thole_answer_header (&request->answer, "Set-Cookie", request->answer.cookie);
}
