/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Waiting for what goes on in the daemon. A daemon that is restarted meanwhile is waited for.
 */
#pragma once

#include "cli.h"
#include "progress.h"

/* seconds that a daemon may be away during a wait or a stream */
#define CLI_PATIENCE 30

/* what completes the options that take states */
#define CLI_STATES "provisioning|installing|starting|running|paused|stopping|stopped|crashed|error|suspended|deleting|deleted"

/* The option --wait[=STATE] with --timeout. @path: gets ?wait= and ?timeout=; @goal: for a --wait without a state.
 * @others: "" or ",STATE...": states that end the wait, too. @time: how long the answer may take. */
gboolean  cli_wait_query  (Cli *self, GString *path, const char *goal, const char *others, double *time, GError **error);

/* Waits until the workload is in one of @states (separated by commas). @timeout: seconds, below 0 = for ever.
 * @operation: (nullable): its progress is shown. Returns: (transfer full): the workload */
GVariant *cli_wait_state  (Cli *self, const char *id, const char *states, double timeout, const char *operation,
                           CliProgress *progress, GCancellable *cancellable, GError **error);

/* Follows an operation to its end. Returns: (transfer full): the operation, whatever its end */
GVariant *cli_wait_operation (Cli *self, const char *id, CliProgress *progress, GCancellable *cancellable, GError **error);

/* Is the word @state among @states (separated by commas)? */
gboolean  cli_state_among (const char *states, const char *state);
