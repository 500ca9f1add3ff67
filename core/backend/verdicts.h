/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first opening of a module in a child, and the memory of how it went (by path, time and size).
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeVerdicts TholeVerdicts;

/* @program: (nullable): thole-driver-check; without it every unknown module is refused. @timeout: seconds for one child */
TholeVerdicts *thole_verdicts_new  (const char *state_dir, const char *program, guint timeout);
/* Writes what was learnt. */
void           thole_verdicts_free (TholeVerdicts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeVerdicts, thole_verdicts_free)

/* May @module be opened in this process? A good verdict, a crash and a hang are remembered until the file changes; other
 * refusals (a missing library) are asked for again each time. Blocks for as long as the child runs.
 * Errors: THOLE_LOAD_CHECK, CRASHED, HUNG, REJECTED. */
gboolean       thole_verdicts_ask  (TholeVerdicts *self, const char *manifest, const char *module, GError **error);
