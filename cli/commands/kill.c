/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../lifecycle.h"

static const CliOption options[] = {
  { "signal", 's', CLI_OPTION_VALUE, N_("SIGNAL"), NULL, N_("Signal to send (default SIGKILL)") },
  CLI_WAIT_OPTIONS,
  { NULL },
};

static int
run (Cli *cli, GError **error)
{
  const char *signal = cli_arguments_get (cli->arguments, "signal");
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  if (signal != NULL)
    g_variant_dict_insert (&dict, "signal", "s", signal);
  return cli_lifecycle (cli, "kill", g_variant_dict_end (&dict), "stopped", error);
}

const CliCommand cli_command_kill = {
  .name = "kill",
  .arguments = "NAME...",
  .summary = N_("Send a signal to the main process of workloads"),
  .options = options,
  .min = 1,
  .max = CLI_ANY,
  .choices = "workload",
  .run = run,
};
