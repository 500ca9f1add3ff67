/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/migrate.h"

#include "store/sqlite.h"

#include "thole-error.h"

static const char begin_sql[] =
  "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
  " checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";

typedef struct
{
  sqlite3 *handle;
  const char *path;
  TholeClock *clock;
} Migrator;

static char *
checksum_of (const TholeMigration *migration)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, migration->up, -1);
}

static gboolean
execute (Migrator *self, const char *sql, GError **error)
{
  if (sqlite3_exec (self->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  thole_sqlite_error (self->handle, error);
  g_prefix_error (error, "%s: ", self->path);
  return FALSE;
}

static sqlite3_stmt *
prepare (Migrator *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (self->handle, sql, -1, &statement, NULL) == SQLITE_OK)
    return statement;
  thole_sqlite_error (self->handle, error);
  g_prefix_error (error, "%s: ", self->path);
  return NULL;
}

/* compares one row of schema_migrations with what this program knows */
static gboolean
check_applied (Migrator *self, sqlite3_stmt *row, const TholeMigration *migrations, guint n_migrations,
               guint expected, GError **error)
{
  gint64 version = sqlite3_column_int64 (row, 0);
  const char *name = (const char *) sqlite3_column_text (row, 1);
  const char *stored = (const char *) sqlite3_column_text (row, 2);
  g_autofree char *checksum = NULL;

  if (version > n_migrations)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED,
                   "%s: the store has schema %" G_GINT64_FORMAT " (%s), this program knows schemas up to %u: it was "
                   "written by a newer Thole; nothing was changed",
                   self->path, version, name, n_migrations);
      return FALSE;
    }
  if (version != expected)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE,
                   "%s: migration %u is missing in schema_migrations; the store is damaged", self->path, expected);
      return FALSE;
    }
  checksum = checksum_of (&migrations[version - 1]);
  if (g_strcmp0 (stored, checksum) != 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT,
                   "%s: migration %u (%s) is not the one that this program has (stored checksum %.12s, ours %.12s): "
                   "the store was made by another build; nothing was changed",
                   self->path, expected, name, stored, checksum);
      return FALSE;
    }
  return TRUE;
}

/* the newest applied version; -1 = error */
static gint64
applied_version (Migrator *self, const TholeMigration *migrations, guint n_migrations, GError **error)
{
  sqlite3_stmt *rows = prepare (self, "SELECT version, name, checksum FROM schema_migrations ORDER BY version", error);
  gboolean sound = rows != NULL;
  gint64 version = 0;
  int result = SQLITE_DONE;

  /* the newest first: a newer store may have changed what older rows mean */
  if (sound)
    {
      sqlite3_stmt *last = prepare (self, "SELECT version, name, checksum FROM schema_migrations "
                                          "ORDER BY version DESC LIMIT 1", error);

      sound = last != NULL;
      if (sound && sqlite3_step (last) == SQLITE_ROW && sqlite3_column_int64 (last, 0) > n_migrations)
        sound = check_applied (self, last, migrations, n_migrations, 0, error);
      sqlite3_finalize (last);
    }
  while (sound && (result = sqlite3_step (rows)) == SQLITE_ROW)
    sound = check_applied (self, rows, migrations, n_migrations, (guint) ++version, error);
  if (sound && result != SQLITE_DONE)
    {
      sound = FALSE;
      thole_sqlite_error (self->handle, error);
      g_prefix_error (error, "%s: ", self->path);
    }
  sqlite3_finalize (rows);
  return sound ? version : -1;
}

static gboolean
note_step (Migrator *self, const TholeMigration *migration, gboolean up, GError **error)
{
  g_autofree char *checksum = checksum_of (migration);
  sqlite3_stmt *statement;
  int result;

  statement = prepare (self,
                       up ? "INSERT INTO schema_migrations (version, name, checksum, applied_at) "
                            "VALUES (?, ?, ?, ?)"
                          : "DELETE FROM schema_migrations WHERE version = ?", error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, migration->version);
  if (up)
    {
      sqlite3_bind_text (statement, 2, migration->name, -1, SQLITE_STATIC);
      sqlite3_bind_text (statement, 3, checksum, -1, SQLITE_STATIC);
      sqlite3_bind_int64 (statement, 4, thole_clock_now (self->clock));
    }
  result = sqlite3_step (statement);
  if (result != SQLITE_DONE)
    {
      thole_sqlite_error (self->handle, error);
      g_prefix_error (error, "%s: ", self->path);
    }
  sqlite3_finalize (statement);
  return result == SQLITE_DONE;
}

static gboolean
step (Migrator *self, const TholeMigration *migration, gboolean up, GError **error)
{
  if (!execute (self, "BEGIN IMMEDIATE", error))
    return FALSE;
  if (execute (self, up ? migration->up : migration->down, error) && note_step (self, migration, up, error)
      && execute (self, "COMMIT", error))
    return TRUE;
  if (!sqlite3_get_autocommit (self->handle))
    sqlite3_exec (self->handle, "ROLLBACK", NULL, NULL, NULL);
  g_prefix_error (error, "migration %u (%s) %s failed: ", migration->version, migration->name, up ? "up" : "down");
  return FALSE;
}

gboolean
thole_migrate_check (sqlite3 *handle, const char *path, const TholeMigration *migrations, guint n_migrations, GError **error)
{
  Migrator self = { handle, path, NULL };
  sqlite3_stmt *found = prepare (&self, "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'", error);
  int result = found != NULL ? sqlite3_step (found) : SQLITE_ERROR;

  sqlite3_finalize (found);
  if (result == SQLITE_ROW)
    return applied_version (&self, migrations, n_migrations, error) >= 0;
  if (found != NULL && result != SQLITE_DONE)
    {
      thole_sqlite_error (handle, error);
      g_prefix_error (error, "%s: ", path);
    }
  return result == SQLITE_DONE;
}

gboolean
thole_migrate (sqlite3 *handle, const char *path, TholeClock *clock, const TholeMigration *migrations,
               guint n_migrations, guint target, GError **error)
{
  Migrator self = { handle, path, clock };
  gint64 version;

  g_return_val_if_fail (target <= n_migrations, FALSE);
  if (!execute (&self, begin_sql, error))
    return FALSE;
  version = applied_version (&self, migrations, n_migrations, error);
  if (version < 0)
    return FALSE;
  for (; version < target; version++)
    if (!step (&self, &migrations[version], TRUE, error))
      return FALSE;
  for (; version > target; version--)
    if (!step (&self, &migrations[version - 1], FALSE, error))
      return FALSE;
  return TRUE;
}
