/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/cast.h"

#include <string.h>

#include "thole-json.h"

#define REPLACEMENT "\xef\xbf\xbd"

void
thole_cast_head (GString *out, guint rows, guint cols, gint64 begun_at, const char *term)
{
  g_string_append_printf (out, "{\"version\":2,\"width\":%u,\"height\":%u,\"timestamp\":%" G_GINT64_FORMAT ",\"env\":{\"TERM\":", cols, rows,
                          begun_at / G_USEC_PER_SEC);
  thole_json_append_string (out, term);
  g_string_append (out, "}}\n");
}

static void
begin_event (GString *out, gint64 time, char kind)
{
  g_string_append_printf (out, "[%" G_GINT64_FORMAT ".%06d,\"%c\",", time / G_USEC_PER_SEC, (int) (time % G_USEC_PER_SEC), kind);
}

void
thole_cast_output (GString *out, gint64 time, const char *text, gsize length)
{
  begin_event (out, time, 'o');
  thole_json_append_string_len (out, text, length);
  g_string_append (out, "]\n");
}

void
thole_cast_resize (GString *out, gint64 time, guint rows, guint cols)
{
  begin_event (out, time, 'r');
  g_string_append_printf (out, "\"%ux%u\"]\n", cols, rows);
}

void
thole_cast_mark (GString *out, gint64 time, const char *text)
{
  begin_event (out, time, 'm');
  thole_json_append_string (out, text);
  g_string_append (out, "]\n");
}

/* characters ------------------------------------------------------------------------------------------------------ */

/* bytes of a character with this first byte, 0 = there is none */
static guint
length_of (guint8 first)
{
  return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* may @next come second? No overlong forms, no surrogates, nothing above U+10FFFF */
static gboolean
may_follow (guint8 first, guint8 next)
{
  guint8 low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  guint8 high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

  return next >= low && next <= high;
}

/* how many of @data, at most a character, belong together; @whole: they are one */
static gsize
piece_of (const guint8 *data, gsize length, gboolean *whole)
{
  guint wanted = length_of (data[0]);
  gsize got = 1;

  while (got < wanted && got < length && (got == 1 ? may_follow (data[0], data[1]) : (data[got] & 0xc0) == 0x80))
    got++;
  *whole = got == wanted;
  return got;
}

/* one byte behind what was carried; FALSE: it does not belong to it */
static gboolean
join (TholeCarry *carry, guint8 next, GString *out)
{
  guint8 bytes[4] = { 0 };
  gboolean whole;

  memcpy (bytes, carry->bytes, carry->length);
  bytes[carry->length] = next;
  if (piece_of (bytes, (gsize) carry->length + 1, &whole) == carry->length)
    {
      carry->length = 0;
      g_string_append (out, REPLACEMENT);
      return FALSE;
    }
  if (whole)
    g_string_append_len (out, (const char *) bytes, carry->length + 1);
  else
    carry->bytes[carry->length] = next;
  carry->length = whole ? 0 : (guint8) (carry->length + 1);
  return TRUE;
}

void
thole_carry_feed (TholeCarry *carry, const guint8 *data, gsize length, GString *out)
{
  const guint8 *at = data, *end = data + length;
  const char *valid;
  gboolean whole;
  gsize got;

  while (carry->length > 0 && at < end && join (carry, *at, out))
    at++;
  while (at < end)
    {
      g_utf8_validate_len ((const char *) at, (gsize) (end - at), &valid);
      g_string_append_len (out, (const char *) at, (const guint8 *) valid - at);
      at = (const guint8 *) valid;
      if (at == end)
        break;
      got = piece_of (at, (gsize) (end - at), &whole);
      /* NUL and the like: only the check of GLib minds them */
      if (whole)
        g_string_append_len (out, (const char *) at, (gssize) got);
      else if (at + got == end && length_of (*at) > got)
        {
          memcpy (carry->bytes, at, got);
          carry->length = (guint8) got;
        }
      else
        g_string_append (out, REPLACEMENT);
      at += got;
    }
}

void
thole_carry_end (TholeCarry *carry, GString *out)
{
  if (carry->length > 0)
    g_string_append (out, REPLACEMENT);
  carry->length = 0;
}
