/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What thole-log writes: where, and how it is read.
 */
#pragma once

#include "driver.h"


/* The slot. */
void     ctr_logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data);

typedef struct
{
  gboolean follow;
  gboolean patient;     /* a log that nobody ever wrote to is waited for */
  gint64 tail;          /* -1 = all */
  gint64 since, until;  /* µs, 0 = open */
  gboolean streams[3];  /* by number */
} CtrLogWanted;

/* Returns: (transfer full): a stream of log records (sdk/schema.md) of @folder, asynchronous reads only */
GInputStream *ctr_log_input_new (const char *folder, const CtrLogWanted *wanted);
