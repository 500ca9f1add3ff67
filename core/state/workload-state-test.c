/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/workload-state.h"

#define STATE(name) THOLE_WORKLOAD_STATE_##name
#define WANT(name) THOLE_WORKLOAD_DESIRED_STATE_##name

static TholeWorkload *
workload (TholeState state, int desired)
{
  TholeWorkload *self = thole_record_new (&thole_workload_type);

  self->state = state;
  self->desired_state = desired;
  thole_record_set (&self->engine_id, "e1");
  return self;
}

/* proves: LC-01 LC-02 LC-03 LC-04 row:1 */
static void
test_golden (void)
{
  /* rows: requests; columns: states; the letter is the state that follows, `.` illegal, `=` nothing to do */
  static const char *const golden[THOLE_N_REQUESTS] = {
    [THOLE_INPUT_START] = "p==="  ".." "SSS" "...",
    [THOLE_INPUT_STOP] = "pTTT" "TT" "===" "...",
    [THOLE_INPUT_RESTART] = "...T" "T." "SSS" "...",
    [THOLE_INPUT_KILL] = ".TTT" "TT" "..T" "...",
    [THOLE_INPUT_PAUSE] = "...r" "=." "..." "...",
    [THOLE_INPUT_UNPAUSE] = "...=" "a." "..." "...",
    [THOLE_INPUT_SUSPEND] = "pTTT" "TT" "UUU" "=..",
    [THOLE_INPUT_UNSUSPEND] = "...." ".." "..." "D..",
    [THOLE_INPUT_DELETE] = "X..." ".." "XXX" "X.=",
    [THOLE_INPUT_FORCE_DELETE] = "XXXX" "XX" "XXX" "XX=",
    [THOLE_INPUT_UPDATE] = "pisr" "at" "dce" "u..",
  };
  static const char same[] = "pisratdceufx", went[] = "PISRATDCEUFX";

  for (int input = 0; input < THOLE_N_REQUESTS; input++)
    for (int state = 0; state < THOLE_WORKLOAD_N_STATE; state++)
      {
        TholeWorkload *self = workload (state, WANT (RUNNING));
        TholeTransition next = thole_state_next (self, FALSE, input);
        char got = !next.legal ? '.'
                   : (next.effects & THOLE_EFFECT_SAME) ? '='
                   : (int) next.state == state && golden[input][state] == same[state] ? same[state] : went[next.state];

        if (got != golden[input][state])
          g_error ("%s in %s: %c instead of %c", thole_input_name (input), thole_state_name (state), got, golden[input][state]);
        thole_record_unref (self);
      }
}

static void
test_after_creation (void)
{
  TholeWorkload *self = workload (STATE (PROVISIONING), WANT (RUNNING));

  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_CREATED).state, ==, STATE (STARTING));
  g_assert_cmpint (thole_state_next (self, TRUE, THOLE_INPUT_CREATED).state, ==, STATE (INSTALLING));
  self->desired_state = WANT (STOPPED);
  g_assert_cmpint (thole_state_next (self, TRUE, THOLE_INPUT_CREATED).state, ==, STATE (STOPPED));
  self->desired_state = WANT (SUSPENDED);
  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_CREATED).state, ==, STATE (SUSPENDED));
  thole_record_unref (self);
}

static void
test_stop_then_start_is_restart (void)
{
  TholeWorkload *self = workload (STATE (STOPPING), WANT (RUNNING));

  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_STOPPED).state, ==, STATE (STARTING));
  self->desired_state = WANT (STOPPED);
  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_STOPPED).state, ==, STATE (STOPPED));
  thole_record_unref (self);
}

/* proves: LC-12 row:11 */
static void
test_crash_is_not_stop (void)
{
  TholeWorkload *self = workload (STATE (RUNNING), WANT (RUNNING));

  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_EXITED).state, ==, STATE (STOPPED));
  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_CRASHED).state, ==, STATE (CRASHED));
  g_assert_cmpint (thole_state_next (self, FALSE, THOLE_INPUT_FAILED).state, ==, STATE (ERROR));
  self->state = STATE (DELETING);
  g_assert_false (thole_state_next (self, FALSE, THOLE_INPUT_CRASHED).legal);
  thole_record_unref (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/workload-state/golden", test_golden);
  g_test_add_func ("/workload-state/after-creation", test_after_creation);
  g_test_add_func ("/workload-state/stop-then-start-is-restart", test_stop_then_start_is_restart);
  g_test_add_func ("/workload-state/crash-is-not-stop", test_crash_is_not_stop);
  return g_test_run ();
}
