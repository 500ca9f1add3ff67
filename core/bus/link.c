/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The connection to the bus: what comes by it, the name on it, and another one when it broke. A bus that comes back knows nobody:
 * callers and watchers are forgotten, and who wants to go on calls again.
 */
#include "bus/face.h"

#include <string.h>

#include "bus/relay.h"
#include "bus/watch.h"

#define OWN_NAME_PATIENCE (10 * 1000) /* ms */
#define FLUSH_PATIENCE (2 * 1000)     /* ms */
#define FEW 1024                      /* bytes of a body that are not worth the work */
#define HEAD 1024                     /* bytes of a message beside its body, about */
#define AS_CLIENT (G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION)
#define DO_NOT_QUEUE 4u
#define PRIMARY_OWNER 1u
#define FIRST_PAUSE (100 * 1000)          /* µs before the bus is tried again */
#define LAST_PAUSE (10 * G_USEC_PER_SEC)

/* What the thread of the connection knows of us: messages go from there to the main context and nothing comes back. */
struct _TholeBusInlet
{
  gint refs;
  GMainContext *context;
  TholeBusRelay *relay;
  TholeBus *bus;           /* main context only; NULL when it is gone */
};

typedef struct
{
  TholeBusInlet *inlet;
  GDBusMessage *message;
  gsize size;
} Arrival;

static void
inlet_unref (gpointer data)
{
  TholeBusInlet *self = data;

  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  g_main_context_unref (self->context);
  thole_bus_relay_unref (self->relay);
  g_free (self);
}

static void
arrival_free (gpointer data)
{
  Arrival *self = data;

  thole_bus_relay_hold (self->inlet->relay, -(gssize) self->size);
  inlet_unref (self->inlet);
  g_object_unref (self->message);
  g_free (self);
}

