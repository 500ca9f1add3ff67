/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/face.h"

#include <malloc.h>
#include <string.h>

#include "bus/handover.h"
#include "bus/value.h"
#include "bus/watch.h"

#define OWN_NAME_PATIENCE (10 * 1000) /* ms */
#define DO_NOT_QUEUE 4u
#define PRIMARY_OWNER 1u

/* What the thread of the connection knows of us: messages go from there to the main context and nothing comes back. */
struct _TholeBusInlet
{
  gint refs;
  GMainContext *context;
  gsize max_body;          /* bytes */
  TholeBus *bus;           /* main context only; NULL when it is gone */
};

typedef struct
{
  TholeBusInlet *inlet;
  GDBusMessage *message;
} Arrival;

static void
inlet_unref (gpointer data)
{
  TholeBusInlet *self = data;

  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  g_main_context_unref (self->context);
  g_free (self);
}

static void
arrival_free (gpointer data)
{
  Arrival *self = data;

  inlet_unref (self->inlet);
  g_object_unref (self->message);
  g_free (self);
}

/* calls -------------------------------------------------------------------------------------------------------- */

void
thole_bus_call_free (TholeBusCall *call)
{
  if (call->bus != NULL)
    g_hash_table_remove (call->bus->calls, call);
  if (call->state_free != NULL)
    call->state_free (call->state);
  call->caller->calls--;
  thole_bus_caller_unref (call->caller);
  g_clear_pointer (&call->principal, thole_principal_unref);
  g_clear_pointer (&call->peer, thole_principal_unref);
  g_object_unref (call->cancellable);
  g_object_unref (call->message);
  g_free (call->id);
  g_free (call);
}

