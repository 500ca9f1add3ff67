/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One run of tholectl: the arguments, the connection, and what several commands do alike.
 */
#pragma once

#include "arguments.h"
#include "client.h"
#include "command.h"
#include "context.h"
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

/* Where the daemon is and who we are to it. */
typedef struct
{
  CliContext *context; /* (nullable): that it comes from */
  char *url;           /* (nullable): the usual one */
  char *authority;     /* (nullable) */
  char *token;         /* (nullable) */
} CliPlace;

/* What --url, THOLE_URL, --context and the context in use say, in this order. */
gboolean    cli_place       (Cli *self, CliPlace *place, GError **error);
/* And --token-file, THOLE_TOKEN, the context. */
gboolean    cli_place_token (Cli *self, CliPlace *place, GError **error);
void        cli_place_clear (CliPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliPlace, cli_place_clear)
/* Makes the client for that. */
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
