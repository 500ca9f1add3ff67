/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Orders to the engine itself: `exec.run` on the id "control", or a command in any workload that begins with "control".
 */
#pragma once

#include "driver.h"

/* Carries out @words (without "control"); what there is to say is appended to @out. Errors: INVALID, NOT_FOUND. */
gboolean mem_control (TholeDriver *driver, char *const *words, GString *out, GError **error);
