/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <malloc.h>
#include <string.h>

static void
test_config_names_all_wrong_keys (void)
{
  Host *host = host_open (NULL);
  g_autoptr (GVariant) config = g_variant_ref (dict ("{'instance': <'i'>, 'delay_ms': <'x'>, 'what': <'y'>}"));
  g_autoptr (GError) error = NULL;

  g_assert_null (host->api->open ((TholeHost *) host, &host->ops, config, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "delay_ms"));
  g_assert_nonnull (strstr (error->message, "what"));
  host_free (host);
}

static void
test_calls_before_the_probe_are_unavailable (void)
{
  Host *host = host_open (NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (call_list (host, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  host_free (host);
}

static void
test_probe_gives_facts (void)
{
  Host *host = host_open ("max_workloads", "5", NULL);
  g_autoptr (GVariant) facts = NULL;
  g_autoptr (GVariant) limits = NULL;

  g_assert_cmpint (host_probe (host, &facts, NULL), ==, THOLE_PROBE_READY);
  g_assert_cmpstr (thole_dict_string (facts, "engine", ""), ==, "Memory");
  limits = thole_dict_value (facts, "limits", "a{sv}");
  g_assert_cmpint (thole_dict_int (limits, "workloads", 0), ==, 5);
  host_free (host);
}

static void
test_life (void)
{
  Host *host = host_new (NULL);

  run_program (host, "wl-1", "[]");
  assert_state (host, "wl-1", "running");
  g_assert_true (call_stop (host, "wl-1", "{}", NULL));
  assert_state (host, "wl-1", "exited 143 SIGTERM");
  g_assert_true (call_start (host, "wl-1", NULL));
  assert_state (host, "wl-1", "running");
  g_assert_true (call_kill (host, "wl-1", "SIGKILL", NULL));
  assert_state (host, "wl-1", "exited 137 SIGKILL");
  g_assert_true (call_remove (host, "wl-1", FALSE, NULL));
  assert_state (host, "wl-1", "not_found");
  host_free (host);
}

static void
test_created_is_not_running (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);

  g_assert_cmpuint (strlen (thole_dict_string (made, "engine_id", "")), ==, 16);
  g_assert_false (thole_dict_boolean (made, "adopted", TRUE));
  assert_state (host, "wl-1", "created");
  host_free (host);
}

static void
test_create_again_adopts (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) first = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GVariant) again = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GVariant) list = call_list (host, NULL);

  g_assert_true (thole_dict_boolean (again, "adopted", FALSE));
  g_assert_cmpstr (thole_dict_string (first, "engine_id", "1"), ==, thole_dict_string (again, "engine_id", "2"));
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  g_assert_cmpuint (host_count (host, "create"), ==, 1);
  host_free (host);
}

