/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../verbs.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "role", 'r', CLI_OPTION_MANY, N_("ROLE"), "role", N_("A role of all its members; may be repeated. Empty = none") },
  { "shared", 0, CLI_OPTION_VALUE, "yes|no", "yes|no", N_("Its members act on each other's objects") },
  { "doc", 0, CLI_OPTION_VALUE, N_("TEXT"), NULL, N_("What it is for") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("NAME"), 0, FALSE, FALSE }, { N_("ROLES"), 12, FALSE, FALSE }, { N_("SHARED"), 0, FALSE, FALSE }, { N_("DESCRIPTION"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *group)
{
  cli_table_add (table, thole_dict_string (group, "id", ""));
  cli_table_take (table, cli_join (group, "roles"));
  cli_table_add (table, thole_dict_boolean (group, "shared", FALSE) ? _("yes") : _("no"));
  cli_table_add (table, thole_dict_string (group, "doc", ""));
}

static const CliListing listing = { "/v1/groups?limit=1000", "/v1/groups/%s", "id", columns, G_N_ELEMENTS (columns), add_row };

static int
show (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

static GVariant *
body_of (Cli *cli, const char *name)
{
  const char *shared = cli_arguments_get (cli->arguments, "shared");
  GVariantDict body;

  g_variant_dict_init (&body, NULL);
  if (name != NULL)
    g_variant_dict_insert (&body, "name", "s", name);
  cli_put_text (cli, &body, "doc", "doc");
  cli_put_list (cli, &body, "role", "roles");
  if (shared != NULL)
    g_variant_dict_insert (&body, "shared", "b", g_str_equal (shared, "yes"));
  return g_variant_dict_end (&body);
}

static int
add (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);

  return cli_send (cli, "POST", "/v1/groups", body_of (cli, name), name, error);
}

static int
set (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  g_autofree char *path = cli_path ("/v1/groups/%s", name);

  return cli_send (cli, "PATCH", path, body_of (cli, NULL), name, error);
}

static int
drop (Cli *cli, GError **error)
{
  return cli_delete_each (cli, "/v1/groups/%s", cli->arguments->words, error);
}

static const CliVerb verbs[] = {
  { "list", 0, 0, show }, { "show", 1, CLI_ANY, show }, { "add", 1, 1, add }, { "set", 1, 1, set }, { "rm", 1, CLI_ANY, drop }, { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_group = {
  .name = "group",
  .arguments = "[list | show GROUP... | add GROUP | set GROUP | rm GROUP...]",
  .summary = N_("List groups of users; make, change or remove some"),
  .options = options,
  .max = CLI_ANY,
  .choices = "list|show|add|set|rm",
  .run = run,
};
