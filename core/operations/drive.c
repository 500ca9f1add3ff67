/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/drive.h"

#include "operations/seen.h"
#include "operations/step.h"
#include "operations/timebase.h"
#include "state/restart-policy.h"
#include "thole-dict.h"

#include <string.h>

/* a report that waits for the slot */
typedef struct
{
  GVariant *seen;
} Report;

static gboolean
retry_now (gpointer user_data)
{
  TholeSubject *subject = user_data;

  thole_source_clear (&subject->retry);
  thole_drive_kick (subject);
  return G_SOURCE_REMOVE;
}

void
thole_drive_retry (TholeSubject *subject)
{
  TholeClock *clock = subject->operations->clock;

  if (subject->retry == NULL && !subject->gone && !subject->operations->draining)
    subject->retry = thole_clock_timer (clock, thole_backoff (clock, G_USEC_PER_SEC / 4, 30 * G_USEC_PER_SEC, subject->tries++),
                                        retry_now, subject);
}

/* is the step that is under way still what the record wants? */
static gboolean
step_is_stale (TholeSubject *subject)
{
  const TholeWorkload *now = subject->now;

  if (subject->gone)
    return TRUE;
  if (now->state != subject->step)
    return TRUE;
  return now->state == THOLE_WORKLOAD_STATE_STOPPING && strcmp (now->intent, "kill") == 0 && !subject->killing;
}

static gboolean
needs_look (TholeSubject *subject)
{
  switch (subject->now->state)
    {
    case THOLE_WORKLOAD_STATE_STARTING:
    case THOLE_WORKLOAD_STATE_RUNNING:
    case THOLE_WORKLOAD_STATE_PAUSED:
    case THOLE_WORKLOAD_STATE_STOPPING:
      return subject->unsure;
    default:
      return FALSE;
    }
}

/* the step that the record asks for, NULL = none */
static TholeStepFunc
step_for (TholeSubject *subject)
{
  const TholeWorkload *now = subject->now;

  switch (now->state)
    {
    case THOLE_WORKLOAD_STATE_PROVISIONING:
      return thole_step_provision;
    case THOLE_WORKLOAD_STATE_INSTALLING:
      return thole_step_install;
    case THOLE_WORKLOAD_STATE_STARTING:
      return thole_step_start;
    case THOLE_WORKLOAD_STATE_STOPPING:
      return thole_step_stop;
    case THOLE_WORKLOAD_STATE_DELETING:
      return thole_step_delete;
    case THOLE_WORKLOAD_STATE_RUNNING:
      if (now->desired_state == THOLE_WORKLOAD_DESIRED_STATE_PAUSED)
        return thole_step_pause;
      break;
    case THOLE_WORKLOAD_STATE_PAUSED:
      if (now->desired_state == THOLE_WORKLOAD_DESIRED_STATE_RUNNING)
        return thole_step_unpause;
      break;
    default:
      break;
    }
  return strcmp (now->intent, "update") == 0 ? thole_step_update : NULL;
}

void
thole_drive_kick (TholeSubject *subject)
{
  TholeBackend *backend;
  TholeStepFunc run;

  if (subject->driving)
    {
      if (step_is_stale (subject))
        g_cancellable_cancel (subject->cancel);
      return;
    }
  if (subject->gone || subject->held || subject->retry != NULL || subject->operations->draining)
    return;
  run = step_for (subject);
  if (run == NULL && !needs_look (subject) && !subject->dirty)
    return;
  backend = thole_subject_backend (subject);
  if (backend == NULL)
    {
      if (run != NULL)
        thole_step_begin (subject, NULL, thole_step_orphaned);
      return;
    }
  if (thole_backend_get_state (backend) != THOLE_BACKEND_READY)
    return;
  if (needs_look (subject) || (subject->dirty && run == NULL))
    run = thole_step_look;
  subject->dirty = FALSE;
  thole_step_begin (subject, backend, run);
}

void
thole_drive_look (TholeSubject *subject)
{
  subject->dirty = TRUE;
  thole_drive_kick (subject);
}

