/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/writer.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/fixture.h"

#include "thole-error.h"

#define SKIPPED 77

#define AUDITED (1u << 16) /* each transaction has its row of the audit */

static TholeTxn *
txn_of (const char *id, gboolean audited)
{
  const char *texts[THOLE_AUDIT_N_TEXTS] = { "us-1", "key ak-1", "192.0.2.1", "workload.create", id, "allowed", "workload.create",
                                             "done", "rq-1" };
  TholeTxn *txn = thole_txn_new ();
  TholeWorkload *workload = thole_fixture_workload (id, "ann", id);

  if (audited)
    thole_txn_audit (txn, thole_audit_row_new (g_get_real_time (), texts));

  thole_txn_insert (txn, workload);
  thole_txn_event (txn, thole_fixture_event ("workload.created", id, "ann"));
  thole_record_unref (workload);
  return txn;
}

/* a row for each event and an event for each row; returns their number */
static gint64
assert_paired (TholeFixture *fixture, GHashTable *ids)
{
  g_autoptr (GPtrArray) rows = NULL;
  g_autoptr (GError) error = NULL;
  gint64 oldest, newest;

  rows = thole_db_load (fixture->db, &thole_workload_type, &error);
  g_assert_no_error (error);
  thole_db_event_range (fixture->db, &oldest, &newest);
  g_assert_cmpint (oldest, ==, 1);
  g_assert_cmpint (newest, ==, rows->len);
  for (guint i = 0; ids != NULL && i < rows->len; i++)
    g_hash_table_add (ids, g_strdup (thole_record_id (rows->pdata[i])));
  return newest;
}

/* many at once ---------------------------------------------------------------------------------------- */

typedef struct
{
  TholeFixture *fixture;
  guint next, answered, outstanding;
  gint64 until;
  gboolean finished, audited;
} Load;

static void load_more (Load *load);

static void
load_done (gpointer user_data, const GError *error)
{
  Load *load = user_data;

  g_assert_no_error (error);
  load->answered++;
  load->outstanding--;
  if (g_get_monotonic_time () < load->until)
    load_more (load);
  load->finished = load->outstanding == 0;
}

static void
load_more (Load *load)
{
  g_autofree char *id = g_strdup_printf ("wl-%08u", load->next++);

  load->outstanding++;
  thole_db_commit (load->fixture->db, txn_of (id, load->audited), load_done, load);
}

static void
test_rate (gconstpointer data)
{
  guint outstanding = GPOINTER_TO_UINT (data) & ~AUDITED;
  Load load = { thole_fixture_new (NULL, THOLE_DB_THREADED), .audited = GPOINTER_TO_UINT (data) > AUDITED };
  g_autofree char *head = g_build_filename (load.fixture->dir, "audit-head", NULL);
  g_autofree char *found = NULL;
  gint64 begin = g_get_monotonic_time ();
  TholeDbCounters counters;
  double seconds;

  g_assert_true (!load.audited || thole_db_set_audit_head (load.fixture->db, head, FALSE, &found, NULL));
  load.until = begin + G_USEC_PER_SEC;
  for (guint i = 0; i < outstanding; i++)
    load_more (&load);
  thole_fixture_await (&load.finished);
  seconds = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
  thole_db_counters (load.fixture->db, &counters);
  g_assert_cmpuint (counters.transactions, ==, load.answered);
  g_assert_cmpuint (counters.failures, ==, 0);
  g_assert_cmpuint (counters.groups, <=, counters.transactions);
  g_test_message ("%u outstanding%s: %.0f commits/s, %.0f groups/s of %.1f, %.0f us a group", outstanding, load.audited ? ", audited" : "",
                  load.answered / seconds, (double) counters.groups / seconds,
                  (double) counters.transactions / (double) counters.groups,
                  (double) counters.microseconds / (double) counters.groups);
  g_assert_cmpint (assert_paired (load.fixture, NULL), ==, load.answered);
  thole_fixture_free (load.fixture);
}

