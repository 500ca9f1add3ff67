/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"

/* that it is not good any more, or an API key, does not keep it here */
static gboolean
take_back (Cli *cli, const CliPlace *place, GError **error)
{
  g_autoptr(CliClient) client = cli_client_new (place->url, place->token, place->authority, error);
  g_autoptr(CliReply) reply = NULL;

  if (client == NULL)
    return FALSE;
  reply = cli_client_call (client, "POST", "/v1/auth/logout", NULL, CLI_ANSWER_TIME, NULL, error);
  return reply != NULL && (reply->status == 401 || reply->status == 409 || cli_reply_check (reply, error));
}

static int
run (Cli *cli, GError **error)
{
  g_auto(CliPlace) place = { 0 };

  if (!cli_place (cli, &place, error) || !cli_place_token (cli, &place, error))
    return CLI_FAILED;
  if (place.token == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_DENIED, _("nobody is signed in here"));
      return CLI_DENIED;
    }
  if (!take_back (cli, &place, error))
    return CLI_FAILED;
  if (place.context == NULL)
    return CLI_DONE;
  cli_context_forget (place.context);
  return cli_context_save (place.context, error) ? CLI_DONE : CLI_FAILED;
}

const CliCommand cli_command_logout = {
  .name = "logout",
  .arguments = "",
  .summary = N_("Sign out: the token is good no more, and forgotten here"),
  .run = run,
};
