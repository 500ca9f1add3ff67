/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-09
 */
#include "store/fixture.h"

#include "thole-error.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

static void
take (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
assert_verdict (TholeDb *db, gint64 rows, gint64 first, gint64 broken)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  TholeAuditVerdict *verdict;

  thole_db_verify_async (db, NULL, take, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  verdict = thole_db_verify_finish (db, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (verdict->broken, ==, broken);
  if (broken == 0)
    {
      g_assert_cmpint (verdict->rows, ==, rows);
      g_assert_cmpint (verdict->first, ==, first);
    }
  thole_audit_verdict_free (verdict);
}

static TholeTxn *
txn_of (guint n, gint64 time)
{
  TholeTxn *txn = thole_txn_new ();

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *request = g_strdup_printf ("rq-%u", i);
      const char *texts[THOLE_AUDIT_N_TEXTS] = { "us-1", "key ak-1", "192.0.2.1", "workload.stop", "wl-1", "allowed",
                                                 "workload.stop", "done", request, i % 2 == 0 ? "" : "/etc/motd" };

      thole_txn_audit (txn, thole_audit_row_new (time + i, texts));
    }
  return txn;
}

static void
forget (TholeFixture *fixture, gint64 keep, gint64 before)
{
  TholeTxn *txn = thole_txn_new ();

  thole_txn_forget (txn, keep, before);
  g_assert_no_error (thole_fixture_commit (fixture, txn));
}

/* what retention leaves can still be verified, and its begin cannot be moved */
static void
test_retention (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  guchar key[THOLE_AUDIT_HASH] = { 1, 2, 3 }, other[THOLE_AUDIT_HASH] = { 4 };

  thole_db_set_audit_key (fixture->db, key);
  g_assert_no_error (thole_fixture_commit (fixture, txn_of (300, 1000)));
  assert_verdict (fixture->db, 300, 1, 0);
  forget (fixture, 1000, 0);
  assert_verdict (fixture->db, 300, 1, 0);
  forget (fixture, 200, 0);
  assert_verdict (fixture->db, 200, 101, 0);
  /* by time */
  forget (fixture, 1000, 1000 + 149);
  assert_verdict (fixture->db, 151, 150, 0);
  g_assert_no_error (thole_fixture_commit (fixture, txn_of (1, 5000)));
  assert_verdict (fixture->db, 152, 150, 0);
  /* the newest stays, and the chain goes on from it */
  forget (fixture, 1, 0);
  assert_verdict (fixture->db, 1, 301, 0);
  forget (fixture, 1000, 100000);
  assert_verdict (fixture->db, 1, 301, 0);
  thole_fixture_reopen (fixture);
  thole_db_set_audit_key (fixture->db, key);
  g_assert_no_error (thole_fixture_commit (fixture, txn_of (5, 6000)));
  assert_verdict (fixture->db, 6, 301, 0);
  /* with another key nothing is right */
  thole_db_set_audit_key (fixture->db, other);
  assert_verdict (fixture->db, 0, 0, 1);
  thole_fixture_free (fixture);
}

/* a transaction that is undone leaves no gap */
static void
test_undone (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeTxn *txn = txn_of (2, 1000);
  g_autoptr (GError) error = NULL;

  thole_txn_limit (txn, &(TholeLimit){ .type = &thole_workload_type, .column = "owner", .value = "ann", .asked = 1 });
  error = thole_fixture_commit (fixture, txn);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_QUOTA_EXCEEDED);
  g_assert_no_error (thole_fixture_commit (fixture, txn_of (3, 2000)));
  assert_verdict (fixture->db, 3, 1, 0);
  thole_fixture_free (fixture);
}

/* the store's file in the hands of somebody else */
static void
tamper (TholeFixture *fixture, const char *sql)
{
  sqlite3 *handle = NULL;

  g_assert_cmpint (sqlite3_open (fixture->path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (handle);
}

/* where the chain begins after retention cannot be moved, nor be said to be what it is not */
static void
test_begin (void)
{
  static const struct { const char *sql; gint64 broken; } cases[] = {
    { "DELETE FROM audit WHERE seq <= 205", 201 },
    { "UPDATE meta SET value = '205' || substr(value, 4) WHERE name = 'audit-anchor'", 1 },
    { "DELETE FROM meta WHERE name = 'audit-anchor'", 1 },
    { "UPDATE audit SET seq = seq - 1", 201 },
  };
  guchar key[THOLE_AUDIT_HASH] = { 1 };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);

      thole_db_set_audit_key (fixture->db, key);
      g_assert_no_error (thole_fixture_commit (fixture, txn_of (300, 1000)));
      forget (fixture, 100, 0);
      forget (fixture, 100, 0);
      assert_verdict (fixture->db, 100, 201, 0);
      tamper (fixture, cases[i].sql);
      assert_verdict (fixture->db, 0, 0, cases[i].broken);
      thole_fixture_free (fixture);
    }
}

typedef struct
{
  TholeFixture *store;
  guchar key[THOLE_AUDIT_HASH];
  char *file;
} Heads;

static char *
open_head (Heads *self, gboolean restored)
{
  g_autoptr (GError) error = NULL;
  char *found = NULL;

  thole_db_set_audit_key (self->store->db, self->key);
  g_assert_true (thole_db_set_audit_head (self->store->db, self->file, restored, &found, &error));
  g_assert_no_error (error);
  return found;
}

