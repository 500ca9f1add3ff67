/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/fixture.h"

#include "thole-error.h"

static void
assert_refused (const char *uri, int code, const char *text)
{
  g_autoptr (GError) error = NULL;
  TholeDb *db = thole_db_open (uri, thole_clock_system (), THOLE_DB_THREADED, &error);

  g_assert_null (db);
  g_assert_error (error, THOLE_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, text));
}

static void
execute (const char *path, const char *sql)
{
  sqlite3 *handle = NULL;

  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (handle);
}

static TholeFixture *
closed_store (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeTxn *txn = thole_txn_new ();

  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *id = g_strdup_printf ("wl-%03u", i);
      TholeWorkload *workload = thole_fixture_workload (id, "ann", id);

      workload->spec = g_strnfill (1000, 'x');
      thole_txn_insert (txn, workload);
      thole_record_unref (workload);
    }
  g_assert_null (thole_fixture_commit (fixture, txn));
  g_clear_pointer (&fixture->db, thole_db_close);
  return fixture;
}

static void
test_uri (void)
{
  assert_refused ("", THOLE_ERROR_INVALID, "expected sqlite:PATH");
  assert_refused ("sqlite:", THOLE_ERROR_INVALID, "expected sqlite:PATH");
  assert_refused ("mysql://x", THOLE_ERROR_INVALID, "expected sqlite:PATH");
  assert_refused ("sqlite:/nonexistent/thole.db", THOLE_ERROR_STORAGE, "/nonexistent/thole.db");
}

/* a second daemon is told who has the store; the first goes on */
static void
test_locked (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  g_autofree char *holder = g_strdup_printf ("in use by process %d", getpid ());

  assert_refused (fixture->uri, THOLE_ERROR_BUSY, holder);
  g_assert_null (thole_fixture_commit (fixture, thole_txn_new ()));
  thole_fixture_reopen (fixture);
  thole_fixture_free (fixture);
}

static void
assert_private (const char *path)
{
  struct stat info;

  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
}

static void
test_permissions (void)
{
  mode_t mask = umask (0);
  TholeFixture *fixture = closed_store ();
  g_autofree char *wal = g_strconcat (fixture->path, "-wal", NULL);
  g_autofree char *shm = g_strconcat (fixture->path, "-shm", NULL);
  g_autofree char *lock = g_strconcat (fixture->path, ".lock", NULL);

  assert_private (fixture->path);
  g_assert_cmpint (chmod (fixture->path, 0644), ==, 0);
  thole_fixture_reopen (fixture);
  assert_private (fixture->path);
  assert_private (wal);
  assert_private (shm);
  assert_private (lock);
  thole_fixture_free (fixture);
  umask (mask);
}

static void
test_link (void)
{
  TholeFixture *fixture = closed_store ();
  g_autofree char *link = g_build_filename (fixture->dir, "link.db", NULL);
  g_autofree char *uri = g_strconcat ("sqlite:", link, NULL);

  g_assert_cmpint (symlink (fixture->path, link), ==, 0);
  assert_refused (uri, THOLE_ERROR_STORAGE, "link.db: a symbolic link");
  thole_fixture_free (fixture);
}

static void
test_foreign (void)
{
  TholeFixture *fixture = closed_store ();
  g_autofree char *path = g_build_filename (fixture->dir, "other.db", NULL);
  g_autofree char *uri = g_strconcat ("sqlite:", path, NULL);

  g_assert_true (g_file_set_contents (path, "this is a letter to my aunt, not a database at all\n", -1, NULL));
  assert_refused (uri, THOLE_ERROR_STORAGE, "not a database");
  g_assert_cmpint (g_unlink (path), ==, 0);
  execute (path, "CREATE TABLE bookmarks (url TEXT)");
  assert_refused (uri, THOLE_ERROR_CONFLICT, "another program");
  thole_fixture_free (fixture);
}

static void
test_schema (void)
{
  TholeFixture *fixture = closed_store ();

  execute (fixture->path, "INSERT INTO schema_migrations VALUES (999, 'future', 'x', 0)");
  assert_refused (fixture->uri, THOLE_ERROR_UNSUPPORTED, "written by a newer Thole");
  execute (fixture->path, "DELETE FROM schema_migrations WHERE version = 999;"
                          "UPDATE schema_migrations SET checksum = 'abc' WHERE version = 1");
  assert_refused (fixture->uri, THOLE_ERROR_CONFLICT, "migration 1 (begin) is not the one");
  thole_fixture_free (fixture);
}

/* pages in the middle are overwritten: never a crash, never a store that opens as if nothing was */
static void
test_damaged (void)
{
  TholeFixture *fixture = closed_store ();
  char noise[8192];
  int fd = open (fixture->path, O_RDWR | O_CLOEXEC);

  memset (noise, 0xa5, sizeof noise);
  g_assert_cmpint (pwrite (fd, noise, sizeof noise, 100 * 1024), ==, sizeof noise);
  close (fd);
  assert_refused (fixture->uri, THOLE_ERROR_STORAGE, "damaged");
  g_assert_cmpint (truncate (fixture->path, 20000), ==, 0);
  assert_refused (fixture->uri, THOLE_ERROR_STORAGE, "thole.db");
  thole_fixture_free (fixture);
}

/* a state that this program does not know is named, not guessed */
static void
test_unknown_choice (void)
{
  TholeFixture *fixture = closed_store ();
  g_autoptr (GError) error = NULL;

  execute (fixture->path, "UPDATE workloads SET state = 'dancing' WHERE id = 'wl-007'");
  thole_fixture_reopen (fixture);
  g_assert_null (thole_db_load (fixture->db, &thole_workload_type, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE);
  g_assert_nonnull (strstr (error->message, "thole.db: workload wl-007: state cannot be 'dancing'"));
  thole_fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sqlite/uri", test_uri);
  g_test_add_func ("/sqlite/locked", test_locked);
  g_test_add_func ("/sqlite/permissions", test_permissions);
  g_test_add_func ("/sqlite/link", test_link);
  g_test_add_func ("/sqlite/foreign", test_foreign);
  g_test_add_func ("/sqlite/schema", test_schema);
  g_test_add_func ("/sqlite/damaged", test_damaged);
  g_test_add_func ("/sqlite/unknown-choice", test_unknown_choice);
  return g_test_run ();
}
