/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The objects as a whole and their properties. Nothing is kept for the bus: what is asked for is made of the records. A long
 * list is made in pieces, so that others are served meanwhile.
 */
#include "bus/face.h"

#include <malloc.h>
#include <string.h>

#include "bus/object.h"
#include "bus/outlet.h"
#include "bus/watch.h"
#include "bus/wire.h"

#define PIECE 100                    /* objects made at a time */
#define LONG (256 * 1024)            /* bytes of a list whose memory is given back at once */
#define LISTS 4                      /* made at the same time, each of one caller */
#define WAITING 64                   /* that wait for their turn */

static void
not_here (TholeBusCall *call)
{
  thole_bus_fail (call, THOLE_ERROR_NOT_FOUND, "no %s %.64s", thole_bus_kind_node (call->kind), call->id);
}

static GVariant *
root_properties (TholeBus *bus)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Version", "s", bus->options.version);
  g_variant_dict_insert (&dict, "Instance", "s", thole_db_instance (bus->operations->db));
  return g_variant_dict_end (&dict);
}

static void
answer_property (TholeBusCall *call, GVariant *properties, const char *name)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (properties, name, NULL);

  if (value != NULL)
    thole_bus_return (call, g_variant_new ("(v)", value), NULL);
  else
    thole_bus_refuse (call, "org.freedesktop.DBus.Error.UnknownProperty", "no property %.64s", name);
}

static void
get_properties (TholeBusCall *call)
{
  GVariant *arguments = g_dbus_message_get_body (call->message);
  gpointer object = call->id != NULL ? thole_bus_object_find (call->bus->operations, call->kind, call->id) : NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) name = NULL;

  if (!thole_access_decide (call->principal, call->def->permission))
    {
      thole_bus_fail (call, THOLE_ERROR_FORBIDDEN, "this needs the permission %s", call->def->permission);
      return;
    }
  if (call->id != NULL && (object == NULL || !thole_bus_object_seen (call->kind, object, call->principal)))
    {
      not_here (call);
      return;
    }
  properties = g_variant_ref_sink (object != NULL ? thole_bus_object_properties (call->kind, object) : root_properties (call->bus));
  if (g_variant_n_children (arguments) == 1)
    {
      thole_bus_return (call, g_variant_new ("(@a{sv})", properties), NULL);
      return;
    }
  name = g_variant_get_child_value (arguments, 1);
  answer_property (call, properties, g_variant_get_string (name, NULL));
}

void
thole_bus_properties (TholeBusCall *call)
{
  g_autoptr (GVariant) interface = g_variant_get_child_value (g_dbus_message_get_body (call->message), 0);
  const char *text = g_variant_get_string (interface, NULL);

  if (strcmp (g_dbus_message_get_member (call->message), "Set") == 0)
    thole_bus_refuse (call, "org.freedesktop.DBus.Error.PropertyReadOnly", "properties are changed by methods");
  else if (text[0] != '\0' && thole_bus_kind_parse (text) != call->kind)
    thole_bus_refuse (call, "org.freedesktop.DBus.Error.UnknownInterface", "no interface %.128s here", text);
  else
    thole_bus_permit (call, thole_bus_kind_read (call->kind), get_properties);
}

/* all objects -------------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeBusCall *call;
  gboolean begun;
  TholeBusKind kind;
  char *last;           /* id */
  GByteArray *out;      /* the answer, as it goes over the bus */
  gsize body, open;     /* in it: where the body and its array begin */
  gboolean answered;    /* the caller may ask again */
  GSource *timer;
} Listing;

static void begin_more (TholeBus *bus);

/* the answer is on its way: what changed meanwhile may follow, and so may the next list */
static void
listing_over (TholeBusCall *call)
{
  TholeBusWatcher *watcher = thole_bus_watcher (call->bus, call->caller->name);

  if (watcher != NULL)
    thole_bus_watcher_release (watcher);
  g_queue_remove (&call->bus->listing, call);
  begin_more (call->bus);
}

static void
listing_free (gpointer data)
{
  Listing *self = data;
  TholeBusCall *call = self->call;

  if (!self->answered)
    call->caller->listing = FALSE;
  if (self->begun && call->bus != NULL)
    listing_over (call);
  thole_source_clear (&self->timer);
  g_clear_pointer (&self->out, g_byte_array_unref);
  g_free (self->last);
  g_free (self);
}

static void
add_entry (Listing *self, gpointer object)
{
  g_autofree char *path = thole_bus_path (self->kind, self->last);
  g_autofree char *interface = g_strconcat (THOLE_BUS_NAME ".", thole_bus_kind_interface (self->kind), NULL);
  gsize interfaces, properties;

  thole_wire_align (self->out, 8);
  thole_wire_string (self->out, path);
  interfaces = thole_wire_open (self->out, 8);
  thole_wire_string (self->out, interface);
  properties = thole_wire_open (self->out, 8);
  thole_bus_object_write (self->kind, object, self->out, NULL, NULL);
  thole_wire_close (self->out, properties, 8);
  thole_wire_close (self->out, interfaces, 8);
}

static void
begin_answer (TholeBusCall *call, Listing *self)
{
  const TholeWireHeader header = {
    .type = G_DBUS_MESSAGE_TYPE_METHOD_RETURN, .serial = thole_bus_outlet_serial (call->bus->outlet),
    .reply_serial = g_dbus_message_get_serial (call->message), .destination = call->caller->name, .signature = "a{oa{sa{sv}}}",
  };

  thole_wire_header (self->out, &header, 0);
  self->body = self->out->len;
  self->open = thole_wire_open (self->out, 8);
}

/* the memory that it took is of no use to anybody else */
static void
list_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  thole_bus_call_free (user_data);
  malloc_trim (0);
}