/* closes the store, lets somebody at it, opens it again. Returns: what was found */
static char *
meanwhile (Heads *self, const char *sql, gboolean restored)
{
  thole_fixture_reopen (self->store);
  if (sql != NULL)
    {
      tamper (self->store, sql);
      thole_fixture_reopen (self->store);
    }
  return open_head (self, restored);
}

static void
assert_found (char *found, const char *wanted)
{
  if (wanted == NULL)
    g_assert_null (found);
  else
    {
      g_assert_nonnull (found);
      g_assert_nonnull (strstr (found, wanted));
    }
  g_free (found);
}

/* the newest rows that were cut off while the daemon was down are missed, and stay so */
static void
test_cut (void)
{
  Heads heads = { thole_fixture_new (NULL, THOLE_DB_THREADED), { 7 } };

  heads.file = g_build_filename (heads.store->dir, "audit-head", NULL);
  assert_found (open_head (&heads, FALSE), NULL);
  g_assert_no_error (thole_fixture_commit (heads.store, txn_of (20, 1000)));
  assert_found (meanwhile (&heads, NULL, FALSE), NULL);
  assert_verdict (heads.store->db, 20, 1, 0);
  assert_found (meanwhile (&heads, "DELETE FROM audit WHERE seq > 15", FALSE), "rows 16 to 20 are missing");
  assert_verdict (heads.store->db, 0, 0, 16);
  /* new rows do not hide it */
  g_assert_no_error (thole_fixture_commit (heads.store, txn_of (5, 2000)));
  assert_verdict (heads.store->db, 0, 0, 16);
  assert_found (meanwhile (&heads, NULL, FALSE), NULL);
  assert_verdict (heads.store->db, 0, 0, 16);
  /* until retention reaches it */
  forget (heads.store, 3, 0);
  assert_verdict (heads.store->db, 3, 23, 0);
  /* all of them */
  assert_found (meanwhile (&heads, "DELETE FROM audit", FALSE), "all rows up to 25 are missing");
  assert_verdict (heads.store->db, 0, 0, 23);
  g_free (heads.file);
  thole_fixture_free (heads.store);
}

static void
test_head_file (void)
{
  Heads heads = { thole_fixture_new (NULL, THOLE_DB_THREADED), { 7 } };
  g_autofree char *text = NULL;
  gsize length;

  heads.file = g_build_filename (heads.store->dir, "audit-head", NULL);
  assert_found (open_head (&heads, FALSE), NULL);
  g_assert_no_error (thole_fixture_commit (heads.store, txn_of (20, 1000)));
  g_assert_true (g_file_get_contents (heads.file, &text, &length, NULL));
  g_assert_true (g_str_has_prefix (text, "20 "));
  /* an older one is no fault: the power went before it was written */
  g_assert_no_error (thole_fixture_commit (heads.store, txn_of (5, 1000)));
  g_assert_true (g_file_set_contents_full (heads.file, text, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  assert_found (meanwhile (&heads, NULL, FALSE), NULL);
  /* one that nobody with the key has written is, and so is none */
  text[0] = '1';
  thole_fixture_reopen (heads.store);
  g_assert_true (g_file_set_contents_full (heads.file, text, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  assert_found (open_head (&heads, FALSE), "not as it was written");
  thole_fixture_reopen (heads.store);
  g_assert_cmpint (g_remove (heads.file), ==, 0);
  assert_found (open_head (&heads, FALSE), "missing, so newer rows than 25 may be missing");
  /* an older store that was put there on purpose goes on from what it has */
  assert_found (meanwhile (&heads, "DELETE FROM audit WHERE seq > 15", TRUE), "rows 16 to 25 are not in the store that was restored");
  g_assert_no_error (thole_fixture_commit (heads.store, txn_of (5, 1000)));
  assert_verdict (heads.store->db, 20, 1, 0);
  assert_found (meanwhile (&heads, NULL, FALSE), NULL);
  g_free (heads.file);
  thole_fixture_free (heads.store);
}

static void
test_seal (void)
{
  guchar key[THOLE_AUDIT_HASH] = { 9 };
  TholeAuditHead head = { 77, { 1, 2, 3 } }, read;
  g_autofree char *sealed = thole_audit_seal (key, &head);

  g_assert_true (thole_audit_open (key, sealed, &read));
  g_assert_cmpmem (&head, sizeof head, &read, sizeof read);
  for (gsize i = 0; sealed[i] != '\0'; i++)
    for (int bit = 0; bit < 7; bit++)
      {
        g_autofree char *wrong = g_strdup (sealed);

        /* hexadecimal digits may be of either case */
        wrong[i] ^= (char) (1 << bit);
        if (g_ascii_tolower (wrong[i]) != g_ascii_tolower (sealed[i]))
          g_assert_false (thole_audit_open (key, wrong, &read));
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/audit/retention", test_retention);
  g_test_add_func ("/audit/undone", test_undone);
  g_test_add_func ("/audit/seal", test_seal);
  g_test_add_func ("/audit/begin", test_begin);
  g_test_add_func ("/audit/cut", test_cut);
  g_test_add_func ("/audit/head-file", test_head_file);
  return g_test_run ();
}
