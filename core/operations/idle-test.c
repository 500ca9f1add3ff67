/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/idle.h"

#include "operations/room.h"
#include "operations/timebase.h"
#include "store/fixture.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define BEGIN (G_GINT64_CONSTANT (1893456000) * SECOND)
/* spare for a timeout of 100 s */
#define SPARE (25 * SECOND)

static gint64 monotonic;

static gint64
tell_wall (TholeClock *clock)
{
  return BEGIN + monotonic;
}

static gint64
tell_monotonic (TholeClock *clock)
{
  return monotonic;
}

/* one that never fires: the tests fire deadlines themselves */
static GSource *
make_timer (TholeClock *clock, gint64 delay, GSourceFunc function, gpointer user_data)
{
  return g_timeout_source_new_seconds (3600);
}

static const char *
id_of (gconstpointer object)
{
  return ((const TholeSubject *) object)->now->id;
}

/* a daemon with one workload, and nothing else */
static TholeSubject *
begin (TholeOperations *operations, TholeFixture *fixture, TholeClock *clock, const char *spec)
{
  g_autoptr (GError) error = NULL;
  TholeWorkload *record = thole_fixture_workload ("wl-1", "me", "one");
  TholeSubject *subject;

  *clock = (TholeClock) { .now = tell_wall, .monotonic = tell_monotonic, .timer = make_timer };
  *operations = (TholeOperations) { .clock = clock, .db = fixture->db };
  operations->orphans = thole_collection_new (id_of);
  operations->workloads = thole_collection_new (id_of);
  operations->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  operations->deadlines = g_sequence_new (NULL);
  thole_rooms_init (operations);
  g_assert_true (thole_timebase_load (operations, &error));
  g_assert_no_error (error);
  thole_record_set (&record->spec, spec);
  record->state = THOLE_WORKLOAD_STATE_RUNNING;
  record->desired_state = THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
  subject = thole_subject_new (operations, record);
  g_assert_true (thole_idle_load (operations, &error));
  g_assert_no_error (error);
  return subject;
}

static void
settle (TholeOperations *operations)
{
  while (thole_db_pending (operations->db) > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
end (TholeOperations *operations)
{
  settle (operations);
  thole_subject_unref (thole_collection_index (operations->workloads, 0));
  thole_source_clear (&operations->sweep);
  thole_timebase_free (operations);
  thole_rooms_free (operations);
  g_hash_table_unref (operations->names);
  thole_collection_free (operations->workloads);
  thole_collection_free (operations->orphans);
  g_sequence_free (operations->deadlines);
}

/* what the store has, 0 = nothing */
static gint64
stored (TholeOperations *operations)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = thole_db_load (operations->db, &thole_use_type, &error);

  g_assert_no_error (error);
  return rows->len > 0 ? ((TholeUse *) rows->pdata[0])->idle_at : 0;
}

static void
test_touch (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeOperations operations;
  TholeClock clock;
  TholeSubject *subject;

  monotonic = 5 * SECOND;
  subject = begin (&operations, fixture, &clock, "{\"idle_timeout\":100}");
  settle (&operations);
  g_assert_cmpint (subject->idle.timeout, ==, 100 * SECOND);
  g_assert_cmpint (stored (&operations), ==, BEGIN + 105 * SECOND + SPARE);
  g_assert_cmpint (subject->idle.deadline.at, ==, BEGIN + 105 * SECOND);
  /* a little later the store's deadline is late enough still */
  monotonic += 10 * SECOND;
  thole_idle_touch (subject);
  g_assert_cmpuint (thole_db_pending (fixture->db), ==, 0);
  g_assert_cmpint (subject->idle.deadline.at, ==, BEGIN + 115 * SECOND);
  monotonic += 40 * SECOND;
  thole_idle_touch (subject);
  settle (&operations);
  g_assert_cmpint (stored (&operations), ==, BEGIN + 155 * SECOND + SPARE);
  end (&operations);
  thole_fixture_free (fixture);
}

/* what is held is looked at before the store's deadline is too early, and never stopped */
static void
test_hold (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeOperations operations;
  TholeClock clock;
  TholeSubject *subject;

  monotonic = 5 * SECOND;
  subject = begin (&operations, fixture, &clock, "{\"idle_timeout\":100}");
  settle (&operations);
  thole_idle_hold (subject);
  for (guint i = 0; i < 20; i++)
    {
      settle (&operations);
      g_assert_nonnull (subject->idle.deadline.entry);
      g_assert_cmpint (subject->idle.deadline.at, >, BEGIN + monotonic);
      g_assert_cmpint (stored (&operations), >=, subject->idle.deadline.at + 100 * SECOND);
      monotonic = subject->idle.deadline.at - BEGIN;
      g_clear_pointer (&subject->idle.deadline.entry, g_sequence_remove);
      subject->idle.deadline.fire (subject);
      g_assert_false (subject->held);
    }
  thole_idle_release (subject);
  settle (&operations);
  g_assert_cmpint (subject->idle.deadline.at, ==, BEGIN + monotonic + 100 * SECOND);
  end (&operations);
  thole_fixture_free (fixture);
}

static void
test_restart (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeOperations operations;
  TholeClock clock;
  TholeSubject *subject;

  monotonic = 5 * SECOND;
  begin (&operations, fixture, &clock, "{\"idle_timeout\":100}");
  end (&operations);
  monotonic += 20 * SECOND;
  subject = begin (&operations, fixture, &clock, "{\"idle_timeout\":100}");
  g_assert_cmpint (subject->idle.deadline.at, ==, BEGIN + 105 * SECOND + SPARE);
  end (&operations);
  /* nobody could use it meanwhile: there is a minute to come back */
  monotonic += 5000 * SECOND;
  subject = begin (&operations, fixture, &clock, "{\"idle_timeout\":100}");
  g_assert_cmpint (subject->idle.deadline.at, ==, BEGIN + monotonic + 60 * SECOND);
  end (&operations);
  thole_fixture_free (fixture);
}

static void
test_none (void)
{
  static const char *const specs[] = { "{}", "{\"idle_timeout\":0}", "{\"env\":{\"idle_timeout\":\"7\"},\"idle_timeout\":0.0}",
                                       "{\"backend_options\":{\"idle_timeout\":7},\"idle_timeout\":0}" };

  for (guint i = 0; i < G_N_ELEMENTS (specs); i++)
    {
      TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
      TholeOperations operations;
      TholeClock clock;
      TholeSubject *subject = begin (&operations, fixture, &clock, specs[i]);

      thole_idle_touch (subject);
      thole_idle_hold (subject);
      thole_idle_release (subject);
      settle (&operations);
      g_assert_cmpint (subject->idle.timeout, ==, 0);
      g_assert_null (subject->idle.deadline.entry);
      g_assert_cmpint (stored (&operations), ==, 0);
      end (&operations);
      thole_fixture_free (fixture);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/idle/touch", test_touch);
  g_test_add_func ("/idle/hold", test_hold);
  g_test_add_func ("/idle/restart", test_restart);
  g_test_add_func ("/idle/none", test_none);
  return g_test_run ();
}
