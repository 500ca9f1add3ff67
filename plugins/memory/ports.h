/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The ports of the one machine that all workloads of a world are on.
 */
#pragma once

#include "world.h"

/* Errors: CONFLICT (one is taken). */
gboolean mem_ports_claim   (MemWorkload *workload, GError **error);
void     mem_ports_release (MemWorkload *workload);
