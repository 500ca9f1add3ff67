/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parsed command line.
 */
#pragma once

#include "command.h"

typedef struct
{
  GHashTable *values; /* long name -> GPtrArray of strings ("" for a flag) */
  GPtrArray *words;   /* what is not an option */
  gboolean bare;      /* `--` stood before the first of them */
} CliArguments;

CliArguments *cli_arguments_new   (void);
void          cli_arguments_free  (CliArguments *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliArguments, cli_arguments_free)

/* Adds @argv (NULL-terminated) by the option tables @tables (NULL-terminated). With @stops the first word ends the
 * options. Values are UTF-8 afterwards. Fails with CLI_USAGE. */
gboolean      cli_arguments_parse (CliArguments *self, const CliOption *const *tables, gboolean stops, char **argv,
                                   GError **error);

gboolean      cli_arguments_has   (CliArguments *self, const char *name);
/* Returns: (nullable): the last value */
const char   *cli_arguments_get   (CliArguments *self, const char *name);
/* Returns: (transfer none): all values, maybe none */
GPtrArray    *cli_arguments_all   (CliArguments *self, const char *name);
const char   *cli_arguments_word  (CliArguments *self, guint index);

/* Numbers and durations ("90", "1.5", "10m", "2h30m") of an option: @fallback when it is not given; CLI_USAGE when it is
 * not one or out of range. */
gboolean      cli_arguments_int      (CliArguments *self, const char *name, gint64 min, gint64 max, gint64 fallback,
                                      gint64 *value, GError **error);
gboolean      cli_arguments_duration (CliArguments *self, const char *name, double max, double fallback, double *value,
                                      GError **error);
