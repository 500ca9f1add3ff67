/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "content.h"
#include "thole-dict.h"
#include "verb.h"

struct _TholeWorkload
{
  TholeObject parent;
};

G_DEFINE_TYPE (TholeWorkload, thole_workload, THOLE_TYPE_OBJECT)

/* properties ---------------------------------------------------------------------------------------------- */

const char *
thole_workload_get_backend (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "backend");
}

const char *
thole_workload_get_node (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "node");
}

const char *
thole_workload_get_desired_state (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "desired_state");
}

const char *
thole_workload_get_state_reason (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "state_reason");
}

const char *
thole_workload_get_health (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "health");
}

const char *
thole_workload_get_engine_id (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "engine_id");
}

int
thole_workload_get_exit_code (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), -1);
  return (int) thole_object_integer (THOLE_OBJECT (self), "exit_code", -1);
}

const char *
thole_workload_get_exit_signal (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_string (THOLE_OBJECT (self), "exit_signal");
}

gint64
thole_workload_get_restarts (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), 0);
  return thole_object_integer (THOLE_OBJECT (self), "restarts", 0);
}

gboolean
thole_workload_get_protected (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), FALSE);
  return thole_object_boolean (THOLE_OBJECT (self), "protected");
}

GVariant *
thole_workload_get_spec (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_get_field (THOLE_OBJECT (self), "spec");
}

GVariant *
thole_workload_get_labels (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_get_field (THOLE_OBJECT (self), "labels");
}

GVariant *
thole_workload_get_ports (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_get_field (THOLE_OBJECT (self), "ports");
}

char **
thole_workload_get_addresses (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_dict_strv (thole_object_get_fields (THOLE_OBJECT (self)), "addresses");
}

GDateTime *
thole_workload_get_started_at (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_time (THOLE_OBJECT (self), "started_at");
}

GDateTime *
thole_workload_get_stopped_at (TholeWorkload *self)
{
  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  return thole_object_time (THOLE_OBJECT (self), "stopped_at");
}

/* sessions ------------------------------------------------------------------------------------------------ */

void
thole_workload_create_session_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (THOLE_IS_WORKLOAD (self));
  thole_client_begin (thole_object_client (THOLE_OBJECT (self)), self, thole_workload_create_session_async, "session.create",
                      thole_object_get_id (THOLE_OBJECT (self)), options, cancellable, callback, user_data);
}

TholeSession *
thole_workload_create_session_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  if (!thole_client_end (self, result, thole_workload_create_session_async, &reply, error))
    return NULL;
  return thole_client_single (thole_object_client (THOLE_OBJECT (self)), THOLE_TYPE_SESSION, reply, error);
}

TholeSession *
thole_workload_create_session (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  if (!thole_client_ask (thole_object_client (THOLE_OBJECT (self)), "session.create", thole_object_get_id (THOLE_OBJECT (self)),
                         options, cancellable, &reply, error))
    return NULL;
  return thole_client_single (thole_object_client (THOLE_OBJECT (self)), THOLE_TYPE_SESSION, reply, error);
}

void
thole_workload_list_sessions_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (THOLE_IS_WORKLOAD (self));
  thole_client_begin (thole_object_client (THOLE_OBJECT (self)), self, thole_workload_list_sessions_async, "workload.sessions",
                      thole_object_get_id (THOLE_OBJECT (self)), options, cancellable, callback, user_data);
}

GPtrArray *
thole_workload_list_sessions_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  if (!thole_client_end (self, result, thole_workload_list_sessions_async, &reply, error))
    return NULL;
  return thole_client_several (thole_object_client (THOLE_OBJECT (self)), THOLE_TYPE_SESSION, reply, error);
}

GPtrArray *
thole_workload_list_sessions (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  if (!thole_client_ask (thole_object_client (THOLE_OBJECT (self)), "workload.sessions", thole_object_get_id (THOLE_OBJECT (self)),
                         options, cancellable, &reply, error))
    return NULL;
  return thole_client_several (thole_object_client (THOLE_OBJECT (self)), THOLE_TYPE_SESSION, reply, error);
}

/* commands ------------------------------------------------------------------------------------------------ */

static GVariant *
with_command (const char *const *command, GVariant *options)
{
  g_autoptr(GVariant) owned = options != NULL ? g_variant_ref_sink (options) : NULL;

  /* what is no dictionary is refused further down */
  if (owned != NULL && !g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    return g_steal_pointer (&owned);
  return thole_options_with (owned, "command", g_variant_new_strv (command, -1));
}

/* @reply: (transfer full) (nullable) */
static TholeExecResult *
read_result (GVariant *reply, GError **error)
{
  g_autoptr(GVariant) owned = reply;

  if (owned != NULL && g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
    return thole_exec_result_new (owned);
  g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREADABLE, "the daemon did not say what came of the command");
  return NULL;
}

void
thole_workload_exec_async (TholeWorkload *self, const char *const *command, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GVariant) whole = NULL;

  g_return_if_fail (THOLE_IS_WORKLOAD (self));
  whole = with_command (command, options);
  thole_client_begin (thole_object_client (THOLE_OBJECT (self)), self, thole_workload_exec_async, "workload.exec",
                      thole_object_get_id (THOLE_OBJECT (self)), whole, cancellable, callback, user_data);
}

