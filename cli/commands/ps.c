/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <string.h>

#include "../cli.h"
#include "../wait.h"
#include "../table.h"
#include "../units.h"
#include "../workload-text.h"
#include "thole-dict.h"

#define ALL_BUT_STOPPED \
  "provisioning,installing,starting,running,paused,stopping,crashed,error,suspended,transferring,deleting"

static const CliOption options[] = {
  { "all", 'a', CLI_OPTION_FLAG, NULL, NULL, N_("Also those that are stopped") },
  { "quiet", 'q', CLI_OPTION_FLAG, NULL, NULL, N_("Only ids, a line each (names with --output name)") },
  { "state", 's', CLI_OPTION_VALUE, N_("STATE,..."), CLI_STATES, N_("Only those in these states") },
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("Only those of this backend") },
  { "label", 'l', CLI_OPTION_MANY, N_("KEY[=VALUE]"), NULL, N_("Only those with this label; may be repeated") },
  { "name", 'n', CLI_OPTION_VALUE, N_("NAME"), "workload", N_("Only the one of this name") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("NAME"), 0, FALSE, FALSE },   { N_("ID"), 0, FALSE, FALSE },       { N_("STATE"), 0, FALSE, FALSE },
  { N_("BACKEND"), 7, FALSE, FALSE }, { N_("IMAGE"), 12, FALSE, FALSE },  { N_("AGE"), 0, FALSE, FALSE },
  { N_("PORTS"), 10, FALSE, TRUE },  { N_("REASON"), 10, FALSE, TRUE },
};

static char *
list_path (Cli *cli)
{
  g_autoptr(GString) path = g_string_new ("/v1/workloads?limit=1000");
  GPtrArray *labels = cli_arguments_all (cli->arguments, "label");
  const char *state = cli_arguments_get (cli->arguments, "state");
  const char *name = cli_arguments_get (cli->arguments, "name");

  if (state == NULL && name == NULL && !cli_arguments_has (cli->arguments, "all"))
    state = ALL_BUT_STOPPED;
  cli_query (path, "state", state);
  cli_query (path, "backend", cli_arguments_get (cli->arguments, "backend"));
  cli_query (path, "name", name);
  for (guint i = 0; i < labels->len; i++)
    cli_query (path, "label", g_ptr_array_index (labels, i));
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static void
print_table (GPtrArray *workloads)
{
  g_autoptr(CliTable) table = cli_table_new (columns, G_N_ELEMENTS (columns));
  gint64 now = g_get_real_time ();

  for (guint i = 0; i < workloads->len; i++)
    {
      GVariant *workload = g_ptr_array_index (workloads, i);
      g_autoptr(GVariant) spec = thole_dict_value (workload, "spec", "a{sv}");

      cli_table_add (table, thole_dict_string (workload, "name", ""));
      cli_table_add (table, thole_dict_string (workload, "id", ""));
      cli_table_take (table, cli_workload_state (workload));
      cli_table_add (table, thole_dict_string (workload, "backend", ""));
      cli_table_add (table, spec != NULL ? thole_dict_string (spec, "image", "") : "");
      cli_table_take (table, cli_age_text (thole_dict_string (workload, "created_at", NULL), now));
      cli_table_take (table, cli_workload_ports (workload));
      cli_table_add (table, thole_dict_string (workload, "state_reason", ""));
    }
  cli_table_print (table);
}

static int
run (Cli *cli, GError **error)
{
  g_autofree char *path = list_path (cli);
  g_autoptr(GPtrArray) workloads = cli_get_all (cli, path, error);
  gboolean quiet = cli_arguments_has (cli->arguments, "quiet");

  if (workloads == NULL)
    return CLI_FAILED;
  if (quiet && cli->output == CLI_OUTPUT_TABLE)
    {
      cli->output = CLI_OUTPUT_NAME;
      cli_print_list (cli, workloads, "id");
    }
  else if (!cli_print_list (cli, workloads, "name"))
    {
      print_table (workloads);
    }
  return CLI_DONE;
}

const CliCommand cli_command_ps = {
  .name = "ps",
  .arguments = "",
  .summary = N_("List workloads"),
  .doc = N_("Without -a, --state and --name those that are stopped are left out; crashed ones and those in error are shown with their reason."),
  .options = options,
  .run = run,
};
