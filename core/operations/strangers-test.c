/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-09 AU-26
 */
#include "operations/strangers.h"

#include "store/fixture.h"

typedef struct
{
  TholeFixture *store;
  TholeOperations operations;
  GPtrArray *rows; /* "address reason" */
} Fixture;

static void
audited (gpointer user_data, const TholeAuditRow *row)
{
  g_ptr_array_add (user_data, g_strdup_printf ("%s %s", row->texts[THOLE_AUDIT_ADDRESS], row->texts[THOLE_AUDIT_REASON]));
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->store = thole_fixture_new ("sqlite::memory:", THOLE_DB_INLINE);
  self->rows = g_ptr_array_new_with_free_func (g_free);
  self->operations.clock = thole_clock_system ();
  self->operations.db = self->store->db;
  thole_db_set_auditor (self->store->db, audited, self->rows);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  thole_strangers_free (&self->operations);
  thole_fixture_free (self->store);
  g_ptr_array_unref (self->rows);
}

static void
settle (Fixture *self)
{
  while (thole_db_pending (self->store->db) > 0)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
has (Fixture *self, const char *row)
{
  return g_ptr_array_find_with_equal_func (self->rows, row, g_str_equal, NULL);
}

static void
test_count (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 5; i++)
    thole_strangers_note (&self->operations, "192.0.2.1", "rq-1");
  thole_strangers_note (&self->operations, "192.0.2.2", "rq-2");
  settle (self);
  g_assert_cmpuint (self->rows->len, ==, 2);
  g_assert_true (has (self, "192.0.2.1 no valid credential"));
  thole_strangers_flush (&self->operations);
  settle (self);
  g_assert_cmpuint (self->rows->len, ==, 3);
  g_assert_true (has (self, "192.0.2.1 no valid credential, 4 more times within a minute"));
  /* and again from the begin */
  thole_strangers_note (&self->operations, "192.0.2.1", "rq-3");
  settle (self);
  g_assert_cmpuint (self->rows->len, ==, 4);
}

/* 100,000 from 10,000 addresses make two rows for each that is told apart, and for the others together */
static void
test_flood (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 100000; i++)
    {
      g_autofree char *address = g_strdup_printf ("192.0.%u.%u", i % 10000 / 100, i % 100);

      thole_strangers_note (&self->operations, address, "rq-1");
    }
  thole_strangers_flush (&self->operations);
  settle (self);
  g_assert_cmpuint (self->rows->len, ==, 2 * (THOLE_STRANGERS_MAX + 1));
  g_assert_true (has (self, "others no valid credential, 99679 more times within a minute"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/strangers/count", Fixture, NULL, set_up, test_count, tear_down);
  g_test_add ("/strangers/flood", Fixture, NULL, set_up, test_flood, tear_down);
  return g_test_run ();
}