/* the slot is held: what was seen, once more against the record as it is now */
static void
take_report (TholeSubject *subject, gpointer user_data)
{
  Report *report = user_data;
  g_autoptr (GVariant) seen = report->seen;
  TholeInput input = THOLE_N_INPUTS;
  TholeVerdict verdict = thole_seen_judge (subject, seen, &input);
  TholeChange *change;

  g_free (report);
  if (verdict == THOLE_SEEN_NOTHING || subject->gone)
    {
      thole_subject_release (subject);
      return;
    }
  change = thole_change_begin (subject, "engine");
  if (verdict == THOLE_SEEN_INPUT && !thole_change_apply (change, input))
    {
      thole_change_abandon (change);
      return;
    }
  thole_seen_copy (change, seen);
  if (verdict == THOLE_SEEN_INPUT)
    {
      if (input == THOLE_INPUT_STARTED && change->before != THOLE_WORKLOAD_STATE_STARTING)
        {
          if (change->before != THOLE_WORKLOAD_STATE_SUSPENDED)
            change->next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
          thole_change_reason (change, "started_outside", "somebody started it at the engine");
        }
      if (input == THOLE_INPUT_EXITED || input == THOLE_INPUT_CRASHED || input == THOLE_INPUT_MISSING)
        thole_seen_ended (change, seen, input);
      /* it may have ended since: look again after this */
      subject->dirty |= input == THOLE_INPUT_STARTED && strcmp (thole_seen_state (seen), "exited") == 0;
      subject->outage = FALSE;
    }
  thole_change_commit (change, NULL, NULL);
}

void
thole_drive_report (TholeSubject *subject, GVariant *seen)
{
  TholeInput input;
  Report *report;

  subject->frozen = strcmp (thole_seen_state (seen), "paused") == 0;
  if (thole_seen_judge (subject, seen, &input) == THOLE_SEEN_NOTHING)
    {
      subject->outage = FALSE;
      return;
    }
  report = g_new0 (Report, 1);
  report->seen = seen != NULL ? g_variant_ref (seen) : NULL;
  thole_subject_acquire (subject, TRUE, take_report, report);
}

/* its pause is over; the policy may have been changed meanwhile */
static gboolean
restart (TholeChange *change)
{
  g_autoptr (GVariant) policy = thole_dict_value (thole_subject_spec (change->subject), "restart", "a{sv}");

  if (thole_restart_read (policy).policy == THOLE_RESTART_NEVER)
    {
      change->next->deadline_at = 0;
      change->next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_STOPPED;
      return TRUE;
    }
  if (!thole_change_apply (change, THOLE_INPUT_RETRY))
    return FALSE;
  change->next->restarts++;
  thole_change_reason (change, "restarting", "by its restart policy");
  return TRUE;
}

/* a step that may have been ready in time, had the daemon been there to see it */
static gboolean
gets_more_time (TholeSubject *subject)
{
  TholeOperations *operations = subject->operations;
  gint64 more = operations->patient_until - thole_clock_monotonic (operations->clock);
  gboolean preparing = subject->now->state == THOLE_WORKLOAD_STATE_PROVISIONING || subject->now->state == THOLE_WORKLOAD_STATE_STARTING;

  if (more <= 0 || !preparing || subject->gone)
    return FALSE;
  thole_deadline_set (operations, &subject->deadline, thole_timebase_now (operations) + more);
  return TRUE;
}

/* the slot is held */
static void
deadline_passed (TholeSubject *subject, gpointer user_data)
{
  TholeWorkload *now = subject->now;
  gint64 time = thole_timebase_now (subject->operations);
  TholeChange *change;
  gboolean done = FALSE;

  if (gets_more_time (subject))
    {
      thole_subject_release (subject);
      return;
    }
  change = thole_change_begin (subject, "policy");
  if (now->expires_at != 0 && now->expires_at <= time && !now->protected)
    {
      done = thole_change_apply (change, THOLE_INPUT_FORCE_DELETE);
      thole_change_reason (change, "ttl", "its time to live is over");
    }
  else if (now->deadline_at != 0 && now->deadline_at <= time)
    {
      gboolean wanted = now->desired_state == THOLE_WORKLOAD_DESIRED_STATE_RUNNING;

      if (wanted && now->state != THOLE_WORKLOAD_STATE_PROVISIONING && now->state != THOLE_WORKLOAD_STATE_STARTING)
        done = restart (change);
      else
        {
          done = thole_change_apply (change, THOLE_INPUT_FAILED);
          change->next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_STOPPED;
          thole_change_reason (change, "timeout", "it was not ready in time");
        }
    }
  if (done && !subject->gone)
    thole_change_commit (change, NULL, NULL);
  else
    {
      /* it was moved since it fired */
      if (MAX (now->deadline_at, now->expires_at) > time)
        thole_subject_arm (subject);
      thole_change_abandon (change);
    }
}

void
thole_drive_deadline (gpointer owner)
{
  TholeSubject *subject = owner;

  /* a drive at work on a pull is not late as long as it makes progress */
  if (!subject->gone)
    thole_subject_acquire (subject, TRUE, deadline_passed, NULL);
}
