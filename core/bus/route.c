/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a method call is for. Everything that can be wrong with it before anybody's rights matter is found here.
 */
#include "bus/face.h"

#include <gio/gunixfdlist.h>
#include <string.h>

#include "bus/object.h"
#include "bus/watch.h"

#define INTROSPECTED 1000 /* objects that one node tells of */
#define WRONG_ARGUMENTS "org.freedesktop.DBus.Error.InvalidArgs"

static gboolean
has_signature (TholeBusCall *call, const char *type)
{
  GVariant *body = g_dbus_message_get_body (call->message);

  if (body != NULL ? g_variant_is_of_type (body, G_VARIANT_TYPE (type)) : strcmp (type, "()") == 0)
    return TRUE;
  thole_bus_refuse (call, WRONG_ARGUMENTS, "%s takes %s", g_dbus_message_get_member (call->message), type);
  return FALSE;
}

/* introspection ------------------------------------------------------------------------------------------------ */

static void
introspect_node (TholeBusCall *call)
{
  TholeOperations *operations = call->bus->operations;
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *last = g_strdup ("");
  gboolean may = thole_access_decide (call->principal, call->def->permission);
  gpointer object;
  g_autofree char *xml = NULL;

  while (may && nodes->len < INTROSPECTED && (object = thole_bus_object_next (operations, call->kind, last)) != NULL)
    {
      g_free (last);
      last = g_strdup (thole_bus_object_id (call->kind, object));
      if (thole_bus_object_seen (call->kind, object, call->principal))
        g_ptr_array_add (nodes, g_strdelimit (g_strdup (last), "-", '_'));
    }
  g_ptr_array_add (nodes, NULL);
  xml = thole_bus_introspect (THOLE_BUS_N_KINDS, (const char *const *) nodes->pdata);
  thole_bus_return (call, g_variant_new ("(s)", xml), NULL);
}

static void
introspect_object (TholeBusCall *call)
{
  gpointer object = thole_bus_object_find (call->bus->operations, call->kind, call->id);
  g_autofree char *xml = NULL;

  if (object == NULL || !thole_access_decide (call->principal, call->def->permission)
      || !thole_bus_object_seen (call->kind, object, call->principal))
    {
      thole_bus_refuse (call, "org.freedesktop.DBus.Error.UnknownObject", "no such object");
      return;
    }
  xml = thole_bus_introspect (call->kind, NULL);
  thole_bus_return (call, g_variant_new ("(s)", xml), NULL);
}

static void
introspect (TholeBusCall *call)
{
  const char *nodes[THOLE_BUS_N_KINDS] = { NULL };
  g_autofree char *xml = NULL;

  if (!has_signature (call, "()"))
    return;
  if (call->kind != THOLE_BUS_ROOT)
    {
      thole_bus_permit (call, thole_bus_kind_read (call->kind), call->id != NULL ? introspect_object : introspect_node);
      return;
    }
  for (TholeBusKind kind = THOLE_BUS_ROOT + 1; kind < THOLE_BUS_N_KINDS; kind++)
    nodes[kind - 1] = thole_bus_kind_node (kind);
  xml = thole_bus_introspect (THOLE_BUS_ROOT, nodes);
  thole_bus_return (call, g_variant_new ("(s)", xml), NULL);
}

/* the nodes above our own: they only lead to it */
static void
introspect_above (TholeBusCall *call, const char *path)
{
  const char *rest = &THOLE_BUS_PATH[path[1] != '\0' ? strlen (path) + 1 : 1];
  g_autofree char *name = g_strndup (rest, (gsize) (strchrnul (rest, '/') - rest));
  const char *nodes[] = { name, NULL };
  g_autofree char *xml = NULL;

  if (!has_signature (call, "()"))
    return;
  xml = thole_bus_introspect (THOLE_BUS_N_KINDS, nodes);
  thole_bus_return (call, g_variant_new ("(s)", xml), NULL);
}

/* methods ------------------------------------------------------------------------------------------------------ */

static void
unknown_method (TholeBusCall *call)
{
  thole_bus_refuse (call, "org.freedesktop.DBus.Error.UnknownMethod", "no method %s here", g_dbus_message_get_member (call->message));
}

