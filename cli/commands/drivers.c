/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../listing.h"
#include "thole-dict.h"

static const CliColumn columns[] = {
  { N_("ID"), 0, FALSE, FALSE },          { N_("VERSION"), 0, FALSE, FALSE }, { N_("STATE"), 0, FALSE, FALSE },
  { N_("INTERFACES"), 12, FALSE, FALSE }, { N_("PATH"), 12, FALSE, TRUE },    { N_("REASON"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *driver)
{
  g_auto(GStrv) interfaces = thole_dict_strv (driver, "interfaces");

  cli_table_add (table, thole_dict_string (driver, "id", ""));
  cli_table_add (table, thole_dict_string (driver, "version", ""));
  cli_table_add (table, thole_dict_string (driver, "state", ""));
  cli_table_take (table, g_strjoinv (" ", interfaces));
  cli_table_add (table, thole_dict_string (driver, "path", ""));
  cli_table_add (table, thole_dict_string (driver, "reason", ""));
}

static const CliListing listing = { "/v1/drivers?limit=1000", "/v1/drivers/%s", "id", columns, G_N_ELEMENTS (columns), add_row };

static int
run (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

const CliCommand cli_command_drivers = {
  .name = "drivers",
  .arguments = "[ID...]",
  .summary = N_("List driver plugins, or show some"),
  .max = CLI_ANY,
  .run = run,
};
