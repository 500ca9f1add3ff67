/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Objects of the engine as the dictionaries of schema.md. All values float.
 */
#pragma once

#include "world.h"

GVariant *mem_convert_workload (MemWorkload *workload);
GVariant *mem_convert_gone     (const char *id, const char *instance);
GVariant *mem_convert_image    (MemImage *image);
GVariant *mem_convert_volume   (MemVolume *volume, gboolean adopted);
GVariant *mem_convert_stats    (MemWorkload *workload, gint64 now);
/* Returns: (transfer full) */
char     *mem_engine_id        (MemWorkload *workload);
