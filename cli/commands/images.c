/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "../listing.h"
#include "../units.h"
#include "thole-dict.h"

static const CliOption options[] = {
  { "backend", 'b', CLI_OPTION_VALUE, N_("NAME"), "backend", N_("Of this backend (default: the default one)") },
  { NULL },
};

static const CliColumn columns[] = {
  { N_("REFERENCE"), 16, FALSE, FALSE }, { N_("ID"), 19, FALSE, FALSE }, { N_("SIZE"), 0, TRUE, FALSE },
  { N_("AGE"), 0, FALSE, FALSE },
};

static void
add_row (CliTable *table, GVariant *image)
{
  g_auto(GStrv) references = thole_dict_strv (image, "references");
  const char *created = thole_dict_string (image, "created_at", NULL);

  cli_table_take (table, *references != NULL ? g_strjoinv (", ", references) : g_strdup ("-"));
  cli_table_add (table, thole_dict_string (image, "id", ""));
  cli_table_take (table, cli_size_text (thole_dict_int (image, "size", 0)));
  cli_table_take (table, cli_age_text (created, g_get_real_time ()));
}

static const CliListing listing = { "/v1/images", NULL, "id", columns, G_N_ELEMENTS (columns), add_row };

static void
print_references (GPtrArray *images)
{
  for (guint i = 0; i < images->len; i++)
    {
      GVariant *image = g_ptr_array_index (images, i);
      g_auto(GStrv) references = thole_dict_strv (image, "references");

      for (char **reference = references; *reference != NULL; reference++)
        cli_print ("%s\n", *reference);
      if (*references == NULL)
        cli_print ("%s\n", thole_dict_string (image, "id", ""));
    }
}

static int
run (Cli *cli, GError **error)
{
  g_autoptr(GString) path = g_string_new (listing.path);
  g_autoptr(GPtrArray) images = NULL;

  cli_query (path, "backend", cli_arguments_get (cli->arguments, "backend"));
  if (cli->output != CLI_OUTPUT_NAME)
    return cli_listing (cli, &listing, path->str, error);
  images = cli_get_all (cli, path->str, error);
  if (images == NULL)
    return CLI_FAILED;
  print_references (images);
  return CLI_DONE;
}

const CliCommand cli_command_images = {
  .name = "images",
  .arguments = "",
  .summary = N_("List the images of a backend"),
  .options = options,
  .run = run,
};
