/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-09
 */
#include "store/fixture.h"

#include "thole-error.h"

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
                                                 "workload.stop", "done", request };

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
  return g_test_run ();
}
