/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shared by the parts of a desk: who is there, what each is shown.
 */
#pragma once

#include "sessions/desk.h"
#include "sessions/painter.h"

struct _TholeDesk
{
  guint refs; /* the owner, ways in, viewers */
  TholeClock *clock;
  gboolean tty;
  guint rows, cols;
  TholeDeskEvents events;
  gpointer user_data;
  GPtrArray *viewers;   /* of DeskViewer, in the order in which they came; not owned */
  struct _DeskViewer *holder; /* (nullable): who has control */
  gint64 typed_at;      /* when the holder typed last, µs monotonic */
  gint64 active_at;     /* µs since the epoch */
  gboolean ended, removing;
  TholeViewerEnd end;
  char *end_detail;
  GSource *later;       /* tells viewers what changed for them */
};

/* what a viewer asks for while it has no viewer of the source */
typedef struct
{
  GByteArray *input;
  gboolean end;
  guint rows, cols;
  int signal;
  guint64 input_at;     /* G_MAXUINT64 = none */
} DeskWaiting;

typedef struct _DeskViewer
{
  TholeViewer viewer;
  TholeDesk *desk;
  TholeViewer *inner;   /* (nullable) */
  TholePainter *painter; /* (nullable): paints the screen that comes next, and keeps its place until the inner viewer stands */
  GSource *pause;       /* (nullable): until the next screen may be painted */
  TholeInputRole role;
  gboolean told, told_control; /* resumed() came; and whether it has control, as last told */
  gboolean control_known;
  gboolean acks;        /* it acknowledges by itself */
  gboolean there;       /* counted by the desk */
  GBytes *screen;       /* (nullable): painted, to be shown once the inner viewer stands */
  guint64 gap_from;     /* G_MAXUINT64 = none */
  gint64 painted_at;    /* µs monotonic, 0 = never */
  gsize window;         /* granted and not used: whoever comes next behind it gets the rest */
  DeskWaiting waiting;
} DeskViewer;

/* desk.c */
gboolean     thole_desk_may_type      (DeskViewer *viewer);
void         thole_desk_take          (DeskViewer *viewer);
void         thole_desk_later         (TholeDesk *self);
void         thole_desk_leave         (DeskViewer *viewer);
void         thole_desk_unref         (TholeDesk *self);
gboolean     thole_desk_has_control   (DeskViewer *viewer);

/* desk-viewer.c */
/* Returns: (transfer full) */
TholeViewer *thole_desk_viewer_new    (TholeDesk *desk, TholeInputRole role, gboolean take, TholeViewFrom from, guint64 seq,
                                       const TholeViewerEvents *events, gpointer user_data);
/* Tells it whether it has control, when that changed; closes it when that is due. */
void         thole_desk_viewer_tell   (DeskViewer *viewer);
