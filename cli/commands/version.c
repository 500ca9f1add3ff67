/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "thole-dict.h"

static void
print_text (GVariant *server)
{
  cli_print (_("Client: %s\n"), THOLE_VERSION);
  if (server != NULL)
    cli_print (_("Server: %s\n"), thole_dict_string (server, "version", "?"));
}

static void
print_json (GVariant *server)
{
  GVariantDict dict, client;
  g_autoptr(GVariant) both = NULL;

  g_variant_dict_init (&client, NULL);
  g_variant_dict_insert (&client, "version", "s", THOLE_VERSION);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "client", g_variant_dict_end (&client));
  if (server != NULL)
    g_variant_dict_insert_value (&dict, "server", server);
  both = g_variant_ref_sink (g_variant_dict_end (&dict));
  cli_print_json (both);
}

/* the client's own version is told even when there is no daemon */
static int
run (Cli *cli, GError **error)
{
  g_autoptr(GVariant) server = cli_get (cli, "/v1/version", error);

  if (cli->output == CLI_OUTPUT_JSON)
    print_json (server);
  else
    print_text (server);
  return server != NULL ? CLI_DONE : CLI_FAILED;
}

const CliCommand cli_command_version = {
  .name = "version",
  .arguments = "",
  .summary = N_("Show the versions of client and daemon"),
  .run = run,
};