typedef struct
{
  guint done, busy, answered;
} Counts;

static void
count_answer (gpointer user_data, const GError *error)
{
  Counts *counts = user_data;

  counts->answered++;
  if (error == NULL)
    counts->done++;
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_BUSY))
    counts->busy++;
}

static void
test_bounded (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  Counts counts = { 0 };

  for (guint i = 0; i < THOLE_WRITER_MAX_QUEUE + 500; i++)
    {
      g_autofree char *id = g_strdup_printf ("wl-%u", i);

      thole_db_commit (fixture->db, txn_of (id, FALSE), count_answer, &counts);
    }
  g_assert_cmpuint (thole_db_pending (fixture->db), ==, THOLE_WRITER_MAX_QUEUE + 500);
  g_assert_cmpuint (counts.answered, ==, 0);
  while (thole_db_pending (fixture->db) > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (counts.done, ==, THOLE_WRITER_MAX_QUEUE);
  g_assert_cmpuint (counts.busy, ==, 500);
  g_assert_cmpint (assert_paired (fixture, NULL), ==, THOLE_WRITER_MAX_QUEUE);
  thole_fixture_free (fixture);
}

typedef struct
{
  gboolean should_fail;
  guint place;
  guint *answered;
} Expected;

static void
check_expected (gpointer user_data, const GError *error)
{
  Expected *expected = user_data;

  g_assert_cmpint (error != NULL, ==, expected->should_fail);
  /* in the order in which they were asked for */
  g_assert_cmpuint (expected->place, ==, (*expected->answered)++);
}

/* good and bad ones mixed in the same groups: each bad one fails alone, whatever its place */
static void
test_isolation (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  g_autofree Expected *expected = g_new0 (Expected, 3000);
  guint answered = 0, good = 0;

  for (guint i = 0; i < 3000; i++)
    {
      gboolean fails = good > 0 && g_test_rand_bit ();
      g_autofree char *id = g_strdup_printf ("wl-%u", fails ? (guint) g_test_rand_int_range (0, (int) good) : good);
      TholeTxn *txn = txn_of (id, FALSE);

      expected[i] = (Expected){ fails, i, &answered };
      good += !fails;
      if (fails)
        thole_txn_event (txn, thole_fixture_event ("never", id, "ann"));
      thole_db_commit (fixture->db, txn, check_expected, &expected[i]);
    }
  while (thole_db_pending (fixture->db) > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (answered, ==, 3000);
  g_assert_cmpint (assert_paired (fixture, NULL), ==, good);
  thole_fixture_free (fixture);
}

/* the end --------------------------------------------------------------------------------------------- */

static void
count_and_close (gpointer user_data, const GError *error)
{
  TholeFixture *fixture = user_data;

  g_assert_no_error (error);
  g_clear_pointer (&fixture->db, thole_db_close);
}

static void
never_publish (gpointer user_data, TholeEvent *const *events, guint n_events)
{
  g_assert_not_reached ();
}

static void
test_close (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  Counts counts = { 0 };

  thole_db_set_publisher (fixture->db, never_publish, NULL);
  thole_db_commit (fixture->db, txn_of ("wl-first", FALSE), count_and_close, fixture);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *id = g_strdup_printf ("wl-%u", i);

      thole_db_commit (fixture->db, txn_of (id, FALSE), count_answer, &counts);
    }
  while (fixture->db != NULL)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (counts.answered, ==, 0);
  /* all that was queued was done */
  thole_fixture_reopen (fixture);
  g_assert_cmpint (assert_paired (fixture, NULL), ==, 1001);
  thole_fixture_free (fixture);
}

/* crashes --------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeFixture fixture;
  const char *round;
  guint next;
} Loop;

typedef struct
{
  Loop *loop;
  char *id;
} LoopStep;

static void
loop_done (gpointer user_data, const GError *error)
{
  LoopStep *step = user_data;

  g_assert_no_error (error);
  if (write (STDOUT_FILENO, step->id, strlen (step->id)) < 0 || write (STDOUT_FILENO, "\n", 1) < 0)
    _exit (1);
  g_free (step->id);
  step->id = g_strdup_printf ("wl-%s-%u", step->loop->round, step->loop->next++);
  thole_db_commit (step->loop->fixture.db, txn_of (step->id, FALSE), loop_done, step);
}

/* the child: commits until it is killed, tells each that was acknowledged */
static int
commit_loop (const char *uri, const char *round)
{
  Loop loop = { .fixture = { .uri = (char *) uri }, .round = round };
  LoopStep steps[32] = { 0 };

  thole_fixture_reopen (&loop.fixture);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      steps[i] = (LoopStep){ &loop, g_strdup_printf ("wl-%s-%u", round, loop.next++) };
      thole_db_commit (loop.fixture.db, txn_of (steps[i].id, FALSE), loop_done, &steps[i]);
    }
  while (loop.fixture.db != NULL)
    g_main_context_iteration (NULL, TRUE);
  return 1;
}

