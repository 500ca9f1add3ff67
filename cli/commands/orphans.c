/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../units.h"
#include "../verbs.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "remove", 0, CLI_OPTION_MANY, N_("ID"), NULL, N_("Remove this one from its engine now; may be repeated") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("ID"), 0, FALSE, FALSE },      { N_("BACKEND"), 0, FALSE, FALSE }, { N_("STATE"), 0, FALSE, FALSE },
  { N_("AGE"), 0, FALSE, FALSE },     { N_("REMOVAL"), 0, FALSE, FALSE }, { N_("ENGINE ID"), 12, FALSE, TRUE },
  { N_("REASON"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *orphan)
{
  const char *removal = thole_dict_string (orphan, "remove_at", "");

  cli_table_add (table, thole_dict_string (orphan, "id", ""));
  cli_table_add (table, thole_dict_string (orphan, "backend", ""));
  cli_table_add (table, thole_dict_string (orphan, "state", ""));
  cli_table_take (table, cli_age_text (thole_dict_string (orphan, "found_at", NULL), g_get_real_time ()));
  cli_table_add (table, removal[0] != '\0' ? removal : _("never by itself"));
  cli_table_add (table, thole_dict_string (orphan, "engine_id", ""));
  cli_table_add (table, thole_dict_string (orphan, "reason", ""));
}

static const CliListing listing = { "/v1/orphans?limit=1000", NULL, "id", columns, G_N_ELEMENTS (columns), add_row };

static int
run (Cli *cli, GError **error)
{
  GPtrArray *ids = cli_arguments_all (cli->arguments, "remove");

  return ids->len > 0 ? cli_delete_each (cli, "/v1/orphans/%s", ids, error) : cli_listing (cli, &listing, NULL, error);
}

const CliCommand cli_command_orphans = {
  .name = "orphans",
  .arguments = "",
  .summary = N_("List objects of engines that carry our label although the store does not know them, or remove some"),
  .options = options,
  .run = run,
};
