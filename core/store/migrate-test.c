/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/migrate.h"

#include <string.h>

#include "thole-error.h"

static const TholeMigration steps[] = {
  { 1, "begin", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);", "DROP TABLE a;" },
  { 2, "more", "CREATE TABLE b (y TEXT); ALTER TABLE a ADD COLUMN z TEXT;",
    "ALTER TABLE a DROP COLUMN z; DROP TABLE b;" },
  { 3, "broken", "CREATE TABLE c (y TEXT); INSERT INTO nowhere VALUES (1);", "DROP TABLE c;" },
};

static sqlite3 *
open_memory (void)
{
  sqlite3 *handle = NULL;

  g_assert_cmpint (sqlite3_open_v2 (":memory:", &handle, SQLITE_OPEN_READWRITE, NULL), ==, SQLITE_OK);
  return handle;
}

/* all that is declared, but for the table of the migrations themselves */
static char *
schema_of (sqlite3 *handle)
{
  g_autoptr (GString) text = g_string_new (NULL);
  sqlite3_stmt *rows = NULL;

  sqlite3_prepare_v2 (handle,
                      "SELECT type, name, sql FROM sqlite_schema WHERE name <> 'schema_migrations' "
                      "ORDER BY name", -1, &rows, NULL);
  while (sqlite3_step (rows) == SQLITE_ROW)
    g_string_append_printf (text, "%s %s %s\n", sqlite3_column_text (rows, 0), sqlite3_column_text (rows, 1),
                            sqlite3_column_text (rows, 2));
  sqlite3_finalize (rows);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
migrate (sqlite3 *handle, const TholeMigration *migrations, guint n, guint target, GError **error)
{
  return thole_migrate (handle, "x.db", thole_clock_system (), migrations, n, target, error);
}

/* every migration of ours: up, down to what was before, up again to the same
 * proves: DB-02 DB-04 row:56 */
static void
test_ours (void)
{
  g_autoptr (GPtrArray) schemas = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  sqlite3 *handle = open_memory ();

  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint version = 0; version <= thole_n_migrations; version++)
        {
          g_autofree char *schema = NULL;

          migrate (handle, thole_migrations, thole_n_migrations, version, &error);
          g_assert_no_error (error);
          schema = schema_of (handle);
          if (pass == 0)
            g_ptr_array_add (schemas, g_steal_pointer (&schema));
          else
            g_assert_cmpstr (schema, ==, schemas->pdata[version]);
        }
      for (guint version = thole_n_migrations; version-- > 0;)
        {
          g_autofree char *schema = NULL;

          migrate (handle, thole_migrations, thole_n_migrations, version, &error);
          g_assert_no_error (error);
          schema = schema_of (handle);
          g_assert_cmpstr (schema, ==, schemas->pdata[version]);
        }
    }
  g_assert_cmpstr (schemas->pdata[0], ==, "");
  sqlite3_close (handle);
}

/* a step that fails leaves what was before it, and can be done again when it is mended */
static void
test_broken_step (void)
{
  TholeMigration mended[3] = { steps[0], steps[1], steps[2] };
  g_autofree char *before = NULL, *after = NULL;
  g_autoptr (GError) error = NULL;
  sqlite3 *handle = open_memory ();

  g_assert_true (migrate (handle, steps, 2, 2, NULL));
  before = schema_of (handle);
  g_assert_false (migrate (handle, steps, 3, 3, &error));
  g_assert_nonnull (strstr (error->message, "migration 3 (broken) up failed: x.db: no such table"));
  g_clear_error (&error);
  after = schema_of (handle);
  g_assert_cmpstr (before, ==, after);
  mended[2].up = "CREATE TABLE c (y TEXT);";
  migrate (handle, mended, 3, 3, &error);
  g_assert_no_error (error);
  sqlite3_close (handle);
}

/* a newer store and an edited migration are told apart, and neither is touched
 * proves: DB-04 row:56 */
static void
test_refusals (void)
{
  TholeMigration edited[2] = { steps[0], steps[1] };
  g_autofree char *before = NULL, *after = NULL;
  g_autoptr (GError) error = NULL;
  sqlite3 *handle = open_memory ();

  g_assert_true (migrate (handle, steps, 2, 2, NULL));
  before = schema_of (handle);
  g_assert_false (migrate (handle, steps, 1, 1, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "x.db: the store has schema 2 (more), this program knows schemas up to 1"));
  g_clear_error (&error);
  edited[0].up = "CREATE TABLE a (x TEXT);";
  g_assert_false (migrate (handle, edited, 2, 2, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_assert_nonnull (strstr (error->message, "x.db: migration 1 (begin) is not the one that this program has"));
  g_clear_error (&error);
  /* newer counts first: an older row may have been changed with it */
  g_assert_false (migrate (handle, edited, 1, 1, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  after = schema_of (handle);
  g_assert_cmpstr (before, ==, after);
  sqlite3_exec (handle, "DELETE FROM schema_migrations WHERE version = 1", NULL, NULL, NULL);
  g_assert_false (migrate (handle, steps, 2, 2, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, "damaged"));
  sqlite3_close (handle);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/migrate/ours", test_ours);
  g_test_add_func ("/migrate/broken-step", test_broken_step);
  g_test_add_func ("/migrate/refusals", test_refusals);
  return g_test_run ();
}