static GSubprocess *
spawn_self (const char *mode, const char *one, const char *two)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GError) error = NULL;
  GSubprocess *child;

  child = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, self, mode, one, two, NULL);
  g_assert_no_error (error);
  return child;
}

static void
crash_once (TholeFixture *fixture, guint round, GHashTable *acknowledged)
{
  g_autofree char *name = g_strdup_printf ("%u", round);
  g_autoptr (GSubprocess) child = spawn_self ("--commit-loop", fixture->uri, name);
  g_autoptr (GDataInputStream) lines = NULL;
  guint wanted = g_test_rand_int_range (1, 600);
  char *line;

  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (child));
  for (guint n = 0; (line = g_data_input_stream_read_line (lines, NULL, NULL, NULL)) != NULL; n++)
    {
      g_hash_table_add (acknowledged, line);
      /* what it wrote until it died is read to the end */
      if (n == wanted)
        g_subprocess_send_signal (child, SIGKILL);
    }
  g_assert_true (g_subprocess_wait (child, NULL, NULL));
  g_assert_true (g_subprocess_get_if_signaled (child));
  g_assert_cmpint (g_subprocess_get_term_sig (child), ==, SIGKILL);
}

static void
test_crash (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  g_autoptr (GHashTable) acknowledged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (GHashTable) stored = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      GHashTableIter iter;
      gpointer id;

      g_clear_pointer (&fixture->db, thole_db_close);
      crash_once (fixture, round, acknowledged);
      thole_fixture_reopen (fixture);
      assert_paired (fixture, stored);
      g_hash_table_iter_init (&iter, acknowledged);
      while (g_hash_table_iter_next (&iter, &id, NULL))
        g_assert_true (g_hash_table_contains (stored, id));
      /* more than was told may be there: at most what was under way */
      g_assert_cmpuint (g_hash_table_size (stored), <=, g_hash_table_size (acknowledged) + 32 * (round + 1));
    }
  g_test_message ("20 crashes, %u acknowledged, all present", g_hash_table_size (acknowledged));
  thole_fixture_free (fixture);
}

/* a full disk ----------------------------------------------------------------------------------------- */

static TholeTxn *
big_txn (guint number)
{
  g_autofree char *id = g_strdup_printf ("wl-%05u", number);
  TholeTxn *txn = thole_txn_new ();
  TholeWorkload *workload = thole_fixture_workload (id, "ann", id);

  workload->spec = g_strnfill (20000, 'x');
  thole_txn_insert (txn, workload);
  thole_txn_event (txn, thole_fixture_event ("workload.created", id, "ann"));
  thole_record_unref (workload);
  return txn;
}

