/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One connection to an SQLite file: prepared statements, rows to records and back.
 */
#pragma once

#include <sqlite3.h>

#include "store/backing.h"

typedef struct
{
  sqlite3 *handle;
  GMutex lock;            /* one thread at a time; the handle has no lock of its own */
  GHashTable *statements; /* address of the SQL text -> sqlite3_stmt, owned */
  GHashTable *tables;     /* TholeRecordType -> TholeTableSql, owned */
  GHashTable *unique;     /* "table.column, table.column" -> name of the index, owned */
} TholeConnection;

typedef struct
{
  char *insert, *update, *remove, *exists, *load;
  int revision; /* index of the field `revision`, -1 = none */
} TholeTableSql;

typedef struct
{
  TholeBacking backing;
  char *path;
  int lock;
  TholeConnection *writer;
  TholeConnection *reader; /* the same as writer for a store in memory */
} TholeSqlite;

/* Sets @error from what @handle did last: STORAGE or STORAGE_FULL when the store is at fault, another code when it was the
 * statement. */
void             thole_sqlite_error (sqlite3 *handle, GError **error);

TholeConnection *thole_connection_open  (const char *path, GError **error);
void             thole_connection_close (TholeConnection *self);
/* Reads the names of the unique indexes, for messages. */
gboolean         thole_connection_learn (TholeConnection *self, GError **error);
gboolean         thole_connection_execute (TholeConnection *self, const char *sql, GError **error);
/* @sql: has to stay where it is: a literal, of the table's or interned.
 * Returns: (transfer none): a statement that is reset and without values; from the cache when it was there */
sqlite3_stmt    *thole_connection_prepare (TholeConnection *self, const char *sql, GError **error);
/* Runs @statement to its end and resets it. @first (out) (optional): the first column of the first row, 0 when none. */
gboolean         thole_connection_run     (TholeConnection *self, sqlite3_stmt *statement, gint64 *first,
                                           GError **error);
const TholeTableSql *thole_connection_table (TholeConnection *self, const TholeRecordType *type);

/* The columns of @type in the order of its fields, the parameters beginning with @index.
 * Returns: the next index */
int              thole_row_bind (sqlite3_stmt *statement, int index, gconstpointer record);
/* Returns: (transfer full) */
gpointer         thole_row_read (sqlite3_stmt *statement, const TholeRecordType *type, GError **error);

/* The audit. @head goes on with what was added. */
gboolean         thole_sqlite_audit_add   (TholeConnection *connection, const guchar *key, TholeAuditHead *head,
                                           TholeAuditRow *row, GError **error);
/* Forgets the oldest rows, at most @limit: all but the newest @keep, and those from before @before (0 = none). */
gboolean         thole_sqlite_audit_prune (TholeConnection *connection, const guchar *key, const TholeAuditHead *head,
                                           gint64 keep, gint64 before, guint limit, GError **error);
/* Where the chain stands. */
gboolean         thole_sqlite_audit_head  (TholeConnection *connection, TholeAuditHead *head, GError **error);
/* @head: the row @seq, or all 0 when it is not there. */
gboolean         thole_sqlite_audited     (TholeBacking *backing, gint64 seq, TholeAuditHead *head, GError **error);
GPtrArray       *thole_sqlite_audit       (TholeBacking *backing, const TholeAuditQuery *query, GError **error);
TholeAuditVerdict *thole_sqlite_audit_verify (TholeBacking *backing, GError **error);

gboolean         thole_sqlite_apply (TholeBacking *backing, TholeTxn *const *txns, guint n_txns, GError **errors,
                                     GError **error);
