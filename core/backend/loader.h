/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opens a driver's module for ever and copies its tables.
 */
#pragma once

#include "backend/manifest.h"
#include "backend/tables.h"

/* Opens the module @path, local binding, all symbols resolved at once; it is never closed. Errors: THOLE_LOAD_ERROR.
 * Returns: (transfer full) (nullable) */
TholeTables *thole_loader_open          (const char *path, GError **error);

/* The same by manifest: the id and the interfaces of both must agree. Returns: (transfer full) (nullable) */
TholeTables *thole_loader_open_manifest (const TholeManifest *manifest, GError **error);

/* Are all libraries there that the manifest needs? Opens them, so only for a process that ends soon. */
gboolean     thole_loader_check_needs   (const TholeManifest *manifest, GError **error);
