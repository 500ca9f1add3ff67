/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../verbs.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "permission", 'p', CLI_OPTION_MANY, N_("PERMISSION"), NULL, N_("What it gives: NOUN.VERB, NOUN.*, *.VERB or *; may be repeated") },
  { "doc", 0, CLI_OPTION_VALUE, N_("TEXT"), NULL, N_("What it is for") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("NAME"), 0, FALSE, FALSE }, { N_("PERMISSIONS"), 20, FALSE, FALSE }, { N_("DESCRIPTION"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *role)
{
  cli_table_add (table, thole_dict_string (role, "id", ""));
  cli_table_take (table, cli_join (role, "permissions"));
  cli_table_add (table, thole_dict_string (role, "doc", ""));
}

static const CliListing listing = { "/v1/roles?limit=1000", "/v1/roles/%s", "id", columns, G_N_ELEMENTS (columns), add_row };

static int
show (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

static GVariant *
body_of (Cli *cli, const char *name)
{
  GVariantDict body;

  g_variant_dict_init (&body, NULL);
  if (name != NULL)
    g_variant_dict_insert (&body, "name", "s", name);
  cli_put_text (cli, &body, "doc", "doc");
  cli_put_list (cli, &body, "permission", "permissions");
  return g_variant_dict_end (&body);
}

static int
add (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);

  return cli_send (cli, "POST", "/v1/roles", body_of (cli, name), name, error);
}

static int
set (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  g_autofree char *path = cli_path ("/v1/roles/%s", name);

  return cli_send (cli, "PATCH", path, body_of (cli, NULL), name, error);
}

static int
drop (Cli *cli, GError **error)
{
  return cli_delete_each (cli, "/v1/roles/%s", cli->arguments->words, error);
}

static const CliVerb verbs[] = {
  { "list", 0, 0, show }, { "show", 1, CLI_ANY, show }, { "add", 1, 1, add }, { "set", 1, 1, set }, { "rm", 1, CLI_ANY, drop }, { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_role = {
  .name = "role",
  .arguments = "[list | show ROLE... | add ROLE | set ROLE | rm ROLE...]",
  .summary = N_("List roles, which are sets of permissions; make, change or remove some"),
  .options = options,
  .max = CLI_ANY,
  .choices = "list|show|add|set|rm",
  .run = run,
};
