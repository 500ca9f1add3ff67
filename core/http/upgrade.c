/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/upgrade.h"

#include <string.h>

#include "http/origin.h"
#include "http/ws-frame.h"

static gboolean
next_item (TholeSpan *list, TholeSpan *item)
{
  const char *end = list->text + list->length;
  const char *comma;

  if (list->text == NULL || list->length == 0)
    return FALSE;
  comma = memchr (list->text, ',', list->length);
  *item = (TholeSpan) { list->text, (gsize) ((comma != NULL ? comma : end) - list->text) };
  list->length = comma != NULL ? (gsize) (end - comma - 1) : 0;
  list->text = comma != NULL ? comma + 1 : end;
  while (item->length > 0 && g_ascii_isspace (item->text[0]))
    item->text++, item->length--;
  while (item->length > 0 && g_ascii_isspace (item->text[item->length - 1]))
    item->length--;
  return TRUE;
}

static gboolean
is_word (TholeSpan span, const char *word)
{
  return span.length == strlen (word) && g_ascii_strncasecmp (span.text, word, span.length) == 0;
}

static gboolean
has_word (TholeSpan list, const char *word)
{
  TholeSpan item;

  while (next_item (&list, &item))
    if (is_word (item, word))
      return TRUE;
  return FALSE;
}

/* A page of another origin must not use what its visitor may. Programs other than browsers send no Origin. */
static gboolean
origin_allowed (const TholeHead *head, const char *const *origins)
{
  return head->values[THOLE_HEADER_ORIGIN].text == NULL || thole_origin_is_named (head, origins) ||
         thole_origin_is_own (head, FALSE);
}

static TholeProblem *
choose (TholeSpan offered, const TholeCodec *fallback, TholeUpgrade *upgrade)
{
  TholeSpan item;

  upgrade->offered = offered.text != NULL;
  upgrade->codec = offered.text == NULL ? fallback : NULL;
  while (upgrade->codec == NULL && next_item (&offered, &item))
    upgrade->codec = thole_codec_find (item.text, item.length);
  if (upgrade->codec != NULL)
    return NULL;
  return thole_problem_new (THOLE_ERROR_MALFORMED, "Sec-WebSocket-Protocol must name one of thole.v1, tty, v5.channel.k8s.io, "
                                                   "v4.channel.k8s.io, execbox.v1");
}

TholeProblem *
thole_upgrade_check (const TholeHead *head, const char *method, const char *const *origins, const TholeCodec *fallback,
                     TholeUpgrade *upgrade)
{
  TholeSpan key = head->values[THOLE_HEADER_WS_KEY];
  g_autofree char *text = NULL;
  g_autofree char *accept = NULL;

  if (strcmp (method, "GET") != 0 || !has_word (head->values[THOLE_HEADER_UPGRADE], "websocket") ||
      !has_word (head->values[THOLE_HEADER_CONNECTION], "upgrade"))
    return thole_problem_new (THOLE_ERROR_UPGRADE_REQUIRED, "This is for a WebSocket: GET with `Upgrade: websocket` and "
                                                            "`Connection: Upgrade`");
  if (!is_word (head->values[THOLE_HEADER_WS_VERSION], "13"))
    return thole_problem_new (THOLE_ERROR_UPGRADE_REQUIRED, "Sec-WebSocket-Version must be 13");
  text = key.text != NULL ? g_strndup (key.text, key.length) : NULL;
  accept = text != NULL ? thole_ws_accept (text) : NULL;
  if (accept == NULL)
    return thole_problem_new (THOLE_ERROR_MALFORMED, "Sec-WebSocket-Key must be 16 bytes in base64");
  if (!origin_allowed (head, origins))
    return thole_problem_new (THOLE_ERROR_FORBIDDEN, "Pages of this Origin may not connect; see http.origins");
  g_strlcpy (upgrade->accept, accept, sizeof upgrade->accept);
  return choose (head->values[THOLE_HEADER_WS_PROTOCOL], fallback, upgrade);
}
