/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A file or a folder of a workload, as it was when it was asked for.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_FILE:
 *
 * The type of #TholeFile.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_FILE (thole_file_get_type ())
G_DECLARE_FINAL_TYPE (TholeFile, thole_file, THOLE, FILE, GObject)

/**
 * TholeFile:
 *
 * What a workload has under a name, as it was when it was asked for: it does not follow.
 *
 * Since: 1.0
 */

/**
 * TholeFile:name:
 *
 * Its name in its folder, without the path. What is not UTF-8 in it is replaced; see thole_file_get_name_bytes().
 *
 * Since: 1.0
 */

/**
 * thole_file_get_name:
 * @self: a #TholeFile
 *
 * See #TholeFile:name.
 *
 * Returns: the name, which lives as long as @self
 *
 * Since: 1.0
 */
const char *thole_file_get_name (TholeFile *self);

/**
 * thole_file_get_name_bytes:
 * @self: a #TholeFile
 *
 * Its name as it is, which need not be UTF-8.
 *
 * Returns: (transfer none): bytes without an end mark, which live as long as @self
 *
 * Since: 1.0
 */
GBytes *thole_file_get_name_bytes (TholeFile *self);

/**
 * TholeFile:kind:
 *
 * `file`, `folder`, `link` (a symbolic one) or `other`: a device, a pipe.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_kind:
 * @self: a #TholeFile
 *
 * See #TholeFile:kind.
 *
 * Returns: the word, which lives as long as @self
 *
 * Since: 1.0
 */
const char *thole_file_get_kind (TholeFile *self);

/**
 * TholeFile:size:
 *
 * Bytes of its content, -1 = not known: of further names of one file.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_size:
 * @self: a #TholeFile
 *
 * See #TholeFile:size.
 *
 * Returns: bytes, or -1
 *
 * Since: 1.0
 */
gint64 thole_file_get_size (TholeFile *self);

/**
 * TholeFile:mode:
 *
 * Its permission bits: 0644 in octal is 420.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_mode:
 * @self: a #TholeFile
 *
 * See #TholeFile:mode.
 *
 * Returns: permission bits
 *
 * Since: 1.0
 */
guint thole_file_get_mode (TholeFile *self);

/**
 * TholeFile:uid:
 *
 * The user that it belongs to, by the numbers of the workload.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_uid:
 * @self: a #TholeFile
 *
 * See #TholeFile:uid.
 *
 * Returns: a number
 *
 * Since: 1.0
 */
gint64 thole_file_get_uid (TholeFile *self);

/**
 * TholeFile:gid:
 *
 * The group that it belongs to, by the numbers of the workload.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_gid:
 * @self: a #TholeFile
 *
 * See #TholeFile:gid.
 *
 * Returns: a number
 *
 * Since: 1.0
 */
gint64 thole_file_get_gid (TholeFile *self);

/**
 * TholeFile:modified-at:
 *
 * When its content changed last; whole seconds.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_modified_at:
 * @self: a #TholeFile
 *
 * See #TholeFile:modified-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_file_get_modified_at (TholeFile *self);

/**
 * TholeFile:target:
 *
 * Where a symbolic link leads, %NULL of all else. What is not UTF-8 in it is replaced.
 *
 * Since: 1.0
 */

/**
 * thole_file_get_target:
 * @self: a #TholeFile
 *
 * See #TholeFile:target.
 *
 * Returns: (nullable): a path, which lives as long as @self
 *
 * Since: 1.0
 */
const char *thole_file_get_target (TholeFile *self);

G_END_DECLS
