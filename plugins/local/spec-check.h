/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a sandbox can be made of.
 */
#pragma once

#include "driver.h"

/* Refuses by its name what cannot be (INVALID, IMAGE_NOT_FOUND), and what sandboxes lack (UNSUPPORTED). @secrets: nullable. */
gboolean local_spec_check           (TholeDriver *driver, GVariant *spec, GVariant *secrets, GError **error);
gboolean local_spec_check_resources (GVariant *resources, GError **error);
/* The folder of a root file system, when @image is one that is allowed. Returns: (transfer full) (nullable): NULL with @error, or
 * without one for the machine's own */
char    *local_spec_root            (TholeDriver *driver, const char *image, GError **error);
