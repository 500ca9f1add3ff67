/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the reader and the writer of JSON share: looking at text.
 */
#pragma once

#include <glib.h>
#include <string.h>

/* How many bytes at @p need no look: printable ASCII other than `"` and `\`. */
static inline gsize
json_plain_run (const char *p, const char *end)
{
  const char *begin = p;
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  const guint64 highs = G_GUINT64_CONSTANT (0x8080808080808080);

  /* eight at a time: a high bit, a byte below 0x20, a quote or a backslash ends the run */
  while (end - p >= 8)
    {
      guint64 word, quote, slash;

      memcpy (&word, p, 8);
      quote = word ^ (ones * '"');
      slash = word ^ (ones * '\\');
      if ((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & highs)
        break;
      p += 8;
    }
  while (p < end && (guchar) *p >= 0x20 && (guchar) *p < 0x80 && *p != '"' && *p != '\\')
    p++;
  return (gsize) (p - begin);
}

/* Length of the UTF-8 sequence of a character beyond ASCII at @p; 0 when it is none (overlong, surrogate, cut off,
 * above U+10FFFF). */
static inline gsize
json_utf8_length (const char *p, const char *end)
{
  const guchar *s = (const guchar *) p;
  gsize left = (gsize) (end - p);

  if (s[0] >= 0xc2 && s[0] <= 0xdf)
    return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
  if (s[0] >= 0xe0 && s[0] <= 0xef)
    {
      guchar low = s[0] == 0xe0 ? 0xa0 : 0x80, high = s[0] == 0xed ? 0x9f : 0xbf;

      return left >= 3 && s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 ? 3 : 0;
    }
  if (s[0] >= 0xf0 && s[0] <= 0xf4)
    {
      guchar low = s[0] == 0xf0 ? 0x90 : 0x80, high = s[0] == 0xf4 ? 0x8f : 0xbf;

      return left >= 4 && s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80 ? 4 : 0;
    }
  return 0;
}
