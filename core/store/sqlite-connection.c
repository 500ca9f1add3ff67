/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "thole-error.h"

/* SQLite keeps the reason of a statement that failed, but of a COMMIT only the file that could not be written knows it */
static int
system_reason (sqlite3 *handle)
{
  int reason = sqlite3_system_errno (handle);
  sqlite3_file *file = NULL;

  if (reason == 0 && sqlite3_file_control (handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK && file != NULL
      && file->pMethods != NULL)
    file->pMethods->xFileControl (file, SQLITE_FCNTL_LAST_ERRNO, &reason);
  if (reason == 0)
    sqlite3_file_control (handle, "main", SQLITE_FCNTL_LAST_ERRNO, &reason);
  return reason;
}

static int
error_code (int result, int reason)
{
  switch (result & 0xff)
    {
    case SQLITE_CONSTRAINT:
      if (result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY)
        return THOLE_ERROR_EXISTS;
      return result == SQLITE_CONSTRAINT_FOREIGNKEY ? THOLE_ERROR_CONFLICT : THOLE_ERROR_INTERNAL;
    case SQLITE_TOOBIG:
      return THOLE_ERROR_TOO_LARGE;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
      return THOLE_ERROR_INTERNAL;
    case SQLITE_FULL:
      return THOLE_ERROR_STORAGE_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return reason == ENOSPC || reason == EDQUOT ? THOLE_ERROR_STORAGE_FULL : THOLE_ERROR_STORAGE;
    default:
      return THOLE_ERROR_STORAGE;
    }
}

void
thole_sqlite_error (sqlite3 *handle, GError **error)
{
  int result = sqlite3_extended_errcode (handle);
  g_autofree char *text = g_strdup (sqlite3_errmsg (handle));
  int reason = (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN ? system_reason (handle) : 0;
  int code = error_code (result, reason);

  if (reason != 0)
    g_set_error (error, THOLE_ERROR, code, "%s (%s)", text, g_strerror (reason));
  else
    g_set_error_literal (error, THOLE_ERROR, code, text);
}

static void
table_free (gpointer data)
{
  TholeTableSql *table = data;

  g_free (table->insert);
  g_free (table->update);
  g_free (table->remove);
  g_free (table->exists);
  g_free (table->load);
  g_free (table);
}

static TholeTableSql *
table_new (const TholeRecordType *type)
{
  g_autoptr (GString) columns = g_string_new ("id");
  g_autoptr (GString) marks = g_string_new ("?1");
  TholeTableSql *table = g_new0 (TholeTableSql, 1);
  guint n_columns = 1;

  table->revision = -1;
  for (guint i = 1; i < type->n_fields; i++)
    {
      if (type->fields[i].flags & THOLE_FIELD_COMPUTED)
        continue;
      if (strcmp (type->fields[i].name, "revision") == 0)
        table->revision = (int) i;
      g_string_append_printf (columns, ", %s", type->fields[i].name);
      g_string_append_printf (marks, ", ?%u", ++n_columns);
    }
  table->insert = g_strdup_printf ("INSERT INTO %s (%s) VALUES (%s)", type->table, columns->str, marks->str);
  table->load = g_strdup_printf ("SELECT %s FROM %s ORDER BY id", columns->str, type->table);
  table->remove = g_strdup_printf ("DELETE FROM %s WHERE id = ?", type->table);
  table->exists = g_strdup_printf ("SELECT 1 FROM %s WHERE id = ?", type->table);
  /* the id stays, so its index is not touched; the last parameter is the revision that is replaced */
  g_string_erase (columns, 0, strlen ("id, "));
  g_string_erase (marks, 0, strlen ("?1, "));
  table->update = table->revision < 0
                    ? g_strdup_printf ("UPDATE %s SET (%s) = (%s) WHERE id = ?1", type->table, columns->str, marks->str)
                    : g_strdup_printf ("UPDATE %s SET (%s) = (%s) WHERE id = ?1 AND revision = ?%u", type->table,
                                       columns->str, marks->str, n_columns + 1);
  return table;
}

const TholeTableSql *
thole_connection_table (TholeConnection *self, const TholeRecordType *type)
{
  TholeTableSql *table = g_hash_table_lookup (self->tables, type);

  if (table == NULL)
    {
      table = table_new (type);
      g_hash_table_insert (self->tables, (gpointer) type, table);
    }
  return table;
}

static void
statement_free (gpointer data)
{
  sqlite3_finalize (data);
}

sqlite3_stmt *
thole_connection_prepare (TholeConnection *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, sql);

  if (statement != NULL)
    return statement;
  if (sqlite3_prepare_v3 (self->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    {
      thole_sqlite_error (self->handle, error);
      return NULL;
    }
  g_hash_table_insert (self->statements, (gpointer) sql, statement);
  return statement;
}

gboolean
thole_connection_run (TholeConnection *self, sqlite3_stmt *statement, gint64 *first, GError **error)
{
  gint64 value = 0;
  int result = sqlite3_step (statement);

  if (result == SQLITE_ROW)
    {
      value = sqlite3_column_int64 (statement, 0);
      do
        result = sqlite3_step (statement);
      while (result == SQLITE_ROW);
    }
  if (result != SQLITE_DONE)
    thole_sqlite_error (self->handle, error);
  else if (first != NULL)
    *first = value;
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return result == SQLITE_DONE;
}

gboolean
thole_connection_execute (TholeConnection *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (self, sql, error);

  return statement != NULL && thole_connection_run (self, statement, NULL, error);
}

/* SQLite names the columns of a unique index in its message, we want the name of the index */
gboolean
thole_connection_learn (TholeConnection *self, GError **error)
{
  sqlite3_stmt *rows = thole_connection_prepare (
    self,
    "SELECT t.name, CASE i.origin WHEN 'pk' THEN t.name || '_pkey' ELSE i.name END,"
    " (SELECT group_concat(t.name || '.' || c.name, ', ') FROM pragma_index_info(i.name) c)"
    " FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table' AND i.\"unique\"",
    error);
  int result;

  if (rows == NULL)
    return FALSE;
  while ((result = sqlite3_step (rows)) == SQLITE_ROW)
    g_hash_table_insert (self->unique, g_strdup ((const char *) sqlite3_column_text (rows, 2)),
                         g_strdup ((const char *) sqlite3_column_text (rows, 1)));
  if (result != SQLITE_DONE)
    thole_sqlite_error (self->handle, error);
  sqlite3_reset (rows);
  return result == SQLITE_DONE;
}

/* The pages of a file that is begun can be given back one by one. Of one that is there this cannot be changed, and to ask for it
 * would write. */
static void
prepare_new (sqlite3 *handle, const char *path)
{
  struct stat info;

  if (stat (path, &info) == 0 && info.st_size == 0)
    sqlite3_exec (handle, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
}

TholeConnection *
thole_connection_open (const char *path, GError **error)
{
  static const char *const pragmas[] = {
    "PRAGMA busy_timeout = 5000",  "PRAGMA foreign_keys = ON",    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",   "PRAGMA trusted_schema = OFF", "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -4096",
  };
  TholeConnection *self = g_new0 (TholeConnection, 1);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

  g_mutex_init (&self->lock);
  self->statements = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, statement_free);
  self->tables = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL, table_free);
  self->unique = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (sqlite3_open_v2 (path, &self->handle, flags, NULL) != SQLITE_OK)
    {
      if (self->handle != NULL)
        thole_sqlite_error (self->handle, error);
      else
        g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "out of memory");
      thole_connection_close (self);
      return NULL;
    }
  prepare_new (self->handle, path);
  for (guint i = 0; i < G_N_ELEMENTS (pragmas); i++)
    if (sqlite3_exec (self->handle, pragmas[i], NULL, NULL, NULL) != SQLITE_OK)
      {
        thole_sqlite_error (self->handle, error);
        thole_connection_close (self);
        return NULL;
      }
  return self;
}

void
thole_connection_close (TholeConnection *self)
{
  /* statements first: a connection with open ones does not close */
  g_hash_table_unref (self->statements);
  g_hash_table_unref (self->tables);
  g_hash_table_unref (self->unique);
  sqlite3_close (self->handle);
  g_mutex_clear (&self->lock);
  g_free (self);
}
