/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../table.h"
#include "thole-dict.h"

static const CliColumn columns[] = {
  { N_("TIME"), 0, FALSE, FALSE },
  { N_("ACTOR"), 8, FALSE, FALSE },
  { N_("WHAT"), 20, FALSE, FALSE },
};

/* the state in one line, then the chain that led to it, oldest first */
static void
print_chain (GVariant *why)
{
  g_autoptr(CliTable) table = cli_table_new (columns, G_N_ELEMENTS (columns));
  g_autoptr(GVariant) chain = thole_dict_value (why, "because", "aa{sv}");
  const char *reason = thole_dict_string (why, "state_reason", "");
  g_autofree char *line = g_strdup_printf (_("%s is %s, %s is asked for%s%s"), thole_dict_string (why, "name", "-"),
                                           thole_dict_string (why, "state", "-"),
                                           thole_dict_string (why, "desired_state", "-"), reason[0] != '\0' ? ": " : "", reason);
  g_autofree char *safe = cli_text_safe (line, FALSE);

  cli_print ("%s\n", safe);
  for (gsize i = 0; chain != NULL && i < g_variant_n_children (chain); i++)
    {
      g_autoptr(GVariant) link = g_variant_get_child_value (chain, i);

      cli_table_add (table, thole_dict_string (link, "time", "-"));
      cli_table_add (table, thole_dict_string (link, "actor", "-"));
      cli_table_add (table, thole_dict_string (link, "text", "-"));
    }
  if (chain != NULL && g_variant_n_children (chain) > 0)
    cli_table_print (table);
}

static gboolean
why_one (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = cli_path ("/v1/workloads/%s/why", name);
  g_autoptr(GVariant) why = cli_get (cli, path, error);

  if (why == NULL)
    return FALSE;
  if (cli->output == CLI_OUTPUT_TABLE)
    print_chain (why);
  else
    cli_print_done (cli, why, name);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  return cli_connect (cli, error) ? cli_for_each (cli, why_one) : CLI_FAILED;
}

const CliCommand cli_command_why = {
  .name = "why",
  .arguments = "NAME...",
  .summary = N_("Tell why workloads are in their state: who asked, what was decided, what the engine said"),
  .min = 1,
  .max = CLI_ANY,
  .choices = "workload",
  .run = run,
};
