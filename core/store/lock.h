/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Takes the lock file of the store at @path, PATH.lock, so that no second daemon opens it; the kernel gives it back
 * when the process ends. Fails with BUSY and the number of the process that holds it.
 * Returns: a descriptor to close, or -1 */
int thole_store_lock (const char *path, GError **error);