static GHashTable *
fill_disk (TholeFixture *fixture, guint *number)
{
  GHashTable *acknowledged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  while (TRUE)
    {
      g_autoptr (GError) error = thole_fixture_commit (fixture, big_txn (*number));

      if (error != NULL)
        {
          g_assert_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE_FULL);
          return acknowledged;
        }
      g_hash_table_add (acknowledged, g_strdup_printf ("wl-%05u", (*number)++));
      g_assert_cmpuint (*number, <, 2000);
    }
}

/* the child, in a mount namespace of its own */
static int
full_disk (const char *dir)
{
  g_autofree char *ballast = g_build_filename (dir, "ballast", NULL);
  g_autofree char *weight = g_strnfill (1024 * 1024, 'w');
  TholeFixture fixture = { .uri = g_strconcat ("sqlite:", dir, "/thole.db", NULL) };
  g_autoptr (GHashTable) acknowledged = NULL;
  g_autoptr (GHashTable) stored = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  guint number = 0;
  gpointer id;

  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
      || mount ("thole-test", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m") != 0)
    {
      g_free (fixture.uri);
      return SKIPPED;
    }
  g_assert_true (g_file_set_contents (ballast, weight, 1024 * 1024, NULL));
  thole_fixture_reopen (&fixture);
  g_assert_null (thole_db_trouble (fixture.db));
  acknowledged = fill_disk (&fixture, &number);
  g_assert_cmpuint (g_hash_table_size (acknowledged), >, 10);
  g_assert_nonnull (thole_db_trouble (fixture.db));
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GError) error = thole_fixture_commit (&fixture, big_txn (number));

      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE_FULL);
    }
  g_assert_cmpint (unlink (ballast), ==, 0);
  /* nobody asks: it finds out by itself */
  while (thole_db_trouble (fixture.db) != NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (thole_fixture_commit (&fixture, big_txn (number)));
  g_hash_table_add (acknowledged, g_strdup_printf ("wl-%05u", number));
  thole_fixture_reopen (&fixture);
  assert_paired (&fixture, stored);
  g_assert_cmpuint (g_hash_table_size (stored), ==, g_hash_table_size (acknowledged));
  g_hash_table_iter_init (&iter, acknowledged);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    g_assert_true (g_hash_table_contains (stored, id));
  thole_db_close (fixture.db);
  g_free (fixture.uri);
  return 0;
}

static void
test_full_disk (void)
{
  g_autofree char *dir = g_dir_make_tmp ("thole-full-XXXXXX", NULL);
  g_autoptr (GSubprocess) child = spawn_self ("--full-disk", dir, NULL);

  g_assert_true (g_subprocess_wait (child, NULL, NULL));
  thole_fixture_erase (dir);
  g_assert_true (g_subprocess_get_if_exited (child));
  if (g_subprocess_get_exit_status (child) == SKIPPED)
    g_test_skip ("a small file system of its own cannot be mounted here (not root)");
  else
    g_assert_cmpint (g_subprocess_get_exit_status (child), ==, 0);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && strcmp (argv[1], "--commit-loop") == 0)
    return commit_loop (argv[2], argv[3]);
  if (argc == 3 && strcmp (argv[1], "--full-disk") == 0)
    return full_disk (argv[2]);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/writer/rate/1", GUINT_TO_POINTER (1), test_rate);
  g_test_add_data_func ("/writer/rate/64", GUINT_TO_POINTER (64), test_rate);
  g_test_add_data_func ("/writer/rate/64-audited", GUINT_TO_POINTER (64 | AUDITED), test_rate);
  g_test_add_func ("/writer/bounded", test_bounded);
  g_test_add_func ("/writer/isolation", test_isolation);
  g_test_add_func ("/writer/close", test_close);
  g_test_add_func ("/writer/crash", test_crash);
  g_test_add_func ("/writer/full-disk", test_full_disk);
  return g_test_run ();
}
