/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is uploaded, in a file without a name until it is complete: an upload that breaks leaves nothing, and its size is known
 * before the engine gets the first byte. Holds one piece in memory at a time.
 */
#pragma once

#include "base/clock.h"
#include "base/stream.h"

typedef struct
{
  int fd;         /* at its begin */
  guint64 size;
} TholeSpool;

void     thole_spool_free   (TholeSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeSpool, thole_spool_free)

#define THOLE_SPOOL_RATE 1024 /* bytes a second that must come in the long run */
#define THOLE_SPOOL_PAUSES 10 /* patiences that one pause may last when enough came before */

typedef struct
{
  const char *folder; /* where the file is */
  guint64 most;       /* bytes of the upload */
  gint64 told;        /* bytes that will come, -1 = not known */
  guint64 reserve;    /* bytes of the disk that are left free */
  gint64 patience;    /* µs for whoever sends to begin and to go on; 0 = for ever */
  TholeClock *clock;  /* may be NULL without patience */
  gboolean is_tar;    /* it must be a whole, good archive whose names stay within the folder that it is unpacked into */
} TholeSpoolBounds;

/* Reads @stream (transfer full) to its end into a file. Whoever sends may pause in all for the patience and what the bytes so
 * far would have taken at THOLE_SPOOL_RATE, and never for more than THOLE_SPOOL_PAUSES patiences at once; time that the disk takes is not counted. @bounds: its folder
 * outlives the spooling. The callback never comes from inside this call. Errors: those of the stream, TOO_LARGE, STORAGE_FULL, STORAGE, INVALID,
 * REQUEST_TIMEOUT. */
void     thole_spool_async  (const TholeSpoolBounds *bounds, TholeStream *stream, GAsyncReadyCallback callback, gpointer user_data);
/* Returns: (transfer full) (nullable) */
TholeSpool *thole_spool_finish (GAsyncResult *result, GError **error);
