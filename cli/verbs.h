/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Commands about one kind of object: their first word says what is done. And what such verbs do alike.
 */
#pragma once

#include "listing.h"

typedef struct
{
  const char *word;  /* NULL ends a table */
  guint min, max;    /* how many arguments follow it */
  int (*run) (Cli *cli, GError **error); /* the arguments are what follows */
} CliVerb;

/* Takes the first argument away and runs its verb; without one the first verb of the table. */
int       cli_verbs       (Cli *self, const CliVerb *verbs, GError **error);

/* DELETEs @format with each of @names, prints it, complains about each failure and goes on. Returns the first failure's exit code. */
int       cli_delete_each (Cli *self, const char *format, GPtrArray *names, GError **error);
/* Sends @body (transfer floating) and prints the answer, or @fallback. Returns: the exit code */
int       cli_send        (Cli *self, const char *method, const char *path, GVariant *body, const char *fallback, GError **error);

/* The value of an option, when it is given, as a text, or all its values as a list; one empty value is an empty list. */
void      cli_put_text    (Cli *self, GVariantDict *body, const char *option, const char *key);
void      cli_put_list    (Cli *self, GVariantDict *body, const char *option, const char *key);
/* FALSE: it is not a number from @min to @max. */
gboolean  cli_put_int     (Cli *self, GVariantDict *body, const char *option, gint64 min, gint64 max, GError **error);
/* Returns: (transfer full): members of an array, for tables */
char     *cli_join        (GVariant *object, const char *key);
