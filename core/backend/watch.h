/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One call into a driver, from its beginning until its callback came: deadline, cancel, and the rule that a call that is
 * not back 2 s after it was cancelled is stuck.
 */
#pragma once

#include "backend/backend.h"

typedef struct _TholeWatch TholeWatch;

/* The call ended: by @result (which must be finished in any case), or with NULL because it is stuck. After NULL it
 * comes a second time, with thole_watch_late(), when the driver calls back after all. */
typedef void (*TholeWatchEnd) (TholeWatch *self, GAsyncResult *result);
/* After the end function: the call became stuck, or is @back and has left the list. */
typedef void (*TholeWatchNews) (TholeWatch *self, gboolean back);

struct _TholeWatch
{
  GList link;                /* in the list of the backend */
  TholeBackend *backend;     /* owned */
  GQueue *list;
  const char *name;          /* "workload.start", "probe", "close" */
  guint slot;
  GTask *task;               /* (nullable): who waits; the end function takes it */
  TholeWatchEnd end;
  TholeWatchNews news;
  TholeClock *clock;
  GCancellable *cancellable; /* the driver's */
  double seconds;            /* the deadline */
  GSource *outer, *deadline, *grace;
  GAsyncResult *early;       /* the driver called back from inside the call */
  gboolean starting, cancelled, expired, stuck;
  gboolean back;             /* it is over; kept for a while, for a driver that calls back twice */
};

/* Begins to watch; @outer (nullable) is the caller's cancellable. Then: the call itself with thole_watch_back() as its callback
 * and the watch as its user data, then thole_watch_begun(). */
TholeWatch *thole_watch_begin (const TholeWatch *template, GCancellable *outer);
void        thole_watch_begun (TholeWatch *self);
void        thole_watch_back  (GObject *source, GAsyncResult *result, gpointer watch);
/* Asks the driver to end the call; it may be gone when this returns. */
void        thole_watch_cancel (TholeWatch *self);
gboolean    thole_watch_late  (const TholeWatch *self);
