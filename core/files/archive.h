/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The archive that a driver gives of a file or a folder: entry by entry, then perhaps the content of one, or all of it as it is.
 * Reads only when somebody asks.
 */
#pragma once

#include <gio/gio.h>

#include "base/clock.h"
#include "base/stream.h"
#include "thole-tar.h"

typedef struct _TholeArchive TholeArchive;

/* @stream: (transfer full) */
TholeArchive *thole_archive_new  (GIOStream *stream);
TholeArchive *thole_archive_ref  (TholeArchive *self);
void         thole_archive_unref (TholeArchive *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeArchive, thole_archive_unref)

/* Reads to the next entry; one call at a time. The callback never comes from inside this call. */
void                 thole_archive_next_async  (TholeArchive *self, GAsyncReadyCallback callback, gpointer user_data);
/* Returns: (transfer none) (nullable): NULL at the end, or with @error set */
const TholeTarEntry *thole_archive_next_finish (TholeArchive *self, GAsyncResult *result, GError **error);
/* What all entries from here on may cost, be it in one of them: @most bytes in all, or TOO_LARGE; @time µs, or TIMEOUT; and no more
 * than @cancellable (nullable) lets them: then INTERRUPTED. It ends with the first stream that is made of it. */
void                 thole_archive_bound       (TholeArchive *self, TholeClock *clock, guint64 most, gint64 time, GCancellable *cancellable);

/* @length bytes from @from of the content of the entry at hand. Returns: (transfer full) */
TholeStream         *thole_archive_content     (TholeArchive *self, guint64 from, guint64 length);
/* The whole archive, of which nothing was read. Returns: (transfer full) */
TholeStream         *thole_archive_whole       (TholeArchive *self);
