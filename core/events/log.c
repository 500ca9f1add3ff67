/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events/cursor.h"

#include "thole-error.h"

#define KEEP 1000000
/* how many are added until old ones are forgotten; small, because the writer does nothing else meanwhile */
#define PRUNE_STEP 500
/* when it is looked for events that are too old, and how soon again while there are some; µs */
#define CARE_PAUSE (60 * G_USEC_PER_SEC)
#define CARE_NEXT (G_USEC_PER_SEC / 10)

static void arm_care (TholeEventLog *self, gint64 pause);

typedef struct
{
  GSource source;
  TholeEventLog *log;
} WakeSource;

static gboolean
wake_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  g_source_set_ready_time (source, -1);
  thole_event_log_wake (((WakeSource *) source)->log);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs wake_funcs = { .dispatch = wake_dispatch };

static void
empty_ring (TholeEventLog *self)
{
  for (guint i = 0; i < self->size; i++)
    g_clear_pointer (&self->ring[i], thole_event_unref);
  self->count = 0;
}

void
thole_event_log_unref (TholeEventLog *self)
{
  if (--self->ref_count > 0)
    return;
  g_free (self->ring);
  g_free (self);
}

/* nobody waits for it: what fails now is done with the next step */
static void
prune (TholeEventLog *self)
{
  gint64 first = self->newest - self->keep + 1;
  TholeTxn *txn;
  gint64 oldest;

  thole_db_event_range (self->db, &oldest, NULL);
  self->pruned = oldest;
  self->prune_at = self->newest + PRUNE_STEP;
  if (first <= oldest && self->keep_age == 0)
    return;
  txn = thole_txn_new ();
  /* twice as many as are added meanwhile, so that a store that was allowed more shrinks too */
  if (first > oldest)
    thole_txn_prune (txn, MIN (oldest + 2 * PRUNE_STEP, first));
  if (self->keep_age > 0)
    thole_txn_expire (txn, thole_clock_now (self->clock) - self->keep_age, 2 * PRUNE_STEP);
  thole_db_commit (self->db, txn, NULL, NULL);
}

/* in small steps, so that nobody waits long; the next soon while the last has done something */
static gboolean
take_care (gpointer user_data)
{
  TholeEventLog *self = user_data;
  gint64 oldest = thole_event_log_oldest (self);
  gboolean more = oldest > self->pruned || self->newest - self->keep >= oldest;

  prune (self);
  arm_care (self, more ? CARE_NEXT : CARE_PAUSE);
  return G_SOURCE_REMOVE;
}

static void
arm_care (TholeEventLog *self, gint64 pause)
{
  thole_source_clear (&self->care);
  self->care = thole_clock_timer (self->clock, pause, take_care, self);
}

static void
publish (gpointer user_data, TholeEvent *const *events, guint n_events)
{
  TholeEventLog *self = user_data;

  for (guint i = 0; i < n_events; i++)
    {
      TholeEvent **place = &self->ring[events[i]->seq % self->size];

      g_warn_if_fail (events[i]->seq == self->newest + 1);
      g_clear_pointer (place, thole_event_unref);
      *place = thole_event_ref (events[i]);
      self->newest = events[i]->seq;
      self->count = MIN (self->count + 1, self->size);
    }
  if (self->waiting.length > 0)
    g_source_set_ready_time (self->wake, 0);
  if (self->newest >= self->prune_at)
    prune (self);
}

TholeEventLog *
thole_event_log_new (TholeDb *db, guint ring)
{
  TholeEventLog *self = g_new0 (TholeEventLog, 1);

  self->ref_count = 1;
  self->db = db;
  self->size = MAX (ring, 1);
  self->ring = g_new0 (TholeEvent *, self->size);
  self->keep = KEEP;
  thole_db_event_range (db, NULL, &self->newest);
  self->wake = g_source_new (&wake_funcs, sizeof (WakeSource));
  ((WakeSource *) self->wake)->log = self;
  g_source_set_static_name (self->wake, "event readers");
  g_source_attach (self->wake, g_main_context_get_thread_default ());
  thole_db_set_publisher (db, publish, self);
  return self;
}

void
thole_event_log_free (TholeEventLog *self)
{
  thole_db_set_publisher (self->db, NULL, NULL);
  self->db = NULL;
  thole_source_clear (&self->wake);
  thole_source_clear (&self->care);
  empty_ring (self);
  thole_event_log_unref (self);
}

void
thole_event_log_set_keep (TholeEventLog *self, TholeClock *clock, gint64 keep, gint64 age)
{
  self->keep = MAX (keep, 1);
  self->keep_age = MAX (age, 0);
  self->clock = clock;
  self->pruned = thole_event_log_oldest (self);
  arm_care (self, CARE_NEXT);
}

gint64
thole_event_log_newest (TholeEventLog *self)
{
  return self->newest;
}

gint64
thole_event_log_oldest (TholeEventLog *self)
{
  gint64 oldest;

  thole_db_event_range (self->db, &oldest, NULL);
  return oldest;
}

gint64
thole_event_log_oldest_in_ring (TholeEventLog *self)
{
  return self->newest - self->count + 1;
}

guint
thole_event_log_readers (TholeEventLog *self)
{
  return self->readers;
}

void
thole_event_gone (gint64 after, gint64 oldest, GError **error)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_GONE,
               "events after %" G_GINT64_FORMAT " are no longer kept; the oldest is %" G_GINT64_FORMAT, after, oldest);
}

gboolean
thole_event_log_check (TholeEventLog *self, gint64 after, GError **error)
{
  gint64 oldest = thole_event_log_oldest (self);

  if (after < 0 || after > self->newest)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID,
                   "there is no event %" G_GINT64_FORMAT " in this store; the newest is %" G_GINT64_FORMAT, after,
                   self->newest);
      return FALSE;
    }
  if (after + 1 < MIN (oldest, thole_event_log_oldest_in_ring (self)))
    {
      thole_event_gone (after, oldest, error);
      return FALSE;
    }
  return TRUE;
}
