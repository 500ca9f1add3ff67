/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of a root that belongs to strangers, as a tar archive: out of it and into it. For a thread that may wait; the memory that it
 * takes does not grow with what is there. Neither needs an engine.
 */
#pragma once

#include "source.h"

typedef struct _CtrPack CtrPack;

/* What lies at @path (absolute) of @root, a descriptor that has to stay open. A link is meant itself, unless @path ends with "/".
 * Errors: NOT_FOUND. Returns: (transfer full) (nullable) */
CtrPack *ctr_pack_new  (int root, const char *path, GError **error);
void     ctr_pack_free (CtrPack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrPack, ctr_pack_free)
/* Writes the archive, once. Sockets are left out, and so are folders in @path of what the kernel makes up (/proc, /sys), of whose files the
 * first MiB comes. A file that becomes shorter meanwhile is filled up with zeros. */
gboolean ctr_pack_run  (CtrPack *self, CtrSink sink, gpointer user_data, GError **error);

/* Unpacks what @source gives into the folder @path (absolute) of @root, and reads it to its end. A file is written beside its place and
 * takes that when it is whole. Devices are refused, and so is what would lead out of the folder, by its name or by a link.
 * Errors: NOT_FOUND (no such folder), INVALID (the archive, or no folder), DENIED (read-only), LIMIT (no room), CONFLICT. */
gboolean ctr_tree_fill (int root, const char *path, CtrSource source, gpointer user_data, GError **error);
