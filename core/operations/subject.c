/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/subject.h"

#include "base/crash-point.h"
#include "operations/tracker.h"

#include "operations/drive.h"
#include "operations/idle.h"
#include "operations/room.h"
#include "operations/quota.h"
#include "operations/step.h"
#include "operations/timebase.h"
#include "operations/wait.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* until a deadline is tried again that could not be stored, µs */
#define DEADLINE_PAUSE G_USEC_PER_SEC

typedef struct
{
  TholeGranted granted;
  gpointer user_data;
} SlotWait;

static char *
name_key (const TholeWorkload *record)
{
  return g_strconcat (record->owner, "/", record->name, NULL);
}

/* the earliest, 0 = none */
static gint64
next_deadline (TholeSubject *self)
{
  gint64 at = self->now->deadline_at;

  if (self->now->expires_at != 0 && !self->now->protected && (at == 0 || self->now->expires_at < at) && self->now->state != THOLE_WORKLOAD_STATE_DELETING)
    at = self->now->expires_at;
  return self->gone ? 0 : at;
}

void
thole_subject_arm (TholeSubject *self)
{
  thole_deadline_set (self->operations, &self->deadline, next_deadline (self));
}

TholeSubject *
thole_subject_new (TholeOperations *operations, TholeWorkload *record)
{
  TholeSubject *self = g_new0 (TholeSubject, 1);

  self->ref_count = 1;
  self->operations = operations;
  self->now = record;
  self->stop_grace = -1;
  self->unsure = TRUE;
  self->has_install = record->spec != NULL && strstr (record->spec, "\"install\":{") != NULL;
  self->deadline.fire = thole_drive_deadline;
  self->deadline.owner = self;
  thole_collection_add (operations->workloads, self);
  g_hash_table_replace (operations->names, name_key (record), self);
  thole_idle_init (self);
  thole_subject_arm (self);
  return self;
}

TholeSubject *
thole_subject_ref (TholeSubject *self)
{
  self->ref_count++;
  return self;
}

void
thole_subject_unref (TholeSubject *self)
{
  if (--self->ref_count > 0)
    return;
  g_clear_pointer (&self->deadline.entry, g_sequence_remove);
  g_clear_pointer (&self->idle.deadline.entry, g_sequence_remove);
  thole_source_clear (&self->retry);
  g_clear_pointer (&self->spec, g_variant_unref);
  g_clear_object (&self->cancel);
  g_queue_clear_full (&self->queue, g_free);
  g_free (self->stop_signal);
  thole_record_unref (self->now);
  g_free (self);
}

/* a look at the names of all owners whose objects @principal may act on */
static TholeSubject *
find_any (TholeOperations *operations, const char *name, const TholePrincipal *principal)
{
  TholeSubject *found = NULL;

  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (strcmp (subject->now->name, name) != 0 || !thole_access_owns (principal, subject->now->owner))
        continue;
      if (found != NULL)
        return NULL;
      found = subject;
    }
  return found;
}

TholeSubject *
thole_subject_find (TholeOperations *operations, const char *id_or_name, const TholePrincipal *principal)
{
  TholeSubject *self = thole_collection_lookup (operations->workloads, id_or_name);
  g_autofree char *key = NULL;

  if (self != NULL)
    return thole_access_owns (principal, self->now->owner) ? self : NULL;
  key = g_strconcat (principal->name, "/", id_or_name, NULL);
  self = g_hash_table_lookup (operations->names, key);
  if (self == NULL && (principal->mates != NULL || thole_access_owns_all (principal)))
    return find_any (operations, id_or_name, principal);
  return self;
}

TholeBackend *
thole_subject_backend (TholeSubject *self)
{
  return thole_registry_lookup (self->operations->registry, self->now->backend);
}

GVariant *
thole_subject_spec (TholeSubject *self)
{
  if (self->spec == NULL)
    {
      g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "stored spec");
      g_autoptr (GVariant) parsed = thole_json_parse (self->now->spec, strlen (self->now->spec), NULL);

      if (parsed != NULL)
        self->spec = thole_schema_validate (&thole_schema_workload_spec, parsed, THOLE_VALIDATE_DEFAULTS, "/spec", problem);
      if (self->spec == NULL)
        self->spec = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
    }
  return self->spec;
}

