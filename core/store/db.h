/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The store: rows in, rows out, and the events of each change in the transaction of that change.
 * One interface for SQLite and PostgreSQL. Called from the main thread only.
 */
#pragma once

#include "base/clock.h"
#include "model/event.h"
#include "model/record.h"
#include "store/audit.h"

typedef struct _TholeDb TholeDb;
typedef struct _TholeTxn TholeTxn;

/* A transaction is a list of things to do, done all or not at all in the given order. */
TholeTxn *thole_txn_new    (void);
void      thole_txn_free   (TholeTxn *txn);
/* Fails with EXISTS when a unique index is hit; the message begins with the index's name and a colon; the primary key of
 * TABLE is called TABLE_pkey. @record is referenced. */
void      thole_txn_insert (TholeTxn *txn, gpointer record);
/* The row is replaced. Fails with NOT_FOUND when it is not there, and with CONFLICT when the record type has
 * a `revision` and the stored one is not one less. */
void      thole_txn_update (TholeTxn *txn, gpointer record);
/* It is no fault when the row is not there. */
void      thole_txn_remove (TholeTxn *txn, const TholeRecordType *type, const char *id);
/* What the rows of @type that have @value in @column may come to, all together. */
typedef struct _TholeLimit TholeLimit;
struct _TholeLimit
{
  const TholeRecordType *type;
  const char *column, *value;
  const char *sum;     /* (nullable): the column that is added up; NULL = the rows are counted */
  const char *except;  /* (nullable): id of a row that does not count */
  gint64 asked, limit; /* as much more must fit in */
  guint kind;          /* for @tell */
  /* (nullable): why it does not fit, for people; called in another thread. Returns: (transfer full) */
  char *(*tell) (const TholeLimit *limit, gint64 used);
};
/* Fails with QUOTA_EXCEEDED unless it fits in when it is reached. */
void      thole_txn_limit  (TholeTxn *txn, const TholeLimit *limit);
/* @event (transfer full) gets its number at COMMIT. */
void      thole_txn_event  (TholeTxn *txn, TholeEvent *event);
/* Forgets the events below number @first; the newest always stays. */
void      thole_txn_prune  (TholeTxn *txn, gint64 first);
/* Forgets the oldest events, at most @limit of them, as far as they are from before @time; the newest always stays. */
void      thole_txn_expire (TholeTxn *txn, gint64 time, guint limit);
/* @row (transfer full) gets its number and its hash in the transaction. */
void      thole_txn_audit  (TholeTxn *txn, TholeAuditRow *row);
/* Forgets rows of the audit, the oldest first and not too many at once: all but the newest @keep, and those from before
 * @before (µs since the epoch, 0 = none). What is left can still be verified; the newest always stays. */
void      thole_txn_forget (TholeTxn *txn, gint64 keep, gint64 before);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeTxn, thole_txn_free)

/* Called from the main loop after COMMIT (@error NULL) or when nothing of it was done. */
typedef void (*TholeCommitFunc)  (gpointer user_data, const GError *error);
/* Called after the commit callback of a transaction that had events, in the order of their numbers. */
typedef void (*TholePublishFunc) (gpointer user_data, TholeEvent *const *events, guint n_events);

typedef enum
{
  THOLE_DB_THREADED = 0,
  THOLE_DB_INLINE = 1 << 0, /* simulation: COMMIT happens inside commit(); callbacks still come from the main loop */
} TholeDbFlags;

/* @uri: "sqlite:PATH" or "sqlite::memory:". Opens, checks, migrates. Errors name the file.
 * Returns: (transfer full) */
TholeDb    *thole_db_open     (const char *uri, TholeClock *clock, guint flags, GError **error);
/* Waits for what is queued, then closes. No callback comes afterwards that was not dispatched before. */
void        thole_db_close    (TholeDb *self);

/* Queues @txn (transfer full). At most 10,000 wait; beyond that the callback gets BUSY. @done (nullable). */
void        thole_db_commit   (TholeDb *self, TholeTxn *txn, TholeCommitFunc done, gpointer user_data);
void        thole_db_set_publisher (TholeDb *self, TholePublishFunc publish, gpointer user_data);
/* Transactions that are queued or whose callback has not come. */
guint       thole_db_pending  (TholeDb *self);

/* All rows of @type in the order of their ids; blocks, for the start only.
 * Returns: (transfer full) (element-type TholeRecord) */
