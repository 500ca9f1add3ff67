/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/host.h"

#include <string.h>

#include "thole-dict.h"

/* a driver that reports more between two turns of the loop is asked to be listed again */
#define MAX_EVENTS 4096
#define MAX_EVENT_BYTES 1048576
#define MAX_MESSAGE 4096

struct _TholeHost
{
  char *backend;
  TholeClock *clock;
  GHashTable *secrets;
  TholeHostDeliver deliver; /* NULL once closed */
  gpointer owner;
  GThread *thread;
  GQueue events;
  GSource *delivery;
  gboolean lost;            /* an event did not fit */
};

typedef struct
{
  GSourceFunc function;
  gpointer user_data;
  GDestroyNotify notify;
} HostTimer;

static void
host_log (TholeHost *self, GLogLevelFlags level, const char *message)
{
  g_autofree char *text = NULL;

  if (message == NULL)
    message = "";
  text = g_utf8_make_valid (message, (gssize) strnlen (message, MAX_MESSAGE));
  for (char *at = text; *at != '\0'; at++)
    if ((guchar) *at < ' ' || *at == 127)
      *at = ' ';
  /* an error of a driver must never end the daemon */
  level &= G_LOG_LEVEL_MASK;
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0 || level == 0)
    level = G_LOG_LEVEL_WARNING;
  g_log_structured (G_LOG_DOMAIN, level, "THOLE_BACKEND", self->backend, "MESSAGE", "backend %s: %s",
                    self->backend, text);
}

static gboolean
deliver_events (gpointer user_data)
{
  TholeHost *self = user_data;
  /* only what is there now: a driver that reports in answer to a report must not hold the loop */
  guint count = self->events.length;

  while (count-- > 0 && self->deliver != NULL)
    {
      g_autoptr(GVariant) event = g_queue_pop_head (&self->events);

      self->deliver (self->owner, event);
    }
  if (self->events.length == 0 && self->lost && self->deliver != NULL)
    {
      g_autoptr(GVariant) resync = g_variant_ref_sink (g_variant_new_parsed ("{'kind': <'resync'>}"));

      self->lost = FALSE;
      self->deliver (self->owner, resync);
    }
  if (self->events.length > 0)
    return G_SOURCE_CONTINUE;
  thole_source_clear (&self->delivery);
  return G_SOURCE_REMOVE;
}

static void
host_event (TholeHost *self, GVariant *event)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink (event);

  if (g_thread_self () != self->thread)
    {
      g_warning ("backend %s: its driver reported an event from a thread; it is dropped", self->backend);
      return;
    }
  if (self->deliver == NULL)
    return;
  if (!g_variant_is_of_type (sunk, G_VARIANT_TYPE_VARDICT) || thole_dict_string (sunk, "kind", NULL) == NULL)
    {
      g_warning ("backend %s: its driver reported an event without a kind; it is dropped", self->backend);
      return;
    }
  if (self->events.length >= MAX_EVENTS || g_variant_get_size (sunk) > MAX_EVENT_BYTES)
    self->lost = TRUE;
  else
    g_queue_push_tail (&self->events, g_steal_pointer (&sunk));
  if (self->delivery == NULL)
    self->delivery = thole_clock_timer (self->clock, 0, deliver_events, self);
}

static gint64
host_now (TholeHost *self)
{
  return thole_clock_now (self->clock);
}

static gboolean
run_timer (gpointer user_data)
{
  HostTimer *timer = user_data;

  timer->function (timer->user_data);
  return G_SOURCE_REMOVE;
}

static void
free_timer (gpointer user_data)
{
  HostTimer *timer = user_data;

  if (timer->notify != NULL)
    timer->notify (timer->user_data);
  g_free (timer);
}

static GSource *
host_timer (TholeHost *self, guint64 delay_us, GSourceFunc function, gpointer user_data, GDestroyNotify notify)
{
  HostTimer *timer = g_new (HostTimer, 1);
  GSource *source;

  *timer = (HostTimer) { function, user_data, notify };
  source = thole_clock_timer (self->clock, (gint64) MIN (delay_us, (guint64) G_MAXINT64 / 2), run_timer, timer);
  /* the clock knows no destroy notify */
  g_source_set_callback (source, run_timer, timer, free_timer);
  return source;
}

static GBytes *
host_secret (TholeHost *self, const char *name)
{
  GBytes *secret = self->secrets != NULL && name != NULL ? g_hash_table_lookup (self->secrets, name) : NULL;

  return secret != NULL ? g_bytes_ref (secret) : NULL;
}

static const TholeHostOps host_ops = {
  .struct_size = sizeof host_ops,
  .log = host_log,
  .event = host_event,
  .now = host_now,
  .timer = host_timer,
  .secret = host_secret,
};

const TholeHostOps *
thole_host_ops (void)
{
  return &host_ops;
}

TholeHost *
thole_host_new (const char *backend, TholeClock *clock, GHashTable *secrets, TholeHostDeliver deliver,
                gpointer owner)
{
  TholeHost *self = g_new0 (TholeHost, 1);

  self->backend = g_strdup (backend);
  self->clock = clock;
  self->secrets = secrets != NULL ? g_hash_table_ref (secrets) : NULL;
  self->deliver = deliver;
  self->owner = owner;
  self->thread = g_thread_self ();
  g_queue_init (&self->events);
  return self;
}

void
thole_host_close (TholeHost *self)
{
  self->deliver = NULL;
  thole_source_clear (&self->delivery);
  g_queue_clear_full (&self->events, (GDestroyNotify) g_variant_unref);
}

void
thole_host_free (TholeHost *self)
{
  thole_host_close (self);
  g_clear_pointer (&self->secrets, g_hash_table_unref);
  g_free (self->backend);
  g_free (self);
}
