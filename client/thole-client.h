/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The way to one daemon: over its unix socket, TCP or a message bus.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include "thole-client-error.h"
#include "thole-event-stream.h"
#include "thole-list.h"
#include "thole-workload.h"

G_BEGIN_DECLS

/**
 * THOLE_TYPE_CLIENT:
 *
 * The type of #TholeClient.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_CLIENT (thole_client_get_type ())
G_DECLARE_FINAL_TYPE (TholeClient, thole_client, THOLE, CLIENT, GObject)

/**
 * TholeClient:
 *
 * The way to one daemon. Nothing is connected before the first call. A client and what comes of it belong to one thread.
 *
 * Since: 1.0
 */

/**
 * thole_client_new_for_url:
 * @url: (nullable): `unix:PATH`, `http[s]://HOST:PORT`, `dbus:system`, `dbus:session` or `dbus:ADDRESS`; %NULL: the environment
 *   variable `THOLE_URL`, else the local daemon over its unix socket
 * @token: (nullable): a bearer token, for HTTP; %NULL: the environment variable `THOLE_TOKEN`, if it is set
 * @error:
 *
 * Makes a client. `THOLE_CA_FILE` names a file of those that may sign for the daemon, instead of the system's own.
 *
 * Returns: (transfer full): a client, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeClient *thole_client_new_for_url (const char *url, const char *token, GError **error);

/**
 * TholeClient:url:
 *
 * The URL of the daemon.
 *
 * Since: 1.0
 */

/**
 * thole_client_get_url:
 * @self: a #TholeClient
 *
 * See #TholeClient:url.
 *
 * Returns: the URL of the daemon
 *
 * Since: 1.0
 */
const char *thole_client_get_url (TholeClient *self);

/**
 * thole_client_call_async:
 * @self: a #TholeClient
 * @operation: its name: `image.pull`
 * @target: (nullable): id or name of the object that it is about
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Asks for any operation that the daemon has and that is not a stream. Lists are read to their end, unless there is an option
 * `limit`, and come as an array of objects.
 *
 * Since: 1.0
 */
