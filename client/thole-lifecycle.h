/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The verbs of a workload's life.
 *
 * Each comes three times: `_async` with `_finish`, and a form that blocks. Options are those of HTTP, for example `wait` (a state
 * to wait for) and `timeout` (seconds). The object is as the daemon answered when a verb is done.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include "thole-workload.h"

G_BEGIN_DECLS

/**
 * thole_workload_start_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Starts it.
 *
 * Since: 1.0
 */
void thole_workload_start_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_start_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_start_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_start_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_start:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Starts it.
 *
 * Blocks; see thole_workload_start_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_start (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_stop_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Stops it: options `signal` and `grace`.
 *
 * Since: 1.0
 */
void thole_workload_stop_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_stop_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_stop_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_stop_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_stop:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Stops it: options `signal` and `grace`.
 *
 * Blocks; see thole_workload_stop_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_stop (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_restart_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Stops it, then starts it.
 *
 * Since: 1.0
 */
void thole_workload_restart_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_restart_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_restart_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_restart_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_restart:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Stops it, then starts it.
 *
 * Blocks; see thole_workload_restart_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_restart (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_kill_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Sends a signal (option `signal`), SIGKILL without one.
 *
 * Since: 1.0
 */
void thole_workload_kill_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_kill_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_kill_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_kill_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_kill:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Sends a signal (option `signal`), SIGKILL without one.
 *
 * Blocks; see thole_workload_kill_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_kill (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_pause_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Freezes its processes.
 *
 * Since: 1.0
 */
void thole_workload_pause_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_pause_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_pause_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_pause_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_pause:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Freezes its processes.
 *
 * Blocks; see thole_workload_pause_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_pause (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_unpause_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Thaws its processes.
 *
 * Since: 1.0
 */
void thole_workload_unpause_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_unpause_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_unpause_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_unpause_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_unpause:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Thaws its processes.
 *
 * Blocks; see thole_workload_unpause_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_unpause (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_suspend_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Stops it and locks it.
 *
 * Since: 1.0
 */
void thole_workload_suspend_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_suspend_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_suspend_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_suspend_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_suspend:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Stops it and locks it.
 *
 * Blocks; see thole_workload_suspend_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_suspend (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

/**
 * thole_workload_unsuspend_async:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Unlocks it.
 *
 * Since: 1.0
 */
void thole_workload_unsuspend_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_unsuspend_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_unsuspend_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_unsuspend_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_unsuspend:
 * @self: a #TholeWorkload
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Unlocks it.
 *
 * Blocks; see thole_workload_unsuspend_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_unsuspend (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error);

G_END_DECLS
