/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/screen.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

static TholeScreen *
fed (const char *text)
{
  TholeScreen *self = thole_screen_new (4, 20);

  thole_screen_feed (self, (const guint8 *) text, strlen (text));
  return self;
}

static char *
text_of (GBytes *bytes)
{
  g_autoptr (GBytes) owned = bytes;

  return g_strndup (g_bytes_get_data (owned, NULL), g_bytes_get_size (owned));
}

static void
test_text (void)
{
  TholeScreen *self = fed ("one\r\n\r\ntw\303\266   \r\n");
  g_autofree char *text = text_of (thole_screen_text (self));

  g_assert_cmpstr (text, ==, "one\n\ntw\303\266\n");
  thole_screen_free (self);
}

static void
test_json (void)
{
  TholeScreen *self = fed ("a\033[1;31mred\033[0mb\033]2;title\007\033[?25l");
  g_autofree char *text = text_of (thole_screen_json (self, 77));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) json = thole_json_parse (text, strlen (text), &error);
  g_autoptr (GVariant) cursor = NULL;

  g_assert_no_error (error);
  cursor = thole_dict_value (json, "cursor", "a{sv}");
  g_assert_cmpint (thole_dict_int (json, "seq", 0), ==, 77);
  g_assert_cmpint (thole_dict_int (json, "rows", 0), ==, 4);
  g_assert_cmpint (thole_dict_int (cursor, "col", 0), ==, 5);
  g_assert_false (thole_dict_boolean (cursor, "visible", TRUE));
  g_assert_cmpstr (thole_dict_string (json, "title", ""), ==, "title");
  g_assert_nonnull (strstr (text, "{\"text\":\"aredb\",\"runs\":[{\"from\":1,\"to\":4,\"foreground\":\"#"));
  g_assert_nonnull (strstr (text, "\"bold\":true"));
  thole_screen_free (self);
}

static void
test_svg (void)
{
  TholeScreen *self = fed ("<&\033[44m blue");
  g_autofree char *svg = text_of (thole_screen_svg (self));

  g_assert_true (g_str_has_prefix (svg, "<svg "));
  g_assert_nonnull (strstr (svg, "&lt;&amp;"));
  thole_screen_free (self);
}

/* what is painted makes the same screen in another terminal */
static void
test_paint (gconstpointer data)
{
  TholeScreen *self = fed (data), *other = fed ("what was there before\033[41m\033[2;3r\033[?1000h");
  g_autoptr (GBytes) paint = thole_screen_paint (self);
  g_autofree char *before = text_of (thole_screen_json (self, 0));
  g_autofree char *after = NULL;

  thole_screen_feed (other, g_bytes_get_data (paint, NULL), g_bytes_get_size (paint));
  after = text_of (thole_screen_json (other, 0));
  g_assert_cmpstr (before, ==, after);
  thole_screen_free (self);
  thole_screen_free (other);
}

static void
test_modes (void)
{
  TholeScreen *self = thole_screen_new (4, 20);
  static const char text[] = "\033[?1;2004hx\033[?1l";
  g_autofree char *paint = NULL;

  /* also byte by byte */
  for (const char *at = text; *at != '\0'; at++)
    thole_screen_feed (self, (const guint8 *) at, 1);
  paint = text_of (thole_screen_paint (self));
  g_assert_nonnull (strstr (paint, "\033[?2004h"));
  g_assert_nonnull (strstr (paint, "\033[?1l"));
  thole_screen_free (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/screen/text", test_text);
  g_test_add_func ("/screen/json", test_json);
  g_test_add_func ("/screen/svg", test_svg);
  g_test_add_data_func ("/screen/paint/plain", "one\r\ntwo\r\nthree", test_paint);
  g_test_add_data_func ("/screen/paint/attributes", "\033[1;4;38;5;200mx\033[0;7;48;2;1;2;3my\033[0m \033[3;9;92mz", test_paint);
  g_test_add_data_func ("/screen/paint/wide", "\346\274\242\345\255\227 e\314\201\r\nend", test_paint);
  g_test_add_data_func ("/screen/paint/alternate", "shell\033[?1049h\033[2;2Heditor\033[?25l", test_paint);
  g_test_add_data_func ("/screen/paint/cursor", "\033[3;7H", test_paint);
  g_test_add_func ("/screen/modes", test_modes);
  return g_test_run ();
}