static void
listing_end (TholeBusCall *call)
{
  Listing *self = call->state;
  gsize size = self->out->len;

  if (!thole_bus_may_owe (call->caller, size))
    {
      thole_bus_refuse (call, "org.freedesktop.DBus.Error.LimitsExceeded", "a list that was sent before is unread");
      return;
    }
  thole_wire_close (self->out, self->open, 8);
  thole_wire_resize (self->out, 0, size - self->body);
  if (!(g_dbus_message_get_flags (call->message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED))
    {
      thole_bus_outlet_take (call->bus->outlet, g_steal_pointer (&self->out));
      thole_bus_owe (call->caller, size);
    }
  /* it may have read the answer before the flush is told; what it does not read is bounded by what it may owe */
  self->answered = TRUE;
  call->caller->listing = FALSE;
  if (size < LONG)
    thole_bus_call_free (call);
  else
    g_dbus_connection_flush (call->bus->connection, NULL, list_written, call);
}

/* Returns: FALSE when all have been seen */
static gboolean
next_object (TholeBusCall *call)
{
  Listing *self = call->state;
  gpointer object = NULL;

  if (thole_access_decide (call->principal, thole_bus_kind_read (self->kind)->permission))
    object = thole_bus_object_next (call->bus->operations, self->kind, self->last);
  g_free (self->last);
  self->last = g_strdup (object != NULL ? thole_bus_object_id (self->kind, object) : "");
  if (object == NULL)
    return ++self->kind < THOLE_BUS_N_KINDS;
  if (thole_bus_object_seen (self->kind, object, call->principal))
    add_entry (self, object);
  return TRUE;
}

static gboolean
next_piece (gpointer user_data)
{
  TholeBusCall *call = user_data;
  Listing *self = call->state;
  gboolean more = TRUE;

  if (call->bus == NULL || call->caller->gone)
    {
      thole_bus_fail (call, THOLE_ERROR_INTERRUPTED, "the caller has left");
      return G_SOURCE_REMOVE;
    }
  for (guint i = 0; more && i < PIECE; i++)
    more = next_object (call);
  if (self->out->len > THOLE_BUS_MAX_ANSWER)
    thole_bus_fail (call, THOLE_ERROR_TOO_LARGE, "there are too many objects for one message; ListWorkloads gives them page by page");
  else if (more)
    return G_SOURCE_CONTINUE;
  else
    listing_end (call);
  return G_SOURCE_REMOVE;
}

static void
begin_list (TholeBusCall *call)
{
  Listing *self = call->state;
  TholeBusWatcher *watcher;

  if (call->caller->gone)
    {
      thole_bus_fail (call, THOLE_ERROR_INTERRUPTED, "the caller has left");
      return;
    }
  watcher = thole_bus_watch (call);
  if (watcher == NULL)
    {
      thole_bus_fail (call, THOLE_ERROR_OVERLOADED, "there are too many watchers");
      return;
    }
  thole_bus_watcher_hold (watcher);
  begin_answer (call, self);
  self->begun = TRUE;
  g_queue_push_tail (&call->bus->listing, call);
  self->timer = thole_clock_timer (call->bus->options.clock, 0, next_piece, call);
}

static gboolean
is_listing (TholeBus *bus, uid_t uid)
{
  for (GList *link = bus->listing.head; link != NULL; link = link->next)
    if (((TholeBusCall *) link->data)->caller->uid == uid)
      return TRUE;
  return FALSE;
}

/* in their order, but nobody takes every turn by coming often */
static TholeBusCall *
next_waiting (TholeBus *bus)
{
  GList *next = bus->to_list.head;
  TholeBusCall *call;

  for (GList *link = next; link != NULL; link = link->next)
    if (!is_listing (bus, ((TholeBusCall *) link->data)->caller->uid))
      {
        next = link;
        break;
      }
  call = next->data;
  g_queue_delete_link (&bus->to_list, next);
  return call;
}

static void
begin_more (TholeBus *bus)
{
  while (bus->listing.length < LISTS && bus->to_list.length > 0)
    begin_list (next_waiting (bus));
}

static void
list_all (TholeBusCall *call)
{
  Listing *self;
  guint allowed = 0;

  for (TholeBusKind kind = THOLE_BUS_ROOT + 1; kind < THOLE_BUS_N_KINDS; kind++)
    allowed += thole_access_decide (call->principal, thole_bus_kind_read (kind)->permission);
  if (allowed == 0)
    {
      thole_bus_fail (call, THOLE_ERROR_FORBIDDEN, "this needs the permission %s", call->def->permission);
      return;
    }
  if (call->caller->listing || call->bus->to_list.length >= WAITING)
    {
      thole_bus_fail (call, THOLE_ERROR_OVERLOADED, call->caller->listing ? "one list of all objects at a time" : "too many lists at once");
      return;
    }
  self = g_new0 (Listing, 1);
  self->call = call;
  self->kind = THOLE_BUS_ROOT + 1;
  self->last = g_strdup ("");
  self->out = g_byte_array_new ();
  call->state = self;
  call->state_free = listing_free;
  call->caller->listing = TRUE;
  g_queue_push_tail (&call->bus->to_list, call);
  begin_more (call->bus);
}

void
thole_bus_tree (TholeBusCall *call)
{
  thole_bus_permit (call, thole_bus_kind_read (THOLE_BUS_WORKLOAD), list_all);
}

void
thole_bus_tree_end (TholeBus *bus)
{
  TholeBusCall *call;

  while ((call = g_queue_pop_head (&bus->to_list)) != NULL)
    thole_bus_fail (call, THOLE_ERROR_INTERRUPTED, "the daemon is going down");
  g_queue_clear (&bus->listing);
}
