/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies the output of a workload to ours, stdout to stdout and stderr to stderr.
 */
#pragma once

#include "cli.h"

typedef struct
{
  gboolean follow;
  gboolean timestamps;
  gboolean raw;         /* the records as JSON, a line each, all on stdout */
  const char *tail;     /* (nullable) */
  const char *since;    /* (nullable) */
  const char *until;    /* (nullable) */
  const char *stream;   /* (nullable) */
  /* where it stands; a second copy goes on from here */
  char *last;           /* (nullable): time of the last record */
  guint seen;           /* records that had this time */
  guint skip;           /* of them still to be passed over after a new beginning */
  gboolean inside[2];   /* in the middle of a line of stdout, stderr */
  gboolean opened;      /* there was a stream */
  guint64 count;        /* records that came */
  gboolean plain;       /* they came as text, without their times */
  gboolean reader_gone; /* nobody reads our output */
} CliLogs;

/* Copies to the end. A lost connection is taken up again where it broke, when following. */
gboolean cli_logs_copy  (Cli *self, const char *id, CliLogs *logs, GCancellable *cancellable, GError **error);
void     cli_logs_clear (CliLogs *logs);
