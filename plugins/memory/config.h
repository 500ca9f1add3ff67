/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keys of a backend of this driver.
 */
#pragma once

#include "driver.h"

/* Fills in the configured members of @self. Errors: INVALID, naming every wrong key. */
gboolean mem_config_read (TholeDriver *self, GVariant *config, GError **error);
