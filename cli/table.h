/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table for people. On a terminal it shrinks to its width, each cut marked by an ellipsis; elsewhere nothing is cut.
 */
#pragma once

#include <glib.h>

typedef struct
{
  const char *title;  /* translated */
  guint least;        /* may shrink to this width; 0 = never */
  gboolean right;     /* numbers stand at the right */
  gboolean optional;  /* left out when every cell is empty */
} CliColumn;

typedef struct _CliTable CliTable;

/* @columns must outlive the table. */
CliTable *cli_table_new   (const CliColumn *columns, guint n_columns);
void      cli_table_free  (CliTable *self);
/* Adds one cell (NULL = empty); rows end by themselves. */
void      cli_table_add   (CliTable *self, const char *text);
/* Adds one cell. @text: (transfer full) */
void      cli_table_take  (CliTable *self, char *text);
/* Returns: (transfer full): title and rows, at most @rows of them (0 = all) */
char     *cli_table_text  (CliTable *self, guint rows);
void      cli_table_print (CliTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTable, cli_table_free)
