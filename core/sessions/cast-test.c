/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lines of recordings, and bytes that are made characters. */
#include "sessions/cast.h"

#include <string.h>

static void
test_lines (void)
{
  g_autoptr (GString) out = g_string_new (NULL);

  thole_cast_head (out, 24, 80, 1700000000999999, "xterm \"x\"");
  thole_cast_output (out, 1000001, "a\"\n\0b\x1b[m", 8);
  thole_cast_resize (out, 2 * (gint64) G_USEC_PER_SEC, 50, 132);
  thole_cast_mark (out, 12345678901, "the end");
  g_assert_cmpstr (out->str, ==,
                   "{\"version\":2,\"width\":80,\"height\":24,\"timestamp\":1700000000,\"env\":{\"TERM\":\"xterm \\\"x\\\"\"}}\n"
                   "[1.000001,\"o\",\"a\\\"\\n\\u0000b\\u001b[m\"]\n"
                   "[2.000000,\"r\",\"132x50\"]\n"
                   "[12345.678901,\"m\",\"the end\"]\n");
}

static void
check (const char *bytes, gsize length, const char *expected)
{
  /* cut everywhere: what comes out does not depend on it */
  for (gsize cut = 0; cut <= length; cut++)
    for (gsize next = cut; next <= length; next++)
      {
        g_autoptr (GString) out = g_string_new (NULL);
        TholeCarry carry = { { 0 }, 0 };

        thole_carry_feed (&carry, (const guint8 *) bytes, cut, out);
        g_assert_true (g_utf8_validate (out->str, (gssize) strlen (out->str), NULL));
        thole_carry_feed (&carry, (const guint8 *) bytes + cut, next - cut, out);
        thole_carry_feed (&carry, (const guint8 *) bytes + next, length - next, out);
        thole_carry_end (&carry, out);
        g_assert_cmpstr (out->str, ==, expected);
        g_assert_cmpuint (carry.length, ==, 0);
      }
}

#define R "\xef\xbf\xbd"

/* proves: row:119 */
static void
test_characters (void)
{
  static const struct { const char *bytes, *text; } cases[] = {
    { "plain", "plain" },
    { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "a\x80z", "a" R "z" },
    { "\xff\xfe", R R },
    { "\xc3", R },
    { "\xe2\x82", R },
    { "\xe2\x82z", R "z" },
    { "\xf0\x9f\x98", R },
    { "\xf0\x9f\x98\xc3\xa4", R "\xc3\xa4" },
    { "\xc0\xaf", R R },                 /* overlong */
    { "\xe0\x80\xaf", R R R },
    { "\xed\xa0\x80", R R R },           /* a surrogate */
    { "\xf4\x90\x80\x80", R R R R },     /* above what there is */
    { "\xf1\x80\x80\xe1\x80\xc2" "b\x80" "c\x80\xbf" "d", R R R "b" R "c" R R "d" }, /* the example of the Unicode standard */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check (cases[i].bytes, strlen (cases[i].bytes), cases[i].text);
}

static void
test_zero (void)
{
  g_autoptr (GString) out = g_string_new (NULL);
  TholeCarry carry = { { 0 }, 0 };

  thole_carry_feed (&carry, (const guint8 *) "a\0\0b\xe2\0", 6, out);
  g_assert_cmpmem (out->str, out->len, "a\0\0b" R "\0", 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cast/lines", test_lines);
  g_test_add_func ("/cast/characters", test_characters);
  g_test_add_func ("/cast/zero", test_zero);
  return g_test_run ();
}
