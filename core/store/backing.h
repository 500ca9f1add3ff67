/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What TholeDb needs of a database: one table of functions for each kind. apply() and probe() come from the writer
 * only, load() and events() from any thread.
 */
#pragma once

#include "store/txn.h"

typedef struct _TholeBacking TholeBacking;

typedef struct
{
  /* Does the transactions in one COMMIT. One that cannot be done is undone alone and its place in @errors is set; events
   * of the others get their numbers. FALSE: nothing of them was done. */
  gboolean   (*apply)  (TholeBacking *self, TholeTxn *const *txns, guint n_txns, GError **errors, GError **error);
  /* Can it be written? Changes nothing that counts. */
  gboolean   (*probe)  (TholeBacking *self, GError **error);
  GPtrArray *(*load)   (TholeBacking *self, const TholeRecordType *type, GError **error);
  /* @subject (nullable): then the newest @limit of its events. In the order of their numbers. */
  GPtrArray *(*events) (TholeBacking *self, const char *subject, gint64 after, guint limit, GError **error);
  /* From any thread. To the file @path, as thole_db_backup_async() says. */
  gboolean   (*backup) (TholeBacking *self, const char *path, gboolean over, TholeCopyProgress progress,
                        gpointer user_data, GCancellable *cancellable, GError **error);
  /* Rows of the audit, and whether all of them are as they were written; from any thread. */
  GPtrArray *(*audit)  (TholeBacking *self, const TholeAuditQuery *query, GError **error);
  TholeAuditVerdict *(*verify) (TholeBacking *self, GError **error);
  /* The hash of one row, FALSE when it is not there; from the opening. */
  gboolean   (*audited) (TholeBacking *self, gint64 seq, TholeAuditHead *head, GError **error);
  void       (*close)  (TholeBacking *self);
} TholeBackingClass;

struct _TholeBacking
{
  const TholeBackingClass *class;
  char *instance;
  /* of the events; the writer's own after the opening */
  gint64 oldest, newest;
  TholeAuditHead audit;
  guchar audit_key[THOLE_AUDIT_HASH]; /* set before the first transaction, as is the next */
  int audit_head; /* descriptor of audit-head.h, -1 = none */
};

/* @path: a file or ":memory:". Returns: (transfer full) */
TholeBacking *thole_sqlite_open (const char *path, TholeClock *clock, GError **error);
