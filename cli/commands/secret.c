/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../password.h"
#include "../units.h"
#include "../verbs.h"
#include "thole-dict.h"

static const CliColumn columns[] = {
  { N_("NAME"), 0, FALSE, FALSE }, { N_("OWNER"), 0, FALSE, FALSE }, { N_("AGE"), 0, FALSE, FALSE }, { N_("ID"), 0, FALSE, FALSE },
};

static void
add_row (CliTable *table, GVariant *secret)
{
  cli_table_add (table, thole_dict_string (secret, "name", ""));
  cli_table_add (table, thole_dict_string (secret, "owner", ""));
  cli_table_take (table, cli_age_text (thole_dict_string (secret, "updated_at", NULL), g_get_real_time ()));
  cli_table_add (table, thole_dict_string (secret, "id", ""));
}

static const CliListing listing = { "/v1/secrets?limit=1000", NULL, "name", columns, G_N_ELEMENTS (columns), add_row };

static int
list (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

static int
set (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  char *value = cli_stdin_secret (error);
  g_autofree char *path = cli_path ("/v1/secrets/%s", name);
  g_autoptr(GVariant) body = NULL;
  g_autoptr(CliReply) reply = NULL;
  gboolean made;
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  if (value == NULL)
    return CLI_FAILED;
  g_variant_dict_insert (&dict, "value", "s", value);
  cli_secret_free (value);
  if (!cli_connect (cli, error))
    return CLI_FAILED;
  reply = cli_client_call (cli->client, "GET", path, NULL, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  made = reply->status == 404;
  g_clear_pointer (&reply, cli_reply_free);
  if (made)
    g_variant_dict_insert (&dict, "name", "s", name);
  body = g_variant_ref_sink (g_variant_dict_end (&dict));
  reply = cli_client_ask (cli->client, made ? "POST" : "PATCH", made ? "/v1/secrets" : path, body, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return CLI_FAILED;
  cli_print_done (cli, reply->body, name);
  return CLI_DONE;
}

static int
drop (Cli *cli, GError **error)
{
  return cli_delete_each (cli, "/v1/secrets/%s", cli->arguments->words, error);
}

static const CliVerb verbs[] = { { "list", 0, 0, list }, { "set", 1, 1, set }, { "rm", 1, CLI_ANY, drop }, { NULL } };

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_secret = {
  .name = "secret",
  .arguments = "[list | set NAME | rm NAME...]",
  .summary = N_("List secrets, set one from standard input, or delete one"),
  .doc = N_("The value is read from standard input, since others see the arguments of a command; one line feed at its end does not "
            "count. No command ever shows it. In the environment of a spec {\"secret\": \"NAME\"} stands for it."),
  .max = CLI_ANY,
  .choices = "list|set|rm",
  .run = run,
};
