/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include <sodium.h>
#include <string.h>

#include "thole-error.h"

#define COLUMNS "seq, time, actor, credential, address, action, target, decision, reason, result, request, detail, hash"
#define FIRST_TEXT 2
#define HASH_COLUMN (FIRST_TEXT + THOLE_AUDIT_N_TEXTS)
#define TRIES 3
#define CHUNK 1000       /* rows that are verified before others may read */

/* writing ------------------------------------------------------------------------------------------------- */

gboolean
thole_sqlite_audit_add (TholeConnection *connection, const guchar *key, TholeAuditHead *head, TholeAuditRow *row, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (
    connection, "INSERT INTO audit (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", error);
  TholeAuditHead next = { head->seq + 1 };

  if (statement == NULL)
    return FALSE;
  thole_audit_hash (key, head, row, next.hash);
  sodium_bin2hex (row->hash, sizeof row->hash, next.hash, sizeof next.hash);
  sqlite3_bind_int64 (statement, 1, next.seq);
  sqlite3_bind_int64 (statement, 2, row->time);
  for (int i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    sqlite3_bind_text (statement, FIRST_TEXT + 1 + i, row->texts[i], -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, HASH_COLUMN + 1, row->hash, -1, SQLITE_STATIC);
  if (!thole_connection_run (connection, statement, NULL, error))
    return FALSE;
  row->seq = next.seq;
  *head = next;
  return TRUE;
}

static gboolean
read_text (TholeConnection *connection, const char *sql, gint64 parameter, char **text, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (connection, sql, error);
  int result;

  if (statement == NULL)
    return FALSE;
  if (sqlite3_bind_parameter_count (statement) > 0)
    sqlite3_bind_int64 (statement, 1, parameter);
  result = sqlite3_step (statement);
  if (result == SQLITE_ROW)
    *text = g_strdup ((const char *) sqlite3_column_text (statement, 0));
  else if (result != SQLITE_DONE)
    thole_sqlite_error (connection->handle, error);
  sqlite3_reset (statement);
  return result == SQLITE_ROW || result == SQLITE_DONE;
}

/* the hash of row @seq becomes where the chain begins */
static gboolean
set_anchor (TholeConnection *connection, const guchar *key, gint64 seq, GError **error)
{
  TholeAuditHead head = { seq };
  g_autofree char *hash = NULL;
  g_autofree char *sealed = NULL;
  sqlite3_stmt *statement;

  if (!read_text (connection, "SELECT hash FROM audit WHERE seq = ?", seq, &hash, error))
    return FALSE;
  if (hash == NULL || sodium_hex2bin (head.hash, sizeof head.hash, hash, strlen (hash), NULL, NULL, NULL) != 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "row %" G_GINT64_FORMAT " of the audit is damaged", seq);
      return FALSE;
    }
  sealed = thole_audit_seal (key, &head);
  statement = thole_connection_prepare (connection, "INSERT INTO meta (name, value) VALUES ('audit-anchor', ?) "
                                                    "ON CONFLICT (name) DO UPDATE SET value = excluded.value", error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, sealed, -1, SQLITE_STATIC);
  return thole_connection_run (connection, statement, NULL, error);
}

static gboolean
run_with (TholeConnection *connection, const char *sql, gint64 one, gint64 two, gint64 *first, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (connection, sql, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, one);
  if (sqlite3_bind_parameter_count (statement) > 1)
    sqlite3_bind_int64 (statement, 2, two);
  return thole_connection_run (connection, statement, first, error);
}

/* The newest always stays. What stands behind a young one stays, too. */
gboolean
thole_sqlite_audit_prune (TholeConnection *connection, const guchar *key, const TholeAuditHead *head, gint64 keep, gint64 before,
                          guint limit, GError **error)
{
  gint64 last = head->seq - keep, oldest = 0, young = 0;

  if (!run_with (connection, "SELECT min(seq) FROM audit WHERE seq > ?1", 0, 0, &oldest, error))
    return FALSE;
  if (oldest == 0)
    return TRUE;
  if (before > 0)
    {
      if (!run_with (connection, "SELECT min(seq) FROM audit WHERE seq <= ?2 AND time >= ?1", before, oldest + limit, &young, error))
        return FALSE;
      last = MAX (last, young > 0 ? young - 1 : oldest + (gint64) limit);
    }
  last = MIN (MIN (last, head->seq - 1), oldest + (gint64) limit);
  return last < oldest || (set_anchor (connection, key, last, error)
                           && run_with (connection, "DELETE FROM audit WHERE seq <= ?1", last, 0, NULL, error));
}

/* reading ------------------------------------------------------------------------------------------------- */

