/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One who is told what changes. Signals are not answered, so after WINDOW of them, or so many bytes, it is asked for a sign of life; until that comes
 * no more than WINDOW others follow. Of what changes while it cannot be told only the names are kept.
 */
#include "bus/watch.h"

#include <string.h>
#include <unistd.h>

#include "bus/object.h"
#include "bus/wire.h"
#include "thole-dict.h"
#include "thole-json.h"

#define WINDOW 256
#define WINDOW_BYTES (256 * 1024)
#define PATIENCE (30 * 1000) /* ms for a sign of life */
#define MAX_MISSED 100000    /* names that are kept for it */

typedef struct
{
  TholeBusKind kind;
  TholeBusHappening happening;
  char *owner;
} Missed;

struct _TholeBusWatcher
{
  TholeBus *bus;
  char *name;
  uid_t uid;
  TholePrincipal *principal;
  TholePrincipal *peer;   /* what it was without polkit when it began */
  guint looked;           /* changes of the accounts when that was compared */
  gboolean consented;
  guint held;
  guint sent;             /* since the last question */
  gsize bytes;            /* of them */
  gboolean asking;
  GCancellable *cancel;
  GHashTable *missed;     /* id -> Missed */
  TholeStream *stream;    /* (nullable): events */
  GSource *pump;
};

static void
missed_free (gpointer data)
{
  g_free (((Missed *) data)->owner);
  g_free (data);
}

/* sending ------------------------------------------------------------------------------------------------------ */

static void resume (TholeBusWatcher *self);

static gboolean
is_window_full (const TholeBusWatcher *self)
{
  return self->sent >= WINDOW || self->bytes >= WINDOW_BYTES;
}

static gboolean
may_send (TholeBusWatcher *self)
{
  return self->held == 0 && !(self->asking && is_window_full (self));
}

static void
alive (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeBusWatcher *self = user_data;
  g_autoptr (GError) error = NULL;
  GVariant *answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  g_clear_pointer (&answer, g_variant_unref);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return;
  /* a refusal is a sign of life, too */
  if (thole_bus_is_silence (error))
    {
      thole_bus_unwatch (self->bus, self->name, "too-slow");
      return;
    }
  self->asking = FALSE;
  resume (self);
}

static void
ask (TholeBusWatcher *self)
{
  self->asking = TRUE;
  self->sent = 0;
  self->bytes = 0;
  thole_bus_outlet_push (self->bus->outlet);
  g_dbus_connection_call (self->bus->connection, self->name, "/", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, PATIENCE, self->cancel, alive, self);
}

static void
emit (TholeBusWatcher *self, const TholeBusSignal *signal)
{
  thole_bus_signal_send (signal, self->bus->outlet, self->name);
  self->sent++;
  self->bytes += signal->body->len;
  if (!self->asking && is_window_full (self))
    ask (self);
}

void
thole_bus_watcher_end (TholeBusWatcher *self, const char *reason)
{
  g_auto (TholeBusSignal) signal = { 0 };

  thole_bus_signal_of_root (&signal, "WatchEnded", "s");
  thole_wire_string (signal.body, reason);
  emit (self, &signal);
}

static void
send_item (TholeBusWatcher *self, const TholeBusNewsItem *item, TholeBusSignal *signal)
{
  if (signal->body == NULL)
    thole_bus_signal_make (signal, item);
  emit (self, signal);
}

static gboolean
may_see (TholeBusWatcher *self, TholeBusKind kind, const char *owner)
{
  return thole_access_decide (self->principal, thole_bus_kind_read (kind)->permission)
         && (kind == THOLE_BUS_BACKEND || thole_access_owns (self->principal, owner));
}

static void
keep_for_later (TholeBusWatcher *self, const TholeBusNewsItem *item)
{
  Missed *missed = g_hash_table_lookup (self->missed, item->id);

  if (missed == NULL)
    {
      missed = g_new0 (Missed, 1);
      missed->kind = item->kind;
      missed->happening = item->happening;
      missed->owner = g_strdup (item->owner);
      g_hash_table_insert (self->missed, g_strdup (item->id), missed);
    }
}

void
thole_bus_watcher_tell (TholeBusWatcher *self, const TholeBusNewsItem *item, TholeBusSignal *signal)
{
  if (!may_see (self, item->kind, item->owner))
    return;
  if (may_send (self))
    send_item (self, item, signal);
  else
    keep_for_later (self, item);
  if (g_hash_table_size (self->missed) > MAX_MISSED)
    thole_bus_unwatch (self->bus, self->name, "too-slow");
}

/* What it is now is all that counts of what it missed. A list that was made meanwhile may name what has gone since, so that is told
 * even of what was never added.
 */
static void
tell_missed (TholeBusWatcher *self, const char *id, const Missed *missed)
{
  gpointer object = thole_bus_object_find (self->bus->operations, missed->kind, id);
  gboolean listed = object != NULL && thole_bus_object_listed (missed->kind, object);
  g_autoptr (GByteArray) properties = g_byte_array_new ();
  g_auto (TholeBusSignal) signal = { 0 }, end = { 0 };
  const TholeBusNewsItem item = { missed->kind, id, missed->owner, missed->happening, properties };
  const TholeBusNewsItem removed = { missed->kind, id, missed->owner, THOLE_BUS_REMOVED, NULL };

  if (!may_see (self, item.kind, item.owner))
    return;
  if (object != NULL)
    thole_bus_object_write (missed->kind, object, properties, NULL, NULL);
  if (listed || (object != NULL && item.happening == THOLE_BUS_CHANGED))
    send_item (self, &item, &signal);
  if (!listed)
    send_item (self, &removed, &end);
}

