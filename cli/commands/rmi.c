/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"

static const CliOption options[] = {
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("Of this backend (default: the default one)") },
  { "force", 'f', CLI_OPTION_FLAG, NULL, NULL, N_("Also when a stopped workload uses it") },
  { NULL },
};

static gboolean
remove_one (Cli *cli, const char *image, GError **error)
{
  g_autoptr(GString) path = g_string_new ("/v1/images");
  g_autoptr(CliReply) reply = NULL;

  cli_query (path, "image", image);
  cli_query (path, "backend", cli_arguments_get (cli->arguments, "backend"));
  if (cli_arguments_has (cli->arguments, "force"))
    cli_query (path, "force", "true");
  reply = cli_client_ask (cli->client, "DELETE", path->str, NULL, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return FALSE;
  cli_print ("%s\n", image);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  return cli_connect (cli, error) ? cli_for_each (cli, remove_one) : CLI_FAILED;
}

const CliCommand cli_command_rmi = {
  .name = "rmi",
  .arguments = "IMAGE...",
  .summary = N_("Remove images of a backend"),
  .options = options,
  .min = 1,
  .max = CLI_ANY,
  .choices = "image",
  .run = run,
};
