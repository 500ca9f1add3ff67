/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/tracker.h"

#include "operations/subject.h"
#include "operations/wait.h"
#include "thole-json.h"

#define PROGRESS_PAUSE (G_USEC_PER_SEC / 2)

typedef struct
{
  TholeTracker *tracker;
  TholeOperation *record;
} Commit;

TholeOperation *
thole_tracker_record (TholeOperations *operations, const char *type, const char *target, const char *owner,
                      const char *request_id, const char *message)
{
  TholeOperation *record = thole_record_new (&thole_operation_type);

  g_free (record->id);
  record->id = thole_id_new (operations->clock, thole_operation_type.prefix);
  thole_record_set (&record->type, type);
  thole_record_set (&record->target, target);
  thole_record_set (&record->owner, owner);
  thole_record_set (&record->request_id, request_id);
  thole_record_set (&record->message, message);
  record->state = THOLE_OPERATION_STATE_RUNNING;
  record->created_at = record->updated_at = thole_clock_now (operations->clock);
  return record;
}

TholeTracker *
thole_tracker_add (TholeOperations *operations, TholeOperation *record)
{
  TholeTracker *self = g_new0 (TholeTracker, 1);

  self->operations = operations;
  self->now = record;
  self->done = record->progress_done;
  self->total = record->progress_total;
  thole_collection_add (operations->operations, self);
  return self;
}

TholeTracker *
thole_tracker_find (TholeOperations *operations, const char *id)
{
  return thole_collection_lookup (operations->operations, id);
}

TholeOperation *
thole_tracker_end (TholeTracker *self, int state, char *error_json)
{
  TholeOperation *record = thole_record_copy (self->now);

  self->ending = TRUE;
  record->state = state;
  record->updated_at = record->finished_at = thole_clock_now (self->operations->clock);
  /* the answer may overtake the last report */
  record->progress_done = state == THOLE_OPERATION_STATE_SUCCEEDED && self->total > 0 ? self->total : self->done;
  record->progress_total = self->total;
  g_free (record->error);
  record->error = error_json;
  return record;
}

void
thole_tracker_event (TholeTxn *txn, TholeOperation *record, gint64 time)
{
  GString *data = g_string_new ("{\"type\":");

  thole_json_append_string (data, record->type);
  thole_json_member (data, "target", record->target);
  thole_json_member (data, "state", thole_record_choice (&thole_operation_type, "state", record->state));
  if (record->progress_total > 0)
    g_string_append_printf (data, ",\"done\":%" G_GINT64_FORMAT ",\"total\":%" G_GINT64_FORMAT,
                            record->progress_done, record->progress_total);
  if (record->error != NULL)
    g_string_append_printf (data, ",\"error\":%s", record->error);
  g_string_append_c (data, '}');
  thole_txn_event (txn, thole_event_new (time, "operation.state", record->id, record->owner, record->owner,
                                         g_string_free (data, FALSE)));
}

void
thole_tracker_replace (TholeTracker *self, TholeOperation *record)
{
  thole_record_unref (self->now);
  self->now = record;
  if (record->state != THOLE_OPERATION_STATE_RUNNING)
    {
      thole_source_clear (&self->flush);
      g_clear_object (&self->cancel);
    }
  thole_wait_check (&self->waiters, (int) record->state, FALSE);
}

static void store (TholeTracker *self, TholeOperation *record, gboolean event);

static gboolean
store_again (gpointer user_data)
{
  TholeTracker *self = user_data;

  thole_source_clear (&self->flush);
  store (self, g_steal_pointer (&self->last), TRUE);
  return G_SOURCE_REMOVE;
}

static void
stored (gpointer user_data, const GError *error)
{
  Commit *commit = user_data;
  TholeTracker *self = commit->tracker;
  TholeClock *clock = self->operations->clock;

  self->busy = FALSE;
  if (error == NULL)
    thole_tracker_replace (self, commit->record);
  else if (commit->record->state == THOLE_OPERATION_STATE_RUNNING || self->operations->draining)
    thole_record_unref (commit->record);
  else
    {
      /* nobody else ends it */
      self->last = commit->record;
      self->flush = thole_clock_timer (clock, thole_backoff (clock, G_USEC_PER_SEC / 4, 30 * G_USEC_PER_SEC, self->tries++),
                                       store_again, self);
    }
  g_free (commit);
}

