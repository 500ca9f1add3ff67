/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shared by the parts of a hold: the stream, its viewers, its input.
 */
#pragma once

#include "sessions/flood.h"
#include "sessions/hold.h"
#include "sessions/output-ring.h"
#include "thole-dict.h"

#define THOLE_HOLD_PIECE 32768

struct _TholeHold
{
  guint refs; /* owner, handles, viewers, calls under way */
  TholeClock *clock;
  TholeHoldOptions options;
  TholeHoldEvents events;
  gpointer user_data;
  gint64 active_at, moved_at;

  /* the stream */
  GIOStream *stream;     /* (nullable) */
  GCancellable *cancel;
  gboolean reading;
  GByteArray *received;  /* records, the first perhaps begun */
  guint8 kind;           /* of that one */
  gsize left;            /* of its body */
  gboolean exited, over; /* its exit record came; its end came */
  int code, signal;
  TholeOutputRing *ring;
  TholeFlood *flood;     /* (nullable) */
  GSource *mark;         /* (nullable): until a hole is told */
  gboolean waits;
  GByteArray *early, *early_channels; /* what came while it waits */

  /* viewers */
  GPtrArray *viewers;    /* of HoldViewer; not owned */
  guint64 floor;         /* all output below is acknowledged by everybody */
  guint64 seated;        /* ... by those who sit there, or the last of them who left */
  guint rows, cols;
  gboolean parting, ended;
  TholeViewerEnd end;    /* of both */
  char *end_detail;
  GSource *pump;

  /* input */
  GByteArray *input;     /* the bytes from @taken on */
  guint64 taken;
  GByteArray *record;    /* (nullable): being written */
  gsize writing;         /* bytes of input in it */
  gboolean end_wanted, deaf;
};

typedef struct
{
  TholeViewer viewer;
  TholeHold *hold;
  TholeViewFrom from;
  guint64 seq;      /* all output below was given */
  guint64 acked;
  guint64 taken;    /* as told */
  guint rows, cols; /* as told */
  gsize window;
  gboolean aside;   /* nobody sits there */
  guint64 input_at; /* G_MAXUINT64 = where the input stands */
  gsize input_skip;
  gboolean there, told, begun, acks, exited;
} HoldViewer;

/* hold.c */
TholeHold   *thole_hold_ref          (TholeHold *self);
void         thole_hold_unref        (TholeHold *self);
/* Bytes came or went. */
void         thole_hold_move         (TholeHold *self);
/* Goes on reading, where there is room. */
void         thole_hold_read         (TholeHold *self);

/* hold-viewer.c */
/* Serves the viewers from the loop. */
void         thole_hold_wake         (TholeHold *self);
TholeViewer *thole_hold_viewer_new   (TholeHold *self, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events,
                                      gpointer user_data);
/* Is it to be closed, whatever it has not seen? */
gboolean     thole_hold_viewer_is_cut (HoldViewer *self);

/* hold-input.c */
/* Goes on writing, where there is something. */
void         thole_hold_write        (TholeHold *self);
/* FALSE: it is full */
gboolean     thole_hold_input        (TholeHold *self, const guint8 *data, gsize length);
void         thole_hold_end_of_input (TholeHold *self);
/* Nobody takes any more. */
void         thole_hold_deafen       (TholeHold *self);
