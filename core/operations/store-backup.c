/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/store-backup.h"

#include "operations/subject.h"
#include "operations/tracker.h"
#include "operations/verb.h"
#include "operations/trail.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

#define LOOK_PAUSE (G_USEC_PER_SEC / 4)

typedef struct
{
  TholeOperations *operations;
  char *tracker; /* id of the operation */
  char *path;
  gboolean over;
  GSource *timer;
  gint done, total; /* pages; atomic: the copy has a thread of its own */
} Backup;

typedef struct
{
  Backup *backup;
  TholeOperation *record;
} BackupCall;

static void
backup_free (Backup *self)
{
  thole_source_clear (&self->timer);
  g_free (self->tracker);
  g_free (self->path);
  g_free (self);
}

/* the one that runs */
static TholeTracker *
find_running (TholeOperations *operations)
{
  for (guint i = 0; i < thole_collection_size (operations->operations); i++)
    {
      TholeTracker *tracker = thole_collection_index (operations->operations, i);

      if (tracker->now->state == THOLE_OPERATION_STATE_RUNNING && strcmp (tracker->now->type, "store.backup") == 0)
        return tracker;
    }
  return NULL;
}

void
thole_store_backup_resume (TholeOperations *operations)
{
  g_autoptr (GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the daemon was restarted");

  for (guint i = 0; i < thole_collection_size (operations->operations); i++)
    {
      TholeTracker *tracker = thole_collection_index (operations->operations, i);

      if (strcmp (tracker->now->type, "store.backup") == 0)
        thole_tracker_finish (tracker, THOLE_OPERATION_STATE_FAILED, error);
    }
}

void
thole_store_backup_drain (TholeOperations *operations)
{
  TholeTracker *tracker = find_running (operations);

  if (tracker != NULL && tracker->cancel != NULL)
    g_cancellable_cancel (tracker->cancel);
}

static void
copied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Backup *self = user_data;
  TholeTracker *tracker = thole_tracker_find (self->operations, self->tracker);
  g_autoptr (GError) error = NULL;
  gboolean good = thole_db_backup_finish (self->operations->db, result, &error);

  self->operations->calls--;
  /* what a shutdown cuts off has failed at the next start */
  if (tracker != NULL && !self->operations->draining)
    {
      thole_tracker_progress (tracker, g_atomic_int_get (&self->done), g_atomic_int_get (&self->total), "pages", "");
      thole_tracker_finish (tracker, good ? THOLE_OPERATION_STATE_SUCCEEDED
                                     : g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? THOLE_OPERATION_STATE_CANCELLED
                                     : THOLE_OPERATION_STATE_FAILED, error);
    }
  backup_free (self);
}

static void
note_progress (gint64 done, gint64 total, gpointer user_data)
{
  Backup *self = user_data;

  g_atomic_int_set (&self->done, (gint) MIN (done, G_MAXINT));
  g_atomic_int_set (&self->total, (gint) MIN (total, G_MAXINT));
}

static gboolean
look (gpointer user_data)
{
  Backup *self = user_data;
  TholeTracker *tracker = thole_tracker_find (self->operations, self->tracker);

  if (tracker != NULL && !self->operations->draining)
    thole_tracker_progress (tracker, g_atomic_int_get (&self->done), g_atomic_int_get (&self->total), "pages", "");
  return G_SOURCE_CONTINUE;
}

static void
begin (Backup *self, TholeTracker *tracker)
{
  TholeOperations *operations = self->operations;

  tracker->cancel = g_cancellable_new ();
  operations->calls++;
  self->timer = thole_clock_timer (operations->clock, LOOK_PAUSE, look, self);
  thole_db_backup_async (operations->db, self->path, self->over, note_progress, self, tracker->cancel, copied, self);
}

static void
call_free (gpointer data)
{
  BackupCall *self = data;

  g_clear_pointer (&self->backup, backup_free);
  g_clear_pointer (&self->record, thole_record_unref);
  g_free (self);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  BackupCall *self = call->state;
  TholeTracker *tracker;

  call->operations->backing_up = FALSE;
  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  tracker = thole_tracker_add (call->operations, g_steal_pointer (&self->record));
  thole_idempotency_stored (call);
  begin (g_steal_pointer (&self->backup), tracker);
  call->reply.operation = g_strdup (tracker->now->id);
  call->reply.location = g_strconcat ("/v1/operations/", tracker->now->id, NULL);
  thole_call_return (call, 202, g_bytes_ref (thole_record_json (tracker->now)));
}

/* NULL: answered already */
static const char *
wanted_path (TholeCall *call)
{
  const char *path = thole_dict_string (call->body, "path", "");
  TholeProblem *problem;

  if (g_path_is_absolute (path) && !g_str_has_suffix (path, "/"))
    return path;
  problem = thole_problem_new (THOLE_ERROR_INVALID, "the body is wrong");
  thole_problem_add (problem, "/path", "format", "must be the absolute path of a file");
  thole_call_problem (call, problem);
  return NULL;
}

void
thole_op_store_backup (TholeCall *call)
{
  TholeOperations *operations = call->operations;
  const char *path = wanted_path (call);
  BackupCall *self;
  TholeTxn *txn;

  if (path == NULL)
    return;
  if (operations->backing_up || find_running (operations) != NULL)
    {
      thole_call_fail (call, THOLE_ERROR_BUSY, "a back-up is being made already");
      return;
    }
  operations->backing_up = TRUE;
  self = g_new0 (BackupCall, 1);
  call->state = self;
  call->state_free = call_free;
  self->record = thole_tracker_record (operations, call->def->name, "", call->principal->name, call->request_id, path);
  self->backup = g_new0 (Backup, 1);
  self->backup->operations = operations;
  self->backup->tracker = g_strdup (self->record->id);
  self->backup->path = g_strdup (path);
  self->backup->over = thole_dict_boolean (call->body, "replace", FALSE);
  thole_record_set (&self->record->progress_unit, "pages");
  txn = thole_txn_new ();
  thole_txn_insert (txn, self->record);
  thole_tracker_event (txn, self->record, self->record->created_at);
  thole_idempotency_remember (call, txn, self->record->id, self->record->id);
  thole_trail_add (call, txn, path);
  thole_db_commit (operations->db, txn, stored, call);
}
