/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A long operation in memory: its record, its progress and those who wait for it.
 */
#pragma once

#include "operations/context.h"

typedef struct _TholeTracker
{
  TholeOperations *operations;
  TholeOperation *now;
  GSList *waiters;          /* of TholeWaiter */
  GCancellable *cancel;     /* (nullable): of work that only the operation drives (image.pull) */
  gint64 progress_at;       /* when progress was stored last, µs monotonic */
  gint64 done, total;       /* newest progress, perhaps not stored yet */
  GSource *flush;
  gboolean busy;            /* a commit of its record is under way */
  gboolean ending;          /* and that one is its last */
  guint tries;              /* of the last one, when the store refuses it */
  TholeOperation *last;     /* (nullable): to be stored again */
} TholeTracker;

/* Returns: (transfer full): a record of a new operation, to be inserted */
TholeOperation *thole_tracker_record (TholeOperations *operations, const char *type, const char *target, const char *owner,
                                      const char *request_id, const char *message);
/* After COMMIT: makes it known. @record (transfer full). Returns: (transfer none) */
TholeTracker   *thole_tracker_add    (TholeOperations *operations, TholeOperation *record);
TholeTracker   *thole_tracker_find   (TholeOperations *operations, const char *id);
/* A copy that has ended, to be committed now; no progress is stored any more. When the COMMIT fails, set `ending` back.
 * @error_json (transfer full) (nullable). Returns: (transfer full) */
TholeOperation *thole_tracker_end    (TholeTracker *self, int state, char *error_json);
/* After COMMIT of a changed record (transfer full): replaces it and answers waiters. */
void            thole_tracker_replace (TholeTracker *self, TholeOperation *record);
/* New progress; stored at most twice a second. */
void            thole_tracker_progress (TholeTracker *self, gint64 done, gint64 total, const char *unit, const char *message);
/* Ends it in a transaction of its own. @error (nullable) */
void            thole_tracker_finish (TholeTracker *self, int state, const GError *error);
void            thole_tracker_event  (TholeTxn *txn, TholeOperation *record, gint64 time);
/* Removes the oldest finished ones beyond the limits. */
void            thole_tracker_retain (TholeOperations *operations);
void            thole_tracker_free   (TholeTracker *self);
