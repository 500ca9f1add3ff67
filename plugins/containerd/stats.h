/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include "call.h"

/* "stats" of what the engine measured, of either version of control groups; NULL when it cannot be read. Returns: (transfer full) */
GVariant *ctr_stats_sample (const Ctr__Metric *metric);
