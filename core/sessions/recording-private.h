/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shared by the parts of a recording: who listens, who writes, who reads.
 */
#pragma once

#include "sessions/cast.h"
#include "sessions/recording.h"

/* Where the file stands: what its line beside it says. */
typedef struct
{
  guint64 length;      /* bytes that are good */
  guint64 next;        /* the number of the byte that comes next */
  gint64 time;         /* µs since the begin, of the last line */
  guint rows, cols;
  TholeRecordingState state;
  TholeCarry carries[2];
} RecordingMark;

typedef enum
{
  RECORDING_OUTPUT,
  RECORDING_RESIZE,
  RECORDING_GAP,
  RECORDING_END,
} RecordingKind;

typedef struct
{
  RecordingKind kind;
  gint64 time;
  guint channel;       /* output: 0 or 1 */
  guint rows, cols;
  guint64 next;        /* output and gap: the number of the byte behind it */
  guint64 lost;
  GBytes *data;        /* (nullable) */
} RecordingEvent;

/* What is fixed, for any thread. */
typedef struct
{
  gatomicrefcount refs;
  char *file, *beside; /* paths */
  guint rows, cols;
  char *term;
  gint64 begun_at, most;
} RecordingPlace;

struct _TholeRecording
{
  guint refs;          /* the owner, a piece that is being written, readers */
  TholeClock *clock;
  RecordingPlace *place;
  RecordingMark mark;
  guint *busy;
  TholeViewer *viewer; /* (nullable) */
  gboolean held;
  TholeSession *source; /* (nullable): of one that is held, or that came while a piece was being written */
  GSource *retry;      /* (nullable): of one that is held, after the disk refused */
  gboolean resting;
  gboolean freed, removed, writing, failed, ending;
  gint64 failed_at;    /* µs monotonic */
  guint64 seq;         /* of what came */
  GPtrArray *waiting;  /* of RecordingEvent */
  GPtrArray *readers;  /* of streams that wait, not owned */
};

/* recording-file.c */
RecordingPlace *thole_recording_place_new   (const TholeRecordingOptions *options);
RecordingPlace *thole_recording_place_ref   (RecordingPlace *self);
void            thole_recording_place_unref (RecordingPlace *self);
/* FALSE: nothing was written yet */
gboolean        thole_recording_mark_load   (RecordingPlace *place, RecordingMark *mark);
/* Writes @events behind what is there, and then the line beside it; @mark is only changed when both were done. In any thread. */
gboolean        thole_recording_write       (RecordingPlace *place, RecordingMark *mark, GPtrArray *events, GError **error);
void            thole_recording_event_free  (gpointer event);

/* recording.c */
void            thole_recording_unref       (TholeRecording *self);
/* More may still be written. */
gboolean        thole_recording_goes_on     (TholeRecording *self);

/* recording-read.c */
void            thole_recording_wake        (TholeRecording *self);