static gboolean
arrived (gpointer user_data)
{
  Arrival *arrival = user_data;

  if (arrival->inlet->bus != NULL)
    thole_bus_begin_call (arrival->inlet->bus, arrival->message);
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

/* What GDBus has made of a body is many times as long as its values stand in a row, and stays so as long as it is kept; so it is made anew
 * of the bytes of that row. Returns: bytes of the message in memory, about
 */
static gsize
pack (GDBusMessage **message)
{
  GVariant *body = g_dbus_message_get_body (*message);
  gsize size = body != NULL ? g_variant_get_size (body) : 0;
  g_autoptr (GBytes) bytes = NULL;
  GDBusMessage *packed;

  /* it is locked; of descriptors there may be none left for a copy */
  if (size <= FEW || (packed = g_dbus_message_copy (*message, NULL)) == NULL)
    return size + HEAD;
  bytes = g_variant_get_data_as_bytes (body);
  g_dbus_message_set_body (packed, g_variant_new_from_bytes (g_variant_get_type (body), bytes, TRUE));
  g_object_unref (*message);
  *message = packed;
  return size + HEAD;
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
  arrival = g_new (Arrival, 1);
  arrival->inlet = inlet;
  arrival->size = pack (&message);
  arrival->message = message;
  thole_bus_relay_hold (inlet->relay, (gssize) arrival->size);
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

static void bus_gone (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer user_data);

static void
listen_to (TholeBus *self, GDBusConnection *connection)
{
  TholeBusInlet *inlet = g_new0 (TholeBusInlet, 1);

  inlet->refs = 2; /* ours and the filter's */
  inlet->context = g_main_context_ref_thread_default ();
  inlet->relay = thole_bus_relay_ref (thole_bus_relay_of (g_dbus_connection_get_stream (connection)));
  inlet->bus = self;
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  self->connection = connection;
  self->outlet = thole_bus_outlet_new (connection);
  self->inlet = inlet;
  self->filter = g_dbus_connection_add_filter (self->connection, take_message, inlet, inlet_unref);
  self->names = g_dbus_connection_signal_subscribe (self->connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                                    "NameOwnerChanged", "/org/freedesktop/DBus", NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                    name_changed, self, NULL);
  self->gone = g_signal_connect (connection, "closed", G_CALLBACK (bus_gone), self);
  self->rules = g_dbus_connection_signal_subscribe (self->connection, "org.freedesktop.PolicyKit1", "org.freedesktop.PolicyKit1.Authority",
                                                    "Changed", "/org/freedesktop/PolicyKit1/Authority", NULL,
                                                    G_DBUS_SIGNAL_FLAGS_NONE, rules_changed, self, NULL);
}

/* nothing comes in any more */
void
thole_bus_link_quiet (TholeBus *self)
{
  thole_source_clear (&self->again);
  if (self->joining != NULL)
    g_cancellable_cancel (self->joining);
  g_clear_object (&self->joining);
  if (self->inlet == NULL || self->inlet->bus == NULL)
    return;
  self->inlet->bus = NULL;
  g_clear_signal_handler (&self->gone, self->connection);
  g_dbus_connection_signal_unsubscribe (self->connection, self->names);
  g_dbus_connection_signal_unsubscribe (self->connection, self->rules);
}

static void
drop_connection (TholeBus *self)
{
  g_dbus_connection_remove_filter (self->connection, self->filter);
  g_clear_pointer (&self->inlet, inlet_unref);
  g_clear_pointer (&self->outlet, thole_bus_outlet_free);
  g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  g_clear_object (&self->connection);
}

static void
flushed (GObject *source, GAsyncResult *result, gpointer over)
{
  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  *(gboolean *) over = TRUE;
}

static gboolean
time_over (gpointer connection)
{
  /* what is written fails then, which ends the wait */
  g_socket_shutdown (g_socket_connection_get_socket (connection), TRUE, TRUE, NULL);
  return G_SOURCE_REMOVE;
}

/* a bus that takes nothing more keeps nobody from going down */
static void
flush (GDBusConnection *connection)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  GSource *timer = g_timeout_source_new (FLUSH_PATIENCE);
  gboolean over = FALSE;

  g_source_set_callback (timer, time_over, g_dbus_connection_get_stream (connection), NULL);
  g_source_attach (timer, context);
  g_main_context_push_thread_default (context);
  g_dbus_connection_flush (connection, NULL, flushed, &over);
  while (!over)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  g_source_destroy (timer);
  g_source_unref (timer);
}

void
thole_bus_link_end (TholeBus *self)
{
  if (self->connection != NULL)
    {
      thole_bus_outlet_push (self->outlet);
      flush (self->connection);
      g_dbus_connection_close_sync (self->connection, NULL, NULL);
      thole_bus_relay_drain (self->inlet->relay, FLUSH_PATIENCE * G_TIME_SPAN_MILLISECOND);
      drop_connection (self);
    }
  g_free (self->address);
}

/* the name ----------------------------------------------------------------------------------------------------- */

static GVariant *
name_wanted (void)
{
  return g_variant_new ("(su)", THOLE_BUS_NAME, DO_NOT_QUEUE);
}

/* @answer: (transfer full) (nullable) */
static gboolean
is_owner (GVariant *answer, GError **error)
{
  g_autoptr (GVariant) owned = answer;
  guint32 outcome = 0;

  if (owned == NULL)
    return FALSE;
  g_variant_get (owned, "(u)", &outcome);
  if (outcome == PRIMARY_OWNER)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_EXISTS, "the name %s has another owner on this bus", THOLE_BUS_NAME);
  return FALSE;
}

void
thole_bus_link_drain (TholeBus *self)
{
  thole_source_clear (&self->again);
  if (self->joining != NULL)
    g_cancellable_cancel (self->joining);
  g_dbus_connection_call (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReleaseName",
                          g_variant_new ("(s)", THOLE_BUS_NAME), NULL, G_DBUS_CALL_FLAGS_NONE, OWN_NAME_PATIENCE, NULL, NULL, NULL);
}

/* again -------------------------------------------------------------------------------------------------------- */

static gboolean join (gpointer user_data);

static void
join_later (TholeBus *self)
{
  if (!self->draining)
    self->again = thole_clock_timer (self->options.clock, thole_backoff (self->options.clock, FIRST_PAUSE, LAST_PAUSE, self->tries++), join,
                                     self);
}

