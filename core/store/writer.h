/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one writer: a queue of transactions, a thread that does all that have gathered in one COMMIT, and a source of the
 * owner's main context that brings the results back in their order.
 */
#pragma once

#include "store/backing.h"

#define THOLE_WRITER_MAX_QUEUE 10000
#define THOLE_WRITER_MAX_GROUP 512

typedef struct _TholeWriter TholeWriter;

typedef struct
{
  TholeTxn *txn;
  TholeCommitFunc done; /* (nullable) */
  gpointer user_data;
  GError *error;
  gint64 oldest; /* of the events that are kept after it; 0 = not known */
  gboolean counted;
  GList link;
} TholeCommit;

/* Called in the owner's thread; the commit is freed afterwards. It may stop and free the writer. */
typedef void (*TholeDeliverFunc) (gpointer user_data, TholeCommit *commit);

/* @flags: TholeDbFlags. Returns: (transfer full) */
TholeWriter *thole_writer_new  (TholeBacking *backing, TholeClock *clock, guint flags, TholeDeliverFunc deliver,
                                gpointer user_data);
/* Does what is queued, then ends the thread. What was not delivered is dropped. */
void         thole_writer_free (TholeWriter *self);

/* @txn is (transfer full) */
void         thole_writer_push (TholeWriter *self, TholeTxn *txn, TholeCommitFunc done, gpointer user_data);
/* Of an inline one only. */
void         thole_writer_watch (TholeWriter *self, const TholeCommitWatch *watch, gpointer user_data);
guint        thole_writer_pending  (TholeWriter *self);
/* Returns: (transfer none) (nullable) */
const char  *thole_writer_trouble  (TholeWriter *self);
void         thole_writer_counters (TholeWriter *self, TholeDbCounters *counters);
