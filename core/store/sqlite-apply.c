/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-head.h"
#include "store/sqlite.h"

#include <string.h>

#include "base/crash-point.h"
#include "thole-error.h"

/* free pages that are kept for what comes, and those that one transaction gives back at most: three times what it frees */
#define SPARE_PAGES 1024
#define GIVE_BACK "256"
#define FORGET_AT_ONCE 10000 /* rows of the audit */

/* what a group of transactions has reached, taken over only by COMMIT */
typedef struct
{
  TholeConnection *connection;
  gint64 oldest, newest;
  const guchar *audit_key;
  TholeAuditHead audit;
} Group;

/* "UNIQUE constraint failed: workloads.owner, workloads.name" -> "workloads_owner_name: ..." */
static void
name_index (Group *group, const TholeRecordType *type, GError **error)
{
  const char *columns;
  const char *name;

  if (error == NULL || !g_error_matches (*error, THOLE_ERROR, THOLE_ERROR_EXISTS))
    return;
  columns = strstr ((*error)->message, ": ");
  name = columns != NULL ? g_hash_table_lookup (group->connection->unique, columns + 2) : NULL;
  g_clear_error (error);
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS, "%s: such a %s is there already",
               name != NULL ? name : type->table, type->name);
}

static gboolean
insert (Group *group, TholeAction *action, GError **error)
{
  TholeConnection *connection = group->connection;
  sqlite3_stmt *statement;

  statement = thole_connection_prepare (connection, thole_connection_table (connection, action->type)->insert, error);
  if (statement == NULL)
    return FALSE;
  thole_row_bind (statement, 1, action->record);
  if (thole_connection_run (connection, statement, NULL, error))
    return TRUE;
  name_index (group, action->type, error);
  return FALSE;
}

/* why an update changed no row */
static gboolean
fail_update (Group *group, TholeAction *action, GError **error)
{
  const TholeTableSql *table = thole_connection_table (group->connection, action->type);
  sqlite3_stmt *statement = thole_connection_prepare (group->connection, table->exists, error);
  const char *id = thole_record_id (action->record);
  gint64 found;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, id, -1, SQLITE_STATIC);
  if (!thole_connection_run (group->connection, statement, &found, error))
    return FALSE;
  if (found)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "%s %s has changed meanwhile", action->type->name, id);
  else
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "%s %s is not in the store", action->type->name, id);
  return FALSE;
}

static gboolean
update (Group *group, TholeAction *action, GError **error)
{
  TholeConnection *connection = group->connection;
  const TholeTableSql *table = thole_connection_table (connection, action->type);
  sqlite3_stmt *statement = thole_connection_prepare (connection, table->update, error);
  int index;

  if (statement == NULL)
    return FALSE;
  index = thole_row_bind (statement, 1, action->record);
  if (table->revision >= 0)
    {
      gsize offset = action->type->fields[table->revision].offset;

      sqlite3_bind_int64 (statement, index, *(gint64 *) ((guint8 *) action->record + offset) - 1);
    }
  if (!thole_connection_run (connection, statement, NULL, error))
    {
      name_index (group, action->type, error);
      return FALSE;
    }
  return sqlite3_changes (connection->handle) == 1 || fail_update (group, action, error);
}

static gboolean
erase (Group *group, TholeAction *action, GError **error)
{
  TholeConnection *connection = group->connection;
  sqlite3_stmt *statement;

  statement = thole_connection_prepare (connection, thole_connection_table (connection, action->type)->remove, error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, action->value, -1, SQLITE_STATIC);
  return thole_connection_run (connection, statement, NULL, error);
}

