/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bounds.h"

#include <string.h>

#include "units.h"

char *
cli_limit_text (const char *name, GVariant *object, const char *key)
{
  double value = thole_dict_double (object, key, 0);

  if (value == 0 && strcmp (key, "used") != 0)
    return g_strdup ("-");
  if (strcmp (name, "memory") == 0 || strcmp (name, "storage") == 0)
    return cli_size_text (thole_dict_int (object, key, 0));
  return g_strdup_printf ("%.6g", value);
}

static void
print_names (GVariant *all)
{
  GVariantIter iter;
  const char *name;

  g_variant_iter_init (&iter, all);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, NULL))
    cli_print ("%s\n", name);
}

static void
print_table (const CliLimits *limits, GVariant *all)
{
  g_autoptr(CliTable) table = cli_table_new (limits->columns, limits->n_columns);
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, all);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
      limits->add_row (table, name, value);
  cli_table_print (table);
}

int
cli_limits (Cli *self, const CliLimits *limits, GError **error)
{
  g_autoptr(GString) path = g_string_new (limits->path);
  g_autoptr(GVariant) all = NULL;

  cli_query (path, "user", cli_arguments_get (self->arguments, "user"));
  cli_query (path, "workload", cli_arguments_get (self->arguments, "workload"));
  all = cli_get (self, path->str, error);
  if (all == NULL)
    return CLI_FAILED;
  if (self->output == CLI_OUTPUT_JSON)
    cli_print_json (all);
  else if (self->output == CLI_OUTPUT_NAME)
    print_names (all);
  else
    print_table (limits, all);
  return CLI_DONE;
}
