/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../help.h"

static const CliOption options[] = {
  { "man", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Print the man page") },
  { NULL },
};

static int
run (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  const CliCommand *command = name != NULL ? cli_command_find (name) : NULL;
  g_autofree char *text = NULL;

  if (name != NULL && command == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("unknown command “%s”"), name);
      return CLI_USAGE;
    }
  if (cli_arguments_has (cli->arguments, "man"))
    text = cli_help_man ();
  else
    text = command != NULL ? cli_help_command (command) : cli_help_all ();
  cli_print ("%s", text);
  return CLI_DONE;
}

const CliCommand cli_command_help = {
  .name = "help",
  .arguments = "[COMMAND]",
  .summary = N_("Show help"),
  .options = options,
  .max = 1,
  .choices = "command",
  .run = run,
};
