/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

/* Removes @path and all that is in it, however deep; follows no link. It may take long: not for the thread of a loop. */
void local_tree_remove (const char *path);
