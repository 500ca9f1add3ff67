/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/ws-frame.h"

#include <string.h>

typedef struct
{
  GString *log;
} Seen;

static void
on_message (gpointer user_data, gboolean text, const guint8 *data, gsize length)
{
  Seen *seen = user_data;

  g_string_append_printf (seen->log, "%s %" G_GSIZE_FORMAT " ", text ? "text" : "binary", length);
  g_string_append_len (seen->log, (const char *) data, (gssize) MIN (length, 20));
  g_string_append_c (seen->log, ';');
}

static void
on_ping (gpointer user_data, const guint8 *data, gsize length)
{
  g_string_append_printf (((Seen *) user_data)->log, "ping %.*s;", (int) length, (const char *) data);
}

static void
on_pong (gpointer user_data, const guint8 *data, gsize length)
{
  g_string_append_printf (((Seen *) user_data)->log, "pong %.*s;", (int) length, (const char *) data);
}

static void
on_close (gpointer user_data, guint code, const char *reason)
{
  g_string_append_printf (((Seen *) user_data)->log, "close %u %s;", code, reason);
}

static const TholeWsEvents events = { on_message, on_ping, on_pong, on_close };

static void
client_frame (GByteArray *out, guint8 first, gconstpointer data, gsize length)
{
  static const guint8 mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
  gsize begin = out->len;
  guint at;

  thole_ws_append (out, first & 0x0f, data, length);
  out->data[begin] = first;
  out->data[begin + 1] |= 0x80;
  at = (guint) (out->len - length);
  g_byte_array_append (out, mask, 4);
  memmove (out->data + at + 4, out->data + at, length);
  memcpy (out->data + at, mask, 4);
  for (gsize i = 0; i < length; i++)
    out->data[at + 4 + i] ^= mask[i & 3];
}

/* the same outcome whole and in pieces of every small size */
static void
expect (GByteArray *bytes, guint fault, const char *log)
{
  for (gsize piece = 1; piece <= 8; piece++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      Seen seen = { text };
      TholeWsParser *parser = thole_ws_parser_new (100000, &events, &seen);
      gsize size = piece == 8 ? MAX (bytes->len, 1) : piece;
      guint result = 0;

      for (gsize at = 0; at < bytes->len && result == 0; at += size)
        {
          gsize length = MIN (size, bytes->len - at);
          g_autofree guint8 *part = g_memdup2 (bytes->data + at, length);

          result = thole_ws_parser_feed (parser, part, length);
        }
      g_assert_cmpuint (result, ==, fault);
      g_assert_cmpstr (text->str, ==, log);
      thole_ws_parser_free (parser);
    }
  g_byte_array_set_size (bytes, 0);
}

static void
test_messages (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *long_text = g_strnfill (70000, 'x');

  client_frame (bytes, 0x81, "hello", 5);
  client_frame (bytes, 0x82, "", 0);
  expect (bytes, 0, "text 5 hello;binary 0 ;");
  client_frame (bytes, 0x82, long_text, 300);
  client_frame (bytes, 0x82, long_text, 70000);
  expect (bytes, 0, "binary 300 xxxxxxxxxxxxxxxxxxxx;binary 70000 xxxxxxxxxxxxxxxxxxxx;");
}

static void
test_fragments_with_control_between (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  client_frame (bytes, 0x01, "\xce", 1); /* a character in two fragments */
  client_frame (bytes, 0x89, "p", 1);
  client_frame (bytes, 0x00, "\xba", 1);
  client_frame (bytes, 0x80, "!", 1);
  client_frame (bytes, 0x8a, "", 0);
  expect (bytes, 0, "ping p;text 3 \xce\xba!;pong ;");
}

static void
test_close (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  client_frame (bytes, 0x88, "", 0);
  client_frame (bytes, 0x81, "after", 5);
  expect (bytes, 0, "close 1005 ;");
  client_frame (bytes, 0x88, "\x03\xe8" "bye", 5);
  expect (bytes, 0, "close 1000 bye;");
  client_frame (bytes, 0x88, "\x03", 1);
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x88, "\x03\xee", 2); /* 1006 is never sent */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x88, "\x03\xe8\xff", 3);
  expect (bytes, THOLE_WS_INVALID_DATA, "");
}

static void
test_refused (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *text = g_strnfill (126, 'x');
  const guint8 unmasked[] = { 0x81, 0x01, 'x' };
  const guint8 overlong[] = { 0x82, 0xfe, 0x00, 0x05, 1, 2, 3, 4 };
  const guint8 huge[] = { 0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 };
  const guint8 big[] = { 0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4 };

  g_byte_array_append (bytes, unmasked, sizeof unmasked);
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  g_byte_array_append (bytes, overlong, sizeof overlong);
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  g_byte_array_append (bytes, huge, sizeof huge);
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  g_byte_array_append (bytes, big, sizeof big);
  expect (bytes, THOLE_WS_TOO_BIG, "");
  client_frame (bytes, 0xc1, "x", 1); /* a reserved bit */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x83, "x", 1); /* a reserved opcode */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x80, "x", 1); /* nothing to go on with */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x01, "x", 1);
  client_frame (bytes, 0x81, "y", 1); /* a message inside another */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x89, text, 126); /* a control frame that is too long */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x09, "x", 1); /* a control frame in fragments */
  expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
  client_frame (bytes, 0x81, "\xc0\xaf", 2);
  expect (bytes, THOLE_WS_INVALID_DATA, "");
}

static void
test_accept (void)
{
  g_autofree char *accept = thole_ws_accept ("dGhlIHNhbXBsZSBub25jZQ==");

  g_assert_cmpstr (accept, ==, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  g_assert_null (thole_ws_accept ("short"));
}

static void
test_close_reason_is_cut_at_a_character (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GString) reason = g_string_new (NULL);

  for (int i = 0; i < 100; i++)
    g_string_append (reason, "\xc3\xa4");
  thole_ws_append_close (out, 4409, reason->str);
  g_assert_cmpuint (out->data[1], <=, 125);
  g_assert_true (g_utf8_validate_len ((const char *) out->data + 4, out->len - 4, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ws-frame/messages", test_messages);
  g_test_add_func ("/ws-frame/fragments-with-control-between", test_fragments_with_control_between);
  g_test_add_func ("/ws-frame/close", test_close);
  g_test_add_func ("/ws-frame/refused", test_refused);
  g_test_add_func ("/ws-frame/accept", test_accept);
  g_test_add_func ("/ws-frame/close-reason-is-cut-at-a-character", test_close_reason_is_cut_at_a_character);
  return g_test_run ();
}
