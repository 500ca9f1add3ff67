/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

#include "relay.h"

static Bench *
open_through (Relay *relay)
{
  Bench *b = bench_open (relay_url (relay), INSTANCE, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (bench_probe (b, NULL, &error), ==, THOLE_PROBE_READY);
  g_assert_no_error (error);
  return b;
}

static gboolean
reaches_unix (void)
{
  if (g_str_has_prefix (g_getenv ("THOLE_TEST_DOCKER"), "unix://"))
    return TRUE;
  g_test_skip ("the relay needs an engine on a unix socket");
  return FALSE;
}

/* Only our own objects are told of, each change once. */
static void
test_ours_only (Bench *b)
{
  g_autofree char *id = fresh_id ("ours");
  g_autofree char *foreign = fresh_id ("foreign");
  Bench *stranger = bench_open (NULL, "0ther000-0000-4000-8000-000000000002", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (bench_probe (stranger, NULL, &error), ==, THOLE_PROBE_READY);
  run_ok (stranger, foreign, "true", NULL);
  run_ok (b, id, "true", NULL);
  g_assert_true (bench_wait_event (b, "workload", id, "exit", 1, 60));
  g_assert_true (bench_wait_event (stranger, "workload", foreign, "exit", 1, 60));
  g_assert_cmpint (bench_events (b, "workload", foreign, NULL), ==, 0);
  g_assert_cmpint (bench_events (stranger, "workload", id, NULL), ==, 0);
  g_assert_cmpint (bench_events (b, "workload", id, "create"), ==, 1);
  g_assert_cmpint (bench_events (b, "workload", id, "start"), ==, 1);
  g_assert_true (remove_it (stranger, foreign, TRUE, &error));
  bench_close (stranger);
}

/* The stream breaks, the engine lives: a resync, and what happened in between is not lost. */
static void
test_stream_cut (Bench *b)
{
  Relay *relay;
  Bench *c;

  if (!reaches_unix ())
    return;
  relay = relay_new ();
  c = open_through (relay);
  for (guint i = 1; i <= 5; i++)
    {
      g_autofree char *id = fresh_id ("cut");

      relay_cut (relay, FALSE);
      run_ok (b, id, "true", NULL);
      g_assert_true (bench_wait_event (c, "resync", NULL, NULL, i, 60));
      run_ok (b, id, "true", NULL);
      g_assert_true (bench_wait_event (c, "workload", id, NULL, 1, 60));
    }
  g_assert_cmpint (bench_events (c, "unavailable", NULL, NULL), ==, 0);
  bench_close (c);
  relay_free (relay);
}

static void
test_engine_away (Bench *b)
{
  g_autofree char *id = fresh_id ("away");
  g_autoptr(GVariant) workload = NULL;
  g_autoptr(GError) error = NULL;
  Relay *relay;
  Bench *c;

  if (!reaches_unix ())
    return;
  relay = relay_new ();
  c = open_through (relay);
  run_ok (c, id, "sleep 60", NULL);
  relay_cut (relay, TRUE);
  g_assert_true (bench_wait_event (c, "unavailable", NULL, NULL, 1, 60));
  g_assert_null (inspect (c, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_cmpint (bench_probe (c, NULL, &error), ==, THOLE_PROBE_DEFER);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  bench_pause (1);
  g_assert_cmpint (bench_events (c, "unavailable", NULL, NULL), ==, 1);
  relay_back (relay);
  g_assert_cmpint (bench_probe (c, NULL, &error), ==, THOLE_PROBE_READY);
  g_assert_cmpint (bench_events (c, "resync", NULL, NULL), ==, 1);
  workload = inspect (c, id, &error);
  g_assert_cmpstr (thole_dict_string (workload, "state", ""), ==, "running");
  /* and without a probe */
  relay_cut (relay, TRUE);
  g_assert_true (bench_wait_event (c, "unavailable", NULL, NULL, 2, 60));
  relay_back (relay);
  g_assert_true (bench_wait_event (c, "resync", NULL, NULL, 2, 60));
  bench_close (c);
  relay_free (relay);
}

/* A log that is followed ends with an error when the connection breaks, it does not look complete. */
static void
test_log_cut (Bench *b)
{
  g_autofree char *id = fresh_id ("logcut");
  g_autoptr(GVariant) follow = dict ("{'follow': <true>}");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GByteArray) rest = NULL;
  g_autoptr(GError) error = NULL;
  Relay *relay;
  Bench *c;

  if (!reaches_unix ())
    return;
  relay = relay_new ();
  c = open_through (relay);
  run_ok (c, id, "echo x; sleep 60", NULL);
  result = AWAIT (c->workload->logs_async, c->driver, id, follow, NULL);
  stream = c->workload->logs_finish (c->driver, result, &error);
  bytes = bench_read (g_io_stream_get_input_stream (stream), THOLE_LOG_RECORD_HEADER + 2, &error);
  g_assert_no_error (error);
  relay_cut (relay, TRUE);
  rest = bench_read (g_io_stream_get_input_stream (stream), 100, &error);
  g_assert_null (rest);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  g_clear_object (&stream);
  bench_close (c);
  relay_free (relay);
}

/* An exec whose connection broke ends without an exit record. */
static void
test_exec_cut (Bench *b)
{
  g_autofree char *id = fresh_id ("execcut");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/sh', '-c', 'echo x; sleep 60']>}");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GByteArray) rest = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *exec_id = NULL;
  Relay *relay;
  Bench *c;

  if (!reaches_unix ())
    return;
  relay = relay_new ();
  c = open_through (relay);
  run_ok (c, id, "sleep 60", NULL);
  result = AWAIT (c->exec->open_async, c->driver, id, command, none, NULL);
  stream = c->exec->open_finish (c->driver, result, &exec_id, &error);
  bytes = bench_read (g_io_stream_get_input_stream (stream), THOLE_RECORD_HEADER + 2, &error);
  g_assert_no_error (error);
  relay_cut (relay, TRUE);
  rest = bench_read (g_io_stream_get_input_stream (stream), 100, &error);
  g_assert_no_error (error);
  g_assert_cmpint (rest->len, ==, 0);
  g_clear_object (&stream);
  bench_close (c);
  relay_free (relay);
}

static void
test_engine_restart (Bench *b)
{
  g_autofree char *id = fresh_id ("restart");
  const char *line = g_getenv ("THOLE_TEST_RESTART");
  g_autoptr(GVariant) workload = NULL;
  g_autoptr(GError) error = NULL;

  if (line == NULL)
    {
      g_test_skip ("THOLE_TEST_RESTART is no command that restarts the engine");
      return;
    }
  run_ok (b, id, "sleep 600", NULL);
  g_assert_true (g_spawn_command_line_async (line, &error));
  g_assert_true (bench_wait_event (b, "unavailable", NULL, NULL, 1, 60));
  g_assert_true (bench_wait_event (b, "resync", NULL, NULL, 1, 120));
  workload = inspect (b, id, &error);
  g_assert_no_error (error);
  g_test_message ("after the restart: %s", thole_dict_string (workload, "state", ""));
  g_assert_true (start (b, id, &error));
  g_assert_no_error (error);
}

void
add_event_cases (void)
{
  add_case ("events/ours-only", test_ours_only);
  add_case ("events/stream-cut", test_stream_cut);
  add_case ("events/engine-away", test_engine_away);
  add_case ("events/log-cut", test_log_cut);
  add_case ("events/exec-cut", test_exec_cut);
  add_case ("events/engine-restart", test_engine_restart);
}
