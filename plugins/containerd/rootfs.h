/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A look into a snapshot without mounting it.
 */
#pragma once

#include "call.h"

/* The text of the file @path of the root that @mounts make, at most 1 MiB; "" when there is none. Links lead nowhere outside.
 * Returns: (transfer full) */
char *ctr_rootfs_read (Ctr__Mount *const *mounts, gsize n, const char *path);
/* The same of the folder @root. */
char *ctr_root_read   (const char *root, const char *path);
