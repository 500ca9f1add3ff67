/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/outlet.h"

#define OWN_SERIALS 0x80000000u
#define ENOUGH (256 * 1024) /* bytes that do not wait for the end of the turn */

struct _TholeBusOutlet
{
  GDBusConnection *connection;
  guint32 serials;
  GByteArray *ready;
  GSource *turn;
};

static GQuark
load_quark (void)
{
  return g_quark_from_static_string ("thole-bus-load");
}

void
thole_bus_outlet_precede (GDBusConnection *connection, GDBusMessage *message)
{
  GBytes *load = g_object_get_qdata (G_OBJECT (message), load_quark ());
  g_autoptr (GError) error = NULL;
  GIOStream *stream;
  gsize length;
  gconstpointer data;

  if (load == NULL)
    return;
  data = g_bytes_get_data (load, &length);
  stream = g_dbus_connection_get_stream (connection);
  if (!g_output_stream_write_all (g_io_stream_get_output_stream (stream), data, length, NULL, NULL, &error))
    {
      /* half a message would make nonsense of all that follow, and the carrier follows before the connection can be closed */
      if (G_IS_SOCKET_CONNECTION (stream))
        g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)), TRUE, TRUE, NULL);
      g_log_structured ("thole", g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED) ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_WARNING,
                        "MESSAGE", "cannot write to the bus: %s", error->message);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
    }
}

/* nobody answers it and nobody sees it but the bus itself */
static void
send_carrier (TholeBusOutlet *self, GBytes *load /* (transfer full) */)
{
  g_autoptr (GDBusMessage) carrier =
    g_dbus_message_new_method_call ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId");

  g_dbus_message_set_flags (carrier, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_object_set_qdata_full (G_OBJECT (carrier), load_quark (), load, (GDestroyNotify) g_bytes_unref);
  g_dbus_connection_send_message (self->connection, carrier, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

void
thole_bus_outlet_push (TholeBusOutlet *self)
{
  if (self->turn != NULL)
    {
      g_source_destroy (self->turn);
      g_clear_pointer (&self->turn, g_source_unref);
    }
  if (self->ready->len == 0)
    return;
  send_carrier (self, g_byte_array_free_to_bytes (self->ready));
  self->ready = g_byte_array_new ();
}

static gboolean
turn_over (gpointer user_data)
{
  thole_bus_outlet_push (user_data);
  return G_SOURCE_REMOVE;
}

void
thole_bus_outlet_add (TholeBusOutlet *self, const guint8 *message, gsize length)
{
  g_byte_array_append (self->ready, message, (guint) length);
  if (self->ready->len > ENOUGH)
    thole_bus_outlet_push (self);
  else if (self->turn == NULL)
    {
      self->turn = g_idle_source_new ();
      g_source_set_priority (self->turn, G_PRIORITY_HIGH);
      g_source_set_callback (self->turn, turn_over, self, NULL);
      g_source_attach (self->turn, g_main_context_get_thread_default ());
    }
}

void
thole_bus_outlet_take (TholeBusOutlet *self, GByteArray *message)
{
  thole_bus_outlet_push (self);
  send_carrier (self, g_byte_array_free_to_bytes (message));
}

guint32
thole_bus_outlet_serial (TholeBusOutlet *self)
{
  return OWN_SERIALS | self->serials++;
}

TholeBusOutlet *
thole_bus_outlet_new (GDBusConnection *connection)
{
  TholeBusOutlet *self = g_new0 (TholeBusOutlet, 1);

  self->connection = g_object_ref (connection);
  self->ready = g_byte_array_new ();
  return self;
}

void
thole_bus_outlet_free (TholeBusOutlet *self)
{
  if (self->turn != NULL)
    {
      g_source_destroy (self->turn);
      g_source_unref (self->turn);
    }
  g_byte_array_unref (self->ready);
  g_object_unref (self->connection);
  g_free (self);
}