/* @enough: it need not be known further; -1 = it is */
static gboolean
measure (Group *group, const TholeLimit *bound, gint64 enough, gint64 *used, GError **error)
{
  /* that it is not empty is what the partial indexes ask for */
  g_autofree char *rows = g_strdup_printf ("FROM %s WHERE %s = ?1 AND %s <> '' AND id IS NOT ?2", bound->type->table,
                                           bound->column, bound->column);
  /* total() cannot overflow, and is exact as far as a double is */
  g_autofree char *sql = bound->sum != NULL ? g_strdup_printf ("SELECT CAST(min(total(%s), 9e18) AS INTEGER) %s", bound->sum, rows)
                                            : g_strdup_printf ("SELECT count(*) FROM (SELECT 1 %s LIMIT ?3)", rows);
  /* there are as many as there are columns with a limit */
  sqlite3_stmt *statement = thole_connection_prepare (group->connection, g_intern_string (sql), error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, bound->value, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 2, bound->except, -1, SQLITE_STATIC);
  if (bound->sum == NULL)
    sqlite3_bind_int64 (statement, 3, enough);
  return thole_connection_run (group->connection, statement, used, error);
}

static gboolean
check_limit (Group *group, TholeAction *action, GError **error)
{
  const TholeLimit *bound = action->bound;
  g_autofree char *why = NULL;
  gint64 used;

  if (!measure (group, bound, MAX (bound->limit, 0), &used, error))
    return FALSE;
  if (bound->asked <= bound->limit - used)
    return TRUE;
  if (!measure (group, bound, -1, &used, error))
    return FALSE;
  why = bound->tell != NULL ? bound->tell (bound, used) : g_strdup_printf ("the limit is %" G_GINT64_FORMAT, bound->limit);
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_QUOTA_EXCEEDED, why);
  return FALSE;
}

static gboolean
add_event (Group *group, TholeEvent *event, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (
    group->connection, "INSERT INTO events (seq, time, type, subject, owner, actor, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
    error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, group->newest + 1);
  sqlite3_bind_int64 (statement, 2, event->time);
  sqlite3_bind_text (statement, 3, event->type, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 4, event->subject, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 5, event->owner, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 6, event->actor, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 7, event->data, -1, SQLITE_STATIC);
  if (!thole_connection_run (group->connection, statement, NULL, error))
    return FALSE;
  event->seq = ++group->newest;
  return TRUE;
}

/* runs @sql with two numbers as parameters */
static gboolean
run_with (Group *group, const char *sql, gint64 one, gint64 two, gint64 *first, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (group->connection, sql, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, one);
  sqlite3_bind_int64 (statement, 2, two);
  return thole_connection_run (group->connection, statement, first, error);
}

static gboolean
read_number (Group *group, const char *sql, gint64 *number, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (group->connection, sql, error);

  return statement != NULL && thole_connection_run (group->connection, statement, number, error);
}

/* gives some of the space back when more than a quarter of the file is free; a little each time, so that nobody waits long */
static gboolean
shrink (Group *group, GError **error)
{
  gint64 spare, all;

  if (!read_number (group, "PRAGMA freelist_count", &spare, error) || !read_number (group, "PRAGMA page_count", &all, error))
    return FALSE;
  return spare <= MAX (SPARE_PAGES, all / 4)
         || thole_connection_execute (group->connection, "PRAGMA incremental_vacuum(" GIVE_BACK ")", error);
}

static gboolean
forget_below (Group *group, gint64 first, GError **error)
{
  first = MIN (first, group->newest);
  if (first <= group->oldest)
    return TRUE;
  return run_with (group, "DELETE FROM events WHERE seq < ?1", first, 0, NULL, error)
         && run_with (group, "SELECT min(seq) FROM events", 0, 0, &group->oldest, error) && shrink (group, error);
}

/* The numbers go with the time as far as nobody sets the clock back; what stands behind a young one stays until that goes. */
static gboolean
expire (Group *group, TholeAction *action, GError **error)
{
  gint64 last, young;

  if (!run_with (group, "SELECT max(seq) FROM (SELECT seq FROM events ORDER BY seq LIMIT ?1)", action->limit, 0, &last,
                 error)
      || !run_with (group, "SELECT seq FROM events WHERE seq <= ?1 AND time >= ?2 ORDER BY seq LIMIT 1", last,
                    action->time, &young, error))
    return FALSE;
  return forget_below (group, young > 0 ? young : last + 1, error);
}