static void
name_came (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GVariant *answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  TholeBus *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->joining);
  if (is_owner (answer, &error))
    {
      self->tries = 0;
      g_message ("on the bus again");
      return;
    }
  g_message ("not on the bus: %s", error->message);
  g_dbus_connection_close (G_DBUS_CONNECTION (source), NULL, NULL, NULL);
}

static void
connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_finish (result, &error);
  TholeBus *self = user_data;

  if (connection == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (connection == NULL)
    {
      g_clear_object (&self->joining);
      join_later (self);
      return;
    }
  drop_connection (self);
  listen_to (self, connection);
  g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                          name_wanted (), G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, OWN_NAME_PATIENCE, self->joining, name_came,
                          self);
}

/* Returns: (transfer full) (nullable): what GDBus has in place of @stream, a new connection to a bus */
static GIOStream *
stream_through_relay (const TholeBus *self, GIOStream *stream, GError **error)
{
  g_autoptr (TholeBusRelay) relay = NULL;
  GSocketConnection *ours = NULL;

  if (G_IS_SOCKET_CONNECTION (stream))
    relay = thole_bus_relay_new (G_SOCKET_CONNECTION (stream), self->options.max_body, &ours, error);
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this bus is behind no socket");
  return ours != NULL ? G_IO_STREAM (ours) : NULL;
}

static void
reached (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = g_dbus_address_get_stream_finish (result, NULL, &error);
  g_autoptr (GIOStream) ours = NULL;
  TholeBus *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (stream != NULL)
    ours = stream_through_relay (self, stream, &error);
  if (ours != NULL)
    {
      g_dbus_connection_new (ours, NULL, AS_CLIENT, NULL, self->joining, connected, self);
      return;
    }
  g_clear_object (&self->joining);
  join_later (self);
}

static gboolean
join (gpointer user_data)
{
  TholeBus *self = user_data;

  thole_source_clear (&self->again);
  self->joining = g_cancellable_new ();
  g_dbus_address_get_stream (self->address, self->joining, reached, self);
  return G_SOURCE_REMOVE;
}

static void
forget_callers (TholeBus *self)
{
  g_autoptr (GPtrArray) callers = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->callers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (callers, value);
  for (guint i = 0; i < callers->len; i++)
    thole_bus_caller_gone (callers->pdata[i]);
  thole_bus_watchers_leave (self->watchers);
}

static void
bus_gone (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer user_data)
{
  TholeBus *self = user_data;

  if (self->tries == 0)
    g_message ("the bus has gone; D-Bus is served again when it is back%s%s", error != NULL ? ": " : "", error != NULL ? error->message : "");
  /* the old connection stays in its place until there is another */
  thole_bus_link_quiet (self);
  forget_callers (self);
  join_later (self);
}

/* -------------------------------------------------------------------------------------------------------------- */

static GDBusConnection *
connect_to (const TholeBus *self, TholeBusWhich which, const char *given, char **address, GError **error)
{
  g_autofree char *where = which == THOLE_BUS_AT_ADDRESS
                             ? g_strdup (given)
                             : g_dbus_address_get_for_bus_sync (which == THOLE_BUS_OF_SYSTEM ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION,
                                                                NULL, error);
  g_autoptr (GIOStream) stream = where != NULL ? g_dbus_address_get_stream_sync (where, NULL, NULL, error) : NULL;
  g_autoptr (GIOStream) ours = stream != NULL ? stream_through_relay (self, stream, error) : NULL;
  GDBusConnection *connection;

  if (ours == NULL)
    return NULL;
  connection = g_dbus_connection_new_sync (ours, NULL, AS_CLIENT, NULL, NULL, error);
  if (connection != NULL)
    *address = g_steal_pointer (&where);
  return connection;
}

gboolean
thole_bus_link_begin (TholeBus *self, TholeBusWhich which, const char *address, GError **error)
{
  GDBusConnection *connection = connect_to (self, which, address, &self->address, error);

  if (connection == NULL)
    return FALSE;
  listen_to (self, connection);
  return is_owner (g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                "RequestName", name_wanted (), G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE,
                                                OWN_NAME_PATIENCE, NULL, error),
                   error);
}