TholeExecResult *
thole_workload_exec_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  if (!thole_client_end (self, result, thole_workload_exec_async, &reply, error))
    return NULL;
  return read_result (reply, error);
}

TholeExecResult *
thole_workload_exec (TholeWorkload *self, const char *const *command, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_autoptr(GVariant) whole = NULL;
  GVariant *reply = NULL;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  whole = with_command (command, options);
  if (!thole_client_ask (thole_object_client (THOLE_OBJECT (self)), "workload.exec", thole_object_get_id (THOLE_OBJECT (self)),
                         whole, cancellable, &reply, error))
    return NULL;
  return read_result (reply, error);
}

/* output -------------------------------------------------------------------------------------------------- */

static TholeCall *
logs_call (TholeWorkload *self, GVariant *options)
{
  return thole_call_new (thole_client_operation ("workload.logs"), thole_object_get_id (THOLE_OBJECT (self)), options);
}

static gboolean
check_options (GVariant *options, GError **error)
{
  if (options == NULL || g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT))
    return TRUE;
  g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "options must be of the type a{sv}");
  return FALSE;
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeClient *client = thole_object_client (g_task_get_source_object (task));
  TholeTransport *transport = thole_client_transport (client);
  GError *error = NULL;
  GInputStream *stream = transport->class->open_finish (transport, result, &error);

  if (stream != NULL)
    g_task_return_pointer (task, thole_content_new_from (client, stream), g_object_unref);
  else
    g_task_return_error (task, error);
}

void
thole_workload_open_logs_async (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data)
{
  TholeTransport *transport;
  g_autoptr(TholeCall) call = NULL;
  g_autoptr(GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (THOLE_IS_WORKLOAD (self));
  call = logs_call (self, options);
  transport = thole_client_transport (thole_object_client (THOLE_OBJECT (self)));
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, thole_workload_open_logs_async);
  if (check_options (call->options, &error))
    transport->class->open_async (transport, call, cancellable, on_opened, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

GInputStream *
thole_workload_open_logs_finish (TholeWorkload *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

GInputStream *
thole_workload_open_logs (TholeWorkload *self, GVariant *options, GCancellable *cancellable, GError **error)
{
  TholeTransport *transport;
  g_autoptr(TholeCall) call = NULL;
  GInputStream *stream;

  g_return_val_if_fail (THOLE_IS_WORKLOAD (self), NULL);
  call = logs_call (self, options);
  transport = thole_client_transport (thole_object_client (THOLE_OBJECT (self)));
  if (!check_options (call->options, error))
    return NULL;
  stream = transport->class->open (transport, call, cancellable, error);
  return stream != NULL ? thole_content_new_from (thole_object_client (THOLE_OBJECT (self)), stream) : NULL;
}

/* verbs; those of its life are in lifecycle.c ------------------------------------------------------------- */

THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_update, "workload.update")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_delete, "workload.delete")
THOLE_DEFINE_PLAIN_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_refresh, "workload.get")

/* the class ----------------------------------------------------------------------------------------------- */

static void
thole_workload_class_init (TholeWorkloadClass *class)
{
  const TholeProperty properties[] = {
    { "backend", G_TYPE_STRING, 0, "Configured backend" },
    { "node", G_TYPE_STRING, 0, "Node, empty = this machine" },
    { "desired-state", G_TYPE_STRING, 0, "What is asked for" },
    { "state-reason", G_TYPE_STRING, 0, "Why the state is what it is" },
    { "health", G_TYPE_STRING, 0, "Health" },
    { "engine-id", G_TYPE_STRING, 0, "The engine's own id" },
    { "exit-code", G_TYPE_INT, -1, "Exit code of the last run, -1 = it has none" },
    { "exit-signal", G_TYPE_STRING, 0, "Signal that ended the last run" },
    { "restarts", G_TYPE_INT64, 0, "Restarts by policy" },
    { "protected", G_TYPE_BOOLEAN, 0, "Deletion is refused" },
    { "spec", G_TYPE_VARIANT, 0, "What runs" },
    { "labels", G_TYPE_VARIANT, 0, "Labels" },
    { "ports", G_TYPE_VARIANT, 0, "Published ports" },
    { "addresses", G_TYPE_STRV, 0, "Where it can be reached" },
    { "started-at", G_TYPE_DATE_TIME, 0, "Start of the last run" },
    { "stopped-at", G_TYPE_DATE_TIME, 0, "End of the last run" },
  };

  thole_object_class_install (G_OBJECT_CLASS (class), properties, G_N_ELEMENTS (properties));
}

static void
thole_workload_init (TholeWorkload *self)
{
}
