/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/page.h"

#include <sodium.h>
#include <string.h>

#define CURSOR_MAX 256
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

char *
thole_page_encode (const char *kind, const char *last_id)
{
  g_autofree char *text = g_strconcat ("1/", kind, "/", last_id, NULL);
  gsize length = strlen (text), size = sodium_base64_encoded_len (length, VARIANT);

  return sodium_bin2base64 (g_malloc (size), size, (const guchar *) text, length, VARIANT);
}

char *
thole_page_decode (const char *kind, const char *cursor)
{
  g_autofree char *prefix = g_strconcat ("1/", kind, "/", NULL);
  char text[CURSOR_MAX + 1];
  gsize length = strlen (cursor), used;

  if (length > CURSOR_MAX
      || sodium_base642bin ((guchar *) text, CURSOR_MAX, cursor, length, NULL, &used, NULL, VARIANT) != 0)
    return NULL;
  text[used] = '\0';
  if (!g_str_has_prefix (text, prefix) || strlen (text) != used || used == strlen (prefix))
    return NULL;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isgraph (*p))
      return NULL;
  return g_strdup (text + strlen (prefix));
}
