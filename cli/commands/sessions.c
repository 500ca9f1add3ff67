/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../listing.h"
#include "../units.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "all", 'a', CLI_OPTION_FLAG, NULL, NULL, N_("Also those whose program has ended") },
  { "kill", 'k', CLI_OPTION_MANY, N_("SESSION"), "session", N_("End the program of this one and forget it; may be repeated") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("ID"), 0, FALSE, FALSE },      { N_("NAME"), 0, FALSE, FALSE },   { N_("WORKLOAD"), 0, FALSE, FALSE },
  { N_("STATE"), 0, FALSE, FALSE },   { N_("VIEWERS"), 0, TRUE, FALSE }, { N_("AGE"), 0, FALSE, FALSE },
  { N_("ACTIVE"), 0, FALSE, FALSE },  { N_("COMMAND"), 10, FALSE, TRUE },
};

static char *
command_text (GVariant *session)
{
  g_auto(GStrv) words = thole_dict_strv (session, "command");

  return g_strjoinv (" ", words);
}

static char *
state_text (GVariant *session)
{
  const char *state = thole_dict_string (session, "state", "");
  g_autoptr(GVariant) code = thole_dict_value (session, "exit_code", "x");

  return code != NULL ? g_strdup_printf ("%s (%" G_GINT64_FORMAT ")", state, g_variant_get_int64 (code)) : g_strdup (state);
}

static void
add_row (CliTable *table, GVariant *session)
{
  gint64 now = g_get_real_time ();

  cli_table_add (table, thole_dict_string (session, "id", ""));
  cli_table_add (table, thole_dict_string (session, "name", ""));
  cli_table_add (table, thole_dict_string (session, "workload", ""));
  cli_table_take (table, state_text (session));
  cli_table_take (table, g_strdup_printf ("%" G_GINT64_FORMAT, thole_dict_int (session, "viewers", 0)));
  cli_table_take (table, cli_age_text (thole_dict_string (session, "created_at", NULL), now));
  cli_table_take (table, cli_age_text (thole_dict_string (session, "last_activity", NULL), now));
  cli_table_take (table, command_text (session));
}

static const CliListing listing = { "/v1/sessions", NULL, "name", columns, G_N_ELEMENTS (columns), add_row };

static gboolean
kill_one (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = cli_path ("/v1/sessions/%s", name);
  g_autoptr(CliReply) reply = cli_client_ask (cli->client, "DELETE", path, NULL, CLI_ANSWER_TIME, NULL, error);

  if (reply == NULL)
    return FALSE;
  cli_print ("%s\n", name);
  return TRUE;
}

static int
kill_all (Cli *cli, GPtrArray *names, GError **error)
{
  int code = CLI_DONE;

  if (!cli_connect (cli, error))
    return CLI_FAILED;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr(GError) problem = NULL;

      if (!kill_one (cli, name, &problem))
        {
          int failed = cli_complain (names->len > 1 ? name : NULL, problem);

          code = code == CLI_DONE ? failed : code;
        }
    }
  return code;
}

static int
run (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  GPtrArray *names = cli_arguments_all (arguments, "kill");
  g_autofree char *path = NULL;
  g_autoptr(GString) query = NULL;

  if (names != NULL && names->len > 0)
    return kill_all (cli, names, error);
  if (arguments->words->len > 0)
    path = cli_path ("/v1/workloads/%s/sessions", cli_arguments_word (arguments, 0));
  query = g_string_new (path != NULL ? path : listing.path);
  cli_query (query, "state", cli_arguments_has (arguments, "all") ? NULL : "starting,running");
  return cli_listing (cli, &listing, query->str, error);
}

const CliCommand cli_command_sessions = {
  .name = "sessions",
  .arguments = "[WORKLOAD]",
  .summary = N_("List the programs inside workloads that people attach to, or end some"),
  .options = options,
  .max = 1,
  .choices = "workload",
  .run = run,
};
