/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/held.h"

#include <unistd.h>

#define MIB (1024 * 1024)
#define ALICE 70001
#define BOB 70002
#define CAROL 70003

static gboolean
take (TholeBusHeld *held, uid_t uid, gsize size)
{
  if (!thole_bus_held_room (held, uid, size))
    return FALSE;
  thole_bus_held_take (held, uid, size);
  return TRUE;
}

static void
test_user (void)
{
  TholeBusHeld *held = thole_bus_held_new ();

  for (guint i = 0; i < 3; i++)
    g_assert_true (take (held, ALICE, 4 * MIB));
  g_assert_false (take (held, ALICE, 1));
  g_assert_true (take (held, BOB, 4 * MIB));
  thole_bus_held_give (held, ALICE, 4 * MIB);
  g_assert_true (take (held, ALICE, 4 * MIB));
  thole_bus_held_free (held);
}

/* whatever the many do, root, our own user and those who just came have theirs */
static void
test_all (void)
{
  static const uid_t many[] = { ALICE, BOB, CAROL };
  const uid_t few[] = { 0, geteuid (), THOLE_BUS_UNKNOWN };
  TholeBusHeld *held = thole_bus_held_new ();
  gsize sum = 0;

  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    while (take (held, many[i], 4 * MIB))
      sum += 4 * MIB;
  g_assert_cmpuint (sum, ==, THOLE_BUS_MOST_OF_USERS);
  g_assert_false (take (held, CAROL + 1, 4 * MIB));
  for (guint i = 0; i < G_N_ELEMENTS (few); i++)
    if (i != 1 || few[1] != few[0])
      {
        g_assert_true (take (held, few[i], 8 * MIB));
        g_assert_false (take (held, few[i], 8 * MIB));
      }
  /* nor do those take anything from the many */
  thole_bus_held_give (held, BOB, 4 * MIB);
  g_assert_true (take (held, CAROL + 1, 4 * MIB));
  thole_bus_held_free (held);
}

static void
test_giant (void)
{
  TholeBusHeld *held = thole_bus_held_new ();

  g_assert_true (take (held, ALICE, 100 * MIB));
  g_assert_false (take (held, ALICE, 1));
  g_assert_false (take (held, BOB, 4 * MIB));
  g_assert_true (take (held, 0, 4 * MIB));
  thole_bus_held_give (held, ALICE, 100 * MIB);
  g_assert_true (take (held, BOB, 4 * MIB));
  thole_bus_held_free (held);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/held/user", test_user);
  g_test_add_func ("/bus/held/all", test_all);
  g_test_add_func ("/bus/held/giant", test_giant);
  return g_test_run ();
}
