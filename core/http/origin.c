/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/origin.h"

#include <gio/gio.h>
#include <string.h>

static gboolean
is_text (TholeSpan span, const char *text)
{
  return span.length == strlen (text) && g_ascii_strncasecmp (span.text, text, span.length) == 0;
}

gboolean
thole_origin_is_own (const TholeHead *head, gboolean secure)
{
  TholeSpan origin = head->values[THOLE_HEADER_ORIGIN];
  TholeSpan host = head->values[THOLE_HEADER_HOST];
  const char *authority = origin.text != NULL ? g_strstr_len (origin.text, (gssize) origin.length, "://") : NULL;
  gsize scheme;

  if (authority == NULL || host.text == NULL)
    return FALSE;
  scheme = (gsize) (authority - origin.text);
  /* a plain page of the same host is not ours, for anybody on the way may have written it */
  if (secure && !is_text ((TholeSpan) { origin.text, scheme }, "https"))
    return FALSE;
  return origin.length - scheme - 3 == host.length && g_ascii_strncasecmp (authority + 3, host.text, host.length) == 0;
}

gboolean
thole_origin_is_named (const TholeHead *head, const char *const *origins)
{
  TholeSpan origin = head->values[THOLE_HEADER_ORIGIN];

  if (origin.text == NULL)
    return FALSE;
  for (guint i = 0; origins != NULL && origins[i] != NULL; i++)
    if (strcmp (origins[i], "*") == 0 || is_text (origin, origins[i]))
      return TRUE;
  return FALSE;
}

gboolean
thole_origin_is_alien (const TholeHead *head, gboolean secure)
{
  TholeSpan site = head->values[THOLE_HEADER_FETCH_SITE];

  if (head->values[THOLE_HEADER_ORIGIN].text != NULL && !thole_origin_is_own (head, secure))
    return TRUE;
  /* a GET without CORS has no Origin; "none" is what a person has typed */
  return site.text != NULL && !is_text (site, "same-origin") && !is_text (site, "none");
}

gboolean
thole_host_is_local (const TholeHead *head)
{
  TholeSpan host = head->values[THOLE_HEADER_HOST];
  const char *end = host.text != NULL && host.text[0] == '[' ? memchr (host.text, ']', host.length) : NULL;
  const char *colon;
  g_autofree char *name = NULL;
  g_autoptr (GInetAddress) address = NULL;

  if (host.text == NULL)
    return FALSE;
  colon = memchr (end != NULL ? end : host.text, ':', host.length - (end != NULL ? (gsize) (end - host.text) : 0));
  host.length = colon != NULL ? (gsize) (colon - host.text) : host.length;
  if (is_text (host, "localhost"))
    return TRUE;
  name = end != NULL ? g_strndup (host.text + 1, (gsize) (end - host.text - 1)) : g_strndup (host.text, host.length);
  address = g_inet_address_new_from_string (name);
  return address != NULL && g_inet_address_get_is_loopback (address);
}
