/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../bounds.h"

static const CliOption options[] = { CLI_LIMITS_OPTIONS, { NULL } };

static const CliColumn columns[] = {
  { N_("LIMIT"), 0, FALSE, FALSE }, { N_("USED"), 0, TRUE, FALSE }, { N_("OF"), 0, TRUE, FALSE }, { N_("FROM"), 0, FALSE, FALSE },
};

static void
add_row (CliTable *table, const char *name, GVariant *quota)
{
  cli_table_add (table, name);
  cli_table_take (table, cli_limit_text (name, quota, "used"));
  cli_table_take (table, cli_limit_text (name, quota, "limit"));
  cli_table_add (table, thole_dict_string (quota, "from", ""));
}

static int
run (Cli *cli, GError **error)
{
  static const CliLimits limits = { "/v1/quotas", columns, G_N_ELEMENTS (columns), add_row };

  return cli_limits (cli, &limits, error);
}

const CliCommand cli_command_quota = {
  .name = "quota",
  .arguments = "",
  .summary = N_("Show what is used of what is limited"),
  .options = options,
  .run = run,
};
