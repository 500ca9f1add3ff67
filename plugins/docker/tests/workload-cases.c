/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <glib/gstdio.h>
#include <string.h>

static void
test_life (Bench *b)
{
  g_autofree char *id = fresh_id ("life");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) before = NULL;
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GVariant) spec = shell_spec ("echo out; echo err >&2; exit 3", NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;

  create_ok (b, id, spec);
  before = inspect (b, id, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (thole_dict_string (before, "state", ""), ==, "created");
  g_assert_cmpstr (thole_dict_string (before, "id", ""), ==, id);
  g_assert_cmpstr (thole_dict_string (before, "instance", ""), ==, INSTANCE);
  g_assert_true (start (b, id, &error));
  after = wait_state (b, id, "exited");
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, 3);
  g_assert_cmpstr (thole_dict_string (after, "exit_signal", "?"), ==, "");
  g_assert_cmpint (thole_dict_int (after, "started_at", 0), >, 0);
  g_assert_cmpint (thole_dict_int (after, "finished_at", 0), >=, thole_dict_int (after, "started_at", 0));
  out = log_text (b, id, none, 1);
  err = log_text (b, id, none, 2);
  g_assert_cmpstr (out, ==, "out\n");
  g_assert_cmpstr (err, ==, "err\n");
  g_assert_true (bench_wait_event (b, "workload", id, "create", 1, 60));
  g_assert_true (bench_wait_event (b, "workload", id, "start", 1, 60));
  g_assert_true (bench_wait_event (b, "workload", id, "exit", 1, 60));
  g_assert_true (remove_it (b, id, FALSE, &error));
  g_assert_true (bench_wait_event (b, "workload", id, "remove", 1, 60));
  g_assert_null (inspect (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

static void
check_exit (Bench *b, const char *script, gint64 code, const char *signal)
{
  g_autofree char *id = fresh_id ("exit");
  g_autoptr(GVariant) after = NULL;

  run_ok (b, id, script, NULL);
  after = wait_state (b, id, "exited");
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, code);
  g_assert_cmpstr (thole_dict_string (after, "exit_signal", "?"), ==, signal);
  g_assert_false (thole_dict_boolean (after, "oom", TRUE));
}

static void
test_exit_zero (Bench *b)
{
  check_exit (b, "exit 0", 0, "");
}

static void
test_exit_one (Bench *b)
{
  check_exit (b, "exit 1", 1, "");
}

static gboolean
kill_it (Bench *b, const char *id, const char *signal, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->kill_async, b->driver, id, signal, none, NULL);

  return b->workload->kill_finish (b->driver, result, error);
}

static void
test_killed (Bench *b)
{
  g_autofree char *id = fresh_id ("kill");
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_true (kill_it (b, id, "SIGKILL", &error));
  after = wait_state (b, id, "exited");
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, 137);
  g_assert_cmpstr (thole_dict_string (after, "exit_signal", ""), ==, "SIGKILL");
  g_assert_false (thole_dict_boolean (after, "oom", TRUE));
  g_assert_false (kill_it (b, id, "SIGKILL", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (kill_it (b, id, "SIGNONSENSE", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
}

static void
test_out_of_memory (Bench *b)
{
  g_autofree char *id = fresh_id ("oom");
  g_autoptr(GVariant) more = dict ("{'resources': <{'memory': <int64 16777216>}>}");
  g_autoptr(GVariant) after = NULL;

  /* the text of a variable grows until the limit */
  run_ok (b, id, "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done", more);
  after = wait_state (b, id, "exited");
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, 137);
  g_assert_cmpstr (thole_dict_string (after, "exit_signal", ""), ==, "SIGKILL");
  g_assert_true (thole_dict_boolean (after, "oom", FALSE));
  g_assert_cmpstr (thole_dict_string (after, "reason", ""), ==, "out of memory");
}

static void
test_stop_ignored (Bench *b)
{
  g_autofree char *id = fresh_id ("stubborn");
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GError) error = NULL;
  gint64 begin;

  run_ok (b, id, "trap '' TERM; echo ready; while true; do sleep 1; done", NULL);
  bench_pause (0.3);
  begin = g_get_monotonic_time ();
  g_assert_true (stop (b, id, 1.5, &error));
  g_assert_cmpint (g_get_monotonic_time () - begin, >, 1400000);
  after = inspect (b, id, &error);
  g_assert_cmpstr (thole_dict_string (after, "state", ""), ==, "exited");
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, 137);
}

/* Before that the signal is not heard. */
static gboolean
is_ready (Bench *b, gpointer id)
{
  g_autoptr(GVariant) none = empty ();
  g_autofree char *text = log_text (b, id, none, 1);

  return strcmp (text, "ready\n") == 0;
}

static void
test_stop_obeyed (Bench *b)
{
  g_autofree char *id = fresh_id ("obedient");
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "trap 'exit 7' TERM; echo ready; while true; do sleep 0.1; done", NULL);
  g_assert_true (bench_until (is_ready, b, id, 60));
  g_assert_true (stop (b, id, 300, &error));
  after = inspect (b, id, &error);
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, 7);
  /* again, and with what is not there */
  g_assert_true (stop (b, id, 1, &error));
  g_assert_false (stop (b, "no-such-thing", 1, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

static void
test_stop_at_once (Bench *b)
{
  g_autofree char *id = fresh_id ("atonce");
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "trap '' TERM; sleep 60", NULL);
  g_assert_true (stop (b, id, 0, &error));
  after = inspect (b, id, &error);
  g_assert_cmpstr (thole_dict_string (after, "exit_signal", ""), ==, "SIGKILL");
}

static gboolean
freeze (Bench *b, const char *id, gboolean thaw, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = NULL;

  if (thaw)
    {
      result = AWAIT (b->workload->unpause_async, b->driver, id, none, NULL);
      return b->workload->unpause_finish (b->driver, result, error);
    }
  result = AWAIT (b->workload->pause_async, b->driver, id, none, NULL);
  return b->workload->pause_finish (b->driver, result, error);
}

static void
test_pause (Bench *b)
{
  g_autofree char *id = fresh_id ("pause");
  g_autoptr(GVariant) frozen = NULL;
  g_autoptr(GVariant) thawed = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_true (freeze (b, id, TRUE, &error));
  g_assert_true (freeze (b, id, FALSE, &error));
  g_assert_true (freeze (b, id, FALSE, &error));
  frozen = inspect (b, id, &error);
  g_assert_cmpstr (thole_dict_string (frozen, "state", ""), ==, "paused");
  g_assert_true (freeze (b, id, TRUE, &error));
  g_assert_true (freeze (b, id, TRUE, &error));
  thawed = inspect (b, id, &error);
  g_assert_cmpstr (thole_dict_string (thawed, "state", ""), ==, "running");
  g_assert_true (freeze (b, id, FALSE, &error));
  /* what is frozen can be stopped */
  g_assert_true (stop (b, id, 0.3, &error));
  g_assert_false (freeze (b, id, TRUE, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (freeze (b, id, FALSE, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
}

static void
test_start_twice (Bench *b)
{
  g_autofree char *id = fresh_id ("twice");
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_true (start (b, id, &error));
  g_assert_no_error (error);
  g_assert_false (start (b, "no-such-thing", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

static void
test_restart (Bench *b)
{
  g_autofree char *id = fresh_id ("restart");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;

  run_ok (b, id, "echo once", NULL);
  g_variant_unref (wait_state (b, id, "exited"));
  g_assert_true (start (b, id, &error));
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 0);
  g_assert_cmpstr (text, ==, "once\nonce\n");
}

static void
test_create_twice (Bench *b)
{
  g_autofree char *id = fresh_id ("adopt");
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) first = create (b, id, spec, &error);
  g_autoptr(GVariant) second = create (b, id, spec, &error);

  g_assert_no_error (error);
  g_assert_false (thole_dict_boolean (first, "adopted", TRUE));
  g_assert_true (thole_dict_boolean (second, "adopted", FALSE));
  g_assert_cmpstr (thole_dict_string (first, "engine_id", "1"), ==, thole_dict_string (second, "engine_id", "2"));
}

static void
test_create_in_parallel (Bench *b)
{
  g_autofree char *id = fresh_id ("parallel");
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", NULL);
  g_autoptr(GVariant) none = empty ();
  GAsyncResult *slots[20] = { NULL };
  guint fresh = 0;

  for (guint i = 0; i < 20; i++)
    b->workload->create_async (b->driver, id, spec, none, NULL, bench_done, &slots[i]);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(GAsyncResult) result = NULL;
      g_autoptr(GError) error = NULL;
      g_autoptr(GVariant) created = NULL;

      while (slots[i] == NULL)
        g_main_context_iteration (NULL, TRUE);
      result = slots[i];
      created = b->workload->create_finish (b->driver, result, &error);
      g_assert_no_error (error);
      fresh += !thole_dict_boolean (created, "adopted", FALSE);
    }
  g_assert_cmpint (fresh, ==, 1);
}

/* Another daemon's container has our name: it is left alone. */
static void
test_create_foreign (Bench *b)
{
  g_autofree char *id = fresh_id ("foreign");
  const char *other = "7e577e57-ffff-4000-8000-00000000ffff"; /* the same first 8 characters */
  Bench *stranger = bench_open (NULL, other, NULL);
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", NULL);
  g_autoptr(GVariant) kept = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (bench_probe (stranger, NULL, &error), ==, THOLE_PROBE_READY);
  create_ok (stranger, id, spec);
  g_assert_null (create (b, id, spec, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_null (inspect (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (remove_it (b, id, TRUE, &error));
  kept = inspect (stranger, id, &error);
  g_assert_no_error (error);
  g_assert_true (remove_it (stranger, id, TRUE, &error));
  bench_close (stranger);
}

static void
test_image_missing (Bench *b)
{
  g_autofree char *id = fresh_id ("noimage");
  g_autoptr(GVariant) spec = dict ("{'name': <'x'>, 'image': <'thole-no-such-image:1'>}");
  g_autoptr(GError) error = NULL;

  g_assert_null (create (b, id, spec, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND);
}

static void
test_program_missing (Bench *b)
{
  g_autofree char *id = fresh_id ("noprogram");
  g_autoptr(GVariant) more = dict ("{'command': <['/bin/no-such-program']>}");
  g_autoptr(GVariant) spec = shell_spec ("", more);
  g_autoptr(GVariant) workload = NULL;
  g_autoptr(GError) error = NULL;

  create_ok (b, id, spec);
  g_assert_false (start (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "no-such-program"));
  g_clear_error (&error);
  workload = inspect (b, id, &error);
  g_assert_cmpstr (thole_dict_string (workload, "state", ""), ==, "created");
  g_assert_nonnull (strstr (thole_dict_string (workload, "reason", ""), "no-such-program"));
}

static void
test_bad_specs (Bench *b)
{
  const char *bad[] = {
    "{'image': <''>}",
    "{'ports': <[{'container': <int64 0>}]>}",
    "{'ports': <[{'container': <int64 80>, 'protocol': <'icmp'>}]>}",
    "{'mounts': <[{'target': <'relative'>, 'source': <'/tmp'>}]>}",
    "{'mounts': <[{'target': <'/a'>}]>}",
    "{'mounts': <[{'target': <'/a'>, 'source': <'/tmp'>, 'volume': <'v'>}]>}",
    "{'files': <[{'path': <'../etc/passwd'>, 'content': <b'x'>}]>}",
    "{'files': <[{'path': <'/etc/../../x'>, 'content': <b'x'>}]>}",
    "{'files': <[{'path': <'/a'>, 'content': <b'x'>}]>, 'privileges': <{'read_only_root': <true>}>}",
    "{'privileges': <{'capabilities': <['NET;ADMIN']>}>}",
    "{'privileges': <{'capabilities': <['NO_SUCH_CAPABILITY']>}>}",
    "{'resources': <{'memory': <int64 -1>}>}",
    "{'resources': <{'memory': <int64 1000>}>}",
    "{'resources': <{'cpu': <10000.0>}>}",
    "{'stop': <{'signal': <'SIGNONSENSE'>}>}",
    "{'backend_options': <{'unknown': <1>}>}",
    "{'backend_options': <{'init': <'text'>}>}",
    "{'backend_options': <{'log_driver': <'none'>}>}",
    "{'network': <'no such network'>}",
    "{'mounts': <[{'target': <'/a'>, 'source': <'/no/such/folder/here'>}]>}",
    "{'env': <{'A=B': 'c'}>}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *id = fresh_id ("bad");
      g_autoptr(GVariant) more = g_variant_ref_sink (g_variant_new_parsed (bad[i]));
      g_autoptr(GVariant) spec = shell_spec ("true", more);
      g_autoptr(GError) error = NULL;
      g_autoptr(GVariant) created = create (b, id, spec, &error);

      /* the engine looks at networks only at the start */
      if (created != NULL)
        start (b, id, &error);
      g_test_message ("%s: %s", bad[i], error != NULL ? error->message : "accepted");
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
}

static void
test_unknown_option (Bench *b)
{
  g_autoptr(GVariant) must = dict ("{'!must': <true>}");
  g_autoptr(GVariant) may = dict ("{'may': <true>}");
  g_autoptr(GError) error = NULL;
  g_autoptr(GAsyncResult) first = AWAIT (b->workload->list_async, b->driver, must, NULL);
  g_autoptr(GAsyncResult) second = AWAIT (b->workload->list_async, b->driver, may, NULL);
  g_autoptr(GVariant) list = NULL;

  g_assert_null (b->workload->list_finish (b->driver, first, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  list = b->workload->list_finish (b->driver, second, &error);
  g_assert_no_error (error);
}

static void
test_remove (Bench *b)
{
  g_autofree char *id = fresh_id ("remove");
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", NULL);
  g_assert_false (remove_it (b, id, FALSE, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_true (remove_it (b, id, TRUE, &error));
  g_assert_true (remove_it (b, id, TRUE, &error));
  g_assert_true (remove_it (b, id, FALSE, &error));
  g_assert_no_error (error);
}

static void
test_list (Bench *b)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GVariant) list = NULL;
  g_autoptr(GError) error = NULL;
  guint running = 0;

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *id = fresh_id ("list");
      g_autoptr(GVariant) spec = shell_spec ("sleep 60", NULL);

      create_ok (b, id, spec);
      if (i < 3)
        g_assert_true (start (b, id, &error));
    }
  result = AWAIT (b->workload->list_async, b->driver, none, NULL);
  list = b->workload->list_finish (b->driver, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_n_children (list), ==, 20);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      g_assert_true (g_str_has_prefix (thole_dict_string (one, "id", ""), "list-"));
      running += strcmp (thole_dict_string (one, "state", ""), "running") == 0;
    }
  g_assert_cmpint (running, ==, 3);
}

static void
test_security (Bench *b)
{
  g_autofree char *id = fresh_id ("secure");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) more = dict ("{'resources': <{'pids': <int64 20>}>, 'privileges': <{'capabilities': <['CAP_SYS_TIME']>}>}");
  g_autofree char *text = NULL;

  run_ok (b, id, "grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status; cat /sys/fs/cgroup/pids/pids.max "
          "/sys/fs/cgroup/pids.max 2>/dev/null; true", more);
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 1);
  g_assert_nonnull (strstr (text, "NoNewPrivs:\t1"));
  /* chown dac_override fowner fsetid kill setgid setuid net_bind_service, and sys_time */
  g_assert_nonnull (strstr (text, "CapEff:\t00000000020004fb"));
  g_assert_nonnull (strstr (text, "\n20\n"));
}

static void
test_surroundings (Bench *b)
{
  g_autofree char *id = fresh_id ("around");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) more = dict ("{'env': <{'WORD': 'a \"b\" ü'}>, 'working_dir': <'/tmp'>, 'user': <'1234:567'>, "
                                   "'hostname': <'harbour'>, 'privileges': <{'read_only_root': <true>}>, "
                                   "'labels': <{'a.b': 'c'}>}");
  g_autofree char *text = NULL;

  run_ok (b, id, "echo \"$WORD\"; pwd; id -u; id -g; cat /etc/hostname; echo x > /x; true", more);
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 1);
  g_assert_cmpstr (text, ==, "a \"b\" ü\n/tmp\n1234\n567\nharbour\n");
  g_free (text);
  text = log_text (b, id, none, 2);
  g_assert_nonnull (strstr (text, "Read-only file system"));
}

static void
test_arguments (Bench *b)
{
  g_autofree char *id = fresh_id ("args");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) more = dict ("{'command': <['/bin/echo', 'one']>, 'args': <['two', 'three four']>}");
  g_autofree char *text = NULL;

  run_ok (b, id, "", more);
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 1);
  g_assert_cmpstr (text, ==, "one two three four\n");
}

static void
test_bind_mount (Bench *b)
{
  g_autofree char *id = fresh_id ("bind");
  g_autofree char *folder = g_dir_make_tmp ("thole-bind-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "in", NULL);
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) more = dict ("{'mounts': <[{'target': <'/data'>, 'source': <%s>, 'read_only': <true>}]>}", folder);
  g_autofree char *text = NULL;

  g_assert_true (g_file_set_contents (file, "hello\n", -1, NULL));
  run_ok (b, id, "cat /data/in; touch /data/x || echo no", more);
  g_variant_unref (wait_state (b, id, "exited"));
  text = log_text (b, id, none, 1);
  g_assert_cmpstr (text, ==, "hello\nno\n");
  g_remove (file);
  g_rmdir (folder);
}

static void
test_health (Bench *b)
{
  g_autofree char *id = fresh_id ("health");
  g_autoptr(GVariant) more = dict ("{'health': <{'command': <['/bin/test', '-e', '/tmp/ok']>, 'interval': <0.2>, "
                                   "'timeout': <5.0>, 'retries': <int64 2>}>}");
  g_autoptr(GVariant) workload = NULL;

  run_ok (b, id, "sleep 1.5; touch /tmp/ok; sleep 60", more);
  g_assert_true (bench_wait_event (b, "workload", id, "health", 2, 60));
  workload = inspect (b, id, NULL);
  g_assert_cmpstr (thole_dict_string (workload, "health", ""), ==, "healthy");
}

static void
test_stats (Bench *b)
{
  g_autofree char *id = fresh_id ("stats");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) more = dict ("{'resources': <{'memory': <int64 33554432>}>}");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GAsyncResult) later = NULL;
  g_autoptr(GVariant) sample = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "while true; do true; done", more);
  bench_pause (0.5);
  result = AWAIT (b->workload->stats_async, b->driver, id, none, NULL);
  sample = b->workload->stats_finish (b->driver, result, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (thole_dict_double (sample, "cpu_seconds", 0), >, 0.05);
  g_assert_cmpint (thole_dict_int (sample, "memory", 0), >, 0);
  g_assert_cmpint (thole_dict_int (sample, "memory_limit", 0), ==, 33554432);
  g_assert_cmpint (thole_dict_int (sample, "pids", 0), ==, 1);
  g_assert_cmpint (ABS (thole_dict_int (sample, "time", 0) - g_get_real_time ()), <, 60000000);
  g_assert_true (stop (b, id, 0, &error));
  later = AWAIT (b->workload->stats_async, b->driver, id, none, NULL);
  g_assert_null (b->workload->stats_finish (b->driver, later, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
}

static void
test_update (Bench *b)
{
  g_autofree char *id = fresh_id ("update");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) more = dict ("{'resources': <{'memory': <int64 33554432>, 'cpu': <0.5>, 'pids': <int64 50>}>}");
  g_autoptr(GVariant) changes = dict ("{'resources': <{'memory': <int64 67108864>, 'cpu': <1.0>, 'pids': <int64 0>}>}");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GAsyncResult) stats = NULL;
  g_autoptr(GVariant) sample = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "sleep 60", more);
  result = AWAIT (b->workload->update_async, b->driver, id, changes, none, NULL);
  g_assert_true (b->workload->update_finish (b->driver, result, &error));
  g_assert_no_error (error);
  stats = AWAIT (b->workload->stats_async, b->driver, id, none, NULL);
  sample = b->workload->stats_finish (b->driver, stats, &error);
  g_assert_cmpint (thole_dict_int (sample, "memory_limit", 0), ==, 67108864);
  g_assert_true (bench_wait_event (b, "workload", id, "update", 1, 60));
}

static void
test_recover (Bench *b)
{
  g_autofree char *id = fresh_id ("recover");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", NULL);
  g_autoptr(GVariant) created = create (b, id, spec, NULL);
  g_autoptr(GVariant) handle = thole_dict_value (created, "handle", "ay");
  g_autoptr(GVariant) options = dict ("{'handle': <%@ay>}", handle);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(GAsyncResult) result = AWAIT (b->workload->recover_async, b->driver, id, i == 0 ? none : options, NULL);
      g_autoptr(GVariant) workload = b->workload->recover_finish (b->driver, result, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (thole_dict_string (workload, "id", ""), ==, id);
      g_assert_cmpstr (thole_dict_string (workload, "state", ""), ==, i < 2 ? "created" : "gone");
      if (i == 1)
        g_assert_true (remove_it (b, id, FALSE, &error));
    }
}

static void
test_ports (Bench *b)
{
  g_autofree char *first = fresh_id ("port");
  g_autofree char *second = fresh_id ("port");
  const char *network = g_getenv ("THOLE_TEST_NETWORK") != NULL ? g_getenv ("THOLE_TEST_NETWORK") : "default";
  g_autoptr(GVariant) more = NULL;
  g_autoptr(GVariant) again = NULL;
  g_autoptr(GVariant) spec = NULL;
  g_autoptr(GVariant) workload = NULL;
  g_autoptr(GVariant) ports = NULL;
  g_autoptr(GVariant) port = NULL;
  g_auto(GStrv) addresses = NULL;
  g_autoptr(GError) error = NULL;
  gint64 number;

  more = dict ("{'network': <%s>, 'ports': <[{'container': <int64 80>, 'address': <'127.0.0.1'>}]>}", network);
  run_ok (b, first, "sleep 60", more);
  workload = inspect (b, first, &error);
  addresses = thole_dict_strv (workload, "addresses");
  if (addresses[0] == NULL)
    {
      g_test_skip ("the engine has no bridge; THOLE_TEST_NETWORK may name another network");
      return;
    }
  ports = thole_dict_value (workload, "ports", "aa{sv}");
  g_assert_cmpint (g_variant_n_children (ports), ==, 1);
  port = g_variant_get_child_value (ports, 0);
  number = thole_dict_int (port, "host", 0);
  g_assert_cmpint (number, >, 1024);
  g_assert_cmpint (thole_dict_int (port, "container", 0), ==, 80);
  g_assert_cmpstr (thole_dict_string (port, "protocol", ""), ==, "tcp");
  g_assert_cmpstr (thole_dict_string (port, "address", ""), ==, "127.0.0.1");
  again = dict ("{'network': <%s>, 'ports': <[{'container': <int64 80>, 'address': <'127.0.0.1'>, 'host': <%x>}]>}", network,
                number);
  spec = shell_spec ("sleep 60", again);
  create_ok (b, second, spec);
  g_assert_false (start (b, second, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
}

static gboolean
cancel_later (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

/* Before that the signal would end it. */
static gboolean
is_deaf (Bench *b, gpointer id)
{
  g_autoptr(GVariant) none = empty ();
  g_autofree char *text = log_text (b, id, none, 1);

  return strcmp (text, "deaf\n") == 0;
}

static void
test_cancel (Bench *b)
{
  g_autofree char *id = fresh_id ("cancel");
  g_autoptr(GVariant) options = dict ("{'grace': <300.0>}");
  g_autoptr(GCancellable) before = g_cancellable_new ();
  g_autoptr(GCancellable) during = g_cancellable_new ();
  g_autoptr(GAsyncResult) first = NULL;
  g_autoptr(GAsyncResult) second = NULL;
  g_autoptr(GError) error = NULL;

  run_ok (b, id, "trap '' TERM; echo deaf; while true; do sleep 1; done", NULL);
  g_assert_true (bench_until (is_deaf, b, id, 60));
  g_cancellable_cancel (before);
  first = AWAIT (b->workload->list_async, b->driver, options, before);
  g_assert_null (b->workload->list_finish (b->driver, first, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_timeout_add (200, cancel_later, during);
  second = AWAIT (b->workload->stop_async, b->driver, id, options, during);
  g_assert_false (b->workload->stop_finish (b->driver, second, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_close_while_pending (Bench *b)
{
  Bench *other = bench_open (NULL, INSTANCE, NULL);
  g_autofree char *id = fresh_id ("pending");
  g_autoptr(GVariant) options = dict ("{'grace': <60.0>}");
  g_autoptr(GError) error = NULL;
  GAsyncResult *slot = NULL;

  run_ok (b, id, "trap '' TERM; while true; do sleep 1; done", NULL);
  g_assert_cmpint (bench_probe (other, NULL, &error), ==, THOLE_PROBE_READY);
  other->workload->stop_async (other->driver, id, options, NULL, bench_done, &slot);
  bench_pause (0.2);
  bench_close (other);
  for (guint i = 0; i < 100 && slot == NULL; i++)
    bench_pause (0.02);
  g_assert_nonnull (slot);
  g_assert_false (b->workload->stop_finish (NULL, slot, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_object_unref (slot);
}

static void
test_probe (Bench *b)
{
  g_autoptr(GVariant) facts = NULL;
  g_autoptr(GError) error = NULL;
  Bench *nobody = bench_open ("unix:///nowhere/docker.sock", INSTANCE, NULL);

  g_assert_cmpint (bench_probe (b, &facts, &error), ==, THOLE_PROBE_READY);
  g_assert_cmpstr (thole_dict_string (facts, "engine", ""), ==, "Docker Engine");
  g_assert_cmpstr (thole_dict_string (facts, "os", ""), ==, "linux");
  g_assert_cmpfloat (thole_dict_double (facts, "cpus", 0), >=, 1);
  g_assert_cmpint (thole_dict_int (facts, "memory", 0), >, 0);
  g_assert_cmpint (bench_probe (nobody, NULL, &error), ==, THOLE_PROBE_DEFER);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  bench_close (nobody);
}

void
add_workload_cases (void)
{
  add_case ("probe", test_probe);
  add_case ("life", test_life);
  add_case ("exit-0", test_exit_zero);
  add_case ("exit-1", test_exit_one);
  add_case ("exit-137-killed", test_killed);
  add_case ("exit-137-out-of-memory", test_out_of_memory);
  add_case ("stop-ignored", test_stop_ignored);
  add_case ("stop-obeyed", test_stop_obeyed);
  add_case ("stop-at-once", test_stop_at_once);
  add_case ("pause", test_pause);
  add_case ("start-twice", test_start_twice);
  add_case ("restart", test_restart);
  add_case ("create-twice", test_create_twice);
  add_case ("create-in-parallel", test_create_in_parallel);
  add_case ("create-foreign", test_create_foreign);
  add_case ("image-missing", test_image_missing);
  add_case ("program-missing", test_program_missing);
  add_case ("bad-specs", test_bad_specs);
  add_case ("unknown-option", test_unknown_option);
  add_case ("remove", test_remove);
  add_case ("list", test_list);
  add_case ("security", test_security);
  add_case ("surroundings", test_surroundings);
  add_case ("arguments", test_arguments);
  add_case ("bind-mount", test_bind_mount);
  add_case ("health", test_health);
  add_case ("stats", test_stats);
  add_case ("update", test_update);
  add_case ("recover", test_recover);
  add_case ("ports", test_ports);
  add_case ("cancel", test_cancel);
  add_case ("close-while-pending", test_close_while_pending);
}