gboolean
thole_subject_acquire (TholeSubject *self, gboolean urgent, TholeGranted granted, gpointer user_data)
{
  SlotWait *wait;

  if (!self->held)
    {
      self->held = TRUE;
      thole_subject_ref (self);
      granted (self, user_data);
      return TRUE;
    }
  if (!urgent && self->queue.length >= self->operations->limits.queue)
    return FALSE;
  wait = g_new (SlotWait, 1);
  wait->granted = granted;
  wait->user_data = user_data;
  if (urgent)
    g_queue_push_head (&self->queue, wait);
  else
    g_queue_push_tail (&self->queue, wait);
  return TRUE;
}

void
thole_subject_release (TholeSubject *self)
{
  g_autofree SlotWait *next = g_queue_pop_head (&self->queue);

  if (next != NULL)
    {
      /* the slot and its reference go over to the next one */
      next->granted (self, next->user_data);
      return;
    }
  self->held = FALSE;
  thole_drive_kick (self);
  thole_subject_unref (self);
}

TholeChange *
thole_change_begin (TholeSubject *subject, const char *actor)
{
  TholeChange *self = g_new0 (TholeChange, 1);

  self->subject = subject;
  self->next = thole_record_copy (subject->now);
  self->next->revision++;
  self->next->updated_at = thole_clock_now (subject->operations->clock);
  self->txn = thole_txn_new ();
  self->before = subject->now->state;
  self->actor = actor;
  return self;
}

gboolean
thole_change_apply (TholeChange *change, TholeInput input)
{
  TholeTransition next = thole_state_next (change->next, change->subject->has_install, input);

  if (!next.legal)
    return FALSE;
  change->transition = next;
  change->next->state = next.state;
  if (next.desired >= 0)
    change->next->desired_state = next.desired;
  if (next.effects & THOLE_EFFECT_BEGIN)
    change->next->failures = change->next->restarts = 0;
  if (input < THOLE_N_REQUESTS)
    change->next->generation++;
  /* what is made in its place has a token of its own */
  if (input == THOLE_INPUT_MISSING)
    change->next->helper_epoch++;
  if (input == THOLE_INPUT_UPDATED)
    thole_record_set (&change->next->intent, "");
  if (input == THOLE_INPUT_UPDATE || input == THOLE_INPUT_UPDATED)
    return TRUE;
  thole_record_set (&change->next->state_reason, "");
  /* why it was stopped is still to be seen when it has stopped */
  if (input == THOLE_INPUT_STOPPED && strcmp (change->next->intent, THOLE_INTENT_IDLE) == 0)
    {
      g_autofree char *text = g_strdup_printf (THOLE_IDLE_REASON, (double) change->subject->idle.timeout / G_USEC_PER_SEC);

      thole_change_reason (change, "idle", text);
    }
  thole_record_set (&change->next->intent, "");
  change->next->deadline_at = 0;
  if (next.state != THOLE_WORKLOAD_STATE_RUNNING && next.state != THOLE_WORKLOAD_STATE_PAUSED
      && next.state != THOLE_WORKLOAD_STATE_STOPPING)
    change->next->health = THOLE_WORKLOAD_HEALTH_NONE;
  if (next.state == THOLE_WORKLOAD_STATE_PROVISIONING || next.state == THOLE_WORKLOAD_STATE_STARTING)
    change->next->deadline_at = thole_timebase_now (change->subject->operations)
                                + change->subject->operations->limits.provision_timeout;
  return TRUE;
}

void
thole_change_reason (TholeChange *change, const char *code, const char *text)
{
  g_autofree char *reason = text != NULL && text[0] != '\0' ? g_strdup_printf ("%s: %.1000s", code, text) : g_strdup (code);
  g_autofree char *valid = g_utf8_make_valid (reason, -1);

  thole_record_set (&change->next->state_reason, valid);
}

static void
change_free (TholeChange *self)
{
  thole_record_unref (self->next);
  g_clear_pointer (&self->txn, thole_txn_free);
  g_clear_pointer (&self->begun_record, thole_record_unref);
  g_clear_pointer (&self->ended_record, thole_record_unref);
  g_free (self);
}

void
thole_change_abandon (TholeChange *change)
{
  TholeSubject *subject = change->subject;

  change_free (change);
  thole_subject_release (subject);
}

