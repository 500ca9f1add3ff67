/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Volumes: folders in the backend's state, STATE/volumes/NAME with the file `volume` (whose it is) and the folder `data`.
 */
#pragma once

#include "call.h"

/* @spec with the folders of the volumes that it mounts as sources. Errors: NOT_FOUND (there is none), INVALID, FAILED.
 * Returns: (transfer full) (nullable) */
GVariant *ctr_volumes_resolve (TholeDriver *driver, GVariant *spec, GError **error);
/* In the background: what removals that were cut off left. */
void      ctr_volumes_sweep   (TholeDriver *driver);
/* Writes down which volumes the container uses. */
gboolean  ctr_volumes_note    (TholeDriver *driver, const char *container, GVariant *spec, GError **error);
