/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Introspection data with its documentation, made of the same tables that calls and properties are served from.
 */
#include "bus/face.h"

#include <string.h>

#include "bus/object.h"
#include "bus/value.h"

#define DOC "org.gtk.GDBus.DocString"

static const char head[] =
  "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
  " \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

static const char standard[] =
  "  <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
  "    <method name=\"Introspect\"><arg name=\"xml\" type=\"s\" direction=\"out\"/></method>\n"
  "  </interface>\n"
  "  <interface name=\"org.freedesktop.DBus.Peer\">\n"
  "    <method name=\"Ping\"/>\n"
  "    <method name=\"GetMachineId\"><arg name=\"id\" type=\"s\" direction=\"out\"/></method>\n"
  "  </interface>\n";

static const char properties[] =
  "  <interface name=\"org.freedesktop.DBus.Properties\">\n"
  "    <method name=\"Get\">\n"
  "      <arg name=\"interface\" type=\"s\" direction=\"in\"/>\n"
  "      <arg name=\"name\" type=\"s\" direction=\"in\"/>\n"
  "      <arg name=\"value\" type=\"v\" direction=\"out\"/>\n"
  "    </method>\n"
  "    <method name=\"GetAll\">\n"
  "      <arg name=\"interface\" type=\"s\" direction=\"in\"/>\n"
  "      <arg name=\"properties\" type=\"a{sv}\" direction=\"out\"/>\n"
  "    </method>\n"
  "    <method name=\"Set\">\n"
  "      <arg name=\"interface\" type=\"s\" direction=\"in\"/>\n"
  "      <arg name=\"name\" type=\"s\" direction=\"in\"/>\n"
  "      <arg name=\"value\" type=\"v\" direction=\"in\"/>\n"
  "    </method>\n"
  "    <signal name=\"PropertiesChanged\">\n"
  "      <arg name=\"interface\" type=\"s\"/>\n"
  "      <arg name=\"changed\" type=\"a{sv}\"/>\n"
  "      <arg name=\"invalidated\" type=\"as\"/>\n"
  "    </signal>\n"
  "  </interface>\n";

static const char object_manager[] =
  "  <interface name=\"org.freedesktop.DBus.ObjectManager\">\n"
  "    <method name=\"GetManagedObjects\">\n"
  "      <arg name=\"objects\" type=\"a{oa{sa{sv}}}\" direction=\"out\"/>\n"
  "    </method>\n"
  "    <signal name=\"InterfacesAdded\">\n"
  "      <arg name=\"object\" type=\"o\"/>\n"
  "      <arg name=\"interfaces\" type=\"a{sa{sv}}\"/>\n"
  "    </signal>\n"
  "    <signal name=\"InterfacesRemoved\">\n"
  "      <arg name=\"object\" type=\"o\"/>\n"
  "      <arg name=\"interfaces\" type=\"as\"/>\n"
  "    </signal>\n"
  "  </interface>\n";

static const char *const kind_docs[THOLE_BUS_N_KINDS] = {
  [THOLE_BUS_ROOT] = "The daemon. Dictionaries hold the same words as the JSON of HTTP; what is null there is left out. An option "
                     "that is not known is refused, and every wrong one is named. Beside those of its operation a method that changes "
                     "something takes idempotency_key (s): asked again with the same key it acts once; and if_match (s): only when the "
                     "revision of the object is still this one. An empty signature (g) stands for null, which removes a label.",
  [THOLE_BUS_WORKLOAD] = "A program that runs on an engine and has a life cycle.",
  [THOLE_BUS_SESSION] = "A process inside a workload that people attach to.",
  [THOLE_BUS_BACKEND] = "A configured instance of a driver.",
  [THOLE_BUS_OPERATION] = "A long operation: its progress and its end. Ended ones are not listed, but can be asked for a while.",
};

static void
append_doc (GString *out, const char *indent, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  g_string_append_printf (out, "%s<annotation name=\"" DOC "\" value=\"%s\"/>\n", indent, escaped);
}

static void
append_argument (GString *out, const char *name, const char *type, const char *direction, const char *doc)
{
  g_string_append_printf (out, "      <arg name=\"%s\" type=\"%s\" direction=\"%s\"", name, type, direction);
  if (doc == NULL || doc[0] == '\0')
    {
      g_string_append (out, "/>\n");
      return;
    }
  g_string_append (out, ">\n");
  append_doc (out, "        ", doc);
  g_string_append (out, "      </arg>\n");
}

static void
describe_options (GString *out, const TholeOperationDef *def, const TholeSchema *schema)
{
  for (guint i = 0; i < schema->n_fields; i++)
    {
      const TholeField *field = &schema->fields[i];

      if (!thole_bus_takes (def, schema, field->name))
        continue;
      g_string_append_printf (out, "%s%s (%s%s): %s", out->len > 0 ? "; " : "", field->name, thole_bus_input_type (field),
                              field->flags & THOLE_FIELD_REQUIRED ? ", needed" : "", field->doc);
    }
}

static const char redirection[] =
  "; stdin, stdout, stderr (h): ends of pipes or stream sockets instead: input is read from one to its end, output is written there and is "
  "not in the result";

/* of a viewer the frames say how it ends */
static const char end_of_stream[] =
  "one end of a pair of sockets: its end is reached only when nothing is missing; when what is read breaks before, reading fails with "
  "ECONNRESET after what came";

