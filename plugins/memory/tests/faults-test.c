/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <string.h>

static void
order (Host *host, const char *words)
{
  g_free (control (host, words));
}

static void
test_wrong_rules (void)
{
  static const char *const wrong[] = {
    "workload.start", "workload.start:explode", "workload.start:fail=nonsense", "workload.start:fail=forbidden",
    "workload.start:fail=failed:times=x", ":fail=failed", "workload.start:fail=failed:hang", "a:delay=-1",
    "a:fail=busy:probability=2", "a:crash=never",
  };
  Host *host = host_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *command = g_strdup_printf ("{'command': <['faults', '%s']>}", wrong[i]);
      g_autoptr (GError) error = NULL;

      g_assert_null (call_run (host, "control", command, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
  host_free (host);
}

static void
test_fail (void)
{
  Host *host = host_new ("faults", "workload.start:fail=unavailable:times=2", NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GError) first = NULL;
  g_autoptr (GError) second = NULL;

  g_assert_nonnull (made);
  g_assert_false (call_start (host, "wl-1", &first));
  g_assert_error (first, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  assert_state (host, "wl-1", "created");
  g_assert_false (call_start (host, "wl-1", &second));
  g_assert_true (call_start (host, "wl-1", NULL));
  host_free (host);
}

static void
test_lost_answer (void)
{
  Host *host = host_new ("faults", "workload.create:lose-answer=timeout:times=1", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) again = NULL;

  g_assert_null (call_create (host, "wl-1", "{'name': <'a'>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_TIMEOUT);
  assert_state (host, "wl-1", "created");
  again = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_assert_true (thole_dict_boolean (again, "adopted", FALSE));
  host_free (host);
}

typedef struct
{
  const char *rule;
  const char *at_once; /* state before it is cancelled */
} Silent;

static void
test_no_answer_until_cancelled (gconstpointer data)
{
  const Silent *silent = data;
  Host *host = host_new ("faults", silent->rule, NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  g_assert_nonnull (made);
  host->workload->start_async (host->driver, "wl-1", no_options (), cancellable, answer_take, &answer);
  clock_pass (SECOND * 1000);
  g_assert_null (answer.result);
  assert_state (host, "wl-1", silent->at_once);
  g_cancellable_cancel (cancellable);
  settle ();
  g_assert_false (host->workload->start_finish (host->driver, answer.result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  answer_clear (&answer);
  host_free (host);
}

static void
test_late (void)
{
  Host *host = host_new ("faults", "workload.start:late=7000:times=1", NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Answer answer = { NULL };

  g_assert_nonnull (made);
  host->workload->start_async (host->driver, "wl-1", no_options (), cancellable, answer_take, &answer);
  clock_pass (SECOND);
  g_cancellable_cancel (cancellable);
  clock_pass (SECOND * 6);
  g_assert_null (answer.result);
  assert_state (host, "wl-1", "created");
  clock_pass (SECOND);
  g_assert_true (host->workload->start_finish (host->driver, answer.result, NULL));
  assert_state (host, "wl-1", "running");
  answer_clear (&answer);
  host_free (host);
}

static void
test_stale (void)
{
  Host *host = host_new ("faults", "workload.inspect:stale=2000:times=1", NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GVariant) seen = NULL;
  Answer answer = { NULL };

  g_assert_nonnull (made);
  host->workload->inspect_async (host->driver, "wl-1", no_options (), NULL, answer_take, &answer);
  clock_pass (SECOND);
  g_assert_true (call_start (host, "wl-1", NULL));
  clock_pass (SECOND / 2);
  g_assert_null (answer.result);
  clock_pass (SECOND);
  seen = host->workload->inspect_finish (host->driver, answer.result, NULL);
  g_assert_cmpstr (thole_dict_string (seen, "state", ""), ==, "created");
  assert_state (host, "wl-1", "running");
  answer_clear (&answer);
  host_free (host);
}

static void
test_repeat (void)
{
  Host *host = host_new ("faults", "*:repeat", NULL);
  g_autoptr (GVariant) made = NULL;
  g_autoptr (GVariant) list = NULL;

  made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_assert_true (thole_dict_boolean (made, "adopted", FALSE));
  g_assert_true (call_start (host, "wl-1", NULL));
  g_assert_true (call_stop (host, "wl-1", "{}", NULL));
  g_assert_true (call_remove (host, "wl-1", FALSE, NULL));
  list = call_list (host, NULL);
  g_assert_cmpuint (g_variant_n_children (list), ==, 0);
  g_assert_cmpuint (host_count (host, "create"), ==, 1);
  host_free (host);
}

static void
test_delay (void)
{
  Host *host = host_new ("delay_ms", "100", "faults", "workload.list:delay=400", NULL);
  gint64 before = clock_now ();
  g_autoptr (GVariant) list = call_list (host, NULL);

  g_assert_nonnull (list);
  g_assert_cmpint (clock_now () - before, ==, 500000);
  before = clock_now ();
  assert_state (host, "wl-1", "not_found");
  g_assert_cmpint (clock_now () - before, ==, 100000);
  host_free (host);
}

static void
test_jitter_comes_from_the_seed (void)
{
  gint64 taken[3];

  for (guint i = 0; i < 3; i++)
    {
      Host *host = host_new ("jitter_ms", "1000", "seed", i < 2 ? "42" : "43", NULL);
      gint64 before = clock_now ();

      for (guint j = 0; j < 10; j++)
        g_variant_unref (call_list (host, NULL));
      taken[i] = clock_now () - before;
      host_free (host);
    }
  g_assert_cmpint (taken[0], ==, taken[1]);
  g_assert_cmpint (taken[0], !=, taken[2]);
}

static void
test_probability_after_and_id (void)
{
  Host *host = host_new ("faults", "workload.inspect:fail=busy:id=wl-2:after=1;workload.list:fail=limit:probability=0.5",
                         NULL);
  guint failed = 0;

  run_program (host, "wl-1", "[]");
  run_program (host, "wl-2", "[]");
  assert_state (host, "wl-1", "running");
  assert_state (host, "wl-2", "running");
  assert_state (host, "wl-2", "busy");
  assert_state (host, "wl-1", "running");
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (GVariant) list = call_list (host, NULL);

      failed += list == NULL;
    }
  g_assert_cmpuint (failed, >, 60);
  g_assert_cmpuint (failed, <, 140);
  host_free (host);
}

static void
test_faults_of_one_workload (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) made
    = call_create (host, "wl-1", "{'name': <'a'>, 'backend_options': <{'faults': <'workload.start:fail=denied:times=1'>}>}",
                   NULL);

  g_assert_nonnull (made);
  run_program (host, "wl-2", "[]");
  g_assert_false (call_start (host, "wl-1", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_DENIED);
  g_assert_true (call_start (host, "wl-1", NULL));
  g_clear_error (&error);
  g_assert_null (call_create (host, "wl-3", "{'name': <'a'>, 'backend_options': <{'faults': <'nonsense'>}>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  host_free (host);
}

static void
test_control_in_any_workload (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  run_program (host, "wl-1", "[]");
  result = call_run (host, "wl-1", "{'command': <['control', 'exit', 'wl-1', '9']>}", &error);
  g_assert_no_error (error);
  assert_state (host, "wl-1", "exited 9");
  g_assert_null (call_run (host, "wl-1", "{'command': <['control', 'sing']>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  host_free (host);
}

static void
test_engine_down (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) pending = NULL;
  g_autoptr (GError) probe = NULL;
  Answer answer = { NULL };

  run_program (host, "wl-1", "['ignore-term', ';', 'sleep', '8', ';', 'exit', '2']");
  host->workload->stop_async (host->driver, "wl-1", no_options (), NULL, answer_take, &answer);
  settle ();
  order (host, "['engine-down', '30']");
  settle ();
  g_assert_false (host->workload->stop_finish (host->driver, answer.result, &pending));
  g_assert_error (pending, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  answer_clear (&answer);
  g_assert_cmpuint (host_count (host, "unavailable"), ==, 1);
  assert_state (host, "wl-1", "backend_unavailable");
  g_assert_cmpint (host_probe (host, NULL, &probe), ==, THOLE_PROBE_DEFER);
  g_assert_error (probe, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  host_forget_events (host);
  clock_pass (SECOND * 31);
  g_assert_cmpint (host_probe (host, NULL, NULL), ==, THOLE_PROBE_READY);
  assert_state (host, "wl-1", "exited 2");
  g_assert_cmpuint (host_count (host, "exit"), ==, 0);
  host_free (host);
}

static void
test_engine_restart (gconstpointer durable)
{
  Host *host = host_new ("durable", (const char *) durable, NULL);
  g_autoptr (GVariant) seen = NULL;

  run_program (host, "wl-1", "[]");
  order (host, "['engine-restart']");
  g_assert_cmpint (host_probe (host, NULL, NULL), ==, THOLE_PROBE_READY);
  seen = call_inspect (host, "wl-1", NULL);
  g_assert_cmpstr (thole_dict_string (seen, "state", ""), ==, strcmp (durable, "true") == 0 ? "running" : "exited");
  if (strcmp (durable, "true") != 0)
    g_assert_cmpstr (thole_dict_string (seen, "reason", ""), ==, "engine_restarted");
  host_free (host);
}

static void
test_vanish (void)
{
  Host *host = host_new (NULL);

  run_program (host, "wl-1", "[]");
  run_program (host, "wl-2", "[]");
  host_forget_events (host);
  order (host, "['vanish', 'wl-1']");
  g_assert_cmpuint (host_count (host, "remove"), ==, 1);
  order (host, "['vanish', 'wl-2', 'quiet']");
  g_assert_cmpuint (host_count (host, "remove"), ==, 1);
  assert_state (host, "wl-2", "not_found");
  host_free (host);
}

static void
test_lost_events_and_resync (void)
{
  Host *host = host_new (NULL);
  g_autofree char *calls = NULL;

  run_program (host, "wl-1", "[]");
  host_forget_events (host);
  order (host, "['events', 'lost']");
  order (host, "['oom', 'wl-1']");
  g_assert_cmpuint (host->events->len, ==, 0);
  order (host, "['events', 'told']");
  order (host, "['resync']");
  g_assert_cmpuint (host_count (host, "resync"), ==, 1);
  calls = control (host, "['calls']");
  g_assert_nonnull (strstr (calls, "workload.create 1\n"));
  host_free (host);
}

static void
test_probe_faults (void)
{
  Host *host = host_open ("faults", "probe:fail=unavailable:times=1;probe:fail=unsupported:after=1:times=1", NULL);

  g_assert_cmpint (host_probe (host, NULL, NULL), ==, THOLE_PROBE_DEFER);
  g_assert_cmpint (host_probe (host, NULL, NULL), ==, THOLE_PROBE_READY);
  g_assert_cmpint (host_probe (host, NULL, NULL), ==, THOLE_PROBE_UNSUPPORTED);
  g_assert_cmpint (host_probe (host, NULL, NULL), ==, THOLE_PROBE_READY);
  host_free (host);
}

static void
test_crash (gconstpointer when)
{
  if (g_test_subprocess ())
    {
      g_autofree char *rule = g_strdup_printf ("workload.create:crash%s", (const char *) when);
      Host *host = host_new ("faults", rule, NULL);

      call_create (host, "wl-1", "{'name': <'a'>}", NULL);
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*crashes on demand*workload.create of wl-1*");
}

void
add_faults_tests (void)
{
  static const Silent hang = { "workload.start:hang", "created" };
  static const Silent lost = { "workload.start:lose-answer", "running" };

  g_test_add_func ("/memory/faults/wrong-rules", test_wrong_rules);
  g_test_add_func ("/memory/faults/fail", test_fail);
  g_test_add_func ("/memory/faults/lost-answer", test_lost_answer);
  g_test_add_data_func ("/memory/faults/hang", &hang, test_no_answer_until_cancelled);
  g_test_add_data_func ("/memory/faults/lose-answer", &lost, test_no_answer_until_cancelled);
  g_test_add_func ("/memory/faults/late", test_late);
  g_test_add_func ("/memory/faults/stale", test_stale);
  g_test_add_func ("/memory/faults/repeat", test_repeat);
  g_test_add_func ("/memory/faults/delay", test_delay);
  g_test_add_func ("/memory/faults/jitter", test_jitter_comes_from_the_seed);
  g_test_add_func ("/memory/faults/probability", test_probability_after_and_id);
  g_test_add_func ("/memory/faults/of-one-workload", test_faults_of_one_workload);
  g_test_add_func ("/memory/faults/control-in-workload", test_control_in_any_workload);
  g_test_add_func ("/memory/faults/engine-down", test_engine_down);
  g_test_add_data_func ("/memory/faults/engine-restart", "false", test_engine_restart);
  g_test_add_data_func ("/memory/faults/engine-restart-durable", "true", test_engine_restart);
  g_test_add_func ("/memory/faults/vanish", test_vanish);
  g_test_add_func ("/memory/faults/lost-events", test_lost_events_and_resync);
  g_test_add_func ("/memory/faults/probe", test_probe_faults);
  g_test_add_data_func ("/memory/faults/crash-before", "", test_crash);
  g_test_add_data_func ("/memory/faults/crash-after", "=after", test_crash);
}