static void
store (TholeTracker *self, TholeOperation *record, gboolean event)
{
  Commit *commit = g_new0 (Commit, 1);
  TholeTxn *txn = thole_txn_new ();

  commit->tracker = self;
  commit->record = record;
  self->busy = TRUE;
  thole_txn_update (txn, record);
  if (event)
    thole_tracker_event (txn, record, record->updated_at);
  thole_db_commit (self->operations->db, txn, stored, commit);
}

static gboolean
flush_progress (gpointer user_data)
{
  TholeTracker *self = user_data;
  TholeOperation *record;

  thole_source_clear (&self->flush);
  if (self->busy || self->ending || self->now->state != THOLE_OPERATION_STATE_RUNNING)
    return G_SOURCE_REMOVE;
  record = thole_record_copy (self->now);
  record->progress_done = self->done;
  record->progress_total = self->total;
  record->updated_at = thole_clock_now (self->operations->clock);
  self->progress_at = thole_clock_monotonic (self->operations->clock);
  store (self, record, TRUE);
  return G_SOURCE_REMOVE;
}

void
thole_tracker_progress (TholeTracker *self, gint64 done, gint64 total, const char *unit, const char *message)
{
  gint64 wait = self->progress_at + PROGRESS_PAUSE - thole_clock_monotonic (self->operations->clock);

  if (self->ending || self->now->state != THOLE_OPERATION_STATE_RUNNING)
    return;
  self->done = done;
  self->total = total;
  if (self->flush == NULL)
    self->flush = thole_clock_timer (self->operations->clock, CLAMP (wait, 0, PROGRESS_PAUSE), flush_progress, self);
}

void
thole_tracker_finish (TholeTracker *self, int state, const GError *error)
{
  g_autofree char *json = NULL;

  if (self->ending || self->now->state != THOLE_OPERATION_STATE_RUNNING)
    return;
  if (error != NULL)
    {
      g_autoptr (TholeProblem) problem = thole_problem_from_error (error);
      GString *text = g_string_new ("{");

      thole_problem_render (problem, text);
      g_string_append_c (text, '}');
      json = g_string_free (text, FALSE);
    }
  thole_source_clear (&self->flush);
  store (self, thole_tracker_end (self, state, g_steal_pointer (&json)), TRUE);
}

void
thole_tracker_free (TholeTracker *self)
{
  thole_source_clear (&self->flush);
  g_clear_object (&self->cancel);
  g_clear_pointer (&self->last, thole_record_unref);
  thole_record_unref (self->now);
  g_free (self);
}

static void
forgotten (gpointer user_data, const GError *error)
{
  g_autoptr (GPtrArray) trackers = user_data;

  for (guint i = 0; i < trackers->len; i++)
    {
      TholeTracker *self = trackers->pdata[i];

      self->busy = FALSE;
      if (error != NULL)
        continue;
      thole_collection_remove (self->operations->operations, self->now->id);
      thole_tracker_free (self);
    }
}

void
thole_tracker_retain (TholeOperations *operations)
{
  gint64 oldest = thole_clock_now (operations->clock) - operations->limits.operation_age;
  guint size = thole_collection_size (operations->operations);
  guint surplus = size > operations->limits.operations ? size - operations->limits.operations : 0;
  GPtrArray *trackers = g_ptr_array_new ();
  TholeTxn *txn = thole_txn_new ();

  /* the oldest come first; at most 1000 in one transaction */
  for (guint i = 0; i < size && trackers->len < 1000; i++)
    {
      TholeTracker *self = thole_collection_index (operations->operations, i);

      if (surplus <= trackers->len && self->now->created_at > oldest)
        break;
      if (self->now->state == THOLE_OPERATION_STATE_RUNNING || self->busy || self->waiters != NULL)
        continue;
      self->busy = TRUE;
      thole_txn_remove (txn, &thole_operation_type, self->now->id);
      g_ptr_array_add (trackers, self);
    }
  if (trackers->len == 0)
    {
      g_ptr_array_unref (trackers);
      thole_txn_free (txn);
      return;
    }
  thole_db_commit (operations->db, txn, forgotten, trackers);
}
