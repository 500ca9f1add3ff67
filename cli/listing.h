/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Commands that list one kind of object, or describe those that are named.
 */
#pragma once

#include "cli.h"
#include "table.h"

typedef struct
{
  const char *path;   /* of the list */
  const char *one;    /* (nullable): of one object, with %s */
  const char *key;    /* what --output name prints */
  const CliColumn *columns;
  guint n_columns;
  void (*add_row) (CliTable *table, GVariant *object);
} CliListing;

/* @path: (nullable): instead of the listing's, with a query */
int cli_listing (Cli *self, const CliListing *listing, const char *path, GError **error);
