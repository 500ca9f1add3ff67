/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeRecording: the output of a session in a file, as asciinema, version 2, has it; and readers of that file.
 *
 * It listens as a viewer where nobody sits. A thread writes; output is granted and acknowledged only after it was written, so what
 * waits in memory is bounded, and a program in flow `lossless` loses nothing. Beside the file, a line says how long it is and which byte of
 * the session comes next, written after each piece: whatever the daemon dies of, the next one cuts off what is
 * behind that and goes on with that byte.
 */
#pragma once

#include "base/clock.h"
#include "base/stream.h"
#include "sessions/viewer.h"

typedef struct _TholeRecording TholeRecording;

typedef enum
{
  THOLE_RECORDING_OPEN,   /* more may come */
  THOLE_RECORDING_ENDED,  /* with the program */
  THOLE_RECORDING_FULL,   /* it reached its largest size, and says so in its last line */
} TholeRecordingState;

typedef struct
{
  const char *folder;
  const char *id;       /* of the session */
  guint rows, cols;     /* when it began */
  const char *term;
  gint64 begun_at;      /* µs since the epoch */
  gint64 most;          /* bytes of the file */
  guint *busy;          /* counts what still has a callback to come */
} TholeRecordingOptions;

/* Takes up what is there of it. Returns: (transfer full) */
TholeRecording     *thole_recording_new     (TholeClock *clock, const TholeRecordingOptions *options);
/* Stops listening; what was written stays. Readers get what is there, then their end. */
void                thole_recording_free    (TholeRecording *self);
/* The same, and its file goes. */
void                thole_recording_remove  (TholeRecording *self);
/* Removes the files in @folder whose session @is_known does not know. */
void                thole_recordings_sweep  (const char *folder, gboolean (*is_known) (gpointer user_data, const char *id), gpointer user_data);

/* Listens, unless it does or everything was recorded. @source: (transfer full) (nullable) */
void                thole_recording_listen  (TholeRecording *self, TholeSession *source);
/* Its source is a hold: it is kept until all is written, and once that is lost nothing comes any more. */
void                thole_recording_set_held (TholeRecording *self, gboolean held);
/* Tries no more: the daemon goes down. */
void                thole_recording_rest    (TholeRecording *self);
/* No more output can come, though nobody told the end. */
void                thole_recording_finish  (TholeRecording *self);
TholeRecordingState thole_recording_state   (TholeRecording *self);
/* ... or will again, when the disk takes it. */
gboolean            thole_recording_listens (TholeRecording *self);
/* ... or what came is still being written. */
gboolean            thole_recording_grows   (TholeRecording *self);
/* Bytes that are written. */
guint64             thole_recording_size    (TholeRecording *self);

/* Whole lines. @follow: also those that are still to come. Returns: (transfer full) */
TholeStream        *thole_recording_read    (TholeRecording *self, gboolean follow);
