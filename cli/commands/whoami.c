/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "thole-dict.h"

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GVariant) me = cli_connect (cli, error) ? cli_get (cli, "/v1/me", error) : NULL;
  g_autoptr(GVariant) user = me != NULL ? thole_dict_value (me, "user", "a{sv}") : NULL;

  if (me == NULL)
    return CLI_FAILED;
  if (cli->output != CLI_OUTPUT_TABLE)
    cli_print_done (cli, me, thole_dict_string (me, "name", ""));
  else
    cli_print ("%s\n", user != NULL ? thole_dict_string (user, "email", "") : thole_dict_string (me, "name", ""));
  return CLI_DONE;
}

const CliCommand cli_command_whoami = {
  .name = "whoami",
  .arguments = "",
  .summary = N_("Tell who the daemon takes you for"),
  .run = run,
};
