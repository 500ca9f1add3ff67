/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing.h"

#include "describe.h"
#include "thole-dict.h"

static int
describe_words (Cli *self, const CliListing *listing)
{
  GPtrArray *words = self->arguments->words;
  int code = CLI_DONE;

  for (guint i = 0; i < words->len; i++)
    {
      const char *word = g_ptr_array_index (words, i);
      g_autofree char *path = cli_path (listing->one, word);
      g_autoptr(GError) error = NULL;
      g_autoptr(GVariant) object = cli_get (self, path, &error);

      if (object == NULL)
        {
          int failed = cli_complain (words->len > 1 ? word : NULL, error);
          code = code == CLI_DONE ? failed : code;
        }
      else if (self->output == CLI_OUTPUT_TABLE)
        cli_describe (object);
      else if (self->output == CLI_OUTPUT_JSON)
        cli_print_json (object);
      else
        cli_print ("%s\n", thole_dict_string (object, listing->key, word));
    }
  return code;
}

int
cli_listing (Cli *self, const CliListing *listing, const char *path, GError **error)
{
  g_autoptr(GPtrArray) items = NULL;
  g_autoptr(CliTable) table = NULL;

  if (!cli_connect (self, error))
    return CLI_FAILED;
  if (listing->one != NULL && self->arguments->words->len > 0)
    return describe_words (self, listing);
  items = cli_get_all (self, path != NULL ? path : listing->path, error);
  if (items == NULL)
    return CLI_FAILED;
  if (cli_print_list (self, items, listing->key))
    return CLI_DONE;
  table = cli_table_new (listing->columns, listing->n_columns);
  for (guint i = 0; i < items->len; i++)
    listing->add_row (table, g_ptr_array_index (items, i));
  cli_table_print (table);
  return CLI_DONE;
}
