/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Health checks: the command is a program, too; it passes when it ends at once with 0.
 */
#pragma once

#include "world.h"

/* Returns: (transfer full) (nullable): of the `health` of a spec; NULL when it has no command */
MemHealth *mem_health_new   (GVariant *spec);
void       mem_health_free  (MemHealth *self);
void       mem_health_begin (MemWorkload *workload, gint64 now);
/* Checks once and plans the next. */
void       mem_health_check (MemWorkload *workload, gint64 now);
/* TRUE when it changed. */
gboolean   mem_health_set   (MemWorkload *workload, const char *state);
