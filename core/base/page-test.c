/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/page.h"

#include <string.h>

static void
test_round_trip (void)
{
  g_autofree char *cursor = thole_page_encode ("workload", "wl-00000004s8fvvvvvvvvv");
  g_autofree char *id = thole_page_decode ("workload", cursor);

  g_assert_cmpstr (id, ==, "wl-00000004s8fvvvvvvvvv");
  g_assert_null (thole_page_decode ("operation", cursor));
  g_assert_null (thole_page_decode ("work", cursor));
}

static void
assert_refused (const char *text)
{
  g_autofree char *cursor = g_base64_encode ((const guchar *) text, strlen (text));

  g_assert_null (thole_page_decode ("workload", cursor));
}

static void
test_garbage (void)
{
  g_autofree char *large = g_strnfill (100000, 'A');
  g_autofree char *cursor = thole_page_encode ("workload", "wl-1");
  g_autofree char *longer = g_strconcat (cursor, "A", NULL);
  g_autofree char *padded = g_strconcat (cursor, "=", NULL);

  g_assert_null (thole_page_decode ("workload", ""));
  g_assert_null (thole_page_decode ("workload", "!"));
  g_assert_null (thole_page_decode ("workload", "wl-00000004s8fvvvvvvvvv"));
  g_assert_null (thole_page_decode ("workload", large));
  g_assert_null (thole_page_decode ("workload", longer));
  g_assert_null (thole_page_decode ("workload", padded));
  assert_refused ("1/workload/");
  assert_refused ("2/workload/abc");
  assert_refused ("1/workload/ab\ncd/");
  assert_refused ("1/workload/ab c");
  for (gsize i = 0; cursor[i] != '\0'; i++)
    {
      g_autofree char *cut = g_strndup (cursor, i);
      g_autofree char *id = thole_page_decode ("workload", cut);

      g_assert_cmpstr (id, !=, "wl-1");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/page/round-trip", test_round_trip);
  g_test_add_func ("/page/garbage", test_garbage);
  return g_test_run ();
}
