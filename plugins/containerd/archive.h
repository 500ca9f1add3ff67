/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An archive of an image on this machine: an OCI layout, or what `docker save` writes, as one tar file. It is of strangers: every
 * name, number and length is checked. Reading is done in threads, never on the main loop.
 */
#pragma once

#include <gio/gio.h>

/* Reference-counted; does not change. */
typedef struct _CtrArchive CtrArchive;

CtrArchive *ctr_archive_ref   (CtrArchive *self);
void        ctr_archive_unref (CtrArchive *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrArchive, ctr_archive_unref)

/* Looks through the file @name below @folder; the digests of what `docker save` wrote are computed. Errors: IMAGE_NOT_FOUND (no such file, or
 * nothing for @architecture in it), INVALID (it is broken, no archive of an image, or @name leads out of @folder), DENIED. */
void        ctr_archive_open_async  (const char *folder, const char *name, const char *architecture, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
CtrArchive *ctr_archive_open_finish (GAsyncResult *result, GError **error);

/* The documents of its image; every layer of the manifest is there, and as long as that says. (transfer none) */
GBytes     *ctr_archive_manifest (const CtrArchive *self);
const char *ctr_archive_type     (const CtrArchive *self); /* the media type of the manifest */
GBytes     *ctr_archive_config   (const CtrArchive *self);

/* Reads @size bytes at most of the layer @digest, from @at on, into @buffer, which has to stay until the end.
 * Returns: how many, 0 = the layer's end, -1 = failed */
void        ctr_archive_read_async  (CtrArchive *self, const char *digest, gint64 at, void *buffer, gsize size, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
gssize      ctr_archive_read_finish (GAsyncResult *result, GError **error);