void
thole_json_member (GString *json, const char *name, const char *text)
{
  g_string_append_printf (json, ",\"%s\":", name);
  thole_json_append_string (json, text);
}

/* who asked for what, or what the engine was asked for and answered */
static void
append_cause (TholeChange *change, GString *data)
{
  if (change->request != NULL)
    thole_json_member (data, "request", change->request);
  if (change->asked != NULL)
    thole_json_member (data, "asked", change->asked);
  if (change->slot == NULL)
    return;
  g_string_append (data, ",\"call\":{\"slot\":");
  thole_json_append_string (data, change->slot);
  thole_json_member (data, "answer", change->answer != NULL ? change->answer : "done");
  g_string_append (data, ",\"seconds\":");
  thole_json_append_double (data, change->seconds);
  g_string_append_c (data, '}');
}

/* the event of a change: type by what changed, data with what a reader needs to follow without asking */
static TholeEvent *
change_event (TholeChange *change)
{
  TholeWorkload *next = change->next;
  GString *data = g_string_new (NULL);
  const char *type = change->remove ? "workload.deleted"
                     : next->state != change->before ? "workload.state" : "workload.updated";

  g_string_append_printf (data, "{\"revision\":%" G_GINT64_FORMAT, next->revision);
  thole_json_member (data, "name", next->name);
  if (!change->remove)
    thole_json_member (data, "state", thole_state_name (next->state));
  if (next->state != change->before || change->remove)
    thole_json_member (data, "from", thole_state_name (change->before));
  thole_json_member (data, "desired_state", thole_record_choice (&thole_workload_type, "desired_state", next->desired_state));
  if (next->state_reason[0] != '\0')
    thole_json_member (data, "reason", next->state_reason);
  if (change->transition.effects & THOLE_EFFECT_RAN)
    {
      if (next->exit_code != THOLE_RECORD_NULL)
        g_string_append_printf (data, ",\"exit_code\":%" G_GINT64_FORMAT, next->exit_code);
      if (next->exit_signal[0] != '\0')
        thole_json_member (data, "exit_signal", next->exit_signal);
    }
  if (next->health != change->subject->now->health)
    thole_json_member (data, "health", thole_record_choice (&thole_workload_type, "health", next->health));
  if (next->operation[0] != '\0')
    thole_json_member (data, "operation", next->operation);
  append_cause (change, data);
  g_string_append_c (data, '}');
  return thole_event_new (next->updated_at, type, next->id, next->owner, change->actor, g_string_free (data, FALSE));
}

/* The problem of an operation that failed. A reason begins with the word of its code. */
static char *
problem_of (const char *reason)
{
  g_autofree char *word = g_strndup (reason, strcspn (reason, ":"));
  int code = thole_error_parse (word);
  g_autoptr (TholeProblem) problem = thole_problem_new (code >= 0 ? code : THOLE_ERROR_FAILED, "%s", reason);
  GString *json = g_string_new ("{");

  thole_problem_render (problem, json);
  g_string_append_c (json, '}');
  return g_string_free (json, FALSE);
}

/* the operation of a change ends when the workload rests, or when another one takes its place */
static void
end_operation (TholeChange *change)
{
  TholeWorkload *next = change->next;
  TholeOperations *operations = change->subject->operations;
  TholeTracker *tracker;
  g_autofree char *error = NULL;
  gboolean superseded = change->begun_record != NULL;
  int state = THOLE_OPERATION_STATE_SUCCEEDED;

  if (change->subject->now->operation[0] == '\0' || (!superseded && !change->remove && (!thole_state_rests (next) || strcmp (next->intent, "update") == 0)))
    {
      if (superseded)
        thole_record_set (&next->operation, change->begun_record->id);
      return;
    }
  tracker = thole_tracker_find (operations, change->subject->now->operation);
  thole_record_set (&next->operation, superseded ? change->begun_record->id : "");
  if (tracker == NULL || tracker->ending || tracker->now->state != THOLE_OPERATION_STATE_RUNNING)
    return;
  if (superseded)
    state = THOLE_OPERATION_STATE_CANCELLED;
  else if ((next->state == THOLE_WORKLOAD_STATE_ERROR || change->failed) && !change->remove)
    {
      error = problem_of (next->state_reason);
      state = THOLE_OPERATION_STATE_FAILED;
    }
  change->ended = tracker;
  change->ended_record = thole_tracker_end (tracker, state, g_steal_pointer (&error));
}

