/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../listing.h"
#include "thole-dict.h"

static const CliColumn columns[] = {
  { N_("NAME"), 0, FALSE, FALSE },   { N_("DRIVER"), 0, FALSE, FALSE },  { N_("STATE"), 0, FALSE, FALSE },
  { N_("DEFAULT"), 0, FALSE, FALSE }, { N_("ENGINE"), 10, FALSE, FALSE }, { N_("REASON"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *backend)
{
  g_autoptr(GVariant) facts = thole_dict_value (backend, "facts", "a{sv}");
  g_autofree char *engine = NULL;

  if (facts != NULL)
    engine = g_strjoin (" ", thole_dict_string (facts, "engine", ""),
                        thole_dict_string (facts, "version", ""), NULL);
  cli_table_add (table, thole_dict_string (backend, "name", ""));
  cli_table_add (table, thole_dict_string (backend, "driver", ""));
  cli_table_add (table, thole_dict_string (backend, "state", ""));
  cli_table_add (table, thole_dict_boolean (backend, "default", FALSE) ? _("yes") : "");
  cli_table_add (table, engine);
  cli_table_add (table, thole_dict_string (backend, "reason", ""));
}

static const CliListing listing
    = { "/v1/backends?limit=1000", "/v1/backends/%s", "name", columns, G_N_ELEMENTS (columns), add_row };

static int
run (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

const CliCommand cli_command_backends = {
  .name = "backends",
  .arguments = "[NAME...]",
  .summary = N_("List backends and the state of their engines, or show some"),
  .max = CLI_ANY,
  .choices = "backend",
  .run = run,
};
