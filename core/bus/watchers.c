/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Everybody who is told what changes.
 */
#include "bus/watch.h"

#define MAX_WATCHERS 256

struct _TholeBusWatchers
{
  TholeBus *bus;
  GHashTable *all;   /* unique name -> TholeBusWatcher */
  GPtrArray *gone;   /* names of those who go after this round */
  gboolean telling;  /* nobody may go at this moment */
};

static void
watcher_free (gpointer data)
{
  thole_bus_watcher_free (data);
}

TholeBusWatchers *
thole_bus_watchers_new (TholeBus *bus)
{
  TholeBusWatchers *self = g_new0 (TholeBusWatchers, 1);

  self->bus = bus;
  self->all = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, watcher_free);
  self->gone = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
thole_bus_watchers_free (TholeBusWatchers *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->all);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    thole_bus_watcher_end (value, "shutdown");
  g_hash_table_unref (self->all);
  g_ptr_array_unref (self->gone);
  g_free (self);
}

void
thole_bus_watchers_leave (TholeBusWatchers *self)
{
  g_ptr_array_set_size (self->gone, 0);
  g_hash_table_remove_all (self->all);
  thole_bus_news_look (self->bus->news, FALSE);
}

static void
forget_gone (TholeBusWatchers *self)
{
  for (guint i = 0; i < self->gone->len; i++)
    g_hash_table_remove (self->all, self->gone->pdata[i]);
  g_ptr_array_set_size (self->gone, 0);
  thole_bus_news_look (self->bus->news, g_hash_table_size (self->all) > 0);
}

void
thole_bus_watchers_tell (TholeBusWatchers *self, const TholeBusNewsItem *item)
{
  g_auto (TholeBusSignal) signal = { 0 };
  GHashTableIter iter;
  gpointer value;

  self->telling = TRUE;
  g_hash_table_iter_init (&iter, self->all);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    thole_bus_watcher_tell (value, item, &signal);
  self->telling = FALSE;
}

void
thole_bus_watchers_check (TholeBusWatchers *self)
{
  GHashTableIter iter;
  gpointer value;

  self->telling = TRUE;
  g_hash_table_iter_init (&iter, self->all);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    thole_bus_watcher_check (value);
  self->telling = FALSE;
  if (self->gone->len > 0)
    forget_gone (self);
}

TholeBusWatcher *
thole_bus_watcher (TholeBus *bus, const char *name)
{
  return g_hash_table_lookup (bus->watchers->all, name);
}

static gboolean
has_room (TholeBusWatchers *self, uid_t uid)
{
  GHashTableIter iter;
  gpointer value;
  guint own = 0;

  g_hash_table_iter_init (&iter, self->all);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    own += thole_bus_watcher_uid (value) == uid;
  return thole_bus_room (uid, own, g_hash_table_size (self->all), MAX_WATCHERS);
}

TholeBusWatcher *
thole_bus_watch (TholeBusCall *call)
{
  TholeBusWatchers *self = call->bus->watchers;
  const char *name = call->caller->name;
  TholeBusWatcher *watcher;

  /* one that was told its end and asks anew begins anew */
  if (!self->telling && self->gone->len > 0)
    forget_gone (self);
  watcher = thole_bus_watcher (call->bus, name);
  if (watcher == NULL && !has_room (self, call->caller->uid))
    return NULL;
  if (watcher == NULL)
    {
      watcher = thole_bus_watcher_new (call->bus, name, call->caller->uid);
      g_hash_table_insert (self->all, g_strdup (name), watcher);
    }
  thole_bus_watcher_trust (watcher, call);
  thole_bus_news_look (call->bus->news, TRUE);
  return watcher;
}

void
thole_bus_unwatch (TholeBus *bus, const char *name, const char *reason)
{
  TholeBusWatchers *self = bus->watchers;
  TholeBusWatcher *watcher = g_hash_table_lookup (self->all, name);

  if (watcher == NULL || g_ptr_array_find_with_equal_func (self->gone, name, g_str_equal, NULL))
    return;
  if (reason != NULL)
    thole_bus_watcher_end (watcher, reason);
  g_ptr_array_add (self->gone, g_strdup (name));
  if (!self->telling)
    forget_gone (self);
}

void
thole_bus_distrust (TholeBus *bus)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, bus->watchers->all);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (thole_bus_watcher_consented (value))
      g_ptr_array_add (names, g_strdup (key));
  for (guint i = 0; i < names->len; i++)
    thole_bus_unwatch (bus, names->pdata[i], "rules-changed");
}
