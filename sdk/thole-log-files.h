/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the log files that a small program beside a workload writes (thole-log-write.h), for drivers of engines that keep no logs.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  gboolean follow;
  gboolean patient;     /* a log that nobody ever wrote to is waited for */
  gint64 tail;          /* lines, -1 = all */
  gint64 since, until;  /* µs since the epoch, 0 = open */
  gboolean streams[3];  /* by number: 1 stdout, 2 stderr */
} TholeLogWanted;

/* Who follows gets the end when nobody writes any more.
 * Returns: (transfer full): a stream of log records (schema.md) of @folder, asynchronous reads only */
GInputStream *thole_log_files_read (const char *folder, const TholeLogWanted *wanted);

G_END_DECLS
