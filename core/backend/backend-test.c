/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeBackend over a driver of this test's own, on a real main loop whose timers run twenty times as fast.
 */
#include "backend/backend-fake.h"
#include "backend/backend-module.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define HASTE 20

/* warnings of the daemon since the last look; GTest cannot expect structured ones */
static GString *warnings;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (level <= G_LOG_LEVEL_WARNING && strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (warnings, "%s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

static void
assert_warned (const char *text)
{
  g_assert_nonnull (strstr (warnings->str, text));
  g_string_truncate (warnings, 0);
}

/* the test's side ------------------------------------------------------------------------------------------- */

static GSource *
fast_timer (TholeClock *self, gint64 delay, GSourceFunc function, gpointer user_data)
{
  return thole_clock_timer (thole_clock_system (), delay / HASTE, function, user_data);
}

typedef struct
{
  TholeClock clock;
  TholeBackend *backend;
  GString *news;       /* states and events in their order */
} Fixture;

static void
on_state (TholeBackend *backend, gpointer user_data)
{
  Fixture *f = user_data;

  g_string_append_printf (f->news, "%s ", thole_backend_state_name (thole_backend_get_state (backend)));
}

static void
on_event (TholeBackend *backend, GVariant *event, gpointer user_data)
{
  Fixture *f = user_data;

  g_assert_false (g_variant_is_floating (event));
  g_string_append_printf (f->news, "<%s> ", thole_dict_string (event, "kind", "?"));
}

static const TholeProbe ready[] = { THOLE_PROBE_READY };

static TholeBackend *
open_backend (Fixture *f, const char *config, GError **error)
{
  g_autoptr(TholeTables) tables = thole_tables_new (&fake_plugin, error);
  g_autoptr(GHashTable) secrets
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);

  g_hash_table_insert (secrets, g_strdup ("api"), g_bytes_new_static ("s3cret", 6));
  g_assert_nonnull (tables);
  return thole_backend_module_new (&(TholeBackendModuleOptions) {
    .name = "b", .tables = tables, .shown = g_variant_new_parsed (config), .config = g_variant_new_parsed (config),
    .secrets = secrets, .clock = &f->clock }, error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->clock = *thole_clock_system ();
  f->clock.timer = fast_timer;
  f->news = g_string_new (NULL);
  memset (&fake, 0, sizeof fake);
  fake.probes = ready;
  fake.n_probes = 1;
  fake.seen = g_string_new (NULL);
  fake.held = g_ptr_array_new_with_free_func (g_object_unref);
  f->backend = open_backend (f, "{'driver': <'fake'>, 'url': <'tcp://me:word@host:1/'>, 'api_token': <'abc'>,"
                                " 'Password': <'xyz'>, 'tls_key': <'/k'>}", NULL);
  g_signal_connect (f->backend, "state-changed", G_CALLBACK (on_state), f);
  g_signal_connect (f->backend, "event", G_CALLBACK (on_event), f);
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **slot = user_data;

  g_assert_null (*slot);
  *slot = g_object_ref (result);
}

/* At most 60 s, so that a fault is a failure and not a hang. */
static gboolean
spin_until (gboolean (*condition) (gpointer), gpointer data)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (!condition (data) && g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (500);
  return condition (data);
}

static gboolean
is_set (gpointer data)
{
  return *(gpointer *) data != NULL;
}

static gboolean
is_ready (gpointer backend)
{
  return thole_backend_get_state (backend) == THOLE_BACKEND_READY;
}

static gboolean
is_unsure (gpointer backend)
{
  TholeBackendState state = thole_backend_get_state (backend);

  return state == THOLE_BACKEND_UNAVAILABLE || state == THOLE_BACKEND_UNSUPPORTED;
}

static gboolean
is_stuck (gpointer backend)
{
  return thole_backend_get_state (backend) == THOLE_BACKEND_STUCK;
}

static gboolean
is_idle (gpointer backend)
{
  return thole_backend_pending (backend) == 0;
}

static void
spin (guint ms)
{
  gint64 end = g_get_monotonic_time () + ms * 1000;

  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (500);
}

static void
start (Fixture *f)
{
  thole_backend_start (f->backend);
  g_assert_true (spin_until (is_ready, f->backend));
}

static gboolean
call_with (Fixture *f, TholeSlot slot, const TholeSlotArgs *args, GCancellable *cancellable, TholeSlotResult *out,
           GError **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  thole_backend_call_async (f->backend, slot, args, cancellable, on_result, &result);
  /* never from inside */
  g_assert_null (result);
  g_assert_true (spin_until (is_set, &result));
  return thole_backend_call_finish (f->backend, result, out, error);
}

static gboolean
call_start (Fixture *f, const char *word, double deadline, GError **error)
{
  return call_with (f, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = word, .deadline = deadline }, NULL, NULL,
                    error);
}

#define ASSERT_FAILS(call, code_, text)                                \
  G_STMT_START                                                         \
  {                                                                    \
    g_autoptr(GError) error = NULL;                                    \
    g_assert_false (call);                                             \
    g_assert_error (error, THOLE_ERROR, code_);                        \
    g_assert_nonnull (strstr (error->message, text));                  \
  }                                                                    \
  G_STMT_END

static void
release_held (void)
{
  g_autoptr(GPtrArray) held = g_steal_pointer (&fake.held);

  fake.held = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < held->len; i++)
    if (!g_task_get_completed (held->pdata[i]))
      g_task_return_boolean (held->pdata[i], TRUE);
}

