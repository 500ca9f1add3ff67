/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/idempotency.h"

#include "operations/room.h"
#include "operations/subject.h"
#include "operations/timebase.h"
#include "operations/wait.h"

#include <string.h>

#define MAX_FOLLOWERS 1000

/* of a call that has a key and is the first with it */
typedef struct
{
  char *id;
  char *fingerprint;
  TholeIdempotency *record;
  gboolean in_flight;
} Key;

static void
key_free (gpointer data)
{
  Key *self = data;

  g_clear_pointer (&self->record, thole_record_unref);
  g_free (self->id);
  g_free (self->fingerprint);
  g_free (self);
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* the same for equal values whatever the order of their members */
static void
digest (GChecksum *sum, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DICTIONARY))
    {
      g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
      GVariantIter iter;
      GVariant *entry;

      g_variant_iter_init (&iter, value);
      while ((entry = g_variant_iter_next_value (&iter)) != NULL)
        {
          g_autoptr (GVariant) key = g_variant_get_child_value (entry, 0);

          g_ptr_array_add (keys, g_variant_dup_string (key, NULL));
          g_variant_unref (entry);
        }
      g_ptr_array_sort (keys, compare_keys);
      g_checksum_update (sum, (const guchar *) "{", 1);
      for (guint i = 0; i < keys->len; i++)
        {
          g_autoptr (GVariant) member = g_variant_lookup_value (value, keys->pdata[i], NULL);

          g_checksum_update (sum, keys->pdata[i], (gssize) strlen (keys->pdata[i]) + 1);
          digest (sum, member);
        }
      g_checksum_update (sum, (const guchar *) "}", 1);
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) inner = g_variant_get_variant (value);

      digest (sum, inner);
    }
  else if (g_variant_is_container (value))
    {
      g_checksum_update (sum, (const guchar *) "[", 1);
      for (gsize i = 0; i < g_variant_n_children (value); i++)
        {
          g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

          digest (sum, child);
        }
      g_checksum_update (sum, (const guchar *) "]", 1);
    }
  else
    {
      g_autofree char *text = g_variant_print (value, TRUE);

      g_checksum_update (sum, (const guchar *) text, (gssize) strlen (text) + 1);
    }
}

static char *
fingerprint (TholeCall *call)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  if (call->body != NULL)
    digest (sum, call->body);
  return g_strdup (g_checksum_get_string (sum));
}

static char *
key_id (TholeCall *call)
{
  g_autofree char *scope = g_strjoin ("\n", call->principal->name, call->def->method != NULL ? call->def->method : "",
                                      call->path != NULL ? call->path : call->def->name, call->idempotency_key, NULL);

  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, scope, -1);
}

static void
replay (TholeCall *call, TholeIdempotency *record)
{
  TholeOperations *operations = call->operations;
  TholeSubject *subject = thole_collection_lookup (operations->workloads, record->subject);
  TholeSeat *seat = thole_collection_lookup (operations->sessions, record->subject);
  TholeTracker *tracker = thole_tracker_find (operations, record->operation[0] != '\0' ? record->operation : record->subject);
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  guint mask;

  call->reply.replayed = TRUE;
  if (record->operation[0] != '\0')
    call->reply.operation = g_strdup (record->operation);
  if (subject != NULL)
    {
      mask = thole_wait_mask (call, &thole_workload_type, problem);
      if (problem->n_fields > 0)
        thole_call_problem (call, g_steal_pointer (&problem));
      else
        /* a command that ran once left nothing to wait for */
        thole_wait_workload (call, subject, mask, 200,
                             thole_state_rests (subject->now) || call->def->kind == THOLE_OPERATION_ENGINE ? 200 : 202);
    }
  else if (seat != NULL)
    thole_reply_seat (call, seat, 200);
  else if (tracker != NULL && strncmp (record->subject, "op-", 3) == 0)
    thole_wait_operation (call, tracker, 0, 202);
  else
    thole_call_fail (call, THOLE_ERROR_GONE, "what this key made is no longer there");
}

gboolean
thole_idempotency_enter (TholeCall *call)
{
  TholeOperations *operations = call->operations;
  g_autofree char *id = NULL;
  g_autofree char *print = NULL;
  TholeIdempotency *record;
  GPtrArray *followers;
  Key *key;

  if (call->idempotency_key == NULL || g_strcmp0 (call->def->method, "POST") != 0)
    return TRUE;
  id = key_id (call);
  print = fingerprint (call);
  record = g_hash_table_lookup (operations->idempotency, id);
  if (record != NULL)
    {
      if (strcmp (record->fingerprint, print) != 0)
        thole_call_fail (call, THOLE_ERROR_IDEMPOTENCY, "this Idempotency-Key was used with another body");
      else
        replay (call, record);
      return FALSE;
    }
  if (g_hash_table_size (operations->idempotency) + g_hash_table_size (operations->inflight) >= operations->limits.idempotency_keys)
    {
      thole_call_fail (call, THOLE_ERROR_RATE_LIMITED, "%u Idempotency-Keys are remembered already", operations->limits.idempotency_keys);
      return FALSE;
    }
  followers = g_hash_table_lookup (operations->inflight, id);
  if (followers != NULL)
    {
      if (followers->len >= MAX_FOLLOWERS)
        thole_call_fail (call, THOLE_ERROR_BUSY, "too many requests wait for this Idempotency-Key");
      else
        g_ptr_array_add (followers, call);
      return FALSE;
    }
  key = g_new0 (Key, 1);
  key->id = g_steal_pointer (&id);
  key->fingerprint = g_steal_pointer (&print);
  key->in_flight = TRUE;
  g_hash_table_insert (operations->inflight, g_strdup (key->id), g_ptr_array_new ());
  call->key = key;
  call->key_free = key_free;
  return TRUE;
}

