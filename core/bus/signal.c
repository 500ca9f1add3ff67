/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A signal to many: each receiver has a message of its own, but for its head they are the same bytes.
 */
#include "bus/watch.h"
#include "bus/wire.h"

#define ENTRY 8 /* alignment of dictionary entries */

static const char *
interface_of (TholeBusKind kind)
{
  static const char *const interfaces[THOLE_BUS_N_KINDS] = {
    [THOLE_BUS_ROOT] = THOLE_BUS_NAME ".Root",           [THOLE_BUS_WORKLOAD] = THOLE_BUS_NAME ".Workload",
    [THOLE_BUS_SESSION] = THOLE_BUS_NAME ".Session",     [THOLE_BUS_BACKEND] = THOLE_BUS_NAME ".Backend",
    [THOLE_BUS_OPERATION] = THOLE_BUS_NAME ".Operation",
  };

  return interfaces[kind];
}

static void
put_properties (GByteArray *out, const GByteArray *properties)
{
  gsize open = thole_wire_open (out, ENTRY);

  g_byte_array_append (out, properties->data, properties->len);
  thole_wire_close (out, open, ENTRY);
}

static void
make_changed (TholeBusSignal *self, const TholeBusNewsItem *item)
{
  self->path = thole_bus_path (item->kind, item->id);
  self->interface = "org.freedesktop.DBus.Properties";
  self->member = "PropertiesChanged";
  self->signature = "sa{sv}as";
  thole_wire_string (self->body, interface_of (item->kind));
  put_properties (self->body, item->properties);
  thole_wire_uint32 (self->body, 0);
}

static void
make_added (TholeBusSignal *self, const TholeBusNewsItem *item)
{
  g_autofree char *path = thole_bus_path (item->kind, item->id);
  gsize open;

  self->member = "InterfacesAdded";
  self->signature = "oa{sa{sv}}";
  thole_wire_string (self->body, path);
  open = thole_wire_open (self->body, ENTRY);
  thole_wire_string (self->body, interface_of (item->kind));
  put_properties (self->body, item->properties);
  thole_wire_close (self->body, open, ENTRY);
}

static void
make_removed (TholeBusSignal *self, const TholeBusNewsItem *item)
{
  g_autofree char *path = thole_bus_path (item->kind, item->id);
  gsize open;

  self->member = "InterfacesRemoved";
  self->signature = "oas";
  thole_wire_string (self->body, path);
  open = thole_wire_open (self->body, 4);
  thole_wire_string (self->body, interface_of (item->kind));
  thole_wire_close (self->body, open, 4);
}

void
thole_bus_signal_make (TholeBusSignal *self, const TholeBusNewsItem *item)
{
  self->body = g_byte_array_new ();
  if (item->happening == THOLE_BUS_CHANGED)
    {
      make_changed (self, item);
      return;
    }
  self->path = g_strdup (THOLE_BUS_PATH);
  self->interface = "org.freedesktop.DBus.ObjectManager";
  if (item->happening == THOLE_BUS_ADDED)
    make_added (self, item);
  else
    make_removed (self, item);
}

void
thole_bus_signal_of_root (TholeBusSignal *self, const char *name, const char *signature)
{
  self->path = g_strdup (THOLE_BUS_PATH);
  self->interface = interface_of (THOLE_BUS_ROOT);
  self->member = name;
  self->signature = signature;
  self->body = g_byte_array_new ();
}

void
thole_bus_signal_clear (TholeBusSignal *self)
{
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->body, g_byte_array_unref);
}

void
thole_bus_signal_send (const TholeBusSignal *self, TholeBusOutlet *outlet, const char *destination)
{
  const TholeWireHeader header = {
    .type = G_DBUS_MESSAGE_TYPE_SIGNAL, .serial = thole_bus_outlet_serial (outlet), .path = self->path,
    .interface = self->interface, .member = self->member, .destination = destination, .signature = self->signature,
  };
  g_autoptr (GByteArray) message = g_byte_array_sized_new (self->body->len + 256);

  thole_wire_header (message, &header, self->body->len);
  g_byte_array_append (message, self->body->data, self->body->len);
  thole_bus_outlet_add (outlet, message->data, message->len);
}
