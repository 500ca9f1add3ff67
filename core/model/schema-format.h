/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a string field can be asked for beyond its length (format=), and the rules between the fields of one object.
 */
#pragma once

#include "model/schema.h"

/* NULL when @text has the format @name, else what it must be: "must be an absolute path without '..'" */
const char *thole_format_fault (const char *name, const char *text);
/* NULL when it is a key of a label or of the environment, else what it must be */
const char *thole_label_fault  (const char *key);
const char *thole_env_fault    (const char *key);

/* A rule between the fields of one object. */
typedef struct
{
  const char *schema;
  const char *const *fields;  /* (nullable): of these at most one is given and not empty */
  gboolean one;               /* and not none of them */
  gboolean absent;            /* an object that is not given stays so, without defaults */
} TholeSchemaRule;

/* Returns: (nullable) */
const TholeSchemaRule *thole_schema_rule (const TholeSchema *schema);
