/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../lifecycle.h"

static const CliOption options[] = {
  { "signal", 's', CLI_OPTION_VALUE, N_("SIGNAL"), NULL, N_("Signal sent first, instead of the workload's own") },
  { "grace", 't', CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Time until it is killed, instead of the workload's own") },
  CLI_WAIT_OPTIONS,
  { NULL },
};

static int
run (Cli *cli, GError **error)
{
  GVariant *body = cli_lifecycle_stop_body (cli, error);

  return body != NULL ? cli_lifecycle (cli, "restart", body, "running", error) : CLI_USAGE;
}

const CliCommand cli_command_restart = {
  .name = "restart",
  .arguments = "NAME...",
  .summary = N_("Stop workloads, then start them again"),
  .options = options,
  .min = 1,
  .max = CLI_ANY,
  .choices = "workload",
  .run = run,
};
