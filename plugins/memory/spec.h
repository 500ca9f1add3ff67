/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is taken of a "spec" dictionary.
 */
#pragma once

#include "world.h"

/* Errors: INVALID, IMAGE_NOT_FOUND. */
gboolean mem_spec_check       (MemWorld *world, GVariant *spec, GError **error);
/* What does not depend on the world. Errors: INVALID. */
gboolean mem_spec_check_values (GVariant *spec, GError **error);
void     mem_spec_apply       (MemWorkload *workload, GVariant *spec);
void     mem_spec_write_files (MemWorkload *workload, GVariant *spec, gint64 now);
void     mem_spec_clear       (MemWorkload *workload);

/* Returns: (transfer full) (nullable): the a{ss} at @key, also when it is an a{sv} of strings; NULL when empty */
GVariant *mem_dict_strings    (GVariant *dict, const char *key);
