/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes a small tar archive in memory.
 */
#pragma once

#include <gio/gio.h>

/* Appends the file @path (absolute; the leading slash is dropped). @mtime: seconds. */
void     docker_tar_append (GByteArray *out, const char *path, gconstpointer data, gsize length, guint mode, guint uid,
                            guint gid, gint64 mtime);
/* Appends an empty folder. */
void     docker_tar_append_folder (GByteArray *out, const char *path, guint mode, gint64 mtime);
void     docker_tar_end    (GByteArray *out);
