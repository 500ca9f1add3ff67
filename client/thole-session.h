/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session: a program inside a workload that people attach to.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include "thole-attachment.h"
#include "thole-object.h"

G_BEGIN_DECLS

/**
 * THOLE_TYPE_SESSION:
 *
 * The type of #TholeSession.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_SESSION (thole_session_get_type ())
G_DECLARE_FINAL_TYPE (TholeSession, thole_session, THOLE, SESSION, TholeObject)

/**
 * TholeSession:
 *
 * A program inside a workload that people attach to. It goes on when nobody is attached.
 *
 * Since: 1.0
 */

/**
 * TholeSession:workload:
 *
 * The id of its workload.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_workload:
 * @self: a #TholeSession
 *
 * See #TholeSession:workload.
 *
 * Returns: (nullable): the id of its workload
 *
 * Since: 1.0
 */
const char *thole_session_get_workload (TholeSession *self);

/**
 * TholeSession:reason:
 *
 * Why it ended: a word, and perhaps a colon and text for people.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_reason:
 * @self: a #TholeSession
 *
 * See #TholeSession:reason.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_session_get_reason (TholeSession *self);

/**
 * TholeSession:tty:
 *
 * Whether it has a terminal.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_tty:
 * @self: a #TholeSession
 *
 * See #TholeSession:tty.
 *
 * Returns: whether it has a terminal
 *
 * Since: 1.0
 */
gboolean thole_session_get_tty (TholeSession *self);

/**
 * TholeSession:rows:
 *
 * Lines of the terminal.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_rows:
 * @self: a #TholeSession
 *
 * See #TholeSession:rows.
 *
 * Returns: lines of the terminal
 *
 * Since: 1.0
 */
int thole_session_get_rows (TholeSession *self);

/**
 * TholeSession:cols:
 *
 * Columns of the terminal.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_cols:
 * @self: a #TholeSession
 *
 * See #TholeSession:cols.
 *
 * Returns: columns of the terminal
 *
 * Since: 1.0
 */
int thole_session_get_cols (TholeSession *self);

/**
 * TholeSession:viewers:
 *
 * Who is attached.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_viewers:
 * @self: a #TholeSession
 *
 * See #TholeSession:viewers.
 *
 * Returns: who is attached
 *
 * Since: 1.0
 */
int thole_session_get_viewers (TholeSession *self);

/**
 * TholeSession:output:
 *
 * Bytes of output so far.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_output:
 * @self: a #TholeSession
 *
 * See #TholeSession:output.
 *
 * Returns: bytes of output so far
 *
 * Since: 1.0
 */
gint64 thole_session_get_output (TholeSession *self);

/**
 * TholeSession:exit-code:
 *
 * The exit code, -1 = it has none.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_exit_code:
 * @self: a #TholeSession
 *
 * See #TholeSession:exit-code.
 *
 * Returns: the exit code, -1 = it has none
 *
 * Since: 1.0
 */
int thole_session_get_exit_code (TholeSession *self);

/**
 * TholeSession:exit-signal:
 *
 * The signal that ended it: `SIGKILL`.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_exit_signal:
 * @self: a #TholeSession
 *
 * See #TholeSession:exit-signal.
 *
 * Returns: (nullable): the text, which lives until the object changes
 *
 * Since: 1.0
 */
const char *thole_session_get_exit_signal (TholeSession *self);

/**
 * TholeSession:started-at:
 *
 * A time.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_started_at:
 * @self: a #TholeSession
 *
 * See #TholeSession:started-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_session_get_started_at (TholeSession *self);

/**
 * TholeSession:ended-at:
 *
 * A time.
 *
 * Since: 1.0
 */

/**
 * thole_session_get_ended_at:
 * @self: a #TholeSession
 *
 * See #TholeSession:ended-at.
 *
 * Returns: (transfer full) (nullable): a time
 *
 * Since: 1.0
 */
GDateTime *thole_session_get_ended_at (TholeSession *self);

/**
 * thole_session_update_async:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Changes name, size, what follows when the last viewer leaves.
 *
 * Since: 1.0
 */
void thole_session_update_async (TholeSession *self, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_session_update_finish:
 * @self: a #TholeSession
 * @result: the result
 * @error:
 *
 * Ends thole_session_update_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_update_finish (TholeSession *self, GAsyncResult *result, GError **error);

/**
 * thole_session_update:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Changes name, size, what follows when the last viewer leaves.
 *
 * Blocks; see thole_session_update_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_update (TholeSession *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_session_signal_async:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Sends a signal to its program: option `signal`.
 *
 * Since: 1.0
 */
void thole_session_signal_async (TholeSession *self, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_session_signal_finish:
 * @self: a #TholeSession
 * @result: the result
 * @error:
 *
 * Ends thole_session_signal_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_signal_finish (TholeSession *self, GAsyncResult *result, GError **error);

/**
 * thole_session_signal:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Sends a signal to its program: option `signal`.
 *
 * Blocks; see thole_session_signal_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_signal (TholeSession *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_session_delete_async:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Ends its program and forgets it.
 *
 * Since: 1.0
 */
void thole_session_delete_async (TholeSession *self, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_session_delete_finish:
 * @self: a #TholeSession
 * @result: the result
 * @error:
 *
 * Ends thole_session_delete_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_delete_finish (TholeSession *self, GAsyncResult *result, GError **error);

/**
 * thole_session_delete:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Ends its program and forgets it.
 *
 * Blocks; see thole_session_delete_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_delete (TholeSession *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_session_refresh_async:
 * @self: a #TholeSession
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Reads it anew.
 *
 * Since: 1.0
 */
void thole_session_refresh_async (TholeSession *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * thole_session_refresh_finish:
 * @self: a #TholeSession
 * @result: the result
 * @error:
 *
 * Ends thole_session_refresh_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_refresh_finish (TholeSession *self, GAsyncResult *result, GError **error);

/**
 * thole_session_refresh:
 * @self: a #TholeSession
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Reads it anew.
 *
 * Blocks; see thole_session_refresh_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_session_refresh (TholeSession *self, GCancellable *cancellable, GError **error);

/**
 * thole_session_attach_async:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Attaches to it. Options: `from` (`oldest`, `live`, `snapshot` or the number of a byte), `input` (`lease`, `shared`, `none`),
 * `take` (a boolean: take control from whoever has it), `patience` (seconds for which a broken connection is tried again, 60).
 *
 * Since: 1.0
 */
void thole_session_attach_async (TholeSession *self, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_session_attach_finish:
 * @self: a #TholeSession
 * @result: the result
 * @error:
 *
 * Ends thole_session_attach_async().
 *
 * Returns: (transfer full): the attachment, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeAttachment *thole_session_attach_finish (TholeSession *self, GAsyncResult *result, GError **error);

/**
 * thole_session_attach:
 * @self: a #TholeSession
 * @options: (nullable): a dictionary `a{sv}`
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Attaches to it. Options: `from` (`oldest`, `live`, `snapshot` or the number of a byte), `input` (`lease`, `shared`, `none`),
 * `take` (a boolean: take control from whoever has it), `patience` (seconds for which a broken connection is tried again, 60).
 *
 * Blocks; see thole_session_attach_async().
 *
 * Returns: (transfer full): the attachment, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeAttachment *thole_session_attach (TholeSession *self, GVariant *options, GCancellable *cancellable,
                                       GError **error);

G_END_DECLS
