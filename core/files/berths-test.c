/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/berths.h"

static void
test_one (void)
{
  TholeBerths *berths = thole_berths_new ();

  for (guint i = 0; i < THOLE_BERTHS / 4; i++)
    g_assert_true (thole_berths_take (berths, "usr-a", FALSE));
  g_assert_false (thole_berths_take (berths, "usr-a", FALSE));
  g_assert_true (thole_berths_take (berths, "usr-b", FALSE));
  thole_berths_leave (berths, "usr-a");
  g_assert_true (thole_berths_take (berths, "usr-a", FALSE));
  thole_berths_unref (berths);
}

static void
test_many (void)
{
  TholeBerths *berths = thole_berths_new ();
  char name[16];
  guint taken = 0;

  for (guint i = 0; i < 2 * THOLE_BERTHS; i++)
    {
      g_snprintf (name, sizeof name, "usr-%u", i);
      taken += thole_berths_take (berths, name, FALSE);
    }
  g_assert_cmpuint (taken, ==, THOLE_BERTHS - THOLE_BERTHS / 8);
  for (guint i = 0; i < THOLE_BERTHS / 8; i++)
    g_assert_true (thole_berths_take (berths, "uid:0", TRUE));
  g_assert_false (thole_berths_take (berths, "uid:0", TRUE));
  thole_berths_leave (berths, "usr-0");
  g_assert_false (thole_berths_take (berths, "usr-0", FALSE));
  g_assert_true (thole_berths_take (berths, "uid:0", TRUE));
  thole_berths_unref (berths);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/berths/one", test_one);
  g_test_add_func ("/berths/many", test_many);
  return g_test_run ();
}
