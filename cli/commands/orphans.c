/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../listing.h"
#include "../units.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "remove", 0, CLI_OPTION_MANY, N_("ID"), NULL, N_("Remove this one from its engine now; may be repeated") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("ID"), 0, FALSE, FALSE },      { N_("BACKEND"), 0, FALSE, FALSE }, { N_("STATE"), 0, FALSE, FALSE },
  { N_("AGE"), 0, FALSE, FALSE },     { N_("REMOVAL"), 0, FALSE, FALSE }, { N_("ENGINE ID"), 12, FALSE, TRUE },
  { N_("REASON"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *orphan)
{
  const char *removal = thole_dict_string (orphan, "remove_at", "");

  cli_table_add (table, thole_dict_string (orphan, "id", ""));
  cli_table_add (table, thole_dict_string (orphan, "backend", ""));
  cli_table_add (table, thole_dict_string (orphan, "state", ""));
  cli_table_take (table, cli_age_text (thole_dict_string (orphan, "found_at", NULL), g_get_real_time ()));
  cli_table_add (table, removal[0] != '\0' ? removal : _("never by itself"));
  cli_table_add (table, thole_dict_string (orphan, "engine_id", ""));
  cli_table_add (table, thole_dict_string (orphan, "reason", ""));
}

static const CliListing listing = { "/v1/orphans?limit=1000", NULL, "id", columns, G_N_ELEMENTS (columns), add_row };

static gboolean
remove_one (Cli *cli, const char *id, GError **error)
{
  g_autofree char *path = cli_path ("/v1/orphans/%s", id);
  g_autoptr(CliReply) reply = cli_client_ask (cli->client, "DELETE", path, NULL, CLI_ANSWER_TIME, NULL, error);

  if (reply == NULL)
    return FALSE;
  cli_print ("%s\n", id);
  return TRUE;
}

static int
run (Cli *cli, GError **error)
{
  GPtrArray *ids = cli_arguments_all (cli->arguments, "remove");
  int code = CLI_DONE;

  if (ids == NULL || ids->len == 0)
    return cli_listing (cli, &listing, NULL, error);
  if (!cli_connect (cli, error))
    return CLI_FAILED;
  for (guint i = 0; i < ids->len; i++)
    {
      g_autoptr(GError) problem = NULL;

      if (!remove_one (cli, g_ptr_array_index (ids, i), &problem))
        {
          int failed = cli_complain (ids->len > 1 ? g_ptr_array_index (ids, i) : NULL, problem);

          code = code == CLI_DONE ? failed : code;
        }
    }
  return code;
}

const CliCommand cli_command_orphans = {
  .name = "orphans",
  .arguments = "",
  .summary = N_("List objects of engines that carry our label although the store does not know them, or remove some"),
  .options = options,
  .run = run,
};
