/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Paths of files in a workload. They are judged here before a driver sees them.
 */
#pragma once

#include "base/problem.h"

#define THOLE_FILE_PATH_MAX 4096
#define THOLE_FILE_NAME_MAX 255

/* Absolute, without `.` and `..`, each part at most 255 bytes: doubled and trailing slashes are taken out.
 * Returns: (transfer full) (nullable): NULL with the fault added to @problem at @pointer */
char *thole_file_path  (const char *path, const char *pointer, TholeProblem *problem);

/* Splits a good path. @name: (out) (transfer full): "" of `/`. Returns: (transfer full): the folder */
char *thole_file_split (const char *path, char **name);

/* Has it the part `..`? */
gboolean thole_file_climbs (const char *path);

/* Goes on from the good path @path with the next part of @rest, which is taken out of it; `..` never leaves the root. Returns:
 * (transfer full) (nullable): a good path; NULL when it is too long */
char *thole_file_step (const char *path, char **rest);
