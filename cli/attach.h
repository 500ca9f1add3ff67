/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our terminal, or our pipes, at a session until its program ends or the person leaves.
 */
#pragma once

#include "cli.h"

#define CLI_DETACH_KEYS "ctrl-p,ctrl-q"
#define CLI_TAKE_KEYS "ctrl-p,ctrl-t"
#define CLI_PATIENCE 600.0

typedef struct
{
  const char *session;     /* id; of a workload for its console */
  gboolean console;        /* the main process of a workload: nothing but its keys reaches it */
  gboolean tty;            /* of the session */
  gboolean input;          /* ours is sent */
  gboolean watch;          /* never types */
  gboolean take;           /* control, from whoever has it */
  gboolean shared;         /* types beside whoever has control */
  const char *from;        /* "oldest", "live" or "snapshot" */
  const char *detach_keys;
  const char *take_keys;   /* what takes control while somebody else has it */
  double patience;         /* seconds without the daemon until it gives up */
} CliAttach;

typedef enum
{
  CLI_ATTACH_ENDED,       /* the program did */
  CLI_ATTACH_LEFT,        /* the keys were typed; the program goes on */
  CLI_ATTACH_INTERRUPTED, /* we were told to end */
  CLI_ATTACH_HUNG_UP,     /* our terminal went away */
} CliAttachEnd;

/* Returns: the exit code of the program, or of us */
int cli_attach (Cli *cli, const CliAttach *options, CliAttachEnd *end, GError **error);
