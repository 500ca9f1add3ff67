/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Limits as a table: those of the caller, of a user or of a workload.
 */
#pragma once

#include "cli.h"
#include "describe.h"
#include "table.h"
#include "thole-dict.h"

#define CLI_LIMITS_OPTIONS \
  { "user", 'u', CLI_OPTION_VALUE, N_("USER"), NULL, N_("Of this user (default: you)") }, \
  { "workload", 'w', CLI_OPTION_VALUE, N_("WORKLOAD"), "workload", N_("Of this workload and its owner") }

typedef struct
{
  const char *path;
  const CliColumn *columns;
  guint n_columns;
  void (*add_row) (CliTable *table, const char *name, GVariant *object);
} CliLimits;

/* Prints an object of objects, one a row. Returns: the exit code */
int   cli_limits     (Cli *self, const CliLimits *limits, GError **error);
/* Returns: (transfer full): the member @key of the limit @name for people; no limit is "-" */
char *cli_limit_text (const char *name, GVariant *object, const char *key);
