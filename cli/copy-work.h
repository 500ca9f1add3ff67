/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One copy on its way: what both directions need.
 */
#pragma once

#include "copy.h"
#include "interrupt.h"
#include "progress.h"
#include "source.h"

typedef struct
{
  Cli *cli;
  const CliSide *from, *to;
  GCancellable *cancellable;
  CliInterrupt interrupt;
  CliProgress *progress; /* (nullable): with the standard output none */
  GSource *tick;
  char *label;
  CliSource *source;     /* (nullable): of an upload */
  guint64 done;          /* of a download */
  gint64 total;          /* -1 = not known */
} CliCopy;

void     cli_copy_begin (CliCopy *self, Cli *cli, const CliSide *from, const CliSide *to);
/* @code: so far. Returns: the exit code */
int      cli_copy_end   (CliCopy *self, int code, GError **error);

/* Returns: (transfer full): the way to files of @side with @verb ("" or "/extract" ...) and its path or, when not NULL, @path */
GString *cli_copy_url   (const CliSide *side, const char *verb, const char *path);
/* Is @reply what the daemon says of a folder (or of what is neither file nor folder) that was asked for as a file? */
gboolean cli_copy_is_folder (CliReply *reply);
