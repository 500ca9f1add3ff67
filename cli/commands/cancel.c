/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"

static gboolean
cancel_one (Cli *cli, const char *id, GError **error)
{
  g_autofree char *path = cli_path ("/v1/operations/%s/cancel", id);
  g_autoptr(CliReply) reply = cli_client_ask (cli->client, "POST", path, NULL, CLI_ANSWER_TIME, NULL, error);

  if (reply == NULL)
    return FALSE;
  cli_print_done (cli, reply->body, id);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  return cli_connect (cli, error) ? cli_for_each (cli, cancel_one) : CLI_FAILED;
}

const CliCommand cli_command_cancel = {
  .name = "cancel",
  .arguments = "ID...",
  .summary = N_("Cancel long operations"),
  .min = 1,
  .max = CLI_ANY,
  .choices = "operation",
  .run = run,
};
