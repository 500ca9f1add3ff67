/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The calls of a client that are not about one object that is already there.
 */
#include "private.h"

/* Each kind of call is three functions that differ only in what is asked and in what becomes of the answer. */

/* any operation ----------------------------------------------------------------------------------------- */

void
thole_client_call_async (TholeClient *self, const char *operation, const char *target, GVariant *options,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (THOLE_IS_CLIENT (self));
  thole_client_begin (self, self, thole_client_call_async, operation, target, options, cancellable, callback, user_data);
}

GVariant *
thole_client_call_finish (TholeClient *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  return thole_client_end (self, result, thole_client_call_async, &reply, error) ? reply : NULL;
}

GVariant *
thole_client_call (TholeClient *self, const char *operation, const char *target, GVariant *options, GCancellable *cancellable,
                   GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  return thole_client_ask (self, operation, target, options, cancellable, &reply, error) ? reply : NULL;
}

/* workloads -------------------------------------------------------------------------------------------- */

void
thole_client_list_workloads_async (TholeClient *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (THOLE_IS_CLIENT (self));
  thole_client_begin (self, self, thole_client_list_workloads_async, "workload.list", NULL, options, cancellable, callback, user_data);
}

GPtrArray *
thole_client_list_workloads_finish (TholeClient *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  if (!thole_client_end (self, result, thole_client_list_workloads_async, &reply, error))
    return NULL;
  return thole_client_several (self, THOLE_TYPE_WORKLOAD, reply, error);
}

GPtrArray *
thole_client_list_workloads (TholeClient *self, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  if (!thole_client_ask (self, "workload.list", NULL, options, cancellable, &reply, error))
    return NULL;
  return thole_client_several (self, THOLE_TYPE_WORKLOAD, reply, error);
}

void
thole_client_get_workload_async (TholeClient *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_return_if_fail (THOLE_IS_CLIENT (self));
  thole_client_begin (self, self, thole_client_get_workload_async, "workload.get", id, NULL, cancellable, callback, user_data);
}

TholeWorkload *
thole_client_get_workload_finish (TholeClient *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  if (!thole_client_end (self, result, thole_client_get_workload_async, &reply, error))
    return NULL;
  return thole_client_single (self, THOLE_TYPE_WORKLOAD, reply, error);
}

TholeWorkload *
thole_client_get_workload (TholeClient *self, const char *id, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  if (!thole_client_ask (self, "workload.get", id, NULL, cancellable, &reply, error))
    return NULL;
  return thole_client_single (self, THOLE_TYPE_WORKLOAD, reply, error);
}

TholeList *
thole_client_follow_workloads (TholeClient *self)
{
  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  return thole_list_new (self, THOLE_TYPE_WORKLOAD);
}

/* sessions --------------------------------------------------------------------------------------------- */

void
thole_client_list_sessions_async (TholeClient *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (THOLE_IS_CLIENT (self));
  thole_client_begin (self, self, thole_client_list_sessions_async, "session.list", NULL, options, cancellable, callback, user_data);
}

GPtrArray *
thole_client_list_sessions_finish (TholeClient *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  if (!thole_client_end (self, result, thole_client_list_sessions_async, &reply, error))
    return NULL;
  return thole_client_several (self, THOLE_TYPE_SESSION, reply, error);
}

GPtrArray *
thole_client_list_sessions (TholeClient *self, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  if (!thole_client_ask (self, "session.list", NULL, options, cancellable, &reply, error))
    return NULL;
  return thole_client_several (self, THOLE_TYPE_SESSION, reply, error);
}

void
thole_client_get_session_async (TholeClient *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_return_if_fail (THOLE_IS_CLIENT (self));
  thole_client_begin (self, self, thole_client_get_session_async, "session.get", id, NULL, cancellable, callback, user_data);
}

TholeSession *
thole_client_get_session_finish (TholeClient *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  if (!thole_client_end (self, result, thole_client_get_session_async, &reply, error))
    return NULL;
  return thole_client_single (self, THOLE_TYPE_SESSION, reply, error);
}

TholeSession *
thole_client_get_session (TholeClient *self, const char *id, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  if (!thole_client_ask (self, "session.get", id, NULL, cancellable, &reply, error))
    return NULL;
  return thole_client_single (self, THOLE_TYPE_SESSION, reply, error);
}

TholeList *
thole_client_follow_sessions (TholeClient *self)
{
  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  return thole_list_new (self, THOLE_TYPE_SESSION);
}

/* making ------------------------------------------------------------------------------------------------ */

void
thole_client_create_workload_async (TholeClient *self, GVariant *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (THOLE_IS_CLIENT (self));
  thole_client_begin (self, self, thole_client_create_workload_async, "workload.create", NULL, request, cancellable, callback,
                      user_data);
}

TholeWorkload *
thole_client_create_workload_finish (TholeClient *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  if (!thole_client_end (self, result, thole_client_create_workload_async, &reply, error))
    return NULL;
  return thole_client_single (self, THOLE_TYPE_WORKLOAD, reply, error);
}

TholeWorkload *
thole_client_create_workload (TholeClient *self, GVariant *request, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  if (!thole_client_ask (self, "workload.create", NULL, request, cancellable, &reply, error))
    return NULL;
  return thole_client_single (self, THOLE_TYPE_WORKLOAD, reply, error);
}

TholeEventStream *
thole_client_open_events (TholeClient *self, gint64 after, GVariant *options)
{
  g_return_val_if_fail (THOLE_IS_CLIENT (self), NULL);
  g_return_val_if_fail (after >= THOLE_EVENTS_NEW, NULL);
  return thole_event_stream_new (self, after, options);
}
