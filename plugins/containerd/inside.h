/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names in a root that belongs to strangers: links in it lead nowhere outside.
 */
#pragma once

#include <glib.h>

/* How a link is followed: as one does who has the root as his; or only as long as it stays beneath the folder. */
typedef enum
{
  CTR_INSIDE_ROOT,
  CTR_INSIDE_BENEATH,
  CTR_INSIDE_NO_LINKS, /* beneath, and none is followed at all */
} CtrInside;

/* Opens @path ("" = @folder itself). Returns: a descriptor, -1 with errno: EXDEV = it leads out. */
int      ctr_inside_open (int folder, const char *path, int flags, CtrInside how);
/* The same for a folder with those above it, which are made when they are not there. Returns: one of O_PATH */
int      ctr_inside_make (int folder, const char *path, CtrInside how);
/* Sets @error for @number, an errno, and returns FALSE. */
gboolean ctr_inside_fail (GError **error, int number, const char *what);