static TholeAuditRow *
read_row (sqlite3_stmt *statement)
{
  const char *texts[THOLE_AUDIT_N_TEXTS];
  const char *hash;
  TholeAuditRow *row;

  for (int i = 0; i < THOLE_AUDIT_N_TEXTS; i++)
    texts[i] = (const char *) sqlite3_column_text (statement, FIRST_TEXT + i);
  row = thole_audit_row_new (sqlite3_column_int64 (statement, 1), texts);
  row->seq = sqlite3_column_int64 (statement, 0);
  hash = (const char *) sqlite3_column_text (statement, HASH_COLUMN);
  g_strlcpy (row->hash, hash != NULL ? hash : "", sizeof row->hash);
  return row;
}

/* whoever changes a row may put NUL in, too, which C does not see */
static gboolean
is_odd (sqlite3_stmt *statement)
{
  for (int i = FIRST_TEXT; i <= HASH_COLUMN; i++)
    {
      const char *text = (const char *) sqlite3_column_text (statement, i);

      if (text == NULL || (gsize) sqlite3_column_bytes (statement, i) != strlen (text))
        return TRUE;
    }
  return sqlite3_column_bytes (statement, HASH_COLUMN) != THOLE_AUDIT_HEX;
}

static void
bind_query (sqlite3_stmt *statement, const TholeAuditQuery *query)
{
  sqlite3_bind_int64 (statement, 1, query->after);
  sqlite3_bind_int64 (statement, 2, query->limit);
  sqlite3_bind_int64 (statement, 3, query->since);
  sqlite3_bind_int64 (statement, 4, query->until);
  sqlite3_bind_text (statement, 5, query->texts[THOLE_AUDIT_ACTOR], -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 6, query->texts[THOLE_AUDIT_ACTION], -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 7, query->texts[THOLE_AUDIT_TARGET], -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 8, query->texts[THOLE_AUDIT_RESULT], -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 9, query->texts[THOLE_AUDIT_ADDRESS], -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 10, query->texts[THOLE_AUDIT_REQUEST], -1, SQLITE_STATIC);
}

#define WANTED \
  "FROM audit WHERE seq > ?1 AND (?3 = 0 OR time >= ?3) AND (?4 = 0 OR time < ?4) AND (?5 IS NULL OR actor = ?5) " \
  "AND (?6 IS NULL OR action GLOB ?6) AND (?7 IS NULL OR target = ?7) AND (?8 IS NULL OR result = ?8) " \
  "AND (?9 IS NULL OR address = ?9) AND (?10 IS NULL OR request = ?10) "

GPtrArray *
thole_sqlite_audit (TholeBacking *backing, const TholeAuditQuery *query, GError **error)
{
  TholeConnection *connection = ((TholeSqlite *) backing)->reader;
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_audit_row_free);
  sqlite3_stmt *statement;
  int result = SQLITE_ERROR;

  g_mutex_lock (&connection->lock);
  statement = thole_connection_prepare (
    connection, query->tail ? "SELECT * FROM (SELECT " COLUMNS " " WANTED "ORDER BY seq DESC LIMIT ?2) ORDER BY seq"
                            : "SELECT " COLUMNS " " WANTED "ORDER BY seq LIMIT ?2", error);
  if (statement != NULL)
    {
      bind_query (statement, query);
      while ((result = sqlite3_step (statement)) == SQLITE_ROW)
        g_ptr_array_add (rows, read_row (statement));
      if (result != SQLITE_DONE)
        thole_sqlite_error (connection->handle, error);
      sqlite3_reset (statement);
      /* the texts belong to the caller */
      sqlite3_clear_bindings (statement);
    }
  g_mutex_unlock (&connection->lock);
  return result == SQLITE_DONE ? g_steal_pointer (&rows) : NULL;
}

/* a damaged hash is found by verify(), not here: the daemon goes on */
static gboolean
read_head (TholeConnection *connection, sqlite3_stmt *statement, TholeAuditHead *head, GError **error)
{
  const char *hash;
  int result = sqlite3_step (statement);

  if (result == SQLITE_ROW)
    {
      head->seq = sqlite3_column_int64 (statement, 0);
      hash = (const char *) sqlite3_column_text (statement, 1);
      if (hash != NULL)
        sodium_hex2bin (head->hash, sizeof head->hash, hash, strlen (hash), NULL, NULL, NULL);
    }
  else if (result != SQLITE_DONE)
    thole_sqlite_error (connection->handle, error);
  sqlite3_reset (statement);
  return result == SQLITE_ROW || result == SQLITE_DONE;
}

