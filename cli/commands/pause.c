/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../lifecycle.h"

static const CliOption options[] = {
  CLI_WAIT_OPTIONS,
  { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_lifecycle (cli, "pause", NULL, "paused", error);
}

const CliCommand cli_command_pause = {
  .name = "pause",
  .arguments = "NAME...",
  .summary = N_("Freeze the processes of workloads"),
  .options = options,
  .min = 1,
  .max = CLI_ANY,
  .choices = "workload",
  .run = run,
};
