/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/context.h"

#include "operations/drive.h"
#include "operations/idempotency.h"
#include "operations/idle.h"
#include "operations/image-pull.h"
#include "operations/store-backup.h"
#include "operations/orphans.h"
#include "operations/reports.h"
#include "operations/room.h"
#include "operations/settings.h"
#include "operations/strangers.h"
#include "operations/timebase.h"
#include "operations/tracker.h"
#include "operations/trail.h"
#include "operations/wait.h"

#define CARE_PAUSE (60 * G_USEC_PER_SEC)

static const char *
subject_id (gconstpointer object)
{
  return ((const TholeSubject *) object)->now->id;
}

static const char *
tracker_id (gconstpointer object)
{
  return ((const TholeTracker *) object)->now->id;
}

static const char *
orphan_id (gconstpointer object)
{
  return ((const TholeOrphan *) object)->id;
}

static gboolean
care (gpointer user_data)
{
  TholeOperations *self = user_data;

  /* a jump of the clock is seen although nothing is waited for */
  thole_timebase_now (self);
  thole_tracker_retain (self);
  thole_idempotency_retain (self);
  thole_rooms_retain (self);
  thole_trail_retain (self);
  thole_settings_retain (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
load (TholeOperations *self, GError **error)
{
  g_autoptr (GPtrArray) workloads = thole_db_load (self->db, &thole_workload_type, error);
  g_autoptr (GPtrArray) operations = workloads != NULL ? thole_db_load (self->db, &thole_operation_type, error) : NULL;

  if (operations == NULL || !thole_timebase_load (self, error))
    return FALSE;
  for (guint i = 0; i < workloads->len; i++)
    thole_subject_new (self, thole_record_ref (workloads->pdata[i]));
  for (guint i = 0; i < operations->len; i++)
    thole_tracker_add (self, thole_record_ref (operations->pdata[i]));
  return thole_idle_load (self, error) && thole_idempotency_load (self, error) && thole_orphans_load (self, error)
         && thole_rooms_load (self, error);
}

TholeOperations *
thole_operations_new (TholeClock *clock, TholeDb *db, TholeEventLog *events, TholeRegistry *registry, const TholeLimits *limits,
                      GError **error)
{
  TholeOperations *self = g_new0 (TholeOperations, 1);

  self->clock = clock;
  self->db = db;
  self->events = events;
  self->registry = registry;
  self->limits = *limits;
  self->workloads = thole_collection_new (subject_id);
  self->operations = thole_collection_new (tracker_id);
  self->orphans = thole_collection_new (orphan_id);
  self->orphans_storing = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  thole_rooms_init (self);
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->tokens = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->idempotency = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, thole_record_unref);
  self->inflight = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->deadlines = g_sequence_new (NULL);
  self->berths = thole_berths_new ();
  if (!load (self, error))
    {
      thole_operations_free (self);
      return NULL;
    }
  self->care = thole_clock_timer (clock, CARE_PAUSE, care, self);
  thole_reports_listen (self);
  thole_image_pull_resume (self);
  thole_store_backup_resume (self);
  return self;
}

void
thole_operations_drain (TholeOperations *self)
{
  thole_strangers_flush (self);
  self->draining = TRUE;
  thole_store_backup_drain (self);
  thole_source_clear (&self->care);
  thole_source_clear (&self->sweep);
  thole_rooms_drain (self);
  for (guint i = 0; i < thole_collection_size (self->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (self->workloads, i);

      thole_source_clear (&subject->retry);
      thole_wait_interrupt (&subject->waiters);
      if (subject->driving)
        g_cancellable_cancel (subject->cancel);
    }
  for (guint i = 0; i < thole_collection_size (self->operations); i++)
    {
      TholeTracker *tracker = thole_collection_index (self->operations, i);

      thole_wait_interrupt (&tracker->waiters);
      thole_source_clear (&tracker->flush);
    }
}

guint
thole_operations_busy (TholeOperations *self)
{
  guint busy = self->execs + self->calls;

  for (guint i = 0; i < thole_collection_size (self->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (self->workloads, i);

      busy += subject->driving || subject->held;
    }
  return busy;
}

void
thole_operations_free (TholeOperations *self)
{
  self->draining = TRUE;
  thole_reports_ignore (self);
  thole_strangers_free (self);
  thole_source_clear (&self->care);
  thole_source_clear (&self->sweep);
  thole_rooms_free (self);
  while (thole_collection_size (self->workloads) > 0)
    {
      TholeSubject *subject = thole_collection_index (self->workloads, 0);

      thole_collection_remove (self->workloads, subject->now->id);
      thole_subject_unref (subject);
    }
  while (thole_collection_size (self->operations) > 0)
    {
      TholeTracker *tracker = thole_collection_index (self->operations, 0);

      thole_collection_remove (self->operations, tracker->now->id);
      thole_tracker_free (tracker);
    }
  thole_collection_free (self->workloads);
  while (thole_collection_size (self->orphans) > 0)
    {
      TholeOrphan *orphan = thole_collection_index (self->orphans, 0);

      thole_collection_remove (self->orphans, orphan->id);
      thole_record_unref (orphan);
    }
  thole_collection_free (self->operations);
  thole_collection_free (self->orphans);
  g_hash_table_unref (self->orphans_storing);
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->tokens);
  g_hash_table_unref (self->idempotency);
  g_hash_table_unref (self->inflight);
  g_sequence_free (self->deadlines);
  thole_timebase_free (self);
  thole_berths_unref (self->berths);
  g_free (self);
}

void
thole_operations_count (TholeOperations *self, guint counts[THOLE_WORKLOAD_N_STATE])
{
  for (guint i = 0; i < THOLE_WORKLOAD_N_STATE; i++)
    counts[i] = 0;
  for (guint i = 0; i < thole_collection_size (self->workloads); i++)
    counts[((TholeSubject *) thole_collection_index (self->workloads, i))->now->state]++;
}
