/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is uploaded, in a file without a name until it is complete: an upload that breaks leaves nothing, and its size is known
 * before the engine gets the first byte. Holds one piece in memory at a time.
 */
#pragma once

#include "base/stream.h"

typedef struct
{
  int fd;         /* at its begin */
  guint64 size;
} TholeSpool;

void     thole_spool_free   (TholeSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeSpool, thole_spool_free)

/* Reads @stream (transfer full) to its end into a file in @folder. @is_tar: it must be a whole, good archive whose names stay within
 * the folder that it is unpacked into. The callback never comes from inside this call. Errors: those of the stream, TOO_LARGE, STORAGE_FULL,
 * STORAGE, INVALID. */
void     thole_spool_async  (const char *folder, TholeStream *stream, guint64 most, gboolean is_tar, GAsyncReadyCallback callback,
                             gpointer user_data);
/* Returns: (transfer full) (nullable) */
TholeSpool *thole_spool_finish (GAsyncResult *result, GError **error);
