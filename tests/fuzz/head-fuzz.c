/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Request heads: the verdict must not depend on the pieces in which a head comes, nothing that was judged good may hold what
 * the HTTP library reads in another way, and the decoders behind it must survive what passed. */
#include "http/server.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
check_good (const char *text, gsize length)
{
  const char *end = memmem (text, length, "\r\n\r\n", 4);

  g_assert_nonnull (end);
  for (const char *p = text; p < end; p++)
    {
      g_assert_true (*p != '\0');
      if (*p == '\r')
        g_assert_true (p[1] == '\n' && p[2] != ' ' && p[2] != '\t');
      if (*p == '\n')
        g_assert_true (p > text && p[-1] == '\r');
    }
}

static void
check_fields (const TholeHead *head)
{
  TholeSpan accept = head->values[THOLE_HEADER_ACCEPT];
  TholeSpan tags = head->values[THOLE_HEADER_IF_MATCH];

  g_assert_true (head->values[THOLE_HEADER_CONTENT_LENGTH].text == NULL ||
                 head->values[THOLE_HEADER_TRANSFER_ENCODING].text == NULL);
  if (accept.text != NULL)
    thole_accepts (accept, "text/event-stream");
  if (tags.text != NULL)
    g_free (thole_tags_bare (tags, TRUE));
}

static void
check_target (const char *text)
{
  const char *target = strchr (text, ' ') + 1;
  g_autofree char *uri = g_strndup (target, strcspn (target, " "));
  const char *query = strchrnul (uri, '?');
  g_autofree char *path = thole_query_decode (uri, (gsize) (query - uri), FALSE);
  g_autoptr(TholeProblem) problem = NULL;
  g_autoptr(GVariant) parameters = NULL;
  gboolean secret = FALSE;

  g_assert_true (path == NULL || g_utf8_validate (path, -1, NULL));
  parameters = thole_query_parse (*query == '?' ? query + 1 : NULL, &secret, &problem);
  g_assert_true (parameters == NULL || problem == NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree char *text = g_malloc0 (size + 1);
  TholeStrict whole = { 0 }, pieces = { 0 };
  TholeStrictResult result, last = THOLE_STRICT_MORE;
  gsize step = size > 0 ? data[size - 1] % 7 + 1 : 1;

  memcpy (text, data, size);
  result = thole_strict_feed (&whole, text, size);
  for (gsize length = 0; last == THOLE_STRICT_MORE; length = MIN (length + step, size))
    {
      last = thole_strict_feed (&pieces, text, length);
      if (length == size)
        break;
    }
  g_assert_true (result == last);
  g_assert_true ((result == THOLE_STRICT_BAD) == (whole.head.fault != NULL));
  if (result == THOLE_STRICT_GOOD)
    {
      check_good (text, size);
      check_fields (&whole.head);
      check_target (text);
    }
  return 0;
}
