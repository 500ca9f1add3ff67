/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detach-keys.h"

#include <string.h>

#include "command.h"

/* "ctrl-X" or one character; 0 when it is neither, as nobody types a NUL to leave */
static guint8
parse_key (const char *text)
{
  char key = text[0];

  if (g_ascii_strncasecmp (text, "ctrl-", 5) != 0)
    return g_ascii_isgraph (key) && text[1] == '\0' ? (guint8) key : 0;
  key = g_ascii_toupper (text[5]);
  return key > '@' && key <= '_' && text[6] == '\0' ? (guint8) (key - '@') : 0;
}

gboolean
cli_detach_keys_parse (CliDetachKeys *self, const char *text, GError **error)
{
  g_auto(GStrv) words = g_strsplit (text, ",", -1);
  CliDetachKeys keys = { 0 };

  for (guint i = 0; strcmp (text, "none") != 0 && words[i] != NULL; i++)
    {
      guint8 key = parse_key (words[i]);

      if (key == 0 || keys.n_keys == CLI_DETACH_MAX)
        {
          g_set_error (error, CLI_ERROR, CLI_USAGE,
                       _("--detach-keys: “%s” is not a list of keys such as ctrl-p,ctrl-q (at most %d)"), text, CLI_DETACH_MAX);
          return FALSE;
        }
      keys.keys[keys.n_keys++] = key;
    }
  *self = keys;
  return TRUE;
}

/* Those held back are the beginning of the keys, but for the first of them perhaps not of what follows: the longest end of
 * them with @next that still is a beginning is held, the rest belongs to the program. */
static void
advance (CliDetachKeys *self, guint8 next, GByteArray *out)
{
  guint8 window[CLI_DETACH_MAX + 1];
  guint length = self->seen + 1, skip = 0;

  memcpy (window, self->keys, self->seen);
  window[self->seen] = next;
  while (skip < length && memcmp (window + skip, self->keys, length - skip) != 0)
    skip++;
  g_byte_array_append (out, window, skip);
  self->seen = length - skip;
}

gboolean
cli_detach_keys_feed (CliDetachKeys *self, const guint8 *typed, gsize length, GByteArray *out)
{
  if (self->n_keys == 0)
    {
      g_byte_array_append (out, typed, (guint) length);
      return FALSE;
    }
  for (gsize i = 0; i < length; i++)
    {
      advance (self, typed[i], out);
      if (self->seen < self->n_keys)
        continue;
      self->seen = 0;
      return TRUE;
    }
  return FALSE;
}
