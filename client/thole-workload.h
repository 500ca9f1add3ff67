/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A workload: a program that runs on an engine and has a life cycle. Its verbs are in thole-lifecycle.h.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include "thole-exec-result.h"
#include "thole-object.h"
#include "thole-session.h"

G_BEGIN_DECLS

/**
 * THOLE_TYPE_WORKLOAD:
 *
 * The type of #TholeWorkload.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_WORKLOAD (thole_workload_get_type ())
G_DECLARE_FINAL_TYPE (TholeWorkload, thole_workload, THOLE, WORKLOAD, TholeObject)

/**
 * TholeWorkload:
 *
 * A program that runs on an engine and has a life cycle.
 *
 * Since: 1.0
 */

/**
 * TholeWorkload:backend:
 *
 * The configured backend that it runs on.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_backend:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:backend.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_backend (TholeWorkload *self);

/**
 * TholeWorkload:node:
 *
 * The node, empty on the daemon's own machine.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_node:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:node.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_node (TholeWorkload *self);

/**
 * TholeWorkload:desired-state:
 *
 * What is asked for: `running`, `stopped`, `paused`, `suspended` or `deleted`.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_desired_state:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:desired-state.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_desired_state (TholeWorkload *self);

/**
 * TholeWorkload:state-reason:
 *
 * Why the state is what it is: a word, a colon and text for people.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_state_reason:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:state-reason.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_state_reason (TholeWorkload *self);

/**
 * TholeWorkload:health:
 *
 * `none`, `starting`, `healthy` or `unhealthy`.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_health:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:health.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_health (TholeWorkload *self);

/**
 * TholeWorkload:engine-id:
 *
 * The engine's own id.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_engine_id:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:engine-id.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_engine_id (TholeWorkload *self);

/**
 * TholeWorkload:exit-code:
 *
 * The exit code of the last run, -1 = it has none.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_exit_code:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:exit-code.
 *
 * Returns: the exit code of the last run, -1 = it has none
 *
 * Since: 1.0
 */
int thole_workload_get_exit_code (TholeWorkload *self);

/**
 * TholeWorkload:exit-signal:
 *
 * The signal that ended it: `SIGKILL`.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_exit_signal:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:exit-signal.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_workload_get_exit_signal (TholeWorkload *self);

/**
 * TholeWorkload:restarts:
 *
 * Restarts by policy.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_restarts:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:restarts.
 *
 * Returns: restarts by policy
 *
 * Since: 1.0
 */
gint64 thole_workload_get_restarts (TholeWorkload *self);

/**
 * TholeWorkload:protected:
 *
 * Whether deletion is refused.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_protected:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:protected.
 *
 * Returns: whether deletion is refused
 *
 * Since: 1.0
 */
gboolean thole_workload_get_protected (TholeWorkload *self);

/**
 * TholeWorkload:spec:
 *
 * What runs, `a{sv}`.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_spec:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:spec.
 *
 * Returns: (transfer full) (nullable): what runs, `a{sv}`
 *
 * Since: 1.0
 */
GVariant *thole_workload_get_spec (TholeWorkload *self);

/**
 * TholeWorkload:labels:
 *
 * Its labels, `a{sv}` of texts.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_labels:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:labels.
 *
 * Returns: (transfer full) (nullable): its labels, `a{sv}` of texts
 *
 * Since: 1.0
 */
GVariant *thole_workload_get_labels (TholeWorkload *self);

/**
 * TholeWorkload:ports:
 *
 * Published ports, an array of `a{sv}`.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_ports:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:ports.
 *
 * Returns: (transfer full) (nullable): published ports, an array of `a{sv}`
 *
 * Since: 1.0
 */
GVariant *thole_workload_get_ports (TholeWorkload *self);

/**
 * TholeWorkload:addresses:
 *
 * Where it can be reached.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_addresses:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:addresses.
 *
 * Returns: (transfer full) (array zero-terminated=1): where it can be reached
 *
 * Since: 1.0
 */
char **thole_workload_get_addresses (TholeWorkload *self);

/**
 * TholeWorkload:started-at:
 *
 * A time.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_started_at:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:started-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_workload_get_started_at (TholeWorkload *self);

/**
 * TholeWorkload:stopped-at:
 *
 * A time.
 *
 * Since: 1.0
 */

