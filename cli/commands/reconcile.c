/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../cli.h"
#include "../table.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "dry-run", 'n', CLI_OPTION_FLAG, NULL, NULL, N_("Only tell what would be done") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("BACKEND"), 0, FALSE, FALSE },  { N_("ID"), 0, FALSE, FALSE },     { N_("RULE"), 0, FALSE, FALSE },
  { N_("RECORDED"), 0, FALSE, FALSE }, { N_("FOUND"), 0, FALSE, FALSE }, { N_("ACTION"), 20, FALSE, FALSE },
};

/* the difference with the name of its backend */
static GVariant *
with_backend (GVariant *difference, const char *backend)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, difference);
  g_variant_dict_insert (&dict, "backend", "s", backend);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static gboolean
reconcile (Cli *cli, const char *backend, GPtrArray *all, GError **error)
{
  g_autofree char *base = cli_path ("/v1/backends/%s/reconcile", backend);
  g_autoptr(GString) path = g_string_new (base);
  g_autoptr(CliReply) reply = NULL;
  g_autoptr(GVariant) differences = NULL;

  if (cli_arguments_has (cli->arguments, "dry-run"))
    cli_query (path, "dry_run", "true");
  reply = cli_client_ask (cli->client, "POST", path->str, NULL, CLI_ANSWER_TIME, NULL, error);
  if (reply == NULL)
    return FALSE;
  differences = reply->body != NULL ? thole_dict_value (reply->body, "differences", "aa{sv}") : NULL;
  for (gsize i = 0; differences != NULL && i < g_variant_n_children (differences); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (differences, i);

      g_ptr_array_add (all, with_backend (one, backend));
    }
  return TRUE;
}

/* those that were named, else all that are configured. Returns: (transfer full) (element-type utf8) */
static GPtrArray *
backends_of (Cli *cli, GError **error)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) all = NULL;

  for (guint i = 0; i < cli->arguments->words->len; i++)
    g_ptr_array_add (names, g_strdup (cli_arguments_word (cli->arguments, i)));
  if (names->len > 0)
    return names;
  all = cli_get_all (cli, "/v1/backends?limit=1000", error);
  for (guint i = 0; all != NULL && i < all->len; i++)
    g_ptr_array_add (names, g_strdup (thole_dict_string (g_ptr_array_index (all, i), "name", "")));
  if (all == NULL)
    g_clear_pointer (&names, g_ptr_array_unref);
  return names;
}

static void
print_table (GPtrArray *differences)
{
  static const char *const keys[] = { "backend", "id", "rule", "recorded", "found", "action" };
  g_autoptr(CliTable) table = cli_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < differences->len; i++)
    for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
      cli_table_add (table, thole_dict_string (g_ptr_array_index (differences, i), keys[k], ""));
  cli_table_print (table);
}

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autoptr(GPtrArray) names = NULL;
  int code = CLI_DONE;

  if (!cli_connect (cli, error) || (names = backends_of (cli, error)) == NULL)
    return CLI_FAILED;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr(GError) problem = NULL;

      if (!reconcile (cli, name, all, &problem))
        {
          int failed = cli_complain (names->len > 1 ? name : NULL, problem);

          code = code == CLI_DONE ? failed : code;
        }
    }
  if (!cli_print_list (cli, all, "id"))
    print_table (all);
  return code;
}

const CliCommand cli_command_reconcile = {
  .name = "reconcile",
  .arguments = "[BACKEND...]",
  .summary = N_("Compare the store with the engines now and deal with each difference"),
  .options = options,
  .max = CLI_ANY,
  .choices = "backend",
  .run = run,
};
