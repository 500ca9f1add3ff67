/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../password.h"
#include "../verbs.h"

#include <string.h>

static const CliOption options[] = {
  { "ca-file", 0, CLI_OPTION_VALUE, N_("FILE"), "file", N_("add: PEM file of those that may sign for the daemon") },
  { "token-stdin", 0, CLI_OPTION_FLAG, NULL, NULL, N_("add: read a token or an API key for it from standard input") },
  { NULL },
};

static const CliColumn columns[] = {
  { "", 0, FALSE, FALSE },           { N_("NAME"), 0, FALSE, FALSE },       { N_("URL"), 16, FALSE, FALSE },
  { N_("TOKEN"), 0, FALSE, FALSE },  { N_("AUTHORITY"), 16, FALSE, TRUE },
};

static void
insert (GVariantDict *dict, const char *key, const char *value)
{
  if (value != NULL)
    g_variant_dict_insert (dict, key, "s", value);
}

static GVariant *
object_of (const CliContext *context, gboolean current)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  insert (&dict, "name", context->name);
  insert (&dict, "url", context->url);
  insert (&dict, "authority", context->authority);
  insert (&dict, "token", context->credential);
  g_variant_dict_insert (&dict, "current", "b", current);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static int
list (Cli *cli, GError **error)
{
  g_auto(GStrv) names = cli_context_names (error);
  g_autofree char *current = cli_context_current ();
  g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autoptr(CliTable) table = cli_table_new (columns, G_N_ELEMENTS (columns));

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autoptr(CliContext) context = cli_context_load (*name, NULL);
      gboolean used = g_strcmp0 (current, *name) == 0;

      if (context == NULL)
        continue;
      g_ptr_array_add (objects, object_of (context, used));
      cli_table_add (table, used ? "*" : "");
      cli_table_add (table, context->name);
      cli_table_add (table, context->url);
      cli_table_add (table, context->credential != NULL ? context->credential : "-");
      cli_table_add (table, context->authority);
    }
  if (names != NULL && !cli_print_list (cli, objects, "name"))
    cli_table_print (table);
  return names != NULL ? CLI_DONE : CLI_FAILED;
}

static int
add (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0), *url = cli_arguments_word (cli->arguments, 1);
  const char *authority = cli_arguments_get (cli->arguments, "ca-file");
  g_autoptr(CliContext) before = cli_context_load (name, NULL);
  gboolean piped = cli_arguments_has (cli->arguments, "token-stdin");
  g_autoptr(CliContext) context = cli_context_new (name, url, authority);
  /* what can never be reached is refused now */
  g_autoptr(CliClient) client = before == NULL && cli_context_valid (name, error) ? cli_client_new (url, NULL, authority, error) : NULL;
  char *token;
  gboolean done;

  if (before != NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("there is a context “%s” already"), name);
      return CLI_FAILED;
    }
  token = client != NULL && piped ? cli_stdin_secret (error) : NULL;
  done = client != NULL && (!piped || token != NULL) && (token == NULL || cli_context_keep (context, token, error))
                  && cli_context_save (context, error);

  cli_secret_free (token);
  if (done)
    cli_print ("%s\n", name);
  return done ? CLI_DONE : CLI_FAILED;
}

static int
use (Cli *cli, GError **error)
{
  const char *name = cli_arguments_word (cli->arguments, 0);

  if (!cli_context_use (name, error))
    return CLI_FAILED;
  cli_print ("%s\n", name);
  return CLI_DONE;
}

static gboolean
remove_one (Cli *cli, const char *name, GError **error)
{
  g_autoptr(CliContext) context = cli_context_load (name, error);

  if (context == NULL || !cli_context_remove (context, error))
    return FALSE;
  cli_print ("%s\n", name);
  return TRUE;
}

static int
drop (Cli *cli, GError **error)
{
  return cli_for_each (cli, remove_one);
}

static const CliVerb verbs[] = {
  { "list", 0, 0, list }, { "add", 2, 2, add }, { "use", 1, 1, use }, { "rm", 1, CLI_ANY, drop }, { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_context = {
  .name = "context",
  .arguments = "[list | add NAME URL | use NAME | rm NAME...]",
  .summary = N_("List, add, choose or remove named daemons"),
  .doc = N_("A context is where a daemon is, who may sign for it, and a token for it. THOLE_URL and THOLE_TOKEN win over it; its token is "
            "never sent to another URL than its own."),
  .options = options,
  .max = CLI_ANY,
  .choices = "list|add|use|rm",
  .run = run,
};