static void
append_method (GString *out, const TholeOperationDef *def)
{
  g_autofree char *arguments = thole_bus_arguments (def);
  g_autoptr (GString) options = g_string_new (NULL);
  g_autofree char *doc = def->action != NULL
                           ? g_strdup_printf ("%s. Needs the permission %s, or polkit's consent to " THOLE_BUS_ACTION "%s.", def->doc,
                                              def->permission, def->action)
                           : g_strdup_printf ("%s.", def->doc);

  describe_options (options, def, def->query);
  describe_options (options, def, def->body);
  if (strcmp (def->name, "workload.exec") == 0)
    g_string_append (options, redirection);
  if (def->kind == THOLE_OPERATION_UPLOAD)
    g_string_append (options, "; input (h, needed): an end of a pipe or of a stream socket; what comes from it is read to its end");
  g_string_append_printf (out, "    <method name=\"%s\">\n", strchr (def->bus, '.') + 1);
  append_doc (out, "      ", doc);
  if (arguments[1] == 's')
    append_argument (out, "id", "s", "in", "id or name");
  append_argument (out, "options", "a{sv}", "in", options->str);
  if (thole_bus_streams (def))
    append_argument (out, "stream", "h", "out", def->success[0] == 101 ? NULL : end_of_stream);
  else
    {
      if (thole_bus_creates (def))
        append_argument (out, "object", "o", "out", "what was made; / when nothing was");
      append_argument (out, "result", "a{sv}", "out", NULL);
      if (thole_bus_begins (def))
        append_argument (out, "operation", "o", "out", "what goes on; / when it has ended");
    }
  g_string_append (out, "    </method>\n");
}

static void
append_property (const TholeBusProperty *property, gpointer user_data)
{
  GString *out = user_data;

  g_string_append_printf (out, "    <property name=\"%s\" type=\"%s\" access=\"read\">\n",
                          thole_bus_property_name (property->name), property->type);
  append_doc (out, "      ", property->doc);
  g_string_append (out, "    </property>\n");
}

/* what the root has beside operations */
static const char watching[] =
  "    <method name=\"Subscribe\">\n"
  "      <annotation name=\"" DOC "\" value=\"Follow events: Event comes for each above `after`, first those that are kept. An old "
  "number is refused with Gone, one that never was with InvalidField. The caller is told of changes of objects, too, as after "
  "GetManagedObjects, until it leaves the bus. Needs the permission event.read, or polkit's consent to " THOLE_BUS_ACTION "view.\"/>\n"
  "      <arg name=\"after\" type=\"x\" direction=\"in\">\n"
  "        <annotation name=\"" DOC "\" value=\"number of the last event already seen; below 0: only new ones\"/>\n"
  "      </arg>\n"
  "      <arg name=\"options\" type=\"a{sv}\" direction=\"in\">\n"
  "        <annotation name=\"" DOC "\" value=\"type (s): types, separated by commas; workload.* takes all of a kind; subject (s): id of "
  "the object\"/>\n"
  "      </arg>\n"
  "      <arg name=\"newest\" type=\"x\" direction=\"out\">\n"
  "        <annotation name=\"" DOC "\" value=\"number of the newest event; when only new ones were asked for, they are those above it\"/>\n"
  "      </arg>\n"
  "    </method>\n"
  "    <method name=\"Unsubscribe\">\n"
  "      <annotation name=\"" DOC "\" value=\"No more signals for the caller.\"/>\n"
  "    </method>\n"
  "    <signal name=\"Event\">\n"
  "      <annotation name=\"" DOC "\" value=\"Something happened, as the events of HTTP tell it. Only for those who subscribed.\"/>\n"
  "      <arg name=\"seq\" type=\"x\"/>\n"
  "      <arg name=\"event\" type=\"a{sv}\"/>\n"
  "    </signal>\n"
  "    <signal name=\"Gap\">\n"
  "      <annotation name=\"" DOC "\" value=\"The events from `from` to below `to` were forgotten before they could be told.\"/>\n"
  "      <arg name=\"from\" type=\"x\"/>\n"
  "      <arg name=\"to\" type=\"x\"/>\n"
  "    </signal>\n"
  "    <signal name=\"WatchEnded\">\n"
  "      <annotation name=\"" DOC "\" value=\"The caller is told nothing more: shutdown, too-slow, rules-changed or events-ended.\"/>\n"
  "      <arg name=\"reason\" type=\"s\"/>\n"
  "    </signal>\n";

static void
append_root (GString *out)
{
  static const TholeBusProperty own[] = {
    { "version", "s", "of the daemon" },
    { "instance", "s", "identity of its store" },
  };

  g_string_append (out, watching);
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    append_property (&own[i], out);
}

static void
append_interface (GString *out, TholeBusKind kind)
{
  const char *interface = thole_bus_kind_interface (kind);
  gsize length = strlen (interface);

  g_string_append_printf (out, "  <interface name=\"" THOLE_BUS_NAME ".%s\">\n", interface);
  append_doc (out, "    ", kind_docs[kind]);
  for (guint i = 0; i < THOLE_N_OPS; i++)
    if (thole_operations[i].bus != NULL && strncmp (thole_operations[i].bus, interface, length) == 0
        && thole_operations[i].bus[length] == '.')
      append_method (out, &thole_operations[i]);
  if (kind == THOLE_BUS_ROOT)
    append_root (out);
  else
    thole_bus_each_property (kind, append_property, out);
  g_string_append (out, "  </interface>\n");
}

char *
thole_bus_introspect (TholeBusKind kind, const char *const *nodes)
{
  GString *out = g_string_new (head);

  g_string_append (out, "<node>\n");
  g_string_append (out, standard);
  if (kind != THOLE_BUS_N_KINDS)
    {
      g_string_append (out, properties);
      append_interface (out, kind);
    }
  if (kind == THOLE_BUS_ROOT)
    g_string_append (out, object_manager);
  for (guint i = 0; nodes != NULL && nodes[i] != NULL; i++)
    g_string_append_printf (out, "  <node name=\"%s\"/>\n", nodes[i]);
  g_string_append (out, "</node>\n");
  return g_string_free (out, FALSE);
}
