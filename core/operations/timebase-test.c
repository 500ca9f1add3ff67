/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/timebase.h"

#include "store/fixture.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define BEGIN (G_GINT64_CONSTANT (1893456000) * SECOND)

static gint64 wall, monotonic;

static gint64
tell_wall (TholeClock *clock)
{
  return wall;
}

static gint64
tell_monotonic (TholeClock *clock)
{
  return monotonic;
}

static const char *
id_of (gconstpointer object)
{
  return object;
}

/* a daemon that has a deadline, and nothing else */
static void
begin (TholeOperations *operations, TholeFixture *fixture, TholeClock *clock)
{
  g_autoptr (GError) error = NULL;

  *clock = (TholeClock) { .now = tell_wall, .monotonic = tell_monotonic };
  *operations = (TholeOperations) { .clock = clock, .db = fixture->db };
  operations->orphans = thole_collection_new (id_of);
  operations->deadlines = g_sequence_new (NULL);
  g_sequence_append (operations->deadlines, operations);
  g_assert_true (thole_timebase_load (operations, &error));
  g_assert_no_error (error);
}

static void
end (TholeOperations *operations)
{
  while (thole_db_pending (operations->db) > 0)
    g_main_context_iteration (NULL, TRUE);
  thole_timebase_free (operations);
  thole_collection_free (operations->orphans);
  g_sequence_free (operations->deadlines);
}

static void
pass (gint64 time)
{
  wall += time;
  monotonic += time;
}

static void
test_jumps (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeOperations operations;
  TholeClock clock;

  wall = BEGIN;
  monotonic = 5 * SECOND;
  begin (&operations, fixture, &clock);
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN);
  pass (40 * SECOND);
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN + 40 * SECOND);
  wall += 7200 * SECOND;
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN + 40 * SECOND);
  wall -= 9000 * SECOND;
  pass (SECOND);
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN + 41 * SECOND);
  /* a clock that is brought into line is followed */
  wall += SECOND / 2;
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN + 41 * SECOND + SECOND / 2);
  end (&operations);
  thole_fixture_free (fixture);
}

static void
test_restarts (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeOperations operations;
  TholeClock clock;

  wall = BEGIN;
  monotonic = 5 * SECOND;
  begin (&operations, fixture, &clock);
  wall += 7200 * SECOND;
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN);
  end (&operations);
  /* the jump is known after the restart, and the time in between counts */
  pass (3600 * SECOND);
  begin (&operations, fixture, &clock);
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN + 3600 * SECOND);
  end (&operations);
  /* the machine was booted anew */
  wall += 60 * SECOND;
  monotonic = 0;
  begin (&operations, fixture, &clock);
  g_assert_cmpint (thole_timebase_now (&operations), ==, BEGIN + 3660 * SECOND);
  end (&operations);
  thole_fixture_free (fixture);
}

/* a machine without a battery begins in the past, and is put right later */
static void
test_past (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeOperations operations;
  TholeClock clock;
  gint64 seen;

  wall = BEGIN;
  monotonic = 0;
  begin (&operations, fixture, &clock);
  thole_timebase_now (&operations);
  while (thole_db_pending (fixture->db) > 0)
    g_main_context_iteration (NULL, TRUE);
  pass (1000 * SECOND);
  seen = thole_timebase_now (&operations);
  end (&operations);
  wall = 0;
  monotonic = 0;
  begin (&operations, fixture, &clock);
  g_assert_cmpint (thole_timebase_now (&operations), ==, seen);
  pass (10 * SECOND);
  wall += BEGIN;
  g_assert_cmpint (thole_timebase_now (&operations), ==, seen + 10 * SECOND);
  end (&operations);
  begin (&operations, fixture, &clock);
  g_assert_cmpint (thole_timebase_now (&operations), ==, seen + 10 * SECOND);
  end (&operations);
  thole_fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/timebase/jumps", test_jumps);
  g_test_add_func ("/timebase/restarts", test_restarts);
  g_test_add_func ("/timebase/past", test_past);
  return g_test_run ();
}
