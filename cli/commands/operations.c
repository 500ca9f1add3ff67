/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../listing.h"
#include "../progress.h"
#include "../units.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "state", 's', CLI_OPTION_VALUE, N_("STATE"), "running|succeeded|failed|cancelled", N_("Only those in this state") },
  { "target", 0, CLI_OPTION_VALUE, N_("ID"), NULL, N_("Only those of this object") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("ID"), 0, FALSE, FALSE },       { N_("TYPE"), 0, FALSE, FALSE }, { N_("TARGET"), 12, FALSE, FALSE },
  { N_("STATE"), 0, FALSE, FALSE },    { N_("PROGRESS"), 0, TRUE, FALSE }, { N_("AGE"), 0, FALSE, FALSE },
  { N_("MESSAGE"), 12, FALSE, TRUE },
};

static char *
progress_text (GVariant *operation)
{
  gint64 done, total;
  const char *unit;

  cli_progress_read (operation, &done, &total, &unit);
  if (total > 0)
    return g_strdup_printf ("%.0f%%", CLAMP ((double) done * 100 / (double) total, 0, 100));
  return g_strdup ("-");
}

static void
add_row (CliTable *table, GVariant *operation)
{
  g_autoptr(GVariant) error = thole_dict_value (operation, "error", "a{sv}");
  const char *message = thole_dict_string (operation, "message", "");

  cli_table_add (table, thole_dict_string (operation, "id", ""));
  cli_table_add (table, thole_dict_string (operation, "type", ""));
  cli_table_add (table, thole_dict_string (operation, "target", ""));
  cli_table_add (table, thole_dict_string (operation, "state", ""));
  cli_table_take (table, progress_text (operation));
  cli_table_take (table, cli_age_text (thole_dict_string (operation, "created_at", NULL), g_get_real_time ()));
  cli_table_add (table, error != NULL ? thole_dict_string (error, "detail", message) : message);
}

static const CliListing listing
    = { "/v1/operations?limit=1000", "/v1/operations/%s", "id", columns, G_N_ELEMENTS (columns), add_row };

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GString) path = g_string_new (listing.path);

  cli_query (path, "state", cli_arguments_get (cli->arguments, "state"));
  cli_query (path, "target", cli_arguments_get (cli->arguments, "target"));
  return cli_listing (cli, &listing, path->str, error);
}

const CliCommand cli_command_operations = {
  .name = "operations",
  .arguments = "[ID...]",
  .summary = N_("List long operations, or show some"),
  .options = options,
  .max = CLI_ANY,
  .choices = "operation",
  .run = run,
};
