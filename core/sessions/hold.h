/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeHold: a stream of records (exec/1 open or attach) that the daemon holds itself, where no agent can: a ring of the last bytes of
 * output, each with its number, any number of viewers, and the input on its way. It is to a desk what the session of an agent is, but
 * it ends with the daemon.
 *
 * Input counts as taken when the engine has it. In flow lossless nothing is read from the stream while the ring is full of bytes that a
 * viewer has not acknowledged; then the engine, and so the program, waits.
 */
#pragma once

#include "base/clock.h"
#include "sessions/viewer.h"

typedef struct _TholeHold TholeHold;

typedef struct
{
  gboolean tty;
  gboolean lossless;
  gsize scrollback;  /* bytes of the ring */
  guint rows, cols;
  guint lines;       /* flood guard: more than so many lines in a second are counted, but not shown; 0 = all are shown */
  gboolean waits;    /* viewers and output wait for thole_hold_settle() */
  gboolean lasting;  /* numbers may be those of an earlier daemon: who asks for one that there is not begins where output stands; and
                      * the input goes on for the next one when a viewer ends it */
  gboolean no_input; /* the program takes none: it is dropped */
} TholeHoldOptions;

typedef struct
{
  /* The stream has ended. @code: -1 = without an exit record: the way to the program was lost. */
  void (*ended)  (gpointer user_data, int code, int signal);
  /* A viewer asks for it. */
  void (*resize) (gpointer user_data, guint rows, guint cols);
  void (*signal) (gpointer user_data, int signal);
  /* (nullable): bytes came or went, told at most once a second */
  void (*moved)  (gpointer user_data);
} TholeHoldEvents;

/* Both are copied. */
TholeHold    *thole_hold_new      (TholeClock *clock, const TholeHoldOptions *options, const TholeHoldEvents *events, gpointer user_data);
/* Ends it and forgets its events; what is viewed stays until its viewers are freed. */
void          thole_hold_free     (TholeHold *self, TholeViewerEnd end, const char *detail);
/* @stream: (transfer full). Begins to read. */
void          thole_hold_begin    (TholeHold *self, GIOStream *stream);
/* It is about to end: a stream that ends without an exit record is no way that was lost, but this. */
void          thole_hold_part     (TholeHold *self, TholeViewerEnd end, const char *detail);
/* Closes all viewers, later ones too, and the stream. One aside is closed only when it has what there is, unless the daemon goes down. */
void          thole_hold_end      (TholeHold *self, TholeViewerEnd end, const char *detail);

/* What came before, while it waits: numbers begin with @base, bytes are added. */
void          thole_hold_number   (TholeHold *self, guint64 base);
void          thole_hold_history  (TholeHold *self, TholeChannel channel, const guint8 *data, gsize length);
/* Puts what came meanwhile behind it, without what is in both, and lets viewers in. */
void          thole_hold_settle   (TholeHold *self);

/* The terminal has another size: viewers are told. */
void          thole_hold_resized  (TholeHold *self, guint rows, guint cols);
gboolean      thole_hold_is_over  (TholeHold *self);
gboolean      thole_hold_is_waiting (TholeHold *self);
/* Bytes of output so far. */
guint64       thole_hold_output   (TholeHold *self);
/* When something came or went last, µs since the epoch; 0 = never */
gint64        thole_hold_active   (TholeHold *self);
/* Returns: (transfer full) */
TholeSession *thole_hold_session  (TholeHold *self);
