/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/turn.h"

#include "base/clock.h"

typedef struct
{
  gboolean due;
  guint count, again;
} Work;

static gboolean
on_turn (gpointer user_data)
{
  Work *self = user_data;

  self->count++;
  self->due = self->again > 0;
  self->again -= self->due;
  return G_SOURCE_REMOVE;
}

static void
run (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

/* it is called once for each time that the flag was set, also by the call itself, and stays */
static void
test_due (void)
{
  Work work = { FALSE, 0, 0 };
  GSource *turn = thole_turn_source (&work.due, on_turn, &work);

  run ();
  g_assert_cmpuint (work.count, ==, 0);
  for (guint i = 1; i <= 3; i++)
    {
      work.due = TRUE;
      run ();
      g_assert_cmpuint (work.count, ==, i);
      g_assert_false (work.due);
    }
  work.due = TRUE;
  work.again = 2;
  run ();
  g_assert_cmpuint (work.count, ==, 6);
  thole_source_clear (&turn);
  work.due = TRUE;
  run ();
  g_assert_cmpuint (work.count, ==, 6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/turn/due", test_due);
  return g_test_run ();
}
