/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/db.h"

#include <string.h>
#include <unistd.h>

#include "store/audit-head.h"
#include "store/backing.h"
#include "store/writer.h"

#include "thole-error.h"

struct _TholeDb
{
  gint ref_count; /* atomic: readings hold one */
  TholeBacking *backing;
  TholeWriter *writer;
  guint flags;
  TholePublishFunc publish;
  gpointer publish_data;
  TholeAuditedFunc audited;
  gpointer audited_data;
  gint64 oldest, newest; /* of the events that were published */
  GMutex lock;           /* of all below */
  GCond idle;
  guint readings; /* threads that use the backing now */
  gboolean closed;
};

typedef struct
{
  TholeDb *db;
  char *subject; /* (nullable) */
  gint64 after;
  guint limit;
} Reading;

static void
db_unref (TholeDb *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->idle);
  g_free (self);
}

static void
tell_audited (TholeDb *self, const TholeTxn *txn)
{
  for (guint i = 0; self->audited != NULL && i < txn->actions->len; i++)
    {
      const TholeAction *action = &g_array_index (txn->actions, TholeAction, i);

      if (action->kind == THOLE_ACTION_AUDIT)
        self->audited (self->audited_data, action->audit);
    }
}

static void
deliver (gpointer user_data, TholeCommit *commit)
{
  TholeDb *self = user_data;
  GPtrArray *events = commit->txn->events;

  if (commit->error == NULL)
    {
      self->newest += events->len;
      self->oldest = MAX (self->oldest, commit->oldest);
      tell_audited (self, commit->txn);
    }
  /* the callback may close us */
  g_atomic_int_inc (&self->ref_count);
  if (commit->done != NULL)
    commit->done (commit->user_data, commit->error);
  if (commit->error == NULL && events->len > 0 && self->writer != NULL && self->publish != NULL)
    self->publish (self->publish_data, (TholeEvent *const *) events->pdata, events->len);
  db_unref (self);
}

TholeDb *
thole_db_open (const char *uri, TholeClock *clock, guint flags, GError **error)
{
  TholeBacking *backing;
  TholeDb *self;

  if (!g_str_has_prefix (uri, "sqlite:") || uri[strlen ("sqlite:")] == '\0')
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "'%s' is not a store: expected sqlite:PATH", uri);
      return NULL;
    }
  backing = thole_sqlite_open (uri + strlen ("sqlite:"), clock, error);
  if (backing == NULL)
    return NULL;
  self = g_new0 (TholeDb, 1);
  self->ref_count = 1;
  g_mutex_init (&self->lock);
  g_cond_init (&self->idle);
  self->backing = backing;
  self->flags = flags;
  self->oldest = backing->oldest;
  self->newest = backing->newest;
  self->writer = thole_writer_new (backing, clock, flags, deliver, self);
  return self;
}

void
thole_db_close (TholeDb *self)
{
  g_clear_pointer (&self->writer, thole_writer_free);
  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  while (self->readings > 0)
    g_cond_wait (&self->idle, &self->lock);
  g_mutex_unlock (&self->lock);
  if (self->backing->audit_head >= 0)
    thole_audit_head_close (self->backing->audit_head);
  self->backing->class->close (self->backing);
  db_unref (self);
}

void
thole_db_commit (TholeDb *self, TholeTxn *txn, TholeCommitFunc done, gpointer user_data)
{
  thole_writer_push (self->writer, txn, done, user_data);
}

void
thole_db_set_publisher (TholeDb *self, TholePublishFunc publish, gpointer user_data)
{
  self->publish = publish;
  self->publish_data = user_data;
}

void
thole_db_watch (TholeDb *self, const TholeCommitWatch *watch, gpointer user_data)
{
  thole_writer_watch (self->writer, watch, user_data);
}

guint
thole_db_pending (TholeDb *self)
{
  return thole_writer_pending (self->writer);
}

GPtrArray *
thole_db_load (TholeDb *self, const TholeRecordType *type, GError **error)
{
  return self->backing->class->load (self->backing, type, error);
}

