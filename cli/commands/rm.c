/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../wait.h"

static const CliOption options[] = {
  { "force", 'f', CLI_OPTION_FLAG, NULL, NULL, N_("Remove it in every state; what runs is ended") },
  { "wait", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Wait until the engine has confirmed that it is gone") },
  { "timeout", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("How long --wait waits (default 60)") },
  { NULL },
};

static gboolean
remove_one (Cli *cli, const char *name, GError **error)
{
  g_autofree char *base = cli_path ("/v1/workloads/%s", name);
  g_autoptr(GString) path = g_string_new (base);
  g_autoptr(CliReply) reply = NULL;
  double time;

  if (cli_arguments_has (cli->arguments, "force"))
    cli_query (path, "force", "true");
  if (!cli_wait_query (cli, path, "deleted", "", &time, error))
    return FALSE;
  reply = cli_client_ask (cli->client, "DELETE", path->str, NULL, time, NULL, error);
  if (reply == NULL)
    return FALSE;
  cli_print_done (cli, reply->body, name);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  return cli_connect (cli, error) ? cli_for_each (cli, remove_one) : CLI_FAILED;
}

const CliCommand cli_command_rm = {
  .name = "rm",
  .arguments = "NAME...",
  .summary = N_("Remove workloads"),
  .options = options,
  .min = 1,
  .max = CLI_ANY,
  .choices = "workload",
  .run = run,
};
