/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/idle.h"

#include "operations/room.h"
#include "operations/timebase.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

#define PAUSE G_USEC_PER_SEC
/* nobody could use it while the daemon was down: how long callers have to come back, µs */
#define COME_BACK (60 * G_USEC_PER_SEC)

typedef struct
{
  TholeSubject *subject;
  TholeUse *record;
} Storing;

/* how much longer than needed the stored deadline is, so that it is stored rarely */
static gint64
spare (gint64 timeout)
{
  return CLAMP (timeout / 4, G_USEC_PER_SEC, 60 * G_USEC_PER_SEC);
}

static gint64
timeout_of (const char *spec)
{
  static const char key[] = "\"idle_timeout\":";
  g_autoptr (GVariant) parsed = NULL;
  const char *at = spec;

  /* most have none, and need not be parsed; environment and labels may have the same key */
  for (at = spec; at != NULL && (at = strstr (at, key)) != NULL; at++)
    if (g_ascii_strtod (at + strlen (key), NULL) > 0)
      break;
  if (at == NULL)
    return 0;
  parsed = thole_json_parse (spec, strlen (spec), NULL);
  return parsed != NULL ? (gint64) (thole_dict_double (parsed, "idle_timeout", 0) * G_USEC_PER_SEC) : 0;
}

static gboolean
counts (const TholeSubject *subject)
{
  return subject->idle.timeout > 0 && !subject->gone && subject->now->state == THOLE_WORKLOAD_STATE_RUNNING
         && subject->now->desired_state == THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
}

static gboolean
is_used (TholeSubject *subject)
{
  return subject->idle.holds > 0 || thole_room_viewers (subject->operations, subject->now->id) > 0;
}


static void
arm (TholeSubject *subject)
{
  TholeIdle *idle = &subject->idle;
  gint64 at = 0;

  /* what is being stored arms it again afterwards */
  if (counts (subject) && is_used (subject))
    at = idle->storing || subject->operations->draining ? 0 : idle->stored_at - idle->timeout;
  else if (counts (subject))
    at = idle->used_at + idle->timeout;
  thole_deadline_set (subject->operations, &idle->deadline, at);
}

static TholeUse *
add_record (TholeSubject *subject, TholeTxn *txn, gint64 now, gint64 timeout)
{
  TholeUse *record = thole_record_new (&thole_use_type);

  thole_record_set (&record->id, subject->now->id);
  record->idle_at = now + timeout + spare (timeout);
  thole_txn_remove (txn, &thole_use_type, record->id);
  thole_txn_insert (txn, record);
  return record;
}

static void
stored (gpointer user_data, const GError *error)
{
  Storing *self = user_data;
  TholeSubject *subject = self->subject;

  subject->idle.storing = FALSE;
  if (error == NULL)
    {
      subject->idle.stored_at = self->record->idle_at;
      arm (subject);
    }
  else if (!subject->operations->draining)
    thole_idle_again (subject, thole_timebase_now (subject->operations) + PAUSE);
  thole_record_unref (self->record);
  thole_subject_unref (subject);
  g_free (self);
}

static void
store (TholeSubject *subject, gint64 now)
{
  TholeTxn *txn;
  Storing *self;

  if (subject->idle.storing || subject->operations->draining)
    return;
  txn = thole_txn_new ();
  self = g_new (Storing, 1);
  self->subject = thole_subject_ref (subject);
  self->record = add_record (subject, txn, now, subject->idle.timeout);
  subject->idle.storing = TRUE;
  thole_db_commit (subject->operations->db, txn, stored, self);
}

void
thole_idle_touch (TholeSubject *subject)
{
  TholeIdle *idle = &subject->idle;

  if (!counts (subject))
    return;
  idle->used_at = thole_timebase_now (subject->operations);
  /* what the store has would come too early after a restart */
  if (idle->stored_at <= idle->used_at + idle->timeout)
    store (subject, idle->used_at);
  arm (subject);
}

void
thole_idle_hold (TholeSubject *subject)
{
  subject->idle.holds++;
  thole_idle_touch (subject);
}

void
thole_idle_release (TholeSubject *subject)
{
  subject->idle.holds--;
  thole_idle_touch (subject);
}