static void
reading_free (gpointer data)
{
  Reading *reading = data;

  db_unref (reading->db);
  g_free (reading->subject);
  g_free (reading);
}

static gboolean
begin_reading (TholeDb *self)
{
  gboolean open;

  g_mutex_lock (&self->lock);
  open = !self->closed;
  self->readings += open;
  g_mutex_unlock (&self->lock);
  return open;
}

static void
end_reading (TholeDb *self)
{
  g_mutex_lock (&self->lock);
  self->readings--;
  g_cond_signal (&self->idle);
  g_mutex_unlock (&self->lock);
}

static void
read_events (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Reading *reading = data;
  TholeDb *db = reading->db;
  GPtrArray *events = NULL;
  GError *error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return;
  if (!begin_reading (db))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the store was closed");
      return;
    }
  events = db->backing->class->events (db->backing, reading->subject, reading->after, reading->limit, &error);
  end_reading (db);
  if (events != NULL)
    g_task_return_pointer (task, events, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
begin_events (TholeDb *self, const char *subject, gint64 after, guint limit, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Reading *reading = g_new (Reading, 1);

  g_atomic_int_inc (&self->ref_count);
  *reading = (Reading){ self, g_strdup (subject), after, limit };
  g_task_set_source_tag (task, thole_db_events_async);
  g_task_set_task_data (task, reading, reading_free);
  if (self->flags & THOLE_DB_INLINE)
    read_events (task, NULL, reading, cancellable);
  else
    g_task_run_in_thread (task, read_events);
}

void
thole_db_events_async (TholeDb *self, gint64 after, guint limit, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  begin_events (self, NULL, after, limit, cancellable, callback, user_data);
}

void
thole_db_history_async (TholeDb *self, const char *subject, guint limit, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  begin_events (self, subject, 0, limit, cancellable, callback, user_data);
}

GPtrArray *
thole_db_events_finish (TholeDb *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, thole_db_events_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* the audit ----------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDb *db;
  TholeAuditQuery query;
} AuditReading;

static void
audit_reading_free (gpointer data)
{
  AuditReading *reading = data;

  thole_audit_query_clear (&reading->query);
  db_unref (reading->db);
  g_free (reading);
}

static void
read_audit (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  gboolean verify = g_task_get_source_tag (task) == thole_db_verify_async;
  AuditReading *reading = data;
  TholeBacking *backing = reading->db->backing;
  GError *error = NULL;
  gpointer result;

  if (!begin_reading (reading->db))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the store was closed");
      return;
    }
  result = verify ? (gpointer) backing->class->verify (backing, &error)
                  : (gpointer) backing->class->audit (backing, &reading->query, &error);
  end_reading (reading->db);
  if (result != NULL)
    g_task_return_pointer (task, result, verify ? (GDestroyNotify) thole_audit_verdict_free : (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
begin_audit (TholeDb *self, gpointer tag, TholeAuditQuery query, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  AuditReading *reading = g_new (AuditReading, 1);

  g_atomic_int_inc (&self->ref_count);
  *reading = (AuditReading){ self, query };
  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, reading, audit_reading_free);
  if (self->flags & THOLE_DB_INLINE)
    read_audit (task, NULL, reading, cancellable);
  else
    g_task_run_in_thread (task, read_audit);
}

void
thole_db_set_audit_key (TholeDb *self, const guchar *key)
{
  memcpy (self->backing->audit_key, key, sizeof self->backing->audit_key);
}

void
thole_db_set_auditor (TholeDb *self, TholeAuditedFunc audited, gpointer user_data)
{
  self->audited = audited;
  self->audited_data = user_data;
}

/* what the store has against what the file says; FALSE: it cannot be read */
static gboolean
compare_head (TholeDb *self, TholeAuditHead *said, gboolean restored, char **found, GError **error)
{
  TholeBacking *backing = self->backing;
  const TholeAuditHead *has = &backing->audit;
  TholeAuditHead row;

  if (said->seq > has->seq)
    {
      const char *how = restored ? "not in the store that was restored" : "missing";

      *found = has->seq == 0 ? g_strdup_printf ("all rows up to %" G_GINT64_FORMAT " are %s", said->seq, how)
                             : g_strdup_printf ("rows %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " are %s", has->seq + 1, said->seq, how);
      if (!restored)
        backing->audit = *said;
      return TRUE;
    }
  if (!backing->class->audited (backing, said->seq, &row, error))
    return FALSE;
  /* retention may have taken it when the file was not written before the power went */
  if (row.seq != 0 && memcmp (row.hash, said->hash, sizeof row.hash) != 0)
    *found = g_strdup_printf ("row %" G_GINT64_FORMAT " is another one than was written", said->seq);
  return TRUE;
}

gboolean
thole_db_set_audit_head (TholeDb *self, const char *file, gboolean restored, char **found, GError **error)
{
  TholeBacking *backing = self->backing;
  TholeAuditHeadState state;
  TholeAuditHead said = { 0 };
  g_autofree char *odd = NULL;
  int fd = thole_audit_head_open (file, backing->audit_key, &said, &state, error);

  if (fd < 0)
    return FALSE;
  if (state == THOLE_AUDIT_HEAD_GOOD && !compare_head (self, &said, restored, &odd, error))
    {
      close (fd);
      return FALSE;
    }
  if (state == THOLE_AUDIT_HEAD_WRONG || (state == THOLE_AUDIT_HEAD_MISSING && backing->audit.seq > 0))
    odd = g_strdup_printf ("%s is %s, so newer rows than %" G_GINT64_FORMAT " may be missing", file,
                           state == THOLE_AUDIT_HEAD_WRONG ? "not as it was written" : "missing", backing->audit.seq);
  backing->audit_head = fd;
  if (backing->audit.seq > 0)
    thole_audit_head_write (fd, backing->audit_key, &backing->audit);
  *found = g_steal_pointer (&odd);
  return TRUE;
}

void
thole_db_audit_async (TholeDb *self, TholeAuditQuery *query, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  begin_audit (self, thole_db_audit_async, *query, cancellable, callback, user_data);
}

GPtrArray *
thole_db_audit_finish (TholeDb *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, thole_db_audit_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
thole_db_verify_async (TholeDb *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  TholeAuditQuery none = { 0 };

  begin_audit (self, thole_db_verify_async, none, cancellable, callback, user_data);
}

TholeAuditVerdict *
thole_db_verify_finish (TholeDb *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, thole_db_verify_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* back-up ------------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDb *db;
  char *path;
  gboolean over;
  TholeCopyProgress progress;
  gpointer user_data;
} Backup;

static void
backup_free (gpointer data)
{
  Backup *self = data;

  db_unref (self->db);
  g_free (self->path);
  g_free (self);
}

static void
run_backup (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Backup *self = data;
  TholeBacking *backing = self->db->backing;
  GError *error = NULL;
  gboolean done;

  if (!begin_reading (self->db))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the store was closed");
      return;
    }
  done = backing->class->backup (backing, self->path, self->over, self->progress, self->user_data, cancellable, &error);
  end_reading (self->db);
  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
thole_db_backup_async (TholeDb *self, const char *path, gboolean over, TholeCopyProgress progress, gpointer progress_data,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Backup *backup = g_new (Backup, 1);

  g_atomic_int_inc (&self->ref_count);
  *backup = (Backup){ self, g_strdup (path), over, progress, progress_data };
  g_task_set_source_tag (task, thole_db_backup_async);
  /* what is there in the end is told, even if it was not wanted any more */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, backup, backup_free);
  g_task_run_in_thread (task, run_backup);
}

gboolean
thole_db_backup_finish (TholeDb *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, thole_db_backup_async), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
thole_db_event_range (TholeDb *self, gint64 *oldest, gint64 *newest)
{
  if (oldest != NULL)
    *oldest = self->oldest;
  if (newest != NULL)
    *newest = self->newest;
}

const char *
thole_db_instance (TholeDb *self)
{
  return self->backing->instance;
}

const char *
thole_db_trouble (TholeDb *self)
{
  return thole_writer_trouble (self->writer);
}

void
thole_db_counters (TholeDb *self, TholeDbCounters *counters)
{
  thole_writer_counters (self->writer, counters);
}
