/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../units.h"
#include "../verbs.h"
#include "thole-dict.h"

#define MAX_LIFE 315360000.0

static const CliOption options[] = {
  { "scope", 's', CLI_OPTION_MANY, N_("PERMISSION"), NULL, N_("create: what it may do at most: workload.read, workload.*, *.read; may be repeated") },
  { "expires", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("create: how long it is good, like 30d (default: for ever)") },
  { "user", 'u', CLI_OPTION_VALUE, N_("USER"), NULL, N_("create: whose it is (default: yours)") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("ID"), 0, FALSE, FALSE },      { N_("NAME"), 8, FALSE, FALSE },  { N_("OWNER"), 0, FALSE, FALSE }, { N_("BEGINS"), 0, FALSE, FALSE },
  { N_("SCOPES"), 10, FALSE, TRUE },  { N_("AGE"), 0, FALSE, FALSE },   { N_("USED"), 0, FALSE, FALSE },  { N_("GOOD UNTIL"), 0, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *key)
{
  gint64 now = g_get_real_time ();

  cli_table_add (table, thole_dict_string (key, "id", ""));
  cli_table_add (table, thole_dict_string (key, "name", ""));
  cli_table_add (table, thole_dict_string (key, "owner", ""));
  cli_table_add (table, thole_dict_string (key, "hint", ""));
  cli_table_take (table, cli_join (key, "scopes"));
  cli_table_take (table, cli_age_text (thole_dict_string (key, "created_at", NULL), now));
  cli_table_take (table, cli_age_text (thole_dict_string (key, "last_used_at", NULL), now));
  cli_table_add (table, thole_dict_string (key, "expires_at", ""));
}

static const CliListing listing = { "/v1/api-keys?limit=1000", "/v1/api-keys/%s", "id", columns, G_N_ELEMENTS (columns), add_row };

static int
show (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

/* the key alone, so that a script can take it */
static int
print_key (Cli *cli, GVariant *made)
{
  if (cli->output == CLI_OUTPUT_JSON)
    cli_print_json (made);
  else
    cli_print ("%s\n", thole_dict_string (made, cli->output == CLI_OUTPUT_NAME ? "id" : "key", ""));
  if (cli->output == CLI_OUTPUT_TABLE)
    cli_print_error (_("This is the only time that it is shown."));
  return CLI_DONE;
}

static int
create (Cli *cli, GError **error)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) body = NULL;
  g_autoptr(CliReply) reply = NULL;
  double life;

  if (!cli_arguments_duration (cli->arguments, "expires", MAX_LIFE, 0, &life, error) || !cli_connect (cli, error))
    return CLI_FAILED;
  g_variant_dict_insert (&dict, "name", "s", cli_arguments_word (cli->arguments, 0));
  cli_put_list (cli, &dict, "scope", "scopes");
  cli_put_text (cli, &dict, "user", "user");
  if (life > 0)
    g_variant_dict_insert (&dict, "expires_in", "d", life);
  body = g_variant_ref_sink (g_variant_dict_end (&dict));
  reply = cli_client_ask (cli->client, "POST", "/v1/api-keys", body, CLI_ANSWER_TIME, NULL, error);
  return reply != NULL && reply->body != NULL ? print_key (cli, reply->body) : CLI_FAILED;
}

static int
take_back (Cli *cli, GError **error)
{
  return cli_delete_each (cli, "/v1/api-keys/%s", cli->arguments->words, error);
}

static const CliVerb verbs[] = {
  { "list", 0, 0, show }, { "show", 1, CLI_ANY, show }, { "create", 1, 1, create }, { "revoke", 1, CLI_ANY, take_back }, { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_key = {
  .name = "key",
  .arguments = "[list | show ID... | create NAME | revoke ID...]",
  .summary = N_("List API keys, make one, or take some back"),
  .doc = N_("create prints the key, this once. Give it as THOLE_TOKEN, or keep it in a context with: tholectl context add NAME URL --token-stdin"),
  .options = options,
  .max = CLI_ANY,
  .choices = "list|show|create|revoke",
  .run = run,
};
