/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where in a sandbox files are written and mounts begin. bwrap makes both while the whole machine is still within its reach, and follows
 * links: so nothing may lie behind a link that somebody else could have put there.
 */
#pragma once

#include <glib.h>

/* The place that @path of a sandbox truly is; @root (nullable) is its root file system on this machine.
 * Returns: (transfer full) (nullable): NULL with INVALID, which names @field, when it is none of the sandbox's own, or lies below one
 * of @mounts (element-type utf8), places that were returned before */
char *local_place_of_file  (const char *field, const char *path, const char *root, GPtrArray *mounts, GError **error);
/* The same for a mount, which may also lie at a folder that @root has. */
char *local_place_of_mount (const char *field, const char *path, const char *root, GPtrArray *mounts, GError **error);