static void
route_own (TholeBusCall *call, TholeBusKind interface)
{
  const char *member = g_dbus_message_get_member (call->message);
  gboolean root = interface == THOLE_BUS_ROOT && call->kind == THOLE_BUS_ROOT;
  g_autofree char *name = g_strconcat (thole_bus_kind_interface (interface), ".", member, NULL);
  const TholeOperationDef *def = g_hash_table_lookup (call->bus->methods, name);
  g_autofree char *arguments = NULL;

  if (root && strcmp (member, "Subscribe") == 0)
    {
      if (has_signature (call, "(xa{sv})"))
        thole_bus_subscribe (call);
      return;
    }
  if (root && strcmp (member, "Unsubscribe") == 0)
    {
      if (has_signature (call, "()"))
        thole_bus_unsubscribe (call);
      return;
    }
  if (def == NULL || interface != call->kind || (call->kind != THOLE_BUS_ROOT && call->id == NULL))
    {
      unknown_method (call);
      return;
    }
  arguments = thole_bus_arguments (def);
  if (!has_signature (call, arguments))
    return;
  call->def = def;
  thole_bus_operate (call);
}

static void
route_properties (TholeBusCall *call, const char *member)
{
  const char *type = strcmp (member, "Get") == 0 ? "(ss)" : strcmp (member, "GetAll") == 0 ? "(s)" : "(ssv)";

  if (strcmp (member, "Set") != 0 && type[3] == 'v')
    unknown_method (call);
  else if (has_signature (call, type))
    thole_bus_properties (call);
}

static void
route_member (TholeBusCall *call, const char *interface, const char *member)
{
  TholeBusKind kind = interface != NULL ? thole_bus_kind_parse (interface) : call->kind;

  if (kind != THOLE_BUS_N_KINDS)
    route_own (call, kind);
  else if (strcmp (interface, "org.freedesktop.DBus.Introspectable") == 0 && strcmp (member, "Introspect") == 0)
    introspect (call);
  else if (strcmp (interface, "org.freedesktop.DBus.Properties") == 0 && (call->id != NULL || call->kind == THOLE_BUS_ROOT))
    route_properties (call, member);
  else if (strcmp (interface, "org.freedesktop.DBus.ObjectManager") == 0 && strcmp (member, "GetManagedObjects") == 0
           && call->kind == THOLE_BUS_ROOT)
    {
      if (has_signature (call, "()"))
        thole_bus_tree (call);
    }
  else
    unknown_method (call);
}

/* the standard streams of a command, what is uploaded; elsewhere none */
static gboolean
has_descriptors_to_spare (const TholeBusCall *call)
{
  GUnixFDList *descriptors = g_dbus_message_get_unix_fd_list (call->message);
  const char *interface = g_dbus_message_get_interface (call->message), *member = g_dbus_message_get_member (call->message);
  int most = 0;

  if (g_strcmp0 (interface, THOLE_BUS_NAME ".Workload") == 0)
    most = strcmp (member, "Exec") == 0 ? 3 : strcmp (member, "WriteFile") == 0 || strcmp (member, "ExtractFiles") == 0 ? 1 : 0;
  return descriptors != NULL && g_unix_fd_list_get_length (descriptors) > most;
}

/* as over HTTP: too many, too much */
static gboolean
is_acceptable (TholeBusCall *call)
{
  TholeBusOptions *options = &call->bus->options;
  g_autoptr (TholePrincipal) principal = thole_identity_peer (options->identity, call->caller->uid);
  TholeRate rate = { 0 };

  if (options->rates != NULL && thole_rates_request (options->rates, principal, NULL, &rate) && rate.retry_after > 0)
    thole_bus_fail (call, THOLE_ERROR_RATE_LIMITED, "Too many requests; the limit is %" G_GINT64_FORMAT " a minute", rate.limit);
  else if (has_descriptors_to_spare (call))
    thole_bus_refuse (call, WRONG_ARGUMENTS, "no file descriptor belongs here");
  else
    return TRUE;
  return FALSE;
}

void
thole_bus_route (TholeBusCall *call)
{
  const char *path = g_dbus_message_get_path (call->message);

  if (call->bus == NULL || call->caller->gone)
    thole_bus_fail (call, THOLE_ERROR_INTERRUPTED, "the caller has left");
  else if (call->caller->refused)
    thole_bus_refuse (call, "org.freedesktop.DBus.Error.AccessDenied", "the bus does not say who you are");
  else if (is_acceptable (call))
    {
      if (strlen (path) < strlen (THOLE_BUS_PATH))
        introspect_above (call, path);
      else if (thole_bus_path_parse (path, &call->kind, &call->id))
        route_member (call, g_dbus_message_get_interface (call->message), g_dbus_message_get_member (call->message));
      else
        thole_bus_refuse (call, "org.freedesktop.DBus.Error.UnknownObject", "no such object");
    }
}
