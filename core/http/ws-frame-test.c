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

/* Codes that a peer may send, and that it may not. */
static void
test_close_codes (void)
{
  static const guint good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999 };
  static const guint bad[] = { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      guint8 code[] = { (guint8) (good[i] >> 8), (guint8) good[i] };
      g_autofree char *log = g_strdup_printf ("close %u ;", good[i]);

      client_frame (bytes, 0x88, code, sizeof code);
      expect (bytes, 0, log);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      guint8 code[] = { (guint8) (bad[i] >> 8), (guint8) bad[i] };

      client_frame (bytes, 0x88, code, sizeof code);
      expect (bytes, THOLE_WS_PROTOCOL_ERROR, "");
    }
}

/* Whole and cut into a fragment a byte. */
static void
test_utf8 (void)
{
  static const struct { const char *text; gboolean good; } texts[] = {
    { "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", TRUE },
    { "\xc2\x80", TRUE }, { "\xe0\xa0\x80", TRUE }, { "\xf0\x90\x80\x80", TRUE }, { "\x7f", TRUE },
    { "\xdf\xbf", TRUE }, { "\xef\xbf\xbf", TRUE }, { "\xf4\x8f\xbf\xbf", TRUE }, { "\xed\x9f\xbf", TRUE },
    { "\xee\x80\x80", TRUE }, { "\xef\xbf\xbd", TRUE }, { "\xef\xbf\xbe", TRUE },
    { "\x80", FALSE }, { "\xbf", FALSE }, { "\xc0\x80", FALSE }, { "\xc1\xbf", FALSE }, { "\xe0\x9f\xbf", FALSE },
    { "\xf0\x8f\xbf\xbf", FALSE }, { "\xf4\x90\x80\x80", FALSE }, { "\xf8\x88\x80\x80\x80", FALSE },
    { "\xed\xa0\x80", FALSE }, { "\xed\xbf\xbf", FALSE }, { "\xed\xa0\x80\xed\xb0\x80", FALSE }, { "\xfe", FALSE },
    { "\xff", FALSE }, { "\xce", FALSE }, { "\xe1\xbd", FALSE }, { "\xf0\x90\x80", FALSE }, { "a\xce" "b", FALSE },
  };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      gsize length = strlen (texts[i].text);
      g_autofree char *log = g_strdup_printf ("text %" G_GSIZE_FORMAT " %s;", length, texts[i].text);

      client_frame (bytes, 0x81, texts[i].text, length);
      expect (bytes, texts[i].good ? 0 : THOLE_WS_INVALID_DATA, texts[i].good ? log : "");
      for (gsize at = 0; at < length; at++)
        client_frame (bytes, (guint8) ((at == 0 ? 0x01 : 0x00) | (at == length - 1 ? 0x80 : 0)), texts[i].text + at, 1);
      expect (bytes, texts[i].good ? 0 : THOLE_WS_INVALID_DATA, texts[i].good ? log : "");
    }
}

/* Each way to write a length, at its ends. */
static void
test_lengths (void)
{
  static const gsize lengths[] = { 0, 1, 125, 126, 127, 128, 65535, 65536, 100000 };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *text = g_strnfill (100001, 'x');

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *log = g_strdup_printf ("binary %" G_GSIZE_FORMAT " %.*s;", lengths[i], (int) MIN (lengths[i], 20), text);

      client_frame (bytes, 0x82, text, lengths[i]);
      expect (bytes, 0, log);
    }
  client_frame (bytes, 0x82, text, 100001);
  expect (bytes, THOLE_WS_TOO_BIG, "");
  /* nor in fragments */
  client_frame (bytes, 0x02, text, 60000);
  client_frame (bytes, 0x80, text, 60000);
  expect (bytes, THOLE_WS_TOO_BIG, "");
}

/* Control frames: as long as they may be, unasked, and many between two fragments. */
static void
test_controls (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GString) log = g_string_new (NULL);
  g_autofree char *text = g_strnfill (125, 'y');

  client_frame (bytes, 0x89, text, 125);
  client_frame (bytes, 0x8a, "unasked", 7);
  g_string_printf (log, "ping %s;pong unasked;", text);
  client_frame (bytes, 0x02, "a", 1);
  for (guint i = 0; i < 10; i++)
    {
      client_frame (bytes, 0x89, "z", 1);
      g_string_append (log, "ping z;");
      client_frame (bytes, 0x00, "", 0);
    }
  client_frame (bytes, 0x80, "b", 1);
  g_string_append (log, "binary 2 ab;");
  expect (bytes, 0, log->str);
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
  g_test_add_func ("/ws-frame/close-codes", test_close_codes);
  g_test_add_func ("/ws-frame/utf8", test_utf8);
  g_test_add_func ("/ws-frame/lengths", test_lengths);
  g_test_add_func ("/ws-frame/controls", test_controls);
  g_test_add_func ("/ws-frame/accept", test_accept);
  g_test_add_func ("/ws-frame/close-reason-is-cut-at-a-character", test_close_reason_is_cut_at_a_character);
  return g_test_run ();
}
