/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../units.h"
#include "../verbs.h"
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

static int
run (Cli *cli, GError **error)
{
  CliArguments *arguments = cli->arguments;
  GPtrArray *names = cli_arguments_all (arguments, "kill");
  g_autofree char *path = NULL;
  g_autoptr(GString) query = NULL;

  if (names != NULL && names->len > 0)
    return cli_delete_each (cli, "/v1/sessions/%s", names, error);
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