void
thole_idempotency_remember (TholeCall *call, TholeTxn *txn, const char *subject, const char *operation)
{
  Key *key = call->key;
  TholeIdempotency *record;

  if (key == NULL)
    return;
  record = thole_record_new (&thole_idempotency_type);
  thole_record_set (&record->id, key->id);
  thole_record_set (&record->fingerprint, key->fingerprint);
  thole_record_set (&record->subject, subject);
  thole_record_set (&record->operation, operation);
  record->created_at = thole_timebase_now (call->operations);
  thole_txn_insert (txn, record);
  g_clear_pointer (&key->record, thole_record_unref);
  key->record = record;
}

void
thole_idempotency_stored (TholeCall *call)
{
  Key *key = call->key;

  if (key != NULL && key->record != NULL)
    {
      TholeIdempotency *record = g_steal_pointer (&key->record);

      g_hash_table_replace (call->operations->idempotency, record->id, record);
      thole_idempotency_leave (call);
    }
}

void
thole_idempotency_leave (TholeCall *call)
{
  Key *key = call->key;
  GPtrArray *followers = NULL;
  g_autofree char *id = NULL;

  if (key == NULL || !key->in_flight)
    return;
  key->in_flight = FALSE;
  g_hash_table_steal_extended (call->operations->inflight, key->id, (gpointer *) &id, (gpointer *) &followers);
  for (guint i = 0; followers != NULL && i < followers->len; i++)
    {
      TholeCall *follower = followers->pdata[i];

      if (thole_idempotency_enter (follower))
        thole_operations_handle (follower);
    }
  g_clear_pointer (&followers, g_ptr_array_unref);
}

void
thole_idempotency_forget (TholeCall *call, const char *subject)
{
  Key *key = call->key;
  TholeIdempotency *record = key != NULL ? g_hash_table_lookup (call->operations->idempotency, key->id) : NULL;
  TholeTxn *txn;

  if (record == NULL || strcmp (record->subject, subject) != 0)
    return;
  txn = thole_txn_new ();
  thole_txn_remove (txn, &thole_idempotency_type, record->id);
  thole_db_commit (call->operations->db, txn, NULL, NULL);
  g_hash_table_remove (call->operations->idempotency, key->id);
}

gboolean
thole_idempotency_load (TholeOperations *operations, GError **error)
{
  g_autoptr (GPtrArray) rows = thole_db_load (operations->db, &thole_idempotency_type, error);

  if (rows == NULL)
    return FALSE;
  for (guint i = 0; i < rows->len; i++)
    {
      TholeIdempotency *record = thole_record_ref (rows->pdata[i]);

      g_hash_table_replace (operations->idempotency, record->id, record);
    }
  return TRUE;
}

typedef struct
{
  TholeOperations *operations;
  GPtrArray *records;
} Retention;

/* a key holds until its row is gone; what failed is tried at the next care */
static void
forgotten (gpointer user_data, const GError *error)
{
  Retention *self = user_data;
  GHashTable *all = self->operations->idempotency;

  for (guint i = 0; error == NULL && i < self->records->len; i++)
    {
      TholeIdempotency *record = self->records->pdata[i];

      if (g_hash_table_lookup (all, record->id) == record)
        g_hash_table_remove (all, record->id);
    }
  g_ptr_array_unref (self->records);
  g_free (self);
}

void
thole_idempotency_retain (TholeOperations *operations)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func (thole_record_unref);
  gint64 oldest = thole_timebase_now (operations) - operations->limits.idempotency_age;
  g_autoptr (TholeTxn) txn = NULL;
  GHashTableIter iter;
  gpointer value;
  Retention *retention;

  g_hash_table_iter_init (&iter, operations->idempotency);
  while (records->len < 1000 && g_hash_table_iter_next (&iter, NULL, &value))
    {
      TholeIdempotency *record = value;

      if (record->created_at > oldest)
        continue;
      if (txn == NULL)
        txn = thole_txn_new ();
      thole_txn_remove (txn, &thole_idempotency_type, record->id);
      g_ptr_array_add (records, thole_record_ref (record));
    }
  if (txn == NULL)
    return;
  retention = g_new (Retention, 1);
  retention->operations = operations;
  retention->records = g_steal_pointer (&records);
  thole_db_commit (operations->db, g_steal_pointer (&txn), forgotten, retention);
}