static void
take_place (TholeChange *change)
{
  TholeSubject *subject = change->subject;
  TholeOperations *operations = subject->operations;
  g_autoptr (GVariant) old_spec = NULL;
  TholeWorkload *old = subject->now;

  if (strcmp (old->name, change->next->name) != 0 || change->remove)
    {
      g_autofree char *key = name_key (old);

      if (g_hash_table_lookup (operations->names, key) == subject)
        g_hash_table_remove (operations->names, key);
      if (!change->remove)
        g_hash_table_replace (operations->names, name_key (change->next), subject);
    }
  if (g_strcmp0 (old->spec, change->next->spec) != 0)
    old_spec = g_steal_pointer (&subject->spec);
  if (change->remove)
    thole_collection_remove (operations->workloads, old->id);
  subject->now = thole_record_ref (change->next);
  subject->frozen = change->next->state == THOLE_WORKLOAD_STATE_PAUSED
                    || (subject->frozen && change->next->state == THOLE_WORKLOAD_STATE_STOPPING);
  subject->gone = change->remove;
  subject->tries = change->next->state == change->before ? subject->tries : 0;
  thole_subject_arm (subject);
  thole_idle_changed (change);
  if (change->ended != NULL)
    thole_tracker_replace (change->ended, g_steal_pointer (&change->ended_record));
  if (change->begun_record != NULL)
    thole_tracker_add (operations, g_steal_pointer (&change->begun_record));
  thole_record_unref (old);
  if (operations->changed != NULL)
    operations->changed (subject, operations->changed_data);
  thole_room_follow (subject);
}

/* what the engine reported or a deadline wanted could not be stored, and nobody else comes back to it */
static void
look_again (TholeSubject *self, const GError *error)
{
  g_log_structured ("thole", G_LOG_LEVEL_WARNING, "THOLE_WORKLOAD", self->now->id, "MESSAGE", "%s: a report was not stored: %s",
                    self->now->id, error->message);
  self->dirty = TRUE;
  thole_drive_retry (self);
  if (self->deadline.entry == NULL && next_deadline (self) != 0)
    thole_deadline_set (self->operations, &self->deadline, thole_timebase_now (self->operations) + DEADLINE_PAUSE);
  thole_idle_again (self, thole_timebase_now (self->operations) + DEADLINE_PAUSE);
}

static void
committed (gpointer user_data, const GError *error)
{
  TholeChange *change = user_data;
  TholeSubject *subject = change->subject;
  gboolean removed = change->remove && error == NULL;

  thole_crash_point ("committed");
  if (error == NULL)
    take_place (change);
  else if (change->ended != NULL)
    change->ended->ending = FALSE;
  if (error != NULL && change->done == NULL)
    look_again (subject, error);
  if (change->done != NULL)
    change->done (change->user_data, error);
  if (error == NULL)
    thole_wait_check (&subject->waiters, (int) subject->now->state, subject->gone);
  change_free (change);
  thole_subject_release (subject);
  if (removed)
    thole_subject_unref (subject); /* the collection's */
}

void
thole_change_commit (TholeChange *change, void (*done) (gpointer user_data, const GError *error), gpointer user_data)
{
  TholeOperations *operations = change->subject->operations;

  thole_crash_point ("commit");
  change->done = done;
  change->user_data = user_data;
  end_operation (change);
  if (change->next->desired_state != THOLE_WORKLOAD_DESIRED_STATE_RUNNING)
    thole_quota_release (change->next);
  thole_idle_change (change);
  if (change->remove)
    thole_txn_remove (change->txn, &thole_workload_type, change->next->id);
  else
    thole_txn_update (change->txn, change->next);
  thole_txn_event (change->txn, change_event (change));
  if (change->begun_record != NULL)
    {
      thole_txn_insert (change->txn, change->begun_record);
      thole_tracker_event (change->txn, change->begun_record, change->next->updated_at);
    }
  if (change->ended_record != NULL)
    {
      thole_txn_update (change->txn, change->ended_record);
      thole_tracker_event (change->txn, change->ended_record, change->next->updated_at);
    }
  thole_db_commit (operations->db, g_steal_pointer (&change->txn), committed, change);
}
