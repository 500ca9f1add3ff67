/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../describe.h"

static gboolean
show_one (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = cli_path ("/v1/workloads/%s", name);
  g_autoptr(GVariant) workload = cli_get (cli, path, error);

  if (workload == NULL)
    return FALSE;
  if (cli->output == CLI_OUTPUT_TABLE)
    cli_describe (workload);
  else
    cli_print_done (cli, workload, name);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  return cli_connect (cli, error) ? cli_for_each (cli, show_one) : CLI_FAILED;
}

const CliCommand cli_command_show = {
  .name = "show",
  .arguments = "NAME...",
  .summary = N_("Show everything about workloads"),
  .min = 1,
  .max = CLI_ANY,
  .choices = "workload",
  .run = run,
};
