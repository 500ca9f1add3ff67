/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "host.h"

#include <string.h>

#define MAX_HOSTS 4096

struct _TholeHost
{
  Kit *kit;
  GThread *thread;
  gboolean closed;
};

static const char *const event_kinds[] = { "workload", "resync", "unavailable", "progress", "facts", NULL };
static const char *const actions[]
  = { "create", "start", "exit", "oom", "pause", "unpause", "remove", "health", "update", NULL };

/* FALSE when nothing may come of it. */
static gboolean
look (TholeHost *self, const char *function)
{
  if (g_thread_self () != self->thread)
    {
      /* the case belongs to the main thread; to say it there is worth a race in a process that fails anyhow */
      kit_fault (self->kit, "host->%s was called from another thread", function);
      return FALSE;
    }
  if (self->closed)
    kit_fault (self->kit, "host->%s was called after the driver had been closed", function);
  return !self->closed;
}

static void
host_log (TholeHost *self, GLogLevelFlags level, const char *message)
{
  if (look (self, "log") && (message == NULL || !g_utf8_validate (message, -1, NULL)))
    kit_fault (self->kit, "host->log was given what is no text");
}

static void
host_event (TholeHost *self, GVariant *event)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink (event);
  const char *kind;

  if (!look (self, "event"))
    return;
  if (!g_variant_is_of_type (sunk, G_VARIANT_TYPE_VARDICT))
    {
      kit_fault (self->kit, "an event is of the type %s, not a{sv}", g_variant_get_type_string (sunk));
      return;
    }
  kind = thole_dict_string (sunk, "kind", "");
  if (!g_strv_contains (event_kinds, kind))
    kit_fault (self->kit, "an event has the kind “%s”, which schema.md does not know", kind);
  if (strcmp (kind, "workload") == 0
      && (thole_dict_string (sunk, "id", "")[0] == '\0' || !g_strv_contains (actions, thole_dict_string (sunk, "action", ""))))
    kit_fault (self->kit, "an event of a workload has the id “%s” and the action “%s”", thole_dict_string (sunk, "id", ""),
               thole_dict_string (sunk, "action", ""));
  g_ptr_array_add (self->kit->events, g_steal_pointer (&sunk));
}

static gint64
host_now (TholeHost *self)
{
  look (self, "now");
  return g_get_real_time ();
}

static GSource *
host_timer (TholeHost *self, guint64 delay, GSourceFunc function, gpointer user_data, GDestroyNotify notify)
{
  GSource *source = g_timeout_source_new ((guint) MIN ((delay + 999) / 1000, G_MAXUINT));

  look (self, "timer");
  g_source_set_callback (source, function, user_data, notify);
  g_source_attach (source, NULL);
  return source;
}

static GBytes *
host_secret (TholeHost *self, const char *name)
{
  GBytes *secret = look (self, "secret") ? g_hash_table_lookup (self->kit->settings->secrets, name) : NULL;

  return secret != NULL ? g_bytes_ref (secret) : NULL;
}

static const TholeHostOps ops = {
  .struct_size = sizeof ops,
  .log = host_log,
  .event = host_event,
  .now = host_now,
  .timer = host_timer,
  .secret = host_secret,
};

const TholeHostOps *
kit_host_ops (void)
{
  return &ops;
}

/* They stay, for what comes too late, but memory that grows is looked for: so all are made at once, and used again after long. */
TholeHost *
kit_host_new (Kit *kit)
{
  TholeHost *self;

  if (kit->hosts == NULL)
    kit->hosts = g_new0 (TholeHost, MAX_HOSTS);
  self = &kit->hosts[kit->opened++ % MAX_HOSTS];
  self->closed = FALSE;
  self->kit = kit;
  self->thread = g_thread_self ();
  return self;
}

void
kit_host_close (TholeHost *self)
{
  self->closed = TRUE;
}
