/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include "store/inspect.h"
#include "store/migrate.h"

#include <string.h>
#include <sys/stat.h>

#include "thole-error.h"

static void
set_damaged (const char *path, const char *text, GError **error)
{
  /* the first line of a report is a heading */
  const char *line = strchr (text, '\n');

  g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE,
               "%s: the store is damaged (%s); nothing was changed; restore a back-up with --restore", path,
               line != NULL ? line + 1 : text);
}

static void
fail (sqlite3 *handle, const char *path, GError **error)
{
  int result = sqlite3_errcode (handle) & 0xff;

  if (result == SQLITE_CORRUPT || result == SQLITE_NOTADB)
    {
      set_damaged (path, sqlite3_errmsg (handle), error);
      return;
    }
  thole_sqlite_error (handle, error);
  g_prefix_error (error, "%s: ", path);
}

static gboolean
read_number (sqlite3 *handle, const char *path, const char *sql, gint64 *number, GError **error)
{
  sqlite3_stmt *row = NULL;
  gboolean found;

  found = sqlite3_prepare_v2 (handle, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step (row) == SQLITE_ROW;
  if (found)
    *number = sqlite3_column_int64 (row, 0);
  else
    fail (handle, path, error);
  sqlite3_finalize (row);
  return found;
}

static gboolean
check_ours (sqlite3 *handle, const char *path, GError **error)
{
  gint64 id, tables;

  if (!read_number (handle, path, "PRAGMA application_id", &id, error)
      || !read_number (handle, path, "SELECT count(*) FROM sqlite_schema", &tables, error))
    return FALSE;
  if (id == THOLE_APPLICATION_ID || (id == 0 && tables == 0))
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s: the database of another program, not a store of Thole", path);
  return FALSE;
}

static gboolean
check_whole (sqlite3 *handle, const char *path, gboolean thorough, GError **error)
{
  const char *sql = thorough ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)";
  sqlite3_stmt *row = NULL;
  const char *text;
  gboolean whole;

  if (sqlite3_prepare_v2 (handle, sql, -1, &row, NULL) != SQLITE_OK || sqlite3_step (row) != SQLITE_ROW)
    {
      fail (handle, path, error);
      sqlite3_finalize (row);
      return FALSE;
    }
  text = (const char *) sqlite3_column_text (row, 0);
  whole = g_strcmp0 (text, "ok") == 0;
  if (!whole)
    set_damaged (path, text != NULL ? text : "unreadable", error);
  sqlite3_finalize (row);
  return whole;
}

gboolean
thole_store_examine (sqlite3 *handle, const char *path, gboolean thorough, GError **error)
{
  return check_ours (handle, path, error) && check_whole (handle, path, thorough, error)
         && thole_migrate_check (handle, path, thole_migrations, thole_n_migrations, error);
}

gboolean
thole_store_filled (sqlite3 *handle, const char *path, GError **error)
{
  gint64 id;

  if (!read_number (handle, path, "PRAGMA application_id", &id, error))
    return FALSE;
  if (id == THOLE_APPLICATION_ID)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s: there is no store in it", path);
  return FALSE;
}

gboolean
thole_store_inspect (const char *path, GError **error)
{
  g_autofree char *wal = g_strconcat (path, "-wal", NULL);
  sqlite3 *handle = NULL;
  struct stat info;
  gboolean good;

  if (stat (path, &info) == 0 && info.st_size == 0)
    return TRUE;
  good = sqlite3_open_v2 (path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)
         == SQLITE_OK;
  if (handle == NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "%s: out of memory", path);
      return FALSE;
    }
  sqlite3_busy_timeout (handle, 5000);
  /* what a crash left in the WAL stays there until we know that it is ours to move */
  if (stat (wal, &info) == 0 && info.st_size > 0)
    sqlite3_db_config (handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  if (good)
    good = thole_store_examine (handle, path, FALSE, error);
  else
    fail (handle, path, error);
  sqlite3_close (handle);
  return good;
}
