/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../password.h"
#include "../verbs.h"
#include "thole-dict.h"

#define MAX_UID 4294967294

static const CliOption options[] = {
  { "name", 'n', CLI_OPTION_VALUE, N_("NAME"), NULL, N_("Name for people") },
  { "email", 0, CLI_OPTION_VALUE, N_("E-MAIL"), NULL, N_("set: new e-mail address") },
  { "role", 'r', CLI_OPTION_MANY, N_("ROLE"), "role", N_("A role; may be repeated, they add up. Empty = none") },
  { "group", 'g', CLI_OPTION_MANY, N_("GROUP"), "group", N_("A group; may be repeated. Empty = none") },
  { "uid", 0, CLI_OPTION_VALUE, N_("UID"), NULL, N_("User of the machine who is this one on the unix socket, -1 = none") },
  { "password-stdin", 0, CLI_OPTION_FLAG, NULL, NULL, N_("Read the password from standard input instead of asking") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("E-MAIL"), 0, FALSE, FALSE }, { N_("NAME"), 0, FALSE, TRUE }, { N_("ROLES"), 8, FALSE, FALSE },
  { N_("GROUPS"), 8, FALSE, TRUE },  { N_("STATE"), 0, FALSE, FALSE }, { N_("ID"), 0, FALSE, FALSE },
};

static void
add_row (CliTable *table, GVariant *user)
{
  cli_table_add (table, thole_dict_string (user, "email", ""));
  cli_table_add (table, thole_dict_string (user, "name", ""));
  cli_table_take (table, cli_join (user, "roles"));
  cli_table_take (table, cli_join (user, "groups"));
  cli_table_add (table, thole_dict_boolean (user, "disabled", FALSE) ? _("disabled") : _("active"));
  cli_table_add (table, thole_dict_string (user, "id", ""));
}

static const CliListing listing = { "/v1/users?limit=1000", "/v1/users/%s", "email", columns, G_N_ELEMENTS (columns), add_row };

static int
show (Cli *cli, GError **error)
{
  return cli_listing (cli, &listing, NULL, error);
}

/* FALSE: an option cannot be read */
static gboolean
put_options (Cli *cli, GVariantDict *body, GError **error)
{
  cli_put_text (cli, body, "name", "name");
  cli_put_text (cli, body, "email", "email");
  cli_put_list (cli, body, "role", "roles");
  cli_put_list (cli, body, "group", "groups");
  return cli_put_int (cli, body, "uid", -1, MAX_UID, error);
}

static int
add (Cli *cli, GError **error)
{
  const char *email = cli_arguments_word (cli->arguments, 0);
  char *password = cli_new_password (cli_arguments_has (cli->arguments, "password-stdin"), error);
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);

  if (password == NULL)
    return CLI_FAILED;
  g_variant_dict_insert (&body, "password", "s", password);
  cli_secret_free (password);
  if (!put_options (cli, &body, error))
    return CLI_FAILED;
  g_variant_dict_insert (&body, "email", "s", email);
  return cli_send (cli, "POST", "/v1/users", g_variant_dict_end (&body), email, error);
}

static int
change (Cli *cli, GVariant *body, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);
  g_autofree char *path = cli_path ("/v1/users/%s", name);

  return cli_send (cli, "PATCH", path, body, name, error);
}

static int
set (Cli *cli, GError **error)
{
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);

  return put_options (cli, &body, error) ? change (cli, g_variant_dict_end (&body), error) : CLI_FAILED;
}

static int
set_disabled (Cli *cli, gboolean disabled, GError **error)
{
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&body, "disabled", "b", disabled);
  return change (cli, g_variant_dict_end (&body), error);
}

static int
disable (Cli *cli, GError **error)
{
  return set_disabled (cli, TRUE, error);
}

static int
enable (Cli *cli, GError **error)
{
  return set_disabled (cli, FALSE, error);
}

/* one's own: whoever finds the terminal open must not take it over */
static int
own_password (Cli *cli, GError **error)
{
  char *old = cli_ask_secret (_("Present password: "), error);
  char *fresh = old != NULL ? cli_new_password (FALSE, error) : NULL;
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);

  if (fresh != NULL)
    {
      g_variant_dict_insert (&body, "old", "s", old);
      g_variant_dict_insert (&body, "new", "s", fresh);
    }
  cli_secret_free (old);
  cli_secret_free (fresh);
  return fresh != NULL ? cli_send (cli, "POST", "/v1/me/password", g_variant_dict_end (&body), "", error) : CLI_FAILED;
}

static int
change_password (Cli *cli, GError **error)
{
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  char *password;

  if (cli_arguments_word (cli->arguments, 0) == NULL)
    return own_password (cli, error);
  password = cli_new_password (cli_arguments_has (cli->arguments, "password-stdin"), error);
  if (password == NULL)
    return CLI_FAILED;
  g_variant_dict_insert (&body, "password", "s", password);
  cli_secret_free (password);
  return change (cli, g_variant_dict_end (&body), error);
}

static int
drop (Cli *cli, GError **error)
{
  return cli_delete_each (cli, "/v1/users/%s", cli->arguments->words, error);
}

static const CliVerb verbs[] = {
  { "list", 0, 0, show },    { "show", 1, CLI_ANY, show },  { "add", 1, 1, add },
  { "set", 1, 1, set },      { "disable", 1, 1, disable },  { "enable", 1, 1, enable },
  { "passwd", 0, 1, change_password }, { "rm", 1, CLI_ANY, drop }, { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_user = {
  .name = "user",
  .arguments = "[list | show USER... | add E-MAIL | set USER | disable USER | enable USER | passwd [USER] | rm USER...]",
  .summary = N_("List users, make, change or remove them"),
  .doc = N_("USER is an e-mail address or an id. --role and --group replace those that it has. passwd without a user changes your own "
            "password and ends all your sign-ins."),
  .options = options,
  .max = CLI_ANY,
  .choices = "list|show|add|set|disable|enable|passwd|rm",
  .run = run,
};
