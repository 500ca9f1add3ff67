/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Root.Subscribe: the events from a number on, and what becomes of the objects. It is event.list as a stream, so rights, filters
 * and what an old number gives are as over HTTP.
 */
#include "bus/watch.h"

#include "bus/value.h"

static void
on_done (TholeCall *call, gpointer user_data)
{
  TholeBusCall *self = user_data;
  TholeBus *bus = self->bus;
  TholeBusWatcher *watcher = NULL;

  if (call->reply.problem != NULL)
    thole_bus_problem (self, call->reply.problem);
  else if (bus == NULL || self->caller->gone)
    thole_bus_fail (self, THOLE_ERROR_INTERRUPTED, "the caller has left");
  else if ((watcher = thole_bus_watch (self)) == NULL)
    thole_bus_fail (self, THOLE_ERROR_OVERLOADED, "there are too many watchers");
  else
    {
      /* the answer goes first */
      thole_bus_watcher_hold (watcher);
      thole_bus_watcher_follow (watcher, g_steal_pointer (&call->reply.stream));
      thole_bus_return (self, g_variant_new ("(x)", thole_event_log_newest (bus->operations->events)), NULL);
      thole_bus_watcher_release (watcher);
    }
  thole_call_free (call);
}

static void
dispatch (TholeBusCall *self)
{
  GVariant *arguments = g_dbus_message_get_body (self->message);
  g_autoptr (GVariant) options = g_variant_get_child_value (arguments, 1);
  TholeProblem *problem = NULL;
  g_autoptr (GVariant) json = thole_bus_options (options, &problem);
  TholeCall *call;
  GVariantDict query;
  gint64 after;

  if (json == NULL)
    {
      thole_bus_problem (self, problem);
      thole_problem_free (problem);
      return;
    }
  g_variant_get_child (arguments, 0, "x", &after);
  g_variant_dict_init (&query, json);
  if (after >= 0)
    g_variant_dict_insert (&query, "after", "x", after);
  else
    g_variant_dict_insert (&query, "tail", "b", TRUE);
  call = thole_call_new (self->def, self->principal);
  call->request_id = thole_id_new (self->bus->options.clock, "bus");
  call->path = g_strdup (self->def->path);
  call->address = g_strdup_printf ("bus:%u", (guint) self->caller->uid);
  call->query = g_variant_ref_sink (g_variant_dict_end (&query));
  call->want = THOLE_WANT_EVENTS;
  call->done = on_done;
  call->user_data = self;
  thole_operations_dispatch (self->bus->operations, call);
}

void
thole_bus_subscribe (TholeBusCall *call)
{
  thole_bus_permit (call, &thole_operations[THOLE_OP_EVENT_LIST], dispatch);
}

void
thole_bus_unsubscribe (TholeBusCall *call)
{
  thole_bus_unwatch (call->bus, call->caller->name, NULL);
  thole_bus_return (call, NULL, NULL);
}
