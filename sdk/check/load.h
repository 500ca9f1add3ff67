/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first opening of a driver, in a process that may die of it.
 */
#pragma once

#include <gio/gio.h>

/* Opens @file, a manifest (*.plugin, then its libraries, id and interfaces are checked, too) or a bare module. Nothing of the
 * driver but its entry is called. @line (out) (transfer full): one line for the reader.
 * Returns: whether the daemon would take it */
gboolean check_load (const char *file, char **line);