static void
test_another_instance_exists_and_is_not_listed (void)
{
  Host *host = host_new (NULL);
  g_autofree char *said = control (host, "['plant', 'wl-9', 'instance-2']");
  g_autoptr (GVariant) list = call_list (host, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_variant_n_children (list), ==, 0);
  assert_state (host, "wl-9", "not_found");
  g_assert_null (call_create (host, "wl-9", "{'name': <'a'>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS);
  g_assert_true (call_remove (host, "wl-9", TRUE, NULL));
  g_free (said);
  said = control (host, "['objects']");
  g_assert_cmpstr (said, ==, "wl-9 running main\n");
  host_free (host);
}

static void
test_unknown_id (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) start = NULL;
  g_autoptr (GError) stop = NULL;
  g_autoptr (GVariant) gone = call_recover (host, "wl-1", NULL);

  g_assert_false (call_start (host, "wl-1", &start));
  g_assert_error (start, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_assert_false (call_stop (host, "wl-1", "{}", &stop));
  g_assert_error (stop, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_assert_true (call_remove (host, "wl-1", FALSE, NULL));
  g_assert_cmpstr (thole_dict_string (gone, "state", ""), ==, "gone");
  host_free (host);
}

static void
test_options_with_a_mark_are_refused (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;

  run_program (host, "wl-1", "[]");
  g_assert_true (call_stop (host, "wl-1", "{'whatever': <1>}", NULL));
  g_assert_false (call_stop (host, "wl-1", "{'!must': <1>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  host_free (host);
}

static void
test_exit_codes (void)
{
  Host *host = host_new (NULL);

  run_program (host, "wl-1", "['exit', '3']");
  assert_state (host, "wl-1", "exited 3");
  run_program (host, "wl-2", "['sleep', '2.5', ';', 'exit']");
  assert_state (host, "wl-2", "running");
  clock_pass (SECOND * 2);
  assert_state (host, "wl-2", "running");
  clock_pass (SECOND);
  assert_state (host, "wl-2", "exited 0");
  run_program (host, "wl-3", "['oom']");
  assert_state (host, "wl-3", "exited 137 SIGKILL oom");
  run_program (host, "wl-4", "['signal', 'SIGSEGV']");
  assert_state (host, "wl-4", "exited 139 SIGSEGV");
  host_free (host);
}

static void
test_no_such_program (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>, 'command': <['sh', '-c', 'x']>}", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (made);
  g_assert_false (call_start (host, "wl-1", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  assert_state (host, "wl-1", "created");
  host_free (host);
}

static void
test_stop_waits_for_the_grace (void)
{
  Host *host = host_new (NULL);
  gint64 before;

  run_program (host, "wl-1", "['ignore-term', ';', 'forever']");
  before = clock_now ();
  g_assert_true (call_stop (host, "wl-1", "{'grace': <3.0>}", NULL));
  g_assert_cmpint (clock_now () - before, ==, 3 * SECOND);
  assert_state (host, "wl-1", "exited 137 SIGKILL");
  host_free (host);
}

static void
test_a_slow_end_within_the_grace (void)
{
  Host *host = host_new (NULL);
  gint64 before;

  run_program (host, "wl-1", "['on-term', '1.5', '7', ';', 'forever']");
  before = clock_now ();
  g_assert_true (call_stop (host, "wl-1", "{'grace': <3.0>}", NULL));
  g_assert_cmpint (clock_now () - before, ==, 3 * SECOND / 2);
  assert_state (host, "wl-1", "exited 7");
  host_free (host);
}

static void
test_stop_twice_at_once (void)
{
  Host *host = host_new (NULL);
  Answer first = { NULL };
  Answer second = { NULL };

  run_program (host, "wl-1", "['ignore-term', ';', 'forever']");
  host->workload->stop_async (host->driver, "wl-1", dict ("{'grace': <9.0>}"), NULL, answer_take, &first);
  host->workload->stop_async (host->driver, "wl-1", dict ("{'grace': <1.0>}"), NULL, answer_take, &second);
  clock_pass (SECOND);
  g_assert_true (host->workload->stop_finish (host->driver, first.result, NULL));
  g_assert_true (host->workload->stop_finish (host->driver, second.result, NULL));
  answer_clear (&first);
  answer_clear (&second);
  host_free (host);
}

static void
test_cancelled_stop_still_kills (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  run_program (host, "wl-1", "['ignore-term', ';', 'forever']");
  host->workload->stop_async (host->driver, "wl-1", dict ("{'grace': <5.0>}"), cancellable, answer_take, &answer);
  clock_pass (SECOND);
  g_cancellable_cancel (cancellable);
  g_assert_null (answer.result);
  settle ();
  g_assert_false (host->workload->stop_finish (host->driver, answer.result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_state (host, "wl-1", "running");
  clock_pass (SECOND * 5);
  assert_state (host, "wl-1", "exited 137 SIGKILL");
  answer_clear (&answer);
  host_free (host);
}

static void
test_kill_with_a_trap (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GIOStream) logs = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) wrong = NULL;
  g_autoptr (GError) late = NULL;

  run_program (host, "wl-1", "['trap', 'SIGHUP', 'reloaded', ';', 'forever']");
  g_assert_true (call_kill (host, "wl-1", "HUP", NULL));
  g_assert_true (call_kill (host, "wl-1", "SIGWINCH", NULL));
  assert_state (host, "wl-1", "running");
  g_assert_false (call_kill (host, "wl-1", "SIGNONE", &wrong));
  g_assert_error (wrong, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_assert_true (call_kill (host, "wl-1", "SIGUSR1", NULL));
  assert_state (host, "wl-1", "exited 138 SIGUSR1");
  g_assert_false (call_kill (host, "wl-1", "SIGUSR1", &late));
  g_assert_error (late, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  logs = call_logs (host, "wl-1", "{}", NULL);
  text = read_logs (logs);
  g_assert_cmpstr (text, ==, "1 reloaded\n");
  host_free (host);
}

static void
test_pause_stops_the_clock (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;

  run_program (host, "wl-1", "['sleep', '2', ';', 'exit', '4']");
  clock_pass (SECOND);
  g_assert_true (call_pause (host, "wl-1", NULL));
  g_assert_true (call_pause (host, "wl-1", NULL));
  assert_state (host, "wl-1", "paused");
  clock_pass (SECOND * 100);
  assert_state (host, "wl-1", "paused");
  g_assert_true (call_unpause (host, "wl-1", NULL));
  g_assert_true (call_unpause (host, "wl-1", NULL));
  clock_pass (SECOND / 2);
  assert_state (host, "wl-1", "running");
  clock_pass (SECOND);
  assert_state (host, "wl-1", "exited 4");
  g_assert_false (call_pause (host, "wl-1", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  host_free (host);
}

static void
test_a_paused_one_holds_signals (void)
{
  Host *host = host_new (NULL);

  run_program (host, "wl-1", "[]");
  call_pause (host, "wl-1", NULL);
  call_kill (host, "wl-1", "SIGTERM", NULL);
  assert_state (host, "wl-1", "paused");
  call_unpause (host, "wl-1", NULL);
  assert_state (host, "wl-1", "exited 143 SIGTERM");
  host_free (host);
}

static void
test_remove_wants_force (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;

  run_program (host, "wl-1", "[]");
  g_assert_false (call_remove (host, "wl-1", FALSE, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_assert_true (call_remove (host, "wl-1", TRUE, NULL));
  g_assert_cmpuint (host_count (host, "exit"), ==, 1);
  g_assert_cmpuint (host_count (host, "remove"), ==, 1);
  host_free (host);
}

static void
test_events_tell_the_life (void)
{
  Host *host = host_new (NULL);
  GString *actions = g_string_new ("");

  run_program (host, "wl-1", "['oom']");
  call_remove (host, "wl-1", FALSE, NULL);
  for (guint i = 0; i < host->events->len; i++)
    g_string_append_printf (actions, "%s ", thole_dict_string (host->events->pdata[i], "action", "?"));
  g_assert_cmpstr (actions->str, ==, "create start oom exit remove ");
  g_string_free (actions, TRUE);
  host_free (host);
}

static void
test_ports (void)
{
  Host *host = host_new (NULL);
  const char *spec = "{'name': <'a'>, 'ports': <[{'container': <int64 80>, 'host': <int64 8080>},"
                     "{'container': <int64 81>}]>}";
  g_autoptr (GVariant) first = call_create (host, "wl-1", spec, NULL);
  g_autoptr (GVariant) second = call_create (host, "wl-2", spec, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) seen = NULL;
  g_autoptr (GVariant) ports = NULL;
  g_autoptr (GVariant) chosen = NULL;

  g_assert_nonnull (first);
  g_assert_nonnull (second);
  g_assert_true (call_start (host, "wl-1", NULL));
  g_assert_false (call_start (host, "wl-2", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  seen = call_inspect (host, "wl-1", NULL);
  ports = thole_dict_value (seen, "ports", "aa{sv}");
  g_assert_cmpuint (g_variant_n_children (ports), ==, 2);
  chosen = g_variant_get_child_value (ports, 1);
  g_assert_cmpint (thole_dict_int (chosen, "host", 0), >=, 20000);
  g_assert_true (call_stop (host, "wl-1", "{}", NULL));
  g_assert_true (call_start (host, "wl-2", NULL));
  host_free (host);
}

static void
test_health_command (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) made
    = call_create (host, "wl-1", "{'name': <'a'>, 'health': <{'command': <['cat', '/ok']>, 'interval': <1.0>,"
                                 "'retries': <int64 2>}>}", NULL);
  g_autoptr (GVariant) bad = NULL;
  g_autoptr (GVariant) good = NULL;
  g_autoptr (GVariant) wrote = NULL;

  g_assert_nonnull (made);
  call_start (host, "wl-1", NULL);
  clock_pass (SECOND * 3 / 2);
  g_assert_cmpuint (host_count (host, "health"), ==, 0);
  clock_pass (SECOND);
  bad = call_inspect (host, "wl-1", NULL);
  g_assert_cmpstr (thole_dict_string (bad, "health", ""), ==, "unhealthy");
  wrote = call_run (host, "wl-1", "{'command': <['write', '/ok', '1']>}", NULL);
  clock_pass (SECOND);
  good = call_inspect (host, "wl-1", NULL);
  g_assert_cmpstr (thole_dict_string (good, "health", ""), ==, "healthy");
  g_assert_cmpuint (host_count (host, "health"), ==, 2);
  host_free (host);
}

static void
test_stats_are_the_same_again (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GVariant) same = NULL;
  g_autoptr (GVariant) later = NULL;
  g_autoptr (GError) error = NULL;

  run_program (host, "wl-1", "[]");
  clock_pass (SECOND * 10);
  first = call_stats (host, "wl-1", NULL);
  same = call_stats (host, "wl-1", NULL);
  g_assert_true (g_variant_equal (first, same));
  clock_pass (SECOND * 10);
  later = call_stats (host, "wl-1", NULL);
  g_assert_cmpfloat (thole_dict_double (later, "cpu_seconds", 0), >, thole_dict_double (first, "cpu_seconds", 0));
  g_assert_cmpint (thole_dict_int (later, "memory", 0), >, 0);
  call_stop (host, "wl-1", "{}", NULL);
  g_assert_null (call_stats (host, "wl-1", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  host_free (host);
}

static void
test_limit (void)
{
  Host *host = host_new ("max_workloads", "1", NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GVariant) again = call_create (host, "wl-1", "{'name': <'a'>}", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (made);
  g_assert_nonnull (again);
  g_assert_null (call_create (host, "wl-2", "{'name': <'b'>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT);
  host_free (host);
}

static void
test_unknown_backend_option (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (call_create (host, "wl-1", "{'name': <'a'>, 'backend_options': <{'colour': <'red'>}>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  host_free (host);
}

static void
test_cancelled_before_the_call (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  g_cancellable_cancel (cancellable);
  host->workload->create_async (host->driver, "wl-1", dict ("{'name': <'a'>}"), no_options (), cancellable,
                                answer_take, &answer);
  g_assert_null (answer.result);
  answer_wait (&answer);
  g_assert_null (host->workload->create_finish (host->driver, answer.result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_state (host, "wl-1", "not_found");
  answer_clear (&answer);
  host_free (host);
}

static void
test_close_with_calls_pending (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;
  const TholeWorkloadOps *workload = host->workload;
  Answer answer = { NULL };

  run_program (host, "wl-1", "['ignore-term', ';', 'forever']");
  workload->stop_async (host->driver, "wl-1", no_options (), NULL, answer_take, &answer);
  host_free (host);
  g_assert_false (workload->stop_finish (NULL, answer.result, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  answer_clear (&answer);
}

static void
test_ten_thousand (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GTimer) timer = g_timer_new ();
  g_autoptr (GVariant) list = NULL;
  g_autofree char *last = NULL;
  gsize before = mallinfo2 ().uordblks;
  gsize each;

  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *id = g_strdup_printf ("wl-%05u", i);

      run_program (host, id, i % 2 == 0 ? "[]" : "['sleep', '1000']");
      host_forget_events (host);
    }
  each = (mallinfo2 ().uordblks - before) / 10000;
  g_test_message ("a workload takes %" G_GSIZE_FORMAT " bytes", each);
  g_assert_cmpuint (each, <, 1536);
  g_timer_start (timer);
  list = call_list (host, NULL);
  g_timer_stop (timer);
  g_assert_true (g_variant_is_normal_form (list));
  g_test_message ("a list of 10,000 took %.1f ms", g_timer_elapsed (timer, NULL) * 1000);
  g_assert_cmpuint (g_variant_n_children (list), ==, 10000);
  clock_pass (SECOND * 1001);
  last = state_of (host, "wl-09999");
  g_assert_cmpstr (last, ==, "exited 0");
  g_assert_cmpuint (host_count (host, "exit"), ==, 5000);
  host_free (host);
}

void
add_workload_tests (void)
{
  g_test_add_func ("/memory/config/names-all-wrong-keys", test_config_names_all_wrong_keys);
  g_test_add_func ("/memory/probe/unavailable-before", test_calls_before_the_probe_are_unavailable);
  g_test_add_func ("/memory/probe/facts", test_probe_gives_facts);
  g_test_add_func ("/memory/workload/life", test_life);
  g_test_add_func ("/memory/workload/created", test_created_is_not_running);
  g_test_add_func ("/memory/workload/create-again", test_create_again_adopts);
  g_test_add_func ("/memory/workload/another-instance", test_another_instance_exists_and_is_not_listed);
  g_test_add_func ("/memory/workload/unknown-id", test_unknown_id);
  g_test_add_func ("/memory/workload/marked-options", test_options_with_a_mark_are_refused);
  g_test_add_func ("/memory/workload/exit-codes", test_exit_codes);
  g_test_add_func ("/memory/workload/no-such-program", test_no_such_program);
  g_test_add_func ("/memory/workload/stop-grace", test_stop_waits_for_the_grace);
  g_test_add_func ("/memory/workload/stop-slow", test_a_slow_end_within_the_grace);
  g_test_add_func ("/memory/workload/stop-twice", test_stop_twice_at_once);
  g_test_add_func ("/memory/workload/stop-cancelled", test_cancelled_stop_still_kills);
  g_test_add_func ("/memory/workload/kill", test_kill_with_a_trap);
  g_test_add_func ("/memory/workload/pause", test_pause_stops_the_clock);
  g_test_add_func ("/memory/workload/pause-signals", test_a_paused_one_holds_signals);
  g_test_add_func ("/memory/workload/remove-force", test_remove_wants_force);
  g_test_add_func ("/memory/workload/events", test_events_tell_the_life);
  g_test_add_func ("/memory/workload/ports", test_ports);
  g_test_add_func ("/memory/workload/health", test_health_command);
  g_test_add_func ("/memory/workload/stats", test_stats_are_the_same_again);
  g_test_add_func ("/memory/workload/limit", test_limit);
  g_test_add_func ("/memory/workload/backend-options", test_unknown_backend_option);
  g_test_add_func ("/memory/workload/cancelled-before", test_cancelled_before_the_call);
  g_test_add_func ("/memory/workload/close-pending", test_close_with_calls_pending);
  g_test_add_func ("/memory/workload/ten-thousand", test_ten_thousand);
}
