/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What came of a command that was run inside a workload.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_EXEC_RESULT:
 *
 * The type of #TholeExecResult.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_EXEC_RESULT (thole_exec_result_get_type ())
G_DECLARE_FINAL_TYPE (TholeExecResult, thole_exec_result, THOLE, EXEC_RESULT, GObject)

/**
 * TholeExecResult:
 *
 * What came of a command. It is not changed any more; what its getters give lives as long as it does.
 *
 * Since: 1.0
 */

/**
 * TholeExecResult:exit-code:
 *
 * The exit code, 0 to 255; -1 = it has none, since a signal ended it.
 *
 * Since: 1.0
 */

/**
 * thole_exec_result_get_exit_code:
 * @self: a #TholeExecResult
 *
 * See #TholeExecResult:exit-code.
 *
 * Returns: the exit code, -1 = it has none
 *
 * Since: 1.0
 */
int thole_exec_result_get_exit_code (TholeExecResult *self);

/**
 * TholeExecResult:exit-signal:
 *
 * The signal that ended it: `SIGKILL`; %NULL when it ended by itself.
 *
 * Since: 1.0
 */

/**
 * thole_exec_result_get_exit_signal:
 * @self: a #TholeExecResult
 *
 * See #TholeExecResult:exit-signal.
 *
 * Returns: (nullable): the signal that ended it
 *
 * Since: 1.0
 */
const char *thole_exec_result_get_exit_signal (TholeExecResult *self);

/**
 * TholeExecResult:output:
 *
 * Its standard output: any bytes, at most the first 1 MiB.
 *
 * Since: 1.0
 */

/**
 * thole_exec_result_get_output:
 * @self: a #TholeExecResult
 *
 * See #TholeExecResult:output.
 *
 * Returns: (transfer none): its standard output
 *
 * Since: 1.0
 */
GBytes *thole_exec_result_get_output (TholeExecResult *self);

/**
 * TholeExecResult:error-output:
 *
 * Its standard error: any bytes, at most the first 1 MiB.
 *
 * Since: 1.0
 */

/**
 * thole_exec_result_get_error_output:
 * @self: a #TholeExecResult
 *
 * See #TholeExecResult:error-output.
 *
 * Returns: (transfer none): its standard error
 *
 * Since: 1.0
 */
GBytes *thole_exec_result_get_error_output (TholeExecResult *self);

/**
 * TholeExecResult:truncated:
 *
 * Whether it wrote more than was kept, on either of them.
 *
 * Since: 1.0
 */

/**
 * thole_exec_result_get_truncated:
 * @self: a #TholeExecResult
 *
 * See #TholeExecResult:truncated.
 *
 * Returns: whether it wrote more than was kept
 *
 * Since: 1.0
 */
gboolean thole_exec_result_get_truncated (TholeExecResult *self);

/**
 * TholeExecResult:duration:
 *
 * Seconds that it took, with fractions.
 *
 * Since: 1.0
 */

/**
 * thole_exec_result_get_duration:
 * @self: a #TholeExecResult
 *
 * See #TholeExecResult:duration.
 *
 * Returns: seconds that it took
 *
 * Since: 1.0
 */
double thole_exec_result_get_duration (TholeExecResult *self);

G_END_DECLS