GPtrArray  *thole_db_load     (TholeDb *self, const TholeRecordType *type, GError **error);
/* At most @limit events above @after, read in a thread.
 * thole_db_events_finish returns: (transfer full) (element-type TholeEvent) */
void        thole_db_events_async  (TholeDb *self, gint64 after, guint limit, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
/* The newest @limit events of @subject but for what programs inside it have reported, in the order of their numbers; also ended by thole_db_events_finish(). */
void        thole_db_history_async (TholeDb *self, const char *subject, guint limit, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
GPtrArray  *thole_db_events_finish (TholeDb *self, GAsyncResult *result, GError **error);
/* First and last number that are kept; oldest = newest + 1 when there is none. */
void        thole_db_event_range   (TholeDb *self, gint64 *oldest, gint64 *newest);

/* Called in the thread of the copy, in pages. */
typedef void (*TholeCopyProgress) (gint64 done, gint64 total, gpointer user_data);

/* Copies the store, as it is now, to the file @path: it appears whole, checked and mode 0600, or not at all. Writers do not
 * wait for it. Fails with EXISTS when @path is there, unless @over. @progress: (nullable). One at a time. */
void        thole_db_backup_async  (TholeDb *self, const char *path, gboolean over, TholeCopyProgress progress,
                                    gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean    thole_db_backup_finish (TholeDb *self, GAsyncResult *result, GError **error);

/* The key of the audit, THOLE_AUDIT_HASH bytes; before the first transaction. */
void        thole_db_set_audit_key (TholeDb *self, const guchar *key);
/* From here on @file says, too, where the audit stands; after the key and before the first transaction. When it says more than the
 * store has, the chain goes on behind what is missing, so that it is seen for ever, unless the store was @restored.
 * @found: (out) (transfer full) (nullable): for people, what is not as it should be */
gboolean    thole_db_set_audit_head (TholeDb *self, const char *file, gboolean restored, char **found, GError **error);
/* Called for each row of the audit, in their order, before the commit callback of its transaction. */
typedef void (*TholeAuditedFunc) (gpointer user_data, const TholeAuditRow *row);
void        thole_db_set_auditor   (TholeDb *self, TholeAuditedFunc audited, gpointer user_data);
/* Rows of the audit, read in a thread; @query (transfer full members).
 * thole_db_audit_finish returns: (transfer full) (element-type TholeAuditRow) */
void        thole_db_audit_async   (TholeDb *self, TholeAuditQuery *query, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
GPtrArray  *thole_db_audit_finish  (TholeDb *self, GAsyncResult *result, GError **error);
/* Is every row as it was written? Reads all of them. thole_db_verify_finish returns: (transfer full) */
void        thole_db_verify_async  (TholeDb *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
TholeAuditVerdict *thole_db_verify_finish (TholeDb *self, GAsyncResult *result, GError **error);

/* The uuid that all engine objects carry; made when the store is. */
const char *thole_db_instance (TholeDb *self);
/* NULL, or why the store cannot be written now (for /readyz). */
const char *thole_db_trouble  (TholeDb *self);

/* For simulation: who decides about each COMMIT of an inline store. */
typedef enum
{
  THOLE_COMMIT_DONE, /* it is done and answered */
  THOLE_COMMIT_FAIL, /* it is not done, and all of it fails with the error */
  THOLE_COMMIT_LOSE, /* it is not done and never answered: the daemon ended before */
  THOLE_COMMIT_KEEP, /* it is done and never answered: the daemon ended right after */
} TholeCommitFate;

typedef struct
{
  /* µs that a COMMIT waits for others to be done with it; negative: none */
  gint64 (*delay) (gpointer user_data);
  TholeCommitFate (*before) (gpointer user_data, guint n_txns, GError **error);
  /* what was done; transactions whose place in @errors is set were not */
  void (*after) (gpointer user_data, TholeTxn *const *txns, GError *const *errors, guint n_txns);
} TholeCommitWatch;

/* @watch: (nullable): borrowed */
void        thole_db_watch    (TholeDb *self, const TholeCommitWatch *watch, gpointer user_data);

/* Counters for /metrics. */
typedef struct { guint64 transactions, groups, failures, microseconds; } TholeDbCounters;
void        thole_db_counters (TholeDb *self, TholeDbCounters *counters);