/**
 * thole_workload_get_stopped_at:
 * @self: a #TholeWorkload
 *
 * See #TholeWorkload:stopped-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_workload_get_stopped_at (TholeWorkload *self);

/**
 * thole_workload_update_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Changes name, labels, resources, restart policy, time to live: a merge patch.
 *
 * Since: 1.0
 */
void thole_workload_update_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_update_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_update_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_update_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_update:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Changes name, labels, resources, restart policy, time to live: a merge patch.
 *
 * Blocks; see thole_workload_update_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_update (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_delete_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Deletes it: with option `force` in every state; `wait` of `deleted` ends when it is gone.
 *
 * Since: 1.0
 */
void thole_workload_delete_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_delete_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_delete_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_delete_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_delete:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Deletes it: with option `force` in every state; `wait` of `deleted` ends when it is gone.
 *
 * Blocks; see thole_workload_delete_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_delete (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_refresh_async:
 * @self: a #TholeWorkload
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Reads it anew.
 *
 * Since: 1.0
 */
void thole_workload_refresh_async (TholeWorkload *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);

/**
 * thole_workload_refresh_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_refresh_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_refresh_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_refresh:
 * @self: a #TholeWorkload
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Reads it anew.
 *
 * Blocks; see thole_workload_refresh_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_refresh (TholeWorkload *self, GCancellable *cancellable, GError **error);

/**
 * thole_workload_exec_async:
 * @self: a #TholeWorkload
 * @command: (array zero-terminated=1): the command line
 * @options: (nullable): a dictionary `a{sv}`: `stdin` (a text) or `stdin_base64`, at most 1 MiB; `env`, `working_dir`, `user`; `timeout`
 *   in seconds, 60 unless it says otherwise
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Runs one command inside to its end and gives what it wrote, at most 1 MiB each of output and of errors; for more than that see
 * thole_workload_spawn_async(). A command that ends with an exit code other than 0, or by a signal, is no error. A cancel gives
 * up the answer, and the command may run on until its timeout.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND, %THOLE_CLIENT_ERROR_FORBIDDEN,
 * %THOLE_CLIENT_ERROR_INVALID (a wrong option, or no such program), %THOLE_CLIENT_ERROR_ILLEGAL_TRANSITION (the workload does not
 * run), %THOLE_CLIENT_ERROR_TIMEOUT (it was killed), %THOLE_CLIENT_ERROR_BUSY (too many at once),
 * %THOLE_CLIENT_ERROR_UNREACHABLE (whether it ran is not known, and it is not run twice); and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_exec_async (TholeWorkload *self, const char *const *command, GVariant *options,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_exec_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_exec_async().
 *
 * Returns: (transfer full): what came of it, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeExecResult *thole_workload_exec_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_exec:
 * @self: a #TholeWorkload
 * @command: (array zero-terminated=1): the command line
 * @options: (nullable): a dictionary `a{sv}`: `stdin` (a text) or `stdin_base64`, at most 1 MiB; `env`, `working_dir`, `user`; `timeout`
 *   in seconds, 60 unless it says otherwise
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Runs one command inside to its end and gives what it wrote, at most 1 MiB each of output and of errors.
 *
 * Blocks; see thole_workload_exec_async().
 *
 * Returns: (transfer full): what came of it, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeExecResult *thole_workload_exec (TholeWorkload *self, const char *const *command, GVariant *options,
                                      GCancellable *cancellable, GError **error);

/**
 * thole_workload_spawn_async:
 * @self: a #TholeWorkload
 * @command: (array zero-terminated=1): the command line
 * @options: (nullable): a dictionary `a{sv}`: `working_dir`, `env`, `user`, `tty`, `rows`, `cols`, `stop_after` and all else that
 *   thole_workload_create_session_async() takes
 * @cancellable: (nullable): a #GCancellable, which also ends the program as long as it runs
 * @callback: (scope async) (nullable): called once it runs
 * @user_data: (closure): data for @callback
 *
 * Runs a program inside whose standard input, output and error are streams, of any length; thole_workload_exec_async() is for what is
 * short. It is a session of pipes (of a terminal with `tty`) and the one attachment to it: write to the output stream, read the input
 * stream and #TholeAttachment:error-stream, end its input with thole_attachment_end_input(), and wait for its end with
 * thole_attachment_wait_async(), after which there are #TholeAttachment:exit-code and #TholeAttachment:exit-signal. Output that nobody
 * reads holds the program up: read both streams, or close the one that is not wanted.
 *
 * Streams go on when the connection breaks or the daemon is started again. When @cancellable is cancelled, then or later, the
 * program is killed, output that was not read is dropped, and the wait ends with %G_IO_ERROR_CANCELLED. Who lets go of the
 * attachment or closes it leaves the program alone: it is stopped after `stop_after` seconds, 60 unless @options say otherwise. Its session
 * is taken away once its end was seen, by thole_attachment_wait() or in the main context of this call.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND, %THOLE_CLIENT_ERROR_FORBIDDEN,
 * %THOLE_CLIENT_ERROR_INVALID (a wrong option, or no such program), %THOLE_CLIENT_ERROR_ILLEGAL_TRANSITION (the workload does not run),
 * %THOLE_CLIENT_ERROR_QUOTA_EXCEEDED (too many sessions), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_spawn_async (TholeWorkload *self, const char *const *command, GVariant *options,
                                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_spawn_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_spawn_async().
 *
 * Returns: (transfer full): the program's streams, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeAttachment *thole_workload_spawn_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_spawn:
 * @self: a #TholeWorkload
 * @command: (array zero-terminated=1): the command line
 * @options: (nullable): a dictionary `a{sv}`: `working_dir`, `env`, `user`, `tty`, `rows`, `cols`, `stop_after` and all else that
 *   thole_workload_create_session_async() takes
 * @cancellable: (nullable): a #GCancellable, which also ends the program as long as it runs
 * @error:
 *
 * Runs a program inside whose standard input, output and error are streams, of any length.
 *
 * Blocks until it runs; see thole_workload_spawn_async().
 *
 * Returns: (transfer full): the program's streams, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeAttachment *thole_workload_spawn (TholeWorkload *self, const char *const *command, GVariant *options,
                                       GCancellable *cancellable, GError **error);

/**
 * thole_workload_open_logs_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Reads its output: options `follow` (go on with what is written later), `tail` (last lines only), `since` and `until` (RFC 3339, or
 * seconds since the epoch), `stream` (`stdout`, `stderr`), `timestamps`.
 *
 * The stream belongs to the caller and keeps the client. When the daemon or the way to it fails a read gives
 * %THOLE_CLIENT_ERROR_UNREACHABLE; over HTTP, what is followed may then also end as if nothing more came.
 *
 * Since: 1.0
 */
void thole_workload_open_logs_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_open_logs_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_open_logs_async().
 *
 * Returns: (transfer full): its output, or %NULL with @error set
 *
 * Since: 1.0
 */
GInputStream *thole_workload_open_logs_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_open_logs:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Reads its output: options `follow`, `tail`, `since`, `until`, `stream`, `timestamps`.
 *
 * Blocks; see thole_workload_open_logs_async().
 *
 * Returns: (transfer full): its output, or %NULL with @error set
 *
 * Since: 1.0
 */
GInputStream *thole_workload_open_logs (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                        GError **error);

/**
 * thole_workload_create_session_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Starts a program inside that people attach to: options `command`, `tty`, `rows`, `cols` and so on.
 *
 * Since: 1.0
 */
void thole_workload_create_session_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_create_session_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_create_session_async().
 *
 * Returns: (transfer full): the session, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeSession *thole_workload_create_session_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_create_session:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Starts a program inside that people attach to: options `command`, `tty`, `rows`, `cols` and so on.
 *
 * Blocks; see thole_workload_create_session_async().
 *
 * Returns: (transfer full): the session, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeSession *thole_workload_create_session (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                             GError **error);

/**
 * thole_workload_list_sessions_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Lists its sessions.
 *
 * Since: 1.0
 */
void thole_workload_list_sessions_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                         GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_list_sessions_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_list_sessions_async().
 *
 * Returns: (transfer container) (element-type TholeSession): its sessions, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_workload_list_sessions_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_list_sessions:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Lists its sessions.
 *
 * Blocks; see thole_workload_list_sessions_async().
 *
 * Returns: (transfer container) (element-type TholeSession): its sessions, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_workload_list_sessions (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                         GError **error);

G_END_DECLS