static gboolean
close_backend (Fixture *f, GError **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  thole_backend_close_async (f->backend, on_result, &result);
  g_assert_null (result);
  g_assert_true (spin_until (is_set, &result));
  g_assert_cmpint (thole_backend_get_state (f->backend), ==, THOLE_BACKEND_CLOSED);
  return thole_backend_close_finish (f->backend, result, error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  if (thole_backend_get_state (f->backend) != THOLE_BACKEND_CLOSED)
    g_assert_true (close_backend (f, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (fake.closed, ==, 1);
  g_assert_cmpuint (thole_backend_pending (f->backend), ==, 0);
  g_assert_finalize_object (f->backend);
  g_assert_cmpstr (warnings->str, ==, "");
  g_string_free (f->news, TRUE);
  g_string_free (fake.seen, TRUE);
  g_ptr_array_unref (fake.held);
}

/* cases ----------------------------------------------------------------------------------------------------- */

static void
test_ready (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (thole_backend_get_state (f->backend), ==, THOLE_BACKEND_OPENING);
  start (f);
  g_assert_cmpstr (f->news->str, ==, "probing ready <resync> ");
  g_assert_cmpstr (thole_dict_string (thole_backend_get_facts (f->backend), "engine", ""), ==, "fake");
  g_assert_cmpstr (thole_backend_get_reason (f->backend), ==, "");
  g_assert_cmpstr (thole_backend_get_driver (f->backend), ==, "fake");
  /* only what waits is hastened */
  thole_backend_probe_now (f->backend);
  g_assert_cmpuint (fake.probed, ==, 1);
}

static void
test_bad_config (Fixture *f, gconstpointer data)
{
  TholeDriver *other = fake.driver;

  ASSERT_FAILS (open_backend (f, "{'wrong': <'1'>}", &error) != NULL, THOLE_ERROR_INVALID, "wrong is wrong");
  g_assert_true (fake.driver == other);
}

/* Every slot gets its own arguments and gives its own result. */
static void
test_slots (Fixture *f, gconstpointer data)
{
  g_autoptr(GInputStream) tar = g_memory_input_stream_new ();
  g_autoptr(GVariant) dict = g_variant_ref_sink (g_variant_new_parsed ("{'d': <'D'>}"));
  const TholeSlotArgs args = { .id = "i", .text = "t", .dict = dict, .tar = tar, .rows = 3, .cols = 4, .signal = "s" };
  static const char *const seen[] = {
    [THOLE_TAKES_OPTIONS] = "options=0",
    [THOLE_TAKES_ID] = "id=i options=0",
    [THOLE_TAKES_ID_DICT] = "id=i dict=D options=0",
    [THOLE_TAKES_ID_TEXT] = "id=i text=t options=0",
    [THOLE_TAKES_TEXT] = "id=t options=0",
    [THOLE_TAKES_ID_TEXT_TAR] = "id=i text=t tar options=0",
    [THOLE_TAKES_ID_TEXT_SIZE] = "id=i text=t 3x4",
    [THOLE_TAKES_ID_TEXT_SIGNAL] = "id=i text=t signal=s options=0",
  };

  start (f);
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    {
      const TholeSlotInfo *info = thole_slot_info (i);
      g_auto(TholeSlotResult) out = { 0 };
      g_autoptr(GError) error = NULL;
      gboolean stream = info->gives >= THOLE_GIVES_STREAM;
      gboolean value = info->gives == THOLE_GIVES_DICT || info->gives == THOLE_GIVES_DICTS;

      /* the one slot that this driver does not have */
      if (i == THOLE_SLOT_WORKLOAD_PAUSE)
        continue;
      g_string_truncate (fake.seen, 0);
      g_assert_true (call_with (f, i, &args, NULL, &out, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (fake.seen->str, ==, seen[info->takes]);
      g_assert_cmpint (out.stream != NULL, ==, stream);
      g_assert_cmpint (out.value != NULL, ==, value);
      g_assert_cmpstr (out.exec_id, ==, i == THOLE_SLOT_EXEC_OPEN ? "e1" : NULL);
    }
}

static void
test_arguments (Fixture *f, gconstpointer data)
{
  start (f);
  ASSERT_FAILS (call_with (f, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = "i" }, NULL, NULL, &error),
                THOLE_ERROR_INTERNAL, "workload.create");
  ASSERT_FAILS (call_with (f, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { 0 }, NULL, NULL, &error),
                THOLE_ERROR_INTERNAL, "workload.start");
}

static void
test_unsupported (Fixture *f, gconstpointer data)
{
  /* also while it is not ready: waiting would not help */
  ASSERT_FAILS (call_with (f, THOLE_SLOT_WORKLOAD_PAUSE, &(TholeSlotArgs) { .id = "i" }, NULL, NULL, &error),
                THOLE_ERROR_UNSUPPORTED, "workload.pause");
  g_assert_false (thole_backend_has (f->backend, THOLE_SLOT_WORKLOAD_PAUSE));
  g_assert_true (thole_backend_has (f->backend, THOLE_SLOT_WORKLOAD_UNPAUSE));
}

static void
test_not_ready (Fixture *f, gconstpointer data)
{
  ASSERT_FAILS (call_start (f, "ok", 0, &error), THOLE_ERROR_UNAVAILABLE, "the backend b is opening");
}

static void
test_deadline (Fixture *f, gconstpointer data)
{
  start (f);
  ASSERT_FAILS (call_start (f, "slow", 0.2, &error), THOLE_ERROR_TIMEOUT, "workload.start did not end within 0.2 s");
  g_assert_cmpuint (fake.cancelled, ==, 1);
  g_assert_true (is_ready (f->backend));
  /* what is done in spite of the cancel is done */
  g_assert_true (call_start (f, "done", 0.2, NULL));
  g_assert_cmpuint (fake.cancelled, ==, 2);
}

static gboolean
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  const TholeSlotArgs args = { .id = "slow" };
  g_autoptr(GError) error = NULL, early = NULL;

  start (f);
  g_idle_add (cancel, cancellable);
  g_assert_false (call_with (f, THOLE_SLOT_WORKLOAD_START, &args, cancellable, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fake.cancelled, ==, 1);
  /* cancelled before: the driver never hears of it */
  g_string_truncate (fake.seen, 0);
  g_assert_false (call_with (f, THOLE_SLOT_WORKLOAD_START, &args, cancellable, NULL, &early));
  g_assert_error (early, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpstr (fake.seen->str, ==, "");
}

static void
test_stuck (Fixture *f, gconstpointer data)
{
  gint64 before;

  start (f);
  before = g_get_monotonic_time ();
  ASSERT_FAILS (call_start (f, "hang", 0.2, &error), THOLE_ERROR_TIMEOUT, "did not end");
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 2.2 * G_USEC_PER_SEC / HASTE);
  g_assert_cmpint (thole_backend_get_state (f->backend), ==, THOLE_BACKEND_STUCK);
  g_assert_cmpuint (thole_backend_pending (f->backend), ==, 1);
  ASSERT_FAILS (call_start (f, "ok", 0, &error), THOLE_ERROR_UNAVAILABLE, "stuck");
  /* it comes back after all: nothing is leaked or answered twice, and the engine is asked again */
  release_held ();
  g_assert_true (spin_until (is_ready, f->backend));
  g_assert_cmpuint (fake.probed, ==, 2);
  g_assert_cmpstr (f->news->str, ==, "probing ready <resync> stuck unavailable ready <resync> ");
  g_assert_true (call_start (f, "ok", 0, NULL));
}

static void
test_stuck_probe (Fixture *f, gconstpointer data)
{
  fake.deaf = TRUE;
  thole_backend_start (f->backend);
  g_assert_true (spin_until (is_stuck, f->backend));
  fake.deaf = FALSE;
  release_held ();
  g_assert_true (spin_until (is_ready, f->backend));
}

static void
test_errors (Fixture *f, gconstpointer data)
{
  const TholeSlotArgs wrong = { .id = "wrong" };
  g_auto(TholeSlotResult) out = { 0 };

  start (f);
  ASSERT_FAILS (call_start (f, "foreign", 0, &error), THOLE_ERROR_FAILED, "the disk said no");
  ASSERT_FAILS (call_start (f, "conflict", 0, &error), THOLE_ERROR_CONFLICT, "port 80 is taken");
  ASSERT_FAILS (call_start (f, "inner", 0, &error), THOLE_ERROR_FAILED, "not for a driver");
  ASSERT_FAILS (call_start (f, "newer", 0, &error), THOLE_ERROR_FAILED, "a code of later");
  ASSERT_FAILS (call_start (f, "silent", 0, &error), THOLE_ERROR_FAILED, "neither a result nor an error");
  ASSERT_FAILS (call_with (f, THOLE_SLOT_WORKLOAD_INSPECT, &wrong, NULL, &out, &error), THOLE_ERROR_FAILED,
                "wrong type");
  g_assert_true (is_ready (f->backend));
}

static void
test_away (Fixture *f, gconstpointer data)
{
  start (f);
  /* that a registry is away says nothing about the engine */
  ASSERT_FAILS (call_with (f, THOLE_SLOT_IMAGE_PULL, &(TholeSlotArgs) { .text = "away" }, NULL, NULL, &error),
                THOLE_ERROR_UNAVAILABLE, "connection refused");
  g_assert_true (is_ready (f->backend));
  ASSERT_FAILS (call_start (f, "away", 0, &error), THOLE_ERROR_UNAVAILABLE, "connection refused");
  g_assert_cmpint (thole_backend_get_state (f->backend), ==, THOLE_BACKEND_UNAVAILABLE);
  g_assert_cmpstr (thole_backend_get_reason (f->backend), ==, "connection refused");
  g_assert_true (spin_until (is_ready, f->backend));
  g_assert_cmpstr (f->news->str, ==, "probing ready <resync> unavailable ready <resync> ");
}

static void
test_defer (Fixture *f, gconstpointer data)
{
  static const TholeProbe probes[] = { THOLE_PROBE_DEFER, THOLE_PROBE_DEFER, THOLE_PROBE_DEFER, THOLE_PROBE_READY };
  gint64 before = g_get_monotonic_time ();

  fake.probes = probes;
  fake.n_probes = G_N_ELEMENTS (probes);
  thole_backend_start (f->backend);
  g_assert_true (spin_until (is_unsure, f->backend));
  g_assert_cmpstr (thole_backend_get_reason (f->backend), ==, "no engine here");
  ASSERT_FAILS (call_start (f, "ok", 0, &error), THOLE_ERROR_UNAVAILABLE, "no engine here");
  g_assert_true (spin_until (is_ready, f->backend));
  g_assert_cmpuint (fake.probed, ==, 4);
  /* pauses of at least half of 2, 4 and 8 s */
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 7 * G_USEC_PER_SEC / HASTE);
  g_assert_cmpstr (f->news->str, ==, "probing unavailable ready <resync> ");
}

static void
test_probe_now (Fixture *f, gconstpointer data)
{
  static const TholeProbe probes[] = { THOLE_PROBE_DEFER, THOLE_PROBE_READY };

  fake.probes = probes;
  fake.n_probes = G_N_ELEMENTS (probes);
  thole_backend_start (f->backend);
  g_assert_true (spin_until (is_unsure, f->backend));
  thole_backend_probe_now (f->backend);
  thole_backend_probe_now (f->backend);
  g_assert_cmpuint (fake.probed, ==, 2);
  g_assert_true (spin_until (is_ready, f->backend));
  spin (200);
  g_assert_cmpuint (fake.probed, ==, 2);
}

static void
test_never (Fixture *f, gconstpointer data)
{
  static const TholeProbe probes[] = { THOLE_PROBE_UNSUPPORTED };

  fake.probes = probes;
  thole_backend_start (f->backend);
  g_assert_true (spin_until (is_unsure, f->backend));
  g_assert_cmpint (thole_backend_get_state (f->backend), ==, THOLE_BACKEND_UNSUPPORTED);
  ASSERT_FAILS (call_start (f, "ok", 0, &error), THOLE_ERROR_UNSUPPORTED, "no engine here");
  thole_backend_probe_now (f->backend);
  spin (200);
  g_assert_cmpuint (fake.probed, ==, 1);
}

static void
report (const char *event)
{
  fake.driver->ops->event (fake.driver->host, g_variant_new_parsed (event));
}

static void
test_events (Fixture *f, gconstpointer data)
{
  report ("{'kind': <'early'>}");
  spin (20);
  start (f);
  g_string_truncate (f->news, 0);
  report ("{'kind': <'workload'>, 'id': <'w-1'>}");
  report ("{'kind': <'facts'>, 'facts': <{'engine': <'other'>}>}");
  report ("{'kind': <'progress'>, 'token': <uint64 1>}");
  /* never from inside */
  g_assert_cmpstr (f->news->str, ==, "");
  spin (20);
  g_assert_cmpstr (f->news->str, ==, "<workload> ready <progress> ");
  g_assert_cmpstr (thole_dict_string (thole_backend_get_facts (f->backend), "engine", ""), ==, "other");
  g_string_truncate (f->news, 0);
  report ("{'kind': <'unavailable'>, 'reason': <'gone'>}");
  report ("{'kind': <'workload'>, 'id': <'w-2'>}");
  spin (5);
  g_assert_cmpstr (f->news->str, ==, "unavailable ");
  g_assert_cmpstr (thole_backend_get_reason (f->backend), ==, "gone");
  g_assert_true (spin_until (is_ready, f->backend));
  g_assert_cmpstr (f->news->str, ==, "unavailable ready <resync> ");
}

static gboolean
is_resynced (gpointer news)
{
  return g_str_has_suffix (((GString *) news)->str, "<resync> ");
}

static void
test_flood (Fixture *f, gconstpointer data)
{
  start (f);
  g_string_truncate (f->news, 0);
  for (guint i = 0; i < 10000; i++)
    report ("{'kind': <'w'>}");
  g_assert_true (spin_until (is_resynced, f->news));
  g_assert_cmpuint (f->news->len, ==, 4096 * strlen ("<w> ") + strlen ("<resync> "));
  report ("{'what': <1>}");
  assert_warned ("without a kind");
}

static gboolean
count_up (gpointer count)
{
  (*(guint *) count)++;
  return G_SOURCE_CONTINUE;
}

static void
note_free (gpointer count)
{
  *(guint *) count += 100;
}

static gboolean
has_fired (gpointer count)
{
  return *(guint *) count > 0;
}

static void
test_host (Fixture *f, gconstpointer data)
{
  const TholeHostOps *ops = fake.driver->ops;
  TholeHost *host = fake.driver->host;
  guint count = 0;
  g_autoptr(GSource) timer = ops->timer (host, 10000, count_up, &count, note_free);
  g_autoptr(GBytes) secret = ops->secret (host, "api"), known = g_bytes_new_static ("s3cret", 6);

  g_assert_true (THOLE_HAS (ops, TholeHostOps, secret));
  g_assert_null (ops->secret (host, "none"));
  g_assert_true (g_bytes_equal (secret, known));
  g_assert_cmpint (ABS (ops->now (host) - g_get_real_time ()), <, 60 * G_USEC_PER_SEC);
  g_assert_true (spin_until (has_fired, &count));
  spin (50);
  /* once, whatever the function says */
  g_assert_cmpuint (count, ==, 101);
  g_assert_true (g_source_is_destroyed (timer));
  ops->log (host, G_LOG_LEVEL_ERROR, "two\nlines");
  assert_warned ("backend b: two lines");
}

static void
test_inside (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_true (call_start (f, "inside", 0, NULL));
  assert_warned ("called back from inside workload.start");
}

static void
test_busy (Fixture *f, gconstpointer data)
{
  g_autofree GAsyncResult **results = g_new0 (GAsyncResult *, THOLE_BACKEND_MAX_CALLS);

  start (f);
  for (guint i = 0; i < THOLE_BACKEND_MAX_CALLS; i++)
    thole_backend_call_async (f->backend, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = "slow" }, NULL,
                              on_result, &results[i]);
  ASSERT_FAILS (call_start (f, "ok", 0, &error), THOLE_ERROR_BUSY, "1024 calls");
  release_held ();
  g_assert_true (spin_until (is_idle, f->backend));
  for (guint i = 0; i < THOLE_BACKEND_MAX_CALLS; i++)
    {
      g_assert_true (thole_backend_call_finish (f->backend, results[i], NULL, NULL));
      g_object_unref (results[i]);
    }
  g_assert_true (call_start (f, "ok", 0, NULL));
}

static void
test_close (Fixture *f, gconstpointer data)
{
  g_autoptr(GAsyncResult) slow = NULL, done = NULL;
  g_autoptr(GError) error = NULL, cancelled = NULL;

  start (f);
  thole_backend_call_async (f->backend, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = "slow" }, NULL, on_result,
                            &slow);
  thole_backend_call_async (f->backend, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = "done" }, NULL, on_result,
                            &done);
  spin (5);
  g_assert_true (close_backend (f, &error));
  g_assert_no_error (error);
  g_assert_nonnull (slow);
  g_assert_false (thole_backend_call_finish (f->backend, slow, NULL, &cancelled));
  g_assert_error (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (thole_backend_call_finish (f->backend, done, NULL, NULL));
  g_assert_cmpuint (fake.closed, ==, 1);
  ASSERT_FAILS (call_start (f, "ok", 0, &error), THOLE_ERROR_UNAVAILABLE, "clos");
  /* a second time, and while it waits to probe again */
  g_assert_true (close_backend (f, NULL));
}

static void
test_close_early (Fixture *f, gconstpointer data)
{
  g_autoptr(GAsyncResult) one = NULL, other = NULL;

  thole_backend_start (f->backend);
  thole_backend_close_async (f->backend, on_result, &one);
  thole_backend_close_async (f->backend, on_result, &other);
  g_assert_true (spin_until (is_set, &one) && spin_until (is_set, &other));
  g_assert_true (thole_backend_close_finish (f->backend, one, NULL));
  g_assert_true (thole_backend_close_finish (f->backend, other, NULL));
}

static void
test_close_stuck (Fixture *f, gconstpointer data)
{
  g_autoptr(GAsyncResult) call = NULL;
  g_autoptr(GError) error = NULL;

  start (f);
  thole_backend_call_async (f->backend, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = "hang" }, NULL, on_result,
                            &call);
  ASSERT_FAILS (close_backend (f, &error), THOLE_ERROR_TIMEOUT, "workload.start");
  g_assert_false (thole_backend_call_finish (f->backend, call, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fake.closed, ==, 0);
  /* the late one comes, and the driver is closed after all */
  release_held ();
  g_assert_true (spin_until (is_idle, f->backend));
}

static void
test_json (Fixture *f, gconstpointer data)
{
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GVariant) json = NULL, config = NULL, capabilities = NULL, facts = NULL;
  g_autofree char *shown = NULL;

  start (f);
  bytes = thole_backend_json (f->backend);
  json = thole_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL);
  g_assert_nonnull (json);
  g_assert_cmpstr (thole_dict_string (json, "name", ""), ==, "b");
  g_assert_cmpstr (thole_dict_string (json, "driver", ""), ==, "fake");
  g_assert_cmpstr (thole_dict_string (json, "state", ""), ==, "ready");
  config = thole_dict_value (json, "config", "a{sv}");
  shown = thole_json_to_string (config);
  g_assert_cmpstr (shown, ==, "{\"url\":\"tcp://...@host:1/\"}");
  facts = thole_dict_value (json, "facts", "a{sv}");
  g_assert_cmpstr (thole_dict_string (facts, "version", ""), ==, "7");
  capabilities = thole_dict_value (json, "capabilities", "as");
  g_assert_cmpuint (g_variant_n_children (capabilities), ==, THOLE_N_SLOTS - 1);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *f, gconstpointer data);
  } cases[] = {
    { "ready", test_ready }, { "bad-config", test_bad_config }, { "slots", test_slots },
    { "arguments", test_arguments }, { "unsupported", test_unsupported }, { "not-ready", test_not_ready },
    { "deadline", test_deadline }, { "cancel", test_cancel }, { "stuck", test_stuck },
    { "stuck-probe", test_stuck_probe }, { "errors", test_errors }, { "away", test_away }, { "defer", test_defer },
    { "probe-now", test_probe_now }, { "never", test_never }, { "events", test_events }, { "flood", test_flood },
    { "host", test_host }, { "inside", test_inside }, { "busy", test_busy }, { "close", test_close },
    { "close-early", test_close_early }, { "close-stuck", test_close_stuck }, { "json", test_json },
  };
  int result;

  g_test_init (&argc, &argv, NULL);
  warnings = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/backend/", cases[i].name, NULL);

      g_test_add (path, Fixture, NULL, set_up, cases[i].run, tear_down);
    }
  result = g_test_run ();
  g_string_free (warnings, TRUE);
  return result;
}
