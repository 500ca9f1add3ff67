/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeDesk: where the viewers of one session meet. It passes their streams on as they are, and decides who may type.
 *
 * Whoever keeps the session's output (an agent, or the daemon) is the desk's source; it may change between two viewers.
 */
#pragma once

#include "base/clock.h"
#include "sessions/viewer.h"

typedef struct _TholeDesk TholeDesk;

typedef enum
{
  THOLE_INPUT_LEASE,  /* types while it has control */
  THOLE_INPUT_SHARED, /* types beside whoever has control */
  THOLE_INPUT_NONE,   /* only watches */
} TholeInputRole;

typedef struct
{
  /* Returns: (transfer full) (nullable): what is to be viewed now; NULL = it cannot be had */
  TholeSession *(*source) (gpointer user_data);
  /* (nullable): one came or left; @viewers are there now */
  void (*viewers) (gpointer user_data, guint viewers, gboolean came);
  /* (nullable): the terminal has another size */
  void (*resized) (gpointer user_data, guint rows, guint cols);
} TholeDeskEvents;

/* How long control is kept by one that does not type, µs. */
#define THOLE_DESK_LEASE (30 * G_USEC_PER_SEC)

/* @events are copied. */
TholeDesk    *thole_desk_new      (TholeClock *clock, gboolean tty, guint rows, guint cols, const TholeDeskEvents *events,
                                   gpointer user_data);
/* Ends all viewers with @end and forgets @events; viewers that are not freed yet keep what they need. */
void          thole_desk_free     (TholeDesk *self, TholeViewerEnd end, const char *detail);
/* Closes all viewers; new ones are closed at once, unless @end is THOLE_VIEWER_LOST. */
void          thole_desk_end      (TholeDesk *self, TholeViewerEnd end, const char *detail);
/* Its program is being ended on purpose: viewers are closed with THOLE_VIEWER_REMOVED, not with THOLE_VIEWER_ENDED. */
void          thole_desk_removing (TholeDesk *self, gboolean removing);
guint         thole_desk_viewers  (TholeDesk *self);
/* When somebody typed or something came last, µs since the epoch; 0 = not since the desk is there. */
gint64        thole_desk_active   (TholeDesk *self);
void          thole_desk_get_size (TholeDesk *self, guint *rows, guint *cols);
void          thole_desk_set_size (TholeDesk *self, guint rows, guint cols);

/* Returns: (transfer full): one viewer's way in, to be viewed once. @take: it takes control from whoever has it. */
TholeSession *thole_desk_session  (TholeDesk *self, TholeInputRole role, gboolean take);