void thole_client_call_async (TholeClient *self, const char *operation, const char *target, GVariant *options,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_client_call_finish:
 * @self: a #TholeClient
 * @result: the result
 * @error:
 *
 * Ends thole_client_call_async().
 *
 * Returns: (transfer full) (nullable): the answer, %NULL with @error set, or %NULL alone when it is empty
 *
 * Since: 1.0
 */
GVariant *thole_client_call_finish (TholeClient *self, GAsyncResult *result, GError **error);

/**
 * thole_client_call:
 * @self: a #TholeClient
 * @operation: its name: `image.pull`
 * @target: (nullable): id or name of the object that it is about
 * @options: (nullable): a dictionary `a{sv}`: the fields of body and query as over HTTP
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Asks for any operation that the daemon has and that is not a stream. Lists are read to their end, unless there is an option
 * `limit`, and come as an array of objects.
 *
 * Blocks; see thole_client_call_async().
 *
 * Returns: (transfer full) (nullable): the answer, %NULL with @error set, or %NULL alone when it is empty
 *
 * Since: 1.0
 */
GVariant *thole_client_call (TholeClient *self, const char *operation, const char *target, GVariant *options,
                             GCancellable *cancellable, GError **error);

/**
 * thole_client_list_workloads_async:
 * @self: a #TholeClient
 * @options: (nullable): a dictionary `a{sv}` of filters: `state`, `name` and so on
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Lists workloads.
 *
 * Since: 1.0
 */
void thole_client_list_workloads_async (TholeClient *self, GVariant *options, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_client_list_workloads_finish:
 * @self: a #TholeClient
 * @result: the result
 * @error:
 *
 * Ends thole_client_list_workloads_async().
 *
 * Returns: (transfer container) (element-type TholeWorkload): what was found, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_client_list_workloads_finish (TholeClient *self, GAsyncResult *result, GError **error);

/**
 * thole_client_list_workloads:
 * @self: a #TholeClient
 * @options: (nullable): a dictionary `a{sv}` of filters: `state`, `name` and so on
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Lists workloads.
 *
 * Blocks; see thole_client_list_workloads_async().
 *
 * Returns: (transfer container) (element-type TholeWorkload): what was found, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_client_list_workloads (TholeClient *self, GVariant *options, GCancellable *cancellable,
                                        GError **error);

/**
 * thole_client_get_workload_async:
 * @self: a #TholeClient
 * @id: an id or a name
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Reads one workload.
 *
 * Since: 1.0
 */
void thole_client_get_workload_async (TholeClient *self, const char *id, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_client_get_workload_finish:
 * @self: a #TholeClient
 * @result: the result
 * @error:
 *
 * Ends thole_client_get_workload_async().
 *
 * Returns: (transfer full): the workload, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeWorkload *thole_client_get_workload_finish (TholeClient *self, GAsyncResult *result, GError **error);

/**
 * thole_client_get_workload:
 * @self: a #TholeClient
 * @id: an id or a name
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Reads one workload.
 *
 * Blocks; see thole_client_get_workload_async().
 *
 * Returns: (transfer full): the workload, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeWorkload *thole_client_get_workload (TholeClient *self, const char *id, GCancellable *cancellable,
                                          GError **error);

/**
 * thole_client_follow_workloads:
 * @self: a #TholeClient
 *
 * Follows all workloads that the caller may see.
 *
 * Returns: (transfer full): a #GListModel of #TholeWorkload
 *
 * Since: 1.0
 */
TholeList *thole_client_follow_workloads (TholeClient *self);

/**
 * thole_client_list_sessions_async:
 * @self: a #TholeClient
 * @options: (nullable): a dictionary `a{sv}` of filters: `state`, `name` and so on
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Lists sessions.
 *
 * Since: 1.0
 */
void thole_client_list_sessions_async (TholeClient *self, GVariant *options, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_client_list_sessions_finish:
 * @self: a #TholeClient
 * @result: the result
 * @error:
 *
 * Ends thole_client_list_sessions_async().
 *
 * Returns: (transfer container) (element-type TholeSession): what was found, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_client_list_sessions_finish (TholeClient *self, GAsyncResult *result, GError **error);

/**
 * thole_client_list_sessions:
 * @self: a #TholeClient
 * @options: (nullable): a dictionary `a{sv}` of filters: `state`, `name` and so on
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Lists sessions.
 *
 * Blocks; see thole_client_list_sessions_async().
 *
 * Returns: (transfer container) (element-type TholeSession): what was found, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_client_list_sessions (TholeClient *self, GVariant *options, GCancellable *cancellable,
                                       GError **error);

/**
 * thole_client_get_session_async:
 * @self: a #TholeClient
 * @id: an id or a name
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Reads one session.
 *
 * Since: 1.0
 */
void thole_client_get_session_async (TholeClient *self, const char *id, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_client_get_session_finish:
 * @self: a #TholeClient
 * @result: the result
 * @error:
 *
 * Ends thole_client_get_session_async().
 *
 * Returns: (transfer full): the session, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeSession *thole_client_get_session_finish (TholeClient *self, GAsyncResult *result, GError **error);

/**
 * thole_client_get_session:
 * @self: a #TholeClient
 * @id: an id or a name
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Reads one session.
 *
 * Blocks; see thole_client_get_session_async().
 *
 * Returns: (transfer full): the session, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeSession *thole_client_get_session (TholeClient *self, const char *id, GCancellable *cancellable, GError **error);

/**
 * thole_client_follow_sessions:
 * @self: a #TholeClient
 *
 * Follows all sessions that the caller may see.
 *
 * Returns: (transfer full): a #GListModel of #TholeSession
 *
 * Since: 1.0
 */
TholeList *thole_client_follow_sessions (TholeClient *self);

/**
 * thole_client_create_workload_async:
 * @self: a #TholeClient
 * @request: a dictionary `a{sv}`: `name`, `spec`, `labels`, `backend`, `start`, and also `wait`, `timeout`
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Creates a workload. An answer that is lost on the way does not make it twice.
 *
 * Since: 1.0
 */
void thole_client_create_workload_async (TholeClient *self, GVariant *request, GCancellable *cancellable,
                                         GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_client_create_workload_finish:
 * @self: a #TholeClient
 * @result: the result
 * @error:
 *
 * Ends thole_client_create_workload_async().
 *
 * Returns: (transfer full): the workload, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeWorkload *thole_client_create_workload_finish (TholeClient *self, GAsyncResult *result, GError **error);

/**
 * thole_client_create_workload:
 * @self: a #TholeClient
 * @request: a dictionary `a{sv}`: `name`, `spec`, `labels`, `backend`, `start`, and also `wait`, `timeout`
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Creates a workload. An answer that is lost on the way does not make it twice.
 *
 * Blocks; see thole_client_create_workload_async().
 *
 * Returns: (transfer full): the workload, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeWorkload *thole_client_create_workload (TholeClient *self, GVariant *request, GCancellable *cancellable,
                                             GError **error);

/**
 * thole_client_open_events:
 * @self: a #TholeClient
 * @after: the number of an event, %THOLE_EVENTS_OLDEST or %THOLE_EVENTS_NEW
 * @options: (nullable): a dictionary `a{sv}`: `type` (types, separated by commas; `workload.*` takes all of a kind), `subject` (an id)
 *
 * Reads events, beginning after a number. Nothing is asked before the first thole_event_stream_next().
 *
 * Returns: (transfer full): the events
 *
 * Since: 1.0
 */
TholeEventStream *thole_client_open_events (TholeClient *self, gint64 after, GVariant *options);

G_END_DECLS
