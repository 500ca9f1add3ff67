/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is at the other end: the bus says the uid of a unique name, and what that uid may do is what it may do over the unix
 * socket, plus what polkit says.
 */
#include "bus/face.h"

#include <string.h>
#include <unistd.h>

#define CREDENTIALS_PATIENCE (10 * 1000) /* ms */

TholeBusCaller *
thole_bus_caller_ref (TholeBusCaller *self)
{
  self->refs++;
  return self;
}

void
thole_bus_caller_unref (TholeBusCaller *self)
{
  if (--self->refs > 0)
    return;
  g_hash_table_unref (self->verdicts);
  g_free (self->name);
  g_free (self);
}

static void
credentials_came (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeBusCaller *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariant) credentials = answer != NULL ? g_variant_get_child_value (answer, 0) : NULL;
  guint32 uid = THOLE_BUS_UNKNOWN;
  TholeBusCall *call;

  self->known = TRUE;
  self->refused = credentials == NULL || !g_variant_lookup (credentials, "UnixUserID", "u", &uid);
  self->uid = uid;
  while ((call = g_queue_pop_head (&self->waiting)) != NULL)
    thole_bus_resume_call (call);
  /* the bus could not say it this time; next time it is asked again */
  if (answer == NULL && self->bus != NULL && g_hash_table_lookup (self->bus->callers, self->name) == self)
    g_hash_table_remove (self->bus->callers, self->name);
  thole_bus_caller_unref (self);
}

/* makes room by forgetting the one that was quiet for longest */
static gboolean
make_room (TholeBus *bus)
{
  TholeBusCaller *oldest = NULL;
  GHashTableIter iter;
  gpointer value;

  if (g_hash_table_size (bus->callers) < THOLE_BUS_MAX_CALLERS)
    return TRUE;
  g_hash_table_iter_init (&iter, bus->callers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      TholeBusCaller *caller = value;

      if (caller->calls == 0 && thole_bus_may_forget (caller) && (oldest == NULL || caller->used_at < oldest->used_at))
        oldest = caller;
    }
  return oldest != NULL && g_hash_table_remove (bus->callers, oldest->name);
}

TholeBusCaller *
thole_bus_caller_get (TholeBus *bus, const char *name)
{
  TholeBusCaller *self = g_hash_table_lookup (bus->callers, name);

  if (self == NULL)
    {
      if (!make_room (bus))
        return NULL;
      self = g_new0 (TholeBusCaller, 1);
      self->refs = 2;
      self->bus = bus;
      self->uid = THOLE_BUS_UNKNOWN;
      self->name = g_strdup (name);
      self->verdicts = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
      g_hash_table_replace (bus->callers, self->name, self);
      g_dbus_connection_call (bus->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                              "GetConnectionCredentials", g_variant_new ("(s)", name), G_VARIANT_TYPE ("(a{sv})"),
                              G_DBUS_CALL_FLAGS_NONE, CREDENTIALS_PATIENCE, NULL, credentials_came, self);
    }
  self->used_at = thole_clock_monotonic (bus->options.clock);
  return self;
}

gboolean
thole_bus_room (uid_t uid, guint own, guint all, guint max)
{
  if (uid == 0 || uid == geteuid ())
    return all < max;
  return own < max / 4 && all < max - max / 8;
}

void
thole_bus_caller_gone (TholeBusCaller *self)
{
  TholeBus *bus = self->bus;
  g_autoptr (GPtrArray) calls = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  self->gone = TRUE;
  g_hash_table_iter_init (&iter, bus->calls);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (((TholeBusCall *) key)->caller == self)
      g_ptr_array_add (calls, g_object_ref (((TholeBusCall *) key)->cancellable));
  for (guint i = 0; i < calls->len; i++)
    {
      g_cancellable_cancel (calls->pdata[i]);
      g_object_unref (calls->pdata[i]);
    }
  g_hash_table_remove (bus->callers, self->name);
}

/* what it may do ---------------------------------------------------------------------------------------------- */

/* consent to an action is consent to every operation that it stands for */
static TholePrincipal *
consented (const TholePrincipal *principal, const char *action)
{
  g_autoptr (GPtrArray) permissions = g_ptr_array_new ();

  for (guint i = 0; i < THOLE_N_OPS; i++)
    if (g_strcmp0 (thole_operations[i].action, action) == 0)
      g_ptr_array_add (permissions, (gpointer) thole_operations[i].permission);
  g_ptr_array_add (permissions, NULL);
  return thole_principal_granted (principal, (const char *const *) permissions->pdata);
}

static void
look_up (TholeBusCall *call)
{
  g_clear_pointer (&call->principal, thole_principal_unref);
  g_clear_pointer (&call->peer, thole_principal_unref);
  call->peer = thole_identity_peer (call->bus->options.identity, call->caller->uid);
  call->principal = thole_principal_ref (call->peer);
}

static void
polkit_said (TholeBusCall *call, gboolean good)
{
  /* a person may have thought about it for minutes */
  if (call->bus != NULL)
    look_up (call);
  if (call->bus != NULL && good)
    {
      TholePrincipal *granted = consented (call->principal, call->def->action);

      thole_principal_unref (call->principal);
      call->principal = granted;
      call->consented = TRUE;
    }
  if (call->bus == NULL || call->caller->gone)
    thole_bus_fail (call, THOLE_ERROR_INTERRUPTED, "the caller has left");
  else
    call->then (call);
}

void
thole_bus_permit (TholeBusCall *call, const TholeOperationDef *def, void (*then) (TholeBusCall *call))
{
  call->def = def;
  call->then = then;
  look_up (call);
  if (def->action != NULL && !thole_access_decide (call->principal, def->permission))
    thole_bus_polkit_ask (call, def->action, polkit_said);
  else
    then (call);
}
