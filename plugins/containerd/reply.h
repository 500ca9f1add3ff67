/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's errors in ours. Pure.
 */
#pragma once

#include <gio/gio.h>

/* @status: gRPC's; @text (nullable): the engine's own words. Returns: (transfer full) */
GError *ctr_error_new (int status, const char *text);
