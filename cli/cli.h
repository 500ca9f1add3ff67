/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One run of tholectl: the arguments, the connection, and what several commands do alike.
 */
#pragma once

#include "arguments.h"
#include "client.h"
#include "command.h"
#include "output.h"
#include "problem.h"

/* seconds until an answer that waits for nothing is given up */
#define CLI_ANSWER_TIME 120

struct _Cli
{
  const CliCommand *command;
  CliArguments *arguments;
  CliOutput output;
  CliClient *client; /* (nullable): made by cli_connect() */
};

/* Makes the client from --url, THOLE_URL, --token-file and THOLE_TOKEN. */
gboolean    cli_connect   (Cli *self, GError **error);
/* Returns: (transfer full): an a{sv} */
GVariant   *cli_get       (Cli *self, const char *path, GError **error);
/* All pages of a list. Returns: (transfer full) (element-type GVariant): a{sv} each */
GPtrArray  *cli_get_all   (Cli *self, const char *path, GError **error);

/* Does @each for every argument, complains about each failure and goes on. Returns the first failure's exit code. */
typedef gboolean (*CliEach) (Cli *self, const char *name, GError **error);
int         cli_for_each  (Cli *self, CliEach each);

/* Prints a whole list: as JSON one array, as names a line each (@key). TRUE when that was all that was asked for. */
gboolean    cli_print_list (Cli *self, GPtrArray *items, const char *key);
/* One object after something was done to it: JSON, or its name (else @fallback). */
void        cli_print_done (Cli *self, GVariant *object, const char *fallback);