gboolean
thole_sqlite_audit_head (TholeConnection *connection, TholeAuditHead *head, GError **error)
{
  sqlite3_stmt *statement = thole_connection_prepare (connection, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", error);

  return statement != NULL && read_head (connection, statement, head, error);
}

gboolean
thole_sqlite_audited (TholeBacking *backing, gint64 seq, TholeAuditHead *head, GError **error)
{
  TholeConnection *connection = ((TholeSqlite *) backing)->reader;
  sqlite3_stmt *statement;
  gboolean read;

  *head = (TholeAuditHead) { 0 };
  g_mutex_lock (&connection->lock);
  statement = thole_connection_prepare (connection, "SELECT seq, hash FROM audit WHERE seq = ?", error);
  if (statement != NULL)
    sqlite3_bind_int64 (statement, 1, seq);
  read = statement != NULL && read_head (connection, statement, head, error);
  g_mutex_unlock (&connection->lock);
  return read;
}

/* verifying ----------------------------------------------------------------------------------------------- */

static void
fault (TholeAuditVerdict *verdict, gint64 seq, const char *why)
{
  verdict->broken = seq;
  verdict->why = g_strdup (why);
}

/* FALSE: it is not as it was written */
static gboolean
check_row (sqlite3_stmt *statement, const guchar *key, TholeAuditHead *head, TholeAuditVerdict *verdict)
{
  TholeAuditRow *row = read_row (statement);
  TholeAuditHead next = { head->seq + 1 };
  char hash[THOLE_AUDIT_HEX + 1];

  thole_audit_hash (key, head, row, next.hash);
  sodium_bin2hex (hash, sizeof hash, next.hash, sizeof next.hash);
  if (row->seq != next.seq)
    fault (verdict, next.seq, "the row is missing");
  else if (is_odd (statement) || strcmp (hash, row->hash) != 0)
    fault (verdict, row->seq, "the row is not as it was written");
  verdict->rows++;
  verdict->first = verdict->first == 0 ? row->seq : verdict->first;
  verdict->last = row->seq;
  *head = next;
  thole_audit_row_free (row);
  return verdict->broken == 0;
}

/* Returns: rows that were good; negative: the store cannot be read */
static int
check_chunk (TholeConnection *connection, const guchar *key, TholeAuditHead *head, TholeAuditVerdict *verdict, GError **error)
{
  sqlite3_stmt *statement;
  int result = SQLITE_DONE, n = 0;

  g_mutex_lock (&connection->lock);
  statement = thole_connection_prepare (connection, "SELECT " COLUMNS " FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", error);
  if (statement != NULL)
    {
      sqlite3_bind_int64 (statement, 1, head->seq);
      sqlite3_bind_int64 (statement, 2, CHUNK);
      while ((result = sqlite3_step (statement)) == SQLITE_ROW && check_row (statement, key, head, verdict))
        n++;
      if (result != SQLITE_DONE && result != SQLITE_ROW)
        thole_sqlite_error (connection->handle, error);
      sqlite3_reset (statement);
    }
  g_mutex_unlock (&connection->lock);
  return statement == NULL || (result != SQLITE_DONE && result != SQLITE_ROW) ? -1 : n;
}

/* where the chain begins: at nothing, or where retention left it */
static gboolean
read_anchor (TholeConnection *connection, char **sealed, GError **error)
{
  gboolean read;

  g_mutex_lock (&connection->lock);
  read = read_text (connection, "SELECT value FROM meta WHERE name = 'audit-anchor'", 0, sealed, error);
  g_mutex_unlock (&connection->lock);
  return read;
}

/* the newest row that was committed: whoever cuts off the end of a store in use is found, too */
static gint64
newest_row (TholeSqlite *self)
{
  gint64 newest;

  g_mutex_lock (&self->writer->lock);
  newest = self->backing.audit.seq;
  g_mutex_unlock (&self->writer->lock);
  return newest;
}

/* from @sealed (nullable) on. Returns: (nullable) */
static TholeAuditVerdict *
check_all (TholeSqlite *self, const char *sealed, GError **error)
{
  const guchar *key = self->backing.audit_key;
  TholeAuditVerdict *verdict = g_new0 (TholeAuditVerdict, 1);
  TholeAuditHead head = { 0 };
  gint64 newest = newest_row (self);
  int n = 1;

  if (sealed != NULL && !thole_audit_open (key, sealed, &head))
    fault (verdict, 1, "the anchor of retention is not as it was written, or the key is another one");
  while (n > 0 && verdict->broken == 0)
    n = check_chunk (self->reader, key, &head, verdict, error);
  if (n >= 0 && verdict->broken == 0 && head.seq < newest)
    fault (verdict, head.seq + 1, "the row is missing");
  if (n < 0)
    g_clear_pointer (&verdict, thole_audit_verdict_free);
  return verdict;
}

TholeAuditVerdict *
thole_sqlite_audit_verify (TholeBacking *backing, GError **error)
{
  TholeSqlite *self = (TholeSqlite *) backing;
  TholeAuditVerdict *verdict = NULL;
  gboolean moved = TRUE;

  /* once more when retention took rows away meanwhile */
  for (guint i = 0; i < TRIES && moved; i++)
    {
      g_autofree char *before = NULL;
      g_autofree char *after = NULL;

      g_clear_pointer (&verdict, thole_audit_verdict_free);
      if (!read_anchor (self->reader, &before, error))
        return NULL;
      verdict = check_all (self, before, error);
      if (verdict == NULL || verdict->broken == 0)
        return verdict;
      if (!read_anchor (self->reader, &after, error))
        g_clear_pointer (&verdict, thole_audit_verdict_free);
      moved = verdict != NULL && g_strcmp0 (before, after) != 0;
    }
  return verdict;
}
