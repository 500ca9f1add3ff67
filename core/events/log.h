/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One ordered stream of events; every reader has a number of its own and pulls. The newest events are kept in memory
 * (a ring), older ones are read from the store, so a slow reader costs nothing but its position.
 */
#pragma once

#include "base/stream.h"
#include "store/db.h"

typedef struct _TholeEventLog TholeEventLog;

typedef struct
{
  char **types;        /* (nullable): "workload.state", "workload.*" */
  char *subject;       /* (nullable) */
  char *owner;         /* (nullable): only events of this owner's objects */
  GHashTable *mates;   /* (nullable): and of these */
} TholeEventFilter;

/* Takes the store's publisher. @ring: events kept in memory (4096). Returns: (transfer full) */
TholeEventLog *thole_event_log_new    (TholeDb *db, guint ring);
/* Streams that are still open end at their next call; pages that are still read fail. */
void           thole_event_log_free   (TholeEventLog *self);

gint64         thole_event_log_newest (TholeEventLog *self);
gint64         thole_event_log_oldest (TholeEventLog *self);

/* The newest @keep events stay in the store (1,000,000) as long as they are not older than @age (µs, 0 = however old);
 * others are forgotten in small steps. A reader that follows and falls behind that gets one item of the type "gap". */
void           thole_event_log_set_keep (TholeEventLog *self, TholeClock *clock, gint64 keep, gint64 age);

/* Follows everything above @after. Fails with GONE when @after + 1 is older than what is kept (the message says the oldest),
 * and with INVALID when @after is above the newest: whoever saw that number saw it in another store, so going on from
 * here would hide a gap. A stream that falls behind what is kept gets an item of the type "gap" with the data
 * {"from","to"}: the numbers from `from` to below `to` are missing, and it goes on with `to`.
 * @filter is (transfer full) (nullable). Returns: (transfer full) */
TholeStream   *thole_event_log_follow (TholeEventLog *self, gint64 after, TholeEventFilter *filter, GError **error);

/* One page: at most @limit matching events above @after, looking at no more than 10,000.
 * @next (out): number to go on from. Same errors as follow.
 * Returns: (transfer full) (element-type TholeEvent) */
void           thole_event_log_page_async  (TholeEventLog *self, gint64 after, guint limit, TholeEventFilter *filter,
                                            GAsyncReadyCallback callback, gpointer user_data);
GPtrArray     *thole_event_log_page_finish (TholeEventLog *self, GAsyncResult *result, gint64 *next, GError **error);

/* Readers that follow now. */
guint          thole_event_log_readers (TholeEventLog *self);
void           thole_event_filter_free (TholeEventFilter *filter);
/* @filter (nullable): everything. "workload.*" takes all of a kind, "*" all. */
gboolean       thole_event_filter_takes (const TholeEventFilter *filter, const TholeEvent *event);
