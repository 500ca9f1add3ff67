/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The process that has the driver in it.
 */
#pragma once

#include "run.h"

/* Runs @cases from @from on and writes a line for each to @out: its number, a word of its result, text and note, with tabs between them.
 * A line that begins with `=` is a fact of the driver. */
void kit_child_run (const KitSettings *settings, GPtrArray *cases, guint from, KitBoard *board, const char *instance,
                    const char *folder, int out);
/* Removes what a child that died has left at the engine. */
void kit_child_sweep (const KitSettings *settings, KitBoard *board, const char *instance, const char *folder);
