/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What streams and pages share: the log's inside, and a position in it that moves through the store and the ring as if
 * they were one.
 */
#pragma once

#include "events/log.h"

struct _TholeEventLog
{
  gint ref_count;  /* cursors hold one */
  TholeDb *db;     /* NULL after thole_event_log_free() */
  TholeEvent **ring;
  guint size;      /* places of the ring */
  guint count;     /* those in use: the numbers from newest - count + 1 to newest */
  gint64 newest;
  TholeClock *clock; /* NULL: only the count of events decides what is forgotten */
  gint64 keep;
  gint64 keep_age;   /* µs, 0 = however old */
  gint64 prune_at;   /* newest number at which old ones are forgotten */
  gint64 pruned;     /* the oldest number at the last look */
  GSource *care;
  guint readers;
  guint pages;     /* those that hold events read from the store, or will */
  GQueue waiting;  /* links of the streams that wait for the next event */
  GSource *wake;
};

void           thole_event_log_unref  (TholeEventLog *self);
gint64         thole_event_log_oldest_in_ring (TholeEventLog *self);
/* Wakes the streams that wait and for which there is something. */
void           thole_event_log_wake   (TholeEventLog *self);
/* Sets @error: those after @after are not there; the first that is has the number @oldest. */
void           thole_event_gone       (gint64 after, gint64 oldest, GError **error);
/* Sets @error when nobody can begin after @after. */
gboolean       thole_event_log_check  (TholeEventLog *self, gint64 after, GError **error);

typedef enum
{
  THOLE_CURSOR_EVENT,
  THOLE_CURSOR_NEWEST, /* nothing is after it now */
  THOLE_CURSOR_READS,  /* the store is being read; ready() will be called */
  THOLE_CURSOR_GAP,    /* the next ones are no longer kept; `kept` is the first that is */
  THOLE_CURSOR_FAILED,
} TholeCursorResult;

typedef struct
{
  gint ref_count; /* the owner's, and one of a reading */
  TholeEventLog *log;
  gint64 position; /* the number that was seen last */
  gint64 kept;     /* after GAP */
  guint page_size;
  GPtrArray *page; /* (nullable): from the store; from `next` on to be seen */
  guint next;
  gboolean reading;
  GError *error;
  GCancellable *cancellable;
  void (*ready) (gpointer user_data);
  gpointer user_data;
} TholeEventCursor;

/* @page_size: how many events are read from the store at once; fewer when many read. Returns: (transfer full) */
TholeEventCursor *thole_event_cursor_new  (TholeEventLog *log, gint64 after, guint page_size,
                                           void (*ready) (gpointer user_data), gpointer user_data);
/* No ready() afterwards. */
void              thole_event_cursor_free (TholeEventCursor *self);
/* Moves to the next event, whatever it is. @event (out) (transfer full) */
TholeCursorResult thole_event_cursor_next (TholeEventCursor *self, TholeEvent **event, GError **error);
