/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files and folders between this machine and a workload.
 */
#pragma once

#include "cli.h"

/* One side of a copy. */
typedef struct
{
  char *workload;    /* (nullable): NULL = here */
  char *path;        /* absolute and clean in a workload, as it was given here; "-" here: the standard input or output */
  gboolean folder;   /* it must be one: a slash stood at its end */
  gboolean content;  /* what is in it, without itself */
} CliSide;

void cli_side_clear (CliSide *side);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliSide, cli_side_clear)

/* NAME:PATH, or a path here: one that begins with / or . or has no colon. CLI_USAGE when it is neither. */
gboolean cli_side_parse (CliSide *side, const char *text, GError **error);

/* Returns: the exit code; 130 when it was interrupted */
int      cli_copy_in    (Cli *cli, const CliSide *from, const CliSide *to, GError **error);
int      cli_copy_out   (Cli *cli, const CliSide *from, const CliSide *to, GError **error);
