/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../help.h"

static int
run (Cli *cli, GError **error)
{
  static const char *const shells[] = { "bash", "zsh", "fish", NULL };
  const char *shell = cli_arguments_word (cli->arguments, 0);
  g_autofree char *script = NULL;

  if (!g_strv_contains (shells, shell))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is not one of %s"), shell, "bash, zsh, fish");
      return CLI_USAGE;
    }
  script = cli_completion (shell);
  cli_print ("%s", script);
  return CLI_DONE;
}

const CliCommand cli_command_completion = {
  .name = "completion",
  .arguments = "bash|zsh|fish",
  .summary = N_("Print the completion script of a shell"),
  .doc = N_("Load it with: source <(tholectl completion bash)"),
  .min = 1,
  .max = 1,
  .choices = "bash|zsh|fish",
  .run = run,
};
