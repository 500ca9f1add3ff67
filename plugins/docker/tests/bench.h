/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A host table of one's own, and calls of the driver's slots that wait for their answer.
 */
#pragma once

#include "thole-dict.h"
#include "thole-driver.h"

typedef struct
{
  TholeDriver *driver;
  const TholeDriverOps *ops;
  const TholeWorkloadOps *workload;
  const TholeExecOps *exec;
  const TholeAgentOps *agent;
  const TholeFilesOps *files;
  const TholeImageOps *image;
  const TholeVolumeOps *volume;
  GPtrArray *events; /* GVariant, in order */
  char *instance;
} Bench;

/* Opens the driver on @url (NULL = that of the environment) with further keys, NULL-terminated; does not probe. */
Bench     *bench_open    (const char *url, const char *instance, ...) G_GNUC_NULL_TERMINATED;
TholeProbe bench_probe   (Bench *self, GVariant **facts, GError **error);
void       bench_close   (Bench *self);

/* Pass as callback of a slot; then wait for it. */
void          bench_done  (GObject *source, GAsyncResult *result, gpointer slot);
GAsyncResult *bench_await (GAsyncResult **slot);

/* SLOT_async (...) and its result, that has to be unreffed: AWAIT (b->workload->list_async, b->driver, options, NULL) */
#define AWAIT(function, ...) \
  ({ GAsyncResult *slot_ = NULL; (function) (__VA_ARGS__, bench_done, &slot_); bench_await (&slot_); })

/* Runs the loop until @done says so; FALSE after @seconds. */
gboolean bench_until (gboolean (*done) (Bench *self, gpointer data), Bench *self, gpointer data, double seconds);
void     bench_pause (double seconds);

/* How many events of @kind there were, of @id and @action when they are not NULL. */
guint    bench_events (Bench *self, const char *kind, const char *id, const char *action);
gboolean bench_wait_event (Bench *self, const char *kind, const char *id, const char *action, guint count, double seconds);

/* Reads a stream to its end (or to @limit bytes); the error is of the read. Returns: (transfer full) */
GByteArray *bench_read (GInputStream *input, gsize limit, GError **error);
