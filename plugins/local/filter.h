/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <glib.h>

/* Writes the filter of system calls for sandboxes to @path, as the kernel takes it. */
gboolean local_filter_write (const char *path, GError **error);
