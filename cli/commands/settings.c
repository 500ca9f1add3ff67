/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../bounds.h"
#include "../units.h"
#include "../verbs.h"
#include "thole-json.h"

#include <string.h>

static const CliOption options[] = { CLI_LIMITS_OPTIONS, { NULL } };

static const CliColumn columns[] = {
  { N_("LIMIT"), 0, FALSE, FALSE }, { N_("VALUE"), 0, TRUE, FALSE }, { N_("FROM"), 0, FALSE, FALSE },
};

static void
add_row (CliTable *table, const char *name, GVariant *setting)
{
  cli_table_add (table, name);
  cli_table_take (table, cli_limit_text (name, setting, "value"));
  cli_table_add (table, thole_dict_string (setting, "from", ""));
}

static int
effective (Cli *cli, GError **error)
{
  static const CliLimits limits = { "/v1/settings/effective", columns, G_N_ELEMENTS (columns), add_row };

  return cli_limits (cli, &limits, error);
}

/* Returns: (transfer full) (nullable): "users/ann" -> "/v1/settings/users/ann" */
static char *
path_of (Cli *cli, GError **error)
{
  const char *place = cli_arguments_word (cli->arguments, 0);

  if (strcmp (place, "system") == 0)
    return g_strdup ("/v1/settings/system");
  if (g_str_has_prefix (place, "users/") && place[strlen ("users/")] != '\0')
    return cli_path ("/v1/settings/users/%s", place + strlen ("users/"));
  if (g_str_has_prefix (place, "workloads/") && place[strlen ("workloads/")] != '\0')
    return cli_path ("/v1/settings/workloads/%s", place + strlen ("workloads/"));
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is none of system, users/USER and workloads/WORKLOAD"), place);
  return NULL;
}

static int
get (Cli *cli, GError **error)
{
  g_autofree char *path = path_of (cli, error);
  g_autoptr(GVariant) values = path != NULL ? cli_get (cli, path, error) : NULL;

  if (values == NULL)
    return CLI_FAILED;
  if (cli->output == CLI_OUTPUT_TABLE)
    cli_describe (values);
  else
    cli_print_done (cli, values, cli_arguments_word (cli->arguments, 0));
  return CLI_DONE;
}

/* "memory=2GiB", "running=5", "cpu=1.5"; "running=" takes it away. The daemon says which words there are. */
static gboolean
put_word (GVariantDict *values, const char *word, GError **error)
{
  const char *equals = strchr (word, '=');
  g_autofree char *key = equals != NULL ? g_strndup (word, (gsize) (equals - word)) : NULL;
  char *end = NULL;
  double number = equals != NULL ? g_ascii_strtod (equals + 1, &end) : 0;

  if (key == NULL || *key == '\0')
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is not a LIMIT=VALUE"), word);
      return FALSE;
    }
  if (equals[1] == '\0')
    g_variant_dict_remove (values, key);
  else if (*end != '\0')
    g_variant_dict_insert (values, key, "s", equals + 1);
  else if (strchr (equals, '.') != NULL)
    g_variant_dict_insert (values, key, "d", number);
  else
    g_variant_dict_insert (values, key, "x", g_ascii_strtoll (equals + 1, NULL, 10));
  return TRUE;
}

/* what is not named stays as it is; two who do so at once do not undo each other */
static int
set (Cli *cli, GError **error)
{
  g_autofree char *path = path_of (cli, error);
  g_autoptr(CliReply) before = NULL;
  g_auto(GVariantDict) values = G_VARIANT_DICT_INIT (NULL);
  GPtrArray *words = cli->arguments->words;

  if (path == NULL || !cli_connect (cli, error))
    return CLI_FAILED;
  before = cli_client_ask (cli->client, "GET", path, NULL, CLI_ANSWER_TIME, NULL, error);
  if (before == NULL)
    return CLI_FAILED;
  g_variant_dict_init (&values, before->body);
  cli_client_guard (cli->client, before->etag);
  for (guint i = 1; i < words->len; i++)
    if (!put_word (&values, g_ptr_array_index (words, i), error))
      return CLI_USAGE;
  return cli_send (cli, "PUT", path, g_variant_dict_end (&values), cli_arguments_word (cli->arguments, 0), error);
}

static const CliVerb verbs[] = {
  { "effective", 0, 0, effective }, { "get", 1, 1, get }, { "set", 2, CLI_ANY, set }, { NULL },
};

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_settings = {
  .name = "settings",
  .arguments = "[effective | get PLACE | set PLACE LIMIT=VALUE...]",
  .summary = N_("Show the limits that hold and where each comes from; read or set them at one level"),
  .doc = N_("PLACE is system, users/USER or workloads/WORKLOAD. 0 is no limit; LIMIT= takes it away, so that the level before counts. "
            "LIMIT is workloads, running, key_running, cpu, memory, storage or sessions."),
  .options = options,
  .max = CLI_ANY,
  .choices = "effective|get|set",
  .run = run,
};