static gboolean
act (Group *group, TholeAction *action, GError **error)
{
  switch (action->kind)
    {
    case THOLE_ACTION_INSERT:
      return insert (group, action, error);
    case THOLE_ACTION_UPDATE:
      return update (group, action, error);
    case THOLE_ACTION_REMOVE:
      return erase (group, action, error);
    case THOLE_ACTION_LIMIT:
      return check_limit (group, action, error);
    case THOLE_ACTION_EVENT:
      return add_event (group, action->event, error);
    case THOLE_ACTION_PRUNE:
      return forget_below (group, action->limit, error);
    case THOLE_ACTION_EXPIRE:
      return expire (group, action, error);
    case THOLE_ACTION_AUDIT:
      return thole_sqlite_audit_add (group->connection, group->audit_key, &group->audit, action->audit, error);
    case THOLE_ACTION_FORGET:
      return thole_sqlite_audit_prune (group->connection, group->audit_key, &group->audit, action->limit, action->time,
                                       FORGET_AT_ONCE, error);
    }
  g_return_val_if_reached (FALSE);
}

static void
forget_numbers (TholeTxn *txn)
{
  for (guint i = 0; i < txn->events->len; i++)
    ((TholeEvent *) txn->events->pdata[i])->seq = 0;
}

static gboolean
apply_one (Group *group, TholeTxn *txn, GError **error)
{
  if (!thole_connection_execute (group->connection, "SAVEPOINT txn", error))
    return FALSE;
  for (guint i = 0; i < txn->actions->len; i++)
    if (!act (group, &g_array_index (txn->actions, TholeAction, i), error))
      return FALSE;
  return thole_connection_execute (group->connection, "RELEASE txn", error);
}

/* FALSE: the whole group is lost */
static gboolean
undo_one (Group *group, TholeTxn *txn, const Group *before, const GError *fault, GError **error)
{
  forget_numbers (txn);
  if (fault->code == THOLE_ERROR_STORAGE || fault->code == THOLE_ERROR_STORAGE_FULL
      || sqlite3_get_autocommit (group->connection->handle))
    {
      g_propagate_error (error, g_error_copy (fault));
      return FALSE;
    }
  *group = *before;
  return thole_connection_execute (group->connection, "ROLLBACK TO txn", error)
         && thole_connection_execute (group->connection, "RELEASE txn", error);
}

static gboolean
apply_all (Group *group, TholeTxn *const *txns, guint n_txns, GError **errors, GError **error)
{
  if (!thole_connection_execute (group->connection, "BEGIN IMMEDIATE", error))
    return FALSE;
  for (guint i = 0; i < n_txns; i++)
    {
      Group before = *group;

      if (!apply_one (group, txns[i], &errors[i]) && !undo_one (group, txns[i], &before, errors[i], error))
        return FALSE;
    }
  thole_crash_point ("written");
  if (!thole_connection_execute (group->connection, "COMMIT", error))
    return FALSE;
  thole_crash_point ("durable");
  return TRUE;
}

gboolean
thole_sqlite_apply (TholeBacking *backing, TholeTxn *const *txns, guint n_txns, GError **errors, GError **error)
{
  TholeSqlite *self = (TholeSqlite *) backing;
  Group group = { self->writer, backing->oldest, backing->newest, backing->audit_key, backing->audit };
  gint64 before = backing->audit.seq;
  gboolean done;

  g_mutex_lock (&self->writer->lock);
  done = apply_all (&group, txns, n_txns, errors, error);
  if (done)
    {
      backing->oldest = group.oldest;
      backing->newest = group.newest;
      backing->audit = group.audit;
    }
  else if (!sqlite3_get_autocommit (self->writer->handle))
    sqlite3_exec (self->writer->handle, "ROLLBACK", NULL, NULL, NULL);
  g_mutex_unlock (&self->writer->lock);
  if (group.audit.seq > before && done && backing->audit_head >= 0)
    thole_audit_head_write (backing->audit_head, backing->audit_key, &group.audit);
  for (guint i = 0; !done && i < n_txns; i++)
    {
      g_clear_error (&errors[i]);
      forget_numbers (txns[i]);
    }
  return done;
}