gboolean
thole_bus_watcher_check (TholeBusWatcher *self)
{
  guint changes = thole_identity_changes (self->bus->options.identity);
  g_autoptr (TholePrincipal) now = NULL;

  /* these are administrators whatever the accounts say */
  if (self->uid == 0 || self->uid == geteuid () || self->looked == changes)
    return TRUE;
  self->looked = changes;
  now = thole_identity_peer (self->bus->options.identity, self->uid);
  if (thole_principal_equal (self->peer, now))
    return TRUE;
  thole_bus_unwatch (self->bus, self->name, "rules-changed");
  return FALSE;
}

/* events ------------------------------------------------------------------------------------------------------- */

static void
send_event (TholeBusWatcher *self, const TholeItem *item)
{
  gsize length;
  const char *text = g_bytes_get_data (item->data, &length);
  g_autoptr (GVariant) event = thole_json_parse (text, length, NULL);
  gboolean gap = strcmp (item->type, "gap") == 0;
  g_auto (TholeBusSignal) signal = { 0 };
  gint64 number;

  thole_bus_signal_of_root (&signal, gap ? "Gap" : "Event", gap ? "xx" : "xa{sv}");
  number = gap ? thole_dict_int (event, "from", 0) : item->id;
  thole_wire_fixed64 (signal.body, &number);
  number = gap ? thole_dict_int (event, "to", 0) : 0;
  if (gap)
    thole_wire_fixed64 (signal.body, &number);
  else
    thole_wire_object (signal.body, event);
  emit (self, &signal);
}

static gboolean
pump (gpointer user_data)
{
  TholeBusWatcher *self = user_data;
  TholeItem item = { 0 };

  if (!thole_bus_watcher_check (self))
    return G_SOURCE_REMOVE;
  while (self->stream != NULL && may_send (self))
    {
      TholeStreamResult result = self->stream->next (self->stream, &item, NULL);

      if (result == THOLE_STREAM_WAIT)
        break;
      if (result != THOLE_STREAM_ITEM)
        {
          thole_source_clear (&self->pump);
          thole_bus_unwatch (self->bus, self->name, "events-ended");
          return G_SOURCE_REMOVE;
        }
      send_event (self, &item);
      g_bytes_unref (item.data);
      item = (TholeItem) { 0 };
    }
  thole_source_clear (&self->pump);
  return G_SOURCE_REMOVE;
}

static void
ready (gpointer reader)
{
  TholeBusWatcher *self = reader;

  if (self->pump == NULL)
    self->pump = thole_clock_timer (self->bus->options.clock, 0, pump, self);
}

static void
end_stream (TholeBusWatcher *self)
{
  TholeStream *stream = g_steal_pointer (&self->stream);

  thole_source_clear (&self->pump);
  if (stream != NULL)
    stream->close (stream);
}

void
thole_bus_watcher_follow (TholeBusWatcher *self, TholeStream *stream)
{
  end_stream (self);
  self->stream = stream;
  stream->reader = self;
  stream->ready = ready;
  ready (self);
}

static void
resume (TholeBusWatcher *self)
{
  GHashTableIter iter;
  gpointer key, value;

  if (!thole_bus_watcher_check (self))
    return;
  g_hash_table_iter_init (&iter, self->missed);
  while (may_send (self) && g_hash_table_iter_next (&iter, &key, &value))
    {
      tell_missed (self, key, value);
      g_hash_table_iter_remove (&iter);
    }
  if (self->stream != NULL && may_send (self))
    ready (self);
}

/* -------------------------------------------------------------------------------------------------------------- */

void
thole_bus_watcher_hold (TholeBusWatcher *self)
{
  self->held++;
}

void
thole_bus_watcher_release (TholeBusWatcher *self)
{
  if (self->held > 0 && --self->held == 0)
    resume (self);
}

void
thole_bus_watcher_trust (TholeBusWatcher *self, const TholeBusCall *call)
{
  g_clear_pointer (&self->principal, thole_principal_unref);
  g_clear_pointer (&self->peer, thole_principal_unref);
  self->principal = thole_principal_ref (call->principal);
  self->peer = thole_principal_ref (call->peer);
  self->consented = call->consented;
  /* who it is was found out a while ago */
  self->looked = thole_identity_changes (self->bus->options.identity) - 1;
}

gboolean
thole_bus_watcher_consented (TholeBusWatcher *self)
{
  return self->consented;
}

uid_t
thole_bus_watcher_uid (TholeBusWatcher *self)
{
  return self->uid;
}

TholeBusWatcher *
thole_bus_watcher_new (TholeBus *bus, const char *name, uid_t uid)
{
  TholeBusWatcher *self = g_new0 (TholeBusWatcher, 1);

  self->bus = bus;
  self->name = g_strdup (name);
  self->uid = uid;
  self->cancel = g_cancellable_new ();
  self->missed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, missed_free);
  return self;
}

void
thole_bus_watcher_free (TholeBusWatcher *self)
{
  g_cancellable_cancel (self->cancel);
  g_object_unref (self->cancel);
  end_stream (self);
  g_clear_pointer (&self->principal, thole_principal_unref);
  g_clear_pointer (&self->peer, thole_principal_unref);
  g_hash_table_unref (self->missed);
  g_free (self->name);
  g_free (self);
}