static void
send_reply (TholeBusCall *call, GDBusMessage *reply)
{
  if (call->bus != NULL && !call->caller->gone
      && !(g_dbus_message_get_flags (call->message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED))
    {
      thole_bus_outlet_push (call->bus->outlet);
      g_dbus_connection_send_message (call->bus->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    }
  g_object_unref (reply);
  thole_bus_call_free (call);
}

void
thole_bus_return (TholeBusCall *call, GVariant *body, GUnixFDList *descriptors)
{
  GDBusMessage *reply = g_dbus_message_new_method_reply (call->message);

  if (body != NULL)
    g_dbus_message_set_body (reply, body);
  if (descriptors != NULL)
    g_dbus_message_set_unix_fd_list (reply, descriptors);
  send_reply (call, reply);
}

void
thole_bus_refuse (TholeBusCall *call, const char *name, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  send_reply (call, g_dbus_message_new_method_error_literal (call->message, name, text));
}

void
thole_bus_problem (TholeBusCall *call, const TholeProblem *problem)
{
  g_autofree char *name = thole_bus_error_name (problem->code);
  g_autofree char *text = thole_bus_problem_text (problem);

  send_reply (call, g_dbus_message_new_method_error_literal (call->message, name, text));
}

void
thole_bus_fail (TholeBusCall *call, int code, const char *format, ...)
{
  g_autoptr (TholeProblem) problem = NULL;
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  problem = thole_problem_new (code, "%s", text);
  thole_bus_problem (call, problem);
}

/* messages ----------------------------------------------------------------------------------------------------- */

static void
turn_away (TholeBus *self, GDBusMessage *message, const char *name, const char *text)
{
  g_autoptr (GDBusMessage) reply = g_dbus_message_new_method_error_literal (message, name, text);

  if (!(g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED))
    g_dbus_connection_send_message (self->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

static void
begin_call (TholeBus *self, GDBusMessage *message)
{
  const char *sender = g_dbus_message_get_sender (message);
  TholeBusCaller *caller;
  TholeBusCall *call;

  if (sender == NULL)
    return;
  if (self->draining)
    {
      g_autofree char *name = thole_bus_error_name (THOLE_ERROR_INTERRUPTED);

      turn_away (self, message, name, "the daemon is going down");
      return;
    }
  caller = thole_bus_caller_get (self, sender);
  if (caller == NULL || caller->calls >= THOLE_BUS_MAX_CALLS)
    {
      turn_away (self, message, "org.freedesktop.DBus.Error.LimitsExceeded", "too many calls at once");
      return;
    }
  call = g_new0 (TholeBusCall, 1);
  call->bus = self;
  call->caller = thole_bus_caller_ref (caller);
  call->message = g_object_ref (message);
  call->cancellable = g_cancellable_new ();
  caller->calls++;
  g_hash_table_add (self->calls, call);
  if (caller->known)
    thole_bus_route (call);
  else
    g_queue_push_tail (&caller->waiting, call);
}

static gboolean
arrived (gpointer user_data)
{
  Arrival *arrival = user_data;

  if (arrival->inlet->bus != NULL)
    begin_call (arrival->inlet->bus, arrival->message);
  return G_SOURCE_REMOVE;
}

/* ours: what goes to one of our objects, and introspection of what is above them; Peer is GDBus's */
static gboolean
is_ours (GDBusMessage *message)
{
  const char *path = g_dbus_message_get_path (message);
  const char *interface = g_dbus_message_get_interface (message);

  if (g_dbus_message_get_message_type (message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL || path == NULL
      || g_strcmp0 (interface, "org.freedesktop.DBus.Peer") == 0)
    return FALSE;
  if (g_str_has_prefix (path, THOLE_BUS_PATH))
    return path[strlen (THOLE_BUS_PATH)] == '/' || path[strlen (THOLE_BUS_PATH)] == '\0';
  return (strcmp (path, "/") == 0 || strcmp (path, "/org") == 0 || strcmp (path, "/org/thole") == 0)
         && g_strcmp0 (interface, "org.freedesktop.DBus.Introspectable") == 0
         && strcmp (g_dbus_message_get_member (message), "Introspect") == 0;
}

/* Such a message takes many times its size here. It is not worth a trip to the main context, and its memory is given back. */
static void
refuse_giant (GDBusConnection *connection, GDBusMessage *message, gsize max)
{
  g_autofree char *name = thole_bus_error_name (THOLE_ERROR_TOO_LARGE);
  g_autoptr (GDBusMessage) reply =
    g_dbus_message_new_method_error (message, name, "The arguments may have %" G_GSIZE_FORMAT " bytes", max);

  if (!(g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED))
    g_dbus_connection_send_message (connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  g_object_unref (message);
  malloc_trim (0);
}

/* in the thread of the connection */
static GDBusMessage *
take_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  TholeBusInlet *inlet = user_data;
  Arrival *arrival;
  GSource *source;

  if (!incoming)
    thole_bus_outlet_precede (connection, message);
  if (!incoming || !is_ours (message))
    return message;
  if (g_dbus_message_get_body (message) != NULL && g_variant_get_size (g_dbus_message_get_body (message)) > inlet->max_body)
    {
      refuse_giant (connection, message, inlet->max_body);
      return NULL;
    }
  arrival = g_new (Arrival, 1);
  *arrival = (Arrival) { inlet, message };
  g_atomic_int_inc (&inlet->refs);
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, arrived, arrival, arrival_free);
  g_source_attach (source, inlet->context);
  g_source_unref (source);
  return NULL;
}

static void
name_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
              GVariant *arguments, gpointer user_data)
{
  TholeBus *self = user_data;
  TholeBusCaller *caller;
  const char *name, *owner;

  if (!g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(sss)")))
    return;
  g_variant_get (arguments, "(&s&s&s)", &name, NULL, &owner);
  if (owner[0] != '\0')
    return;
  thole_bus_unwatch (self, name, NULL);
  caller = g_hash_table_lookup (self->callers, name);
  if (caller != NULL)
    thole_bus_caller_gone (caller);
}

static void
bus_gone (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer user_data)
{
  g_message ("the bus has gone; D-Bus is served again after a restart%s%s", error != NULL ? ": " : "",
             error != NULL ? error->message : "");
}

/* polkit has other rules than before: what it said does not count any more */
static void
rules_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
               GVariant *arguments, gpointer user_data)
{
  TholeBus *self = user_data;
  GHashTableIter iter;
  gpointer value;

  self->no_polkit_until = 0;
  g_hash_table_iter_init (&iter, self->callers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_hash_table_remove_all (((TholeBusCaller *) value)->verdicts);
  thole_bus_distrust (self);
}

/* ---------------------------------------------------------------------------------------------------------------- */

static GDBusConnection *
connect_to (TholeBusWhich which, const char *given, GError **error)
{
  g_autofree char *address = which == THOLE_BUS_AT_ADDRESS
                               ? g_strdup (given)
                               : g_dbus_address_get_for_bus_sync (which == THOLE_BUS_OF_SYSTEM ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION,
                                                                  NULL, error);

  if (address == NULL)
    return NULL;
  return g_dbus_connection_new_for_address_sync (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, error);
}

static gboolean
own_name (TholeBus *self, GError **error)
{
  guint32 outcome = 0;
  g_autoptr (GVariant) answer =
    g_dbus_connection_call_sync (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                 "RequestName", g_variant_new ("(su)", THOLE_BUS_NAME, DO_NOT_QUEUE), G_VARIANT_TYPE ("(u)"),
                                 G_DBUS_CALL_FLAGS_NONE, OWN_NAME_PATIENCE, NULL, error);

  if (answer == NULL)
    return FALSE;
  g_variant_get (answer, "(u)", &outcome);
  if (outcome == PRIMARY_OWNER)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS, "the name %s has another owner on this bus", THOLE_BUS_NAME);
  return FALSE;
}

static void
listen_to (TholeBus *self)
{
  TholeBusInlet *inlet = g_new0 (TholeBusInlet, 1);

  inlet->refs = 2;
  inlet->context = g_main_context_ref_thread_default ();
  inlet->max_body = self->options.max_body;
  inlet->bus = self;
  self->inlet = inlet;
  self->filter = g_dbus_connection_add_filter (self->connection, take_message, inlet, inlet_unref);
  self->names = g_dbus_connection_signal_subscribe (self->connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                                    "NameOwnerChanged", "/org/freedesktop/DBus", NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                    name_changed, self, NULL);
  g_signal_connect (self->connection, "closed", G_CALLBACK (bus_gone), self);
  self->rules = g_dbus_connection_signal_subscribe (self->connection, "org.freedesktop.PolicyKit1", "org.freedesktop.PolicyKit1.Authority",
                                                    "Changed", "/org/freedesktop/PolicyKit1/Authority", NULL,
                                                    G_DBUS_SIGNAL_FLAGS_NONE, rules_changed, self, NULL);
}

static void
drop_caller (gpointer data)
{
  TholeBusCaller *caller = data;

  caller->bus = NULL;
  thole_bus_caller_unref (caller);
}

TholeBus *
thole_bus_new (const TholeBusOptions *options, TholeBusWhich which, const char *address, GError **error)
{
  GDBusConnection *connection = connect_to (which, address, error);
  TholeBus *self;

  if (connection == NULL)
    return NULL;
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  self = g_new0 (TholeBus, 1);
  self->options = *options;
  self->operations = options->operations;
  self->connection = connection;
  self->outlet = thole_bus_outlet_new (connection);
  self->methods = g_hash_table_new (g_str_hash, g_str_equal);
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, drop_caller);
  self->calls = g_hash_table_new (NULL, NULL);
  self->streams = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < THOLE_N_OPS; i++)
    if (thole_operations[i].bus != NULL)
      g_hash_table_insert (self->methods, (gpointer) thole_operations[i].bus, (gpointer) &thole_operations[i]);
  self->news = thole_bus_news_new (self);
  self->watchers = thole_bus_watchers_new (self);
  listen_to (self);
  if (own_name (self, error))
    return self;
  thole_bus_free (self);
  return NULL;
}

static void
end_streams (TholeBus *self)
{
  GHashTableIter iter;
  gpointer key;

  while (g_hash_table_iter_init (&iter, self->streams), g_hash_table_iter_next (&iter, &key, NULL))
    thole_bus_stream_end (key);
}

void
thole_bus_drain (TholeBus *self)
{
  g_autoptr (GPtrArray) waits = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer key;

  self->draining = TRUE;
  g_dbus_connection_call (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReleaseName",
                          g_variant_new ("(s)", THOLE_BUS_NAME), NULL, G_DBUS_CALL_FLAGS_NONE, OWN_NAME_PATIENCE, NULL, NULL, NULL);
  g_hash_table_iter_init (&iter, self->calls);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (waits, g_object_ref (((TholeBusCall *) key)->cancellable));
  for (guint i = 0; i < waits->len; i++)
    g_cancellable_cancel (waits->pdata[i]);
}

guint
thole_bus_busy (TholeBus *self)
{
  return g_hash_table_size (self->calls);
}

void
thole_bus_free (TholeBus *self)
{
  GHashTableIter iter;
  gpointer key;

  self->inlet->bus = NULL;
  g_signal_handlers_disconnect_by_data (self->connection, self);
  g_dbus_connection_signal_unsubscribe (self->connection, self->names);
  g_dbus_connection_signal_unsubscribe (self->connection, self->rules);
  end_streams (self);
  g_hash_table_unref (self->streams);
  thole_bus_tree_end (self);
  /* calls that did not end yet still end, later */
  g_hash_table_iter_init (&iter, self->calls);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    ((TholeBusCall *) key)->bus = NULL;
  thole_bus_watchers_free (self->watchers);
  thole_bus_news_free (self->news);
  g_hash_table_unref (self->callers);
  g_hash_table_unref (self->calls);
  g_hash_table_unref (self->methods);
  thole_bus_outlet_push (self->outlet);
  g_dbus_connection_flush_sync (self->connection, NULL, NULL);
  g_dbus_connection_remove_filter (self->connection, self->filter);
  inlet_unref (self->inlet);
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  thole_bus_outlet_free (self->outlet);
  g_object_unref (self->connection);
  g_free (self);
}