/* the slot is held */
static void
stop (TholeSubject *subject, gpointer user_data)
{
  TholeIdle *idle = &subject->idle;
  g_autofree char *text = NULL;
  TholeChange *change;

  if (!counts (subject) || is_used (subject) || idle->used_at + idle->timeout > thole_timebase_now (subject->operations))
    {
      arm (subject);
      thole_subject_release (subject);
      return;
    }
  change = thole_change_begin (subject, "policy");
  if (!thole_change_apply (change, THOLE_INPUT_STOP))
    {
      thole_change_abandon (change);
      return;
    }
  thole_record_set (&change->next->intent, THOLE_INTENT_IDLE);
  text = g_strdup_printf (THOLE_IDLE_REASON, (double) idle->timeout / G_USEC_PER_SEC);
  thole_change_reason (change, "idle", text);
  g_free (subject->stop_signal);
  subject->stop_signal = NULL;
  subject->stop_grace = -1;
  thole_change_commit (change, NULL, NULL);
}

static void
fire (gpointer owner)
{
  TholeSubject *subject = owner;

  if (!counts (subject))
    return;
  if (is_used (subject))
    thole_idle_touch (subject);
  else if (subject->idle.used_at + subject->idle.timeout > thole_timebase_now (subject->operations))
    arm (subject);
  else if (!thole_room_is_fresh (subject->operations, subject->now->id))
    thole_deadline_set (subject->operations, &subject->idle.deadline, thole_timebase_now (subject->operations) + PAUSE);
  else
    thole_subject_acquire (subject, TRUE, stop, NULL);
}

void
thole_idle_init (TholeSubject *subject)
{
  subject->idle.deadline.fire = fire;
  subject->idle.deadline.owner = subject;
  subject->idle.timeout = timeout_of (subject->now->spec);
}

void
thole_idle_change (TholeChange *change)
{
  TholeSubject *subject = change->subject;
  gboolean same = g_strcmp0 (subject->now->spec, change->next->spec) == 0;
  gboolean runs = change->next->state == THOLE_WORKLOAD_STATE_RUNNING
                  && change->next->desired_state == THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
  TholeUse *record;

  change->idle_timeout = same ? subject->idle.timeout : timeout_of (change->next->spec);
  if (change->remove)
    thole_txn_remove (change->txn, &thole_use_type, subject->now->id);
  else if (change->idle_timeout > 0 && runs && (change->idle_timeout != subject->idle.timeout || !counts (subject)))
    {
      record = add_record (subject, change->txn, thole_timebase_now (subject->operations), change->idle_timeout);
      change->idle_at = record->idle_at;
      thole_record_unref (record);
    }
}

void
thole_idle_changed (TholeChange *change)
{
  TholeSubject *subject = change->subject;
  TholeIdle *idle = &subject->idle;

  idle->timeout = change->idle_timeout;
  if (change->idle_at != 0)
    {
      idle->stored_at = change->idle_at;
      idle->used_at = change->idle_at - idle->timeout - spare (idle->timeout);
    }
  arm (subject);
}

void
thole_idle_again (TholeSubject *subject, gint64 at)
{
  if (counts (subject) && subject->idle.deadline.entry == NULL)
    thole_deadline_set (subject->operations, &subject->idle.deadline, at);
}

/* after a restart only what the store says is known of its use */
static void
take_up (TholeSubject *subject)
{
  TholeIdle *idle = &subject->idle;

  if (!counts (subject))
    return;
  idle->used_at = MAX (idle->stored_at, thole_timebase_now (subject->operations) + MIN (idle->timeout, COME_BACK)) - idle->timeout;
  /* it ran before the store had such deadlines */
  if (idle->stored_at == 0)
    thole_idle_touch (subject);
  arm (subject);
}

gboolean
thole_idle_load (TholeOperations *operations, GError **error)
{
  g_autoptr (GPtrArray) rows = thole_db_load (operations->db, &thole_use_type, error);

  for (guint i = 0; rows != NULL && i < rows->len; i++)
    {
      const TholeUse *record = rows->pdata[i];
      TholeSubject *subject = thole_collection_lookup (operations->workloads, record->id);

      if (subject != NULL)
        subject->idle.stored_at = record->idle_at;
    }
  for (guint i = 0; rows != NULL && i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      take_up (subject);
    }
  return rows != NULL;
}
