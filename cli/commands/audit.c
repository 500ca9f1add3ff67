/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../verbs.h"
#include "thole-dict.h"
#include "thole-json.h"

static const CliOption options[] = {
  { "actor", 0, CLI_OPTION_VALUE, N_("WHO"), NULL, N_("Only what this one did") },
  { "action", 0, CLI_OPTION_VALUE, N_("ACTION"), NULL, N_("Only this action; asterisks stand for anything") },
  { "target", 0, CLI_OPTION_VALUE, N_("ID"), NULL, N_("Only what was done to this object") },
  { "result", 0, CLI_OPTION_VALUE, N_("RESULT"), NULL, N_("Only what ended so: done, begun or the word of an error") },
  { "since", 0, CLI_OPTION_VALUE, N_("TIME"), NULL, N_("Only from this time on, like 2030-01-31T12:00:00Z") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("NUMBER"), 0, TRUE, FALSE }, { N_("TIME"), 0, FALSE, FALSE },    { N_("WHO"), 0, FALSE, FALSE },
  { N_("FROM"), 0, FALSE, FALSE },  { N_("ACTION"), 0, FALSE, FALSE },  { N_("TARGET"), 12, FALSE, TRUE },
  { N_("RESULT"), 0, FALSE, FALSE },  { N_("DETAIL"), 12, FALSE, TRUE },
};

static void
add_row (CliTable *table, GVariant *row)
{
  static const char *const texts[] = { "time", "actor", "address", "action", "target", "result", "detail" };

  cli_table_take (table, g_strdup_printf ("%" G_GINT64_FORMAT, thole_dict_int (row, "seq", 0)));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    cli_table_add (table, thole_dict_string (row, texts[i], ""));
}

static const CliListing listing = { "/v1/audit?limit=100&tail=true", NULL, "request", columns, G_N_ELEMENTS (columns), add_row };

/* @path with what was asked for */
static char *
wanted (Cli *cli, const char *path)
{
  GString *text = g_string_new (path);

  for (guint i = 0; options[i].name != NULL; i++)
    cli_query (text, options[i].name, cli_arguments_get (cli->arguments, options[i].name));
  return g_string_free (text, FALSE);
}

static int
verify (Cli *cli, GError **error)
{
  g_autoptr(GVariant) verdict = cli_connect (cli, error) ? cli_get (cli, "/v1/audit/verify", error) : NULL;

  if (verdict == NULL)
    return CLI_FAILED;
  if (cli->output == CLI_OUTPUT_JSON)
    cli_print_done (cli, verdict, "");
  if (!thole_dict_boolean (verdict, "good", FALSE))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("row %lld: %s"), (long long) thole_dict_int (verdict, "broken", 0),
                   thole_dict_string (verdict, "why", ""));
      return CLI_FAILED;
    }
  if (cli->output != CLI_OUTPUT_JSON)
    {
      long long rows = thole_dict_int (verdict, "rows", 0);

      cli_print (ngettext ("%lld row is as it was written\n", "%lld rows are as they were written\n", (gulong) rows), rows);
    }
  return CLI_DONE;
}

/* all of them, an object a line */
static int
export (Cli *cli, GError **error)
{
  gint64 after = 0, next = 0;

  if (!cli_connect (cli, error))
    return CLI_FAILED;
  do
    {
      g_autofree char *begin = g_strdup_printf ("/v1/audit?limit=1000&after=%" G_GINT64_FORMAT, after = next);
      g_autofree char *path = wanted (cli, begin);
      g_autoptr(GVariant) page = cli_get (cli, path, error);
      g_autoptr(GVariant) items = page != NULL ? thole_dict_value (page, "items", "av") : NULL;

      if (page == NULL)
        return CLI_FAILED;
      for (gsize i = 0; items != NULL && i < g_variant_n_children (items); i++)
        {
          g_autoptr(GVariant) boxed = g_variant_get_child_value (items, i);
          g_autoptr(GVariant) row = g_variant_get_variant (boxed);
          g_autofree char *text = thole_json_to_string (row);

          cli_print ("%s\n", text);
        }
      next = thole_dict_int (page, "next_after", after);
    }
  while (next > after);
  return CLI_DONE;
}

static int
list (Cli *cli, GError **error)
{
  g_autofree char *path = wanted (cli, listing.path);

  return cli_listing (cli, &listing, path, error);
}

static const CliVerb verbs[] = { { "list", 0, 0, list }, { "verify", 0, 0, verify }, { "export", 0, 0, export }, { NULL } };

static int
run (Cli *cli, GError **error)
{
  return cli_verbs (cli, verbs, error);
}

const CliCommand cli_command_audit = {
  .name = "audit",
  .arguments = "[list | verify | export]",
  .summary = N_("List who did what, check that nobody changed it, or write all of it"),
  .doc = N_("Without an argument the newest 100 rows are listed. verify reads every row and names the first one that is not as it "
            "was written; it then ends with 1. export writes every row as JSON, one a line."),
  .options = options,
  .max = 1,
  .choices = "list|verify|export",
  .run = run,
};
