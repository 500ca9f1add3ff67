/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../copy.h"

static int
run (Cli *cli, GError **error)
{
  g_auto(CliSide) from = { 0 }, to = { 0 };

  if (!cli_side_parse (&from, cli_arguments_word (cli->arguments, 0), error)
      || !cli_side_parse (&to, cli_arguments_word (cli->arguments, 1), error))
    return CLI_USAGE;
  if ((from.workload == NULL) == (to.workload == NULL))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("one of both, and only one, must be in a workload: NAME:PATH"));
      return CLI_USAGE;
    }
  return from.workload == NULL ? cli_copy_in (cli, &from, &to, error) : cli_copy_out (cli, &from, &to, error);
}

const CliCommand cli_command_cp = {
  .name = "cp",
  .arguments = "SRC DST",
  .summary = N_("Copy files and folders into a workload and out of it"),
  .doc = N_("One of both is NAME:PATH, a path in a workload, the other a path here; one that begins with / or . is always here. What is "
            "copied into a folder that is there keeps its name, else it gets that of DST; a folder whose path ends with /. gives what "
            "is in it. Links that are named are followed, those within folders are copied. The path - is the standard input or output: of a "
            "file its bytes, of a folder (DST with a slash at its end) a tar archive. What breaks off leaves nothing half. Files in a "
            "workload belong to its root; those that come out of it to you, without devices. Ctrl-C ends it."),
  .min = 2,
  .max = 2,
  .choices = "file",
  .run = run,
};
