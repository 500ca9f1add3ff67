/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames of a WebSocket: what is told must not depend on the pieces in which the bytes come, texts are UTF-8, no message is longer
 * than may be, and what we write ourselves is what RFC 6455 wants. */
#include "http/ws-frame.h"

#include <string.h>

#define MOST 1024
#define CONTROL_MOST 125
#define REASON_MOST 123

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

/* what was told, as bytes that can be compared */
static void
note (gpointer user_data, char kind, const guint8 *data, gsize length)
{
  GByteArray *told = user_data;
  guint32 size = (guint32) length;

  g_byte_array_append (told, (const guint8 *) &kind, 1);
  g_byte_array_append (told, (const guint8 *) &size, sizeof size);
  if (length > 0)
    g_byte_array_append (told, data, (guint) length);
}

static void
on_message (gpointer user_data, gboolean text, const guint8 *data, gsize length)
{
  g_assert_cmpuint (length, <=, MOST);
  g_assert_true (!text || g_utf8_validate_len ((const char *) data, length, NULL) || memchr (data, 0, length) != NULL);
  note (user_data, text ? 't' : 'b', data, length);
}

static void
on_ping (gpointer user_data, const guint8 *data, gsize length)
{
  g_assert_cmpuint (length, <=, CONTROL_MOST);
  note (user_data, 'p', data, length);
}

static void
on_pong (gpointer user_data, const guint8 *data, gsize length)
{
  g_assert_cmpuint (length, <=, CONTROL_MOST);
  note (user_data, 'q', data, length);
}

static void
on_close (gpointer user_data, guint code, const char *reason)
{
  guint8 number[2] = { (guint8) (code >> 8), (guint8) code };

  g_assert_true (code == THOLE_WS_NO_STATUS || (code >= 1000 && code < 5000));
  g_assert_true (g_utf8_validate (reason, -1, NULL));
  note (user_data, 'c', number, sizeof number);
  note (user_data, 'r', (const guint8 *) reason, strlen (reason));
}

/* Returns: the verdict; @step: bytes a piece */
static guint
feed (const guint8 *data, gsize size, gsize step, GByteArray *told)
{
  static const TholeWsEvents events = { on_message, on_ping, on_pong, on_close };
  TholeWsParser *parser = thole_ws_parser_new (MOST, &events, told);
  g_autofree guint8 *copy = g_memdup2 (data, size);
  guint code = 0;

  for (gsize at = 0; at < size && code == 0; at += step)
    code = thole_ws_parser_feed (parser, copy + at, MIN (step, size - at));
  thole_ws_parser_free (parser);
  return code;
}

/* a close frame with any reason: short, whole characters, one frame */
static void
check_close (const guint8 *data, gsize size)
{
  g_autofree char *text = g_utf8_make_valid ((const char *) data, (gssize) size);
  g_autoptr(GByteArray) frame = g_byte_array_new ();

  thole_ws_append_close (frame, THOLE_WS_NORMAL, text);
  g_assert_cmpuint (frame->len, >=, 4);
  g_assert_cmpuint (frame->data[0], ==, 0x80 | THOLE_WS_CLOSE);
  g_assert_cmpuint (frame->data[1], ==, frame->len - 2);
  g_assert_cmpuint (frame->len, <=, 4 + REASON_MOST);
  g_assert_true (g_utf8_validate_len ((const char *) frame->data + 4, frame->len - 4, NULL));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr(GByteArray) whole = g_byte_array_new ();
  g_autoptr(GByteArray) pieces = g_byte_array_new ();
  g_autofree char *key = g_strndup ((const char *) data, size);
  g_autofree char *accept = thole_ws_accept (key);
  guint code = feed (data, size, MAX (size, 1), whole);

  g_assert_cmpuint (code, ==, feed (data, size, size > 0 ? data[size - 1] % 7 + 1 : 1, pieces));
  g_assert_true (code == 0 || (code >= 1000 && code < 1016));
  g_assert_cmpmem (whole->data, whole->len, pieces->data, pieces->len);
  check_close (data, size);
  return 0;
}
