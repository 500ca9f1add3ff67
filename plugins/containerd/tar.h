/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Just enough of tar (ustar with pax paths) to hand files to the engine. Pure.
 */
#pragma once

#include <glib.h>

/* @path: absolute; folders above it need no entry. */
void ctr_tar_append (GByteArray *archive, const char *path, gconstpointer data, gsize length, guint mode, guint uid, guint gid,
                     gint64 seconds);
void ctr_tar_end    (GByteArray *archive);
