/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a file is, before anything is done with it.
 */
#pragma once

#include <sqlite3.h>

/* PRAGMA application_id of our files: "Thol", 0x54686f6c */
#define THOLE_APPLICATION_ID 1416130412

/* Is the database of @handle, the file @path, a whole store that this program knows, or an empty one? Reads only.
 * @thorough: compares indexes with their tables, too; costs eight times as much.
 * Fails with CONFLICT when it is another program's or another build's, with STORAGE when it is damaged, and with
 * UNSUPPORTED when a newer program has written it. */
gboolean thole_store_examine (sqlite3 *handle, const char *path, gboolean thorough, GError **error);

/* Of one that was examined: is there a store in it at all? */
gboolean thole_store_filled  (sqlite3 *handle, const char *path, GError **error);

/* Examines the file @path over a connection that leaves everything on disk as it is. */
gboolean thole_store_inspect (const char *path, GError **error);
