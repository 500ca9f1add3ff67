/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/restart-policy.h"

static void
test_never (void)
{
  TholeRestart restart = thole_restart_read (NULL);

  g_assert_false (thole_restart_decide (&restart, TRUE, 0, 0).again);
  g_assert_false (thole_restart_decide (&restart, FALSE, 0, 0).gave_up);
}

static void
test_backoff_doubles (void)
{
  TholeRestart restart = { THOLE_RESTART_ON_FAILURE, 0, G_USEC_PER_SEC };
  gint64 failures = 0, last = 0;

  for (int i = 0; i < 20; i++)
    {
      TholeRestartDecision d = thole_restart_decide (&restart, TRUE, 1000, failures);

      g_assert_true (d.again);
      g_assert_cmpint (d.failures, ==, failures + 1);
      g_assert_cmpint (d.after, ==, last == 0 ? G_USEC_PER_SEC : MIN (last * 2, THOLE_RESTART_LONGEST));
      failures = d.failures;
      last = d.after;
    }
  g_assert_cmpint (last, ==, THOLE_RESTART_LONGEST);
}

/* proves: row:109 */
static void
test_crash_loop_stops (void)
{
  TholeRestart restart = { THOLE_RESTART_ALWAYS, 3, G_USEC_PER_SEC };
  TholeRestartDecision d = { 0 };

  for (int i = 0; i < 3; i++)
    {
      d = thole_restart_decide (&restart, TRUE, 1000, d.failures);
      g_assert_true (d.again);
    }
  d = thole_restart_decide (&restart, TRUE, 1000, d.failures);
  g_assert_false (d.again);
  g_assert_true (d.gave_up);
  /* a long run forgets them */
  d = thole_restart_decide (&restart, TRUE, THOLE_RESTART_HEALTHY_RUN, 3);
  g_assert_true (d.again);
  g_assert_cmpint (d.failures, ==, 1);
}

static void
test_good_end (void)
{
  TholeRestart always = { THOLE_RESTART_ALWAYS, 3, G_USEC_PER_SEC };
  TholeRestart failure = { THOLE_RESTART_ON_FAILURE, 3, G_USEC_PER_SEC };

  g_assert_true (thole_restart_decide (&always, FALSE, 1000, 3).again);
  g_assert_cmpint (thole_restart_decide (&always, FALSE, 1000, 3).failures, ==, 0);
  g_assert_false (thole_restart_decide (&failure, FALSE, 1000, 0).again);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restart-policy/never", test_never);
  g_test_add_func ("/restart-policy/backoff-doubles", test_backoff_doubles);
  g_test_add_func ("/restart-policy/crash-loop-stops", test_crash_loop_stops);
  g_test_add_func ("/restart-policy/good-end", test_good_end);
  return g_test_run ();
}
