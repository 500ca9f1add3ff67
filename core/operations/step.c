/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/secret.h"
#include "operations/step.h"

#include "base/crash-point.h"
#include "operations/drive.h"
#include "operations/seen.h"
#include "thole-dict.h"

#include <string.h>

void
thole_step_begin (TholeSubject *subject, TholeBackend *backend, TholeStepFunc run)
{
  TholeStep *step = g_new0 (TholeStep, 1);

  step->subject = thole_subject_ref (subject);
  step->backend = backend != NULL ? g_object_ref (backend) : NULL;
  step->cancel = g_cancellable_new ();
  step->input = THOLE_N_INPUTS;
  subject->driving = TRUE;
  subject->step = subject->now->state;
  g_set_object (&subject->cancel, step->cancel);
  run (step);
}

/* frees the step; the drive may begin another */
static TholeSubject *
step_free (TholeStep *step)
{
  TholeSubject *subject = step->subject;

  subject->driving = FALSE;
  subject->killing = FALSE;
  g_clear_object (&subject->cancel);
  thole_source_clear (&step->timer);
  g_clear_object (&step->cancel);
  g_clear_object (&step->backend);
  g_clear_pointer (&step->spec, g_variant_unref);
  g_clear_pointer (&step->seen, g_variant_unref);
  g_clear_pointer (&step->created, g_variant_unref);
  g_free (step->answer);
  g_free (step->text);
  g_free (step->code);
  g_free (step->reason);
  g_free (step);
  return subject;
}

void
thole_step_end (TholeStep *step)
{
  TholeSubject *subject = step_free (step);

  thole_drive_kick (subject);
  thole_subject_unref (subject);
}

static void
called (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeStep *step = user_data;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;

  thole_backend_call_finish (step->backend, result, &out, &error);
  thole_crash_point ("answered");
  step->answered_at = thole_clock_monotonic (step->subject->operations->clock);
  if (error != NULL)
    {
      g_free (step->answer);
      step->answer = g_strdup_printf ("%s: %.500s", error->domain == THOLE_ERROR ? thole_error_word (error->code) : "cancelled",
                                      error->message);
    }
  step->then (step, &out, error);
}

void
thole_step_call (TholeStep *step, TholeSlot slot, const TholeSlotArgs *args,
                 void (*then) (TholeStep *step, TholeSlotResult *result, const GError *error))
{
  /* what makes or ends an object runs to its end: cancelled, its outcome would be unknown */
  gboolean cancellable = slot != THOLE_SLOT_WORKLOAD_CREATE && slot != THOLE_SLOT_WORKLOAD_START
                         && slot != THOLE_SLOT_WORKLOAD_REMOVE;

  /* a look afterwards only fills in details */
  if (slot != THOLE_SLOT_WORKLOAD_INSPECT || step->slot == NULL)
    {
      step->slot = thole_slot_name (slot);
      g_clear_pointer (&step->answer, g_free);
      step->called_at = thole_clock_monotonic (step->subject->operations->clock);
    }
  step->then = then;
  thole_crash_point (thole_slot_name (slot));
  thole_backend_call_async (step->backend, slot, args, cancellable ? step->cancel : NULL, called, step);
  thole_crash_point ("called");
}

void
thole_step_create (TholeStep *step, const TholeSlotArgs *args, GVariant *options,
                   void (*then) (TholeStep *step, TholeSlotResult *result, const GError *error))
{
  TholeSubject *subject = step->subject;
  TholeSlotArgs with = *args;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) given = thole_secrets_give (subject, options, &error);

  with.dict = step->spec;
  with.options = given;
  if (error != NULL)
    thole_step_fail (step, error);
  else
    thole_step_call (step, THOLE_SLOT_WORKLOAD_CREATE, &with, then);
}

void
thole_step_cause (TholeStep *step, TholeChange *change)
{
  change->slot = step->slot;
  change->answer = step->answer;
  change->seconds = (double) MAX (0, step->answered_at - step->called_at) / G_USEC_PER_SEC;
}

static void
put_created (TholeChange *change, GVariant *created)
{
  g_autoptr (GVariant) handle = thole_dict_value (created, "handle", "ay");
  g_autofree char *text = NULL;

  thole_record_set (&change->next->engine_id, thole_dict_string (created, "engine_id", change->next->id));
  if (handle != NULL)
    {
      gsize length;
      const guchar *bytes = g_variant_get_fixed_array (handle, &length, 1);

      text = g_base64_encode (bytes, MIN (length, 4096));
    }
  thole_record_set (&change->next->handle, text);
}

/* a step that could not do what was asked: what is desired is what is */
static void
put_refusal (TholeChange *change, TholeStep *step)
{
  TholeWorkload *next = change->next;

  if (next->state == THOLE_WORKLOAD_STATE_RUNNING)
    next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
  else if (next->state == THOLE_WORKLOAD_STATE_PAUSED)
    next->desired_state = THOLE_WORKLOAD_DESIRED_STATE_PAUSED;
  thole_record_set (&next->intent, "");
  change->failed = TRUE;
}

void
thole_step_stored (gpointer user_data, const GError *error)
{
  TholeStep *step = user_data;
  TholeSubject *subject = thole_subject_ref (step->subject);

  /* not stored: what the engine has is ahead of the record */
  if (error != NULL)
    subject->unsure = TRUE;
  thole_subject_unref (step_free (step));
  if (error != NULL)
    thole_drive_retry (subject);
  thole_subject_unref (subject);
}

static gboolean
has_health (TholeSubject *subject)
{
  g_autoptr (GVariant) health = thole_dict_value (thole_subject_spec (subject), "health", "a{sv}");

  return health != NULL;
}

/* its time was over before the engine had started it: nobody wants it to run any more */
static gboolean
given_up (TholeStep *step)
{
  TholeWorkload *now = step->subject->now;

  return step->input == THOLE_INPUT_STARTED && now->state == THOLE_WORKLOAD_STATE_ERROR
         && now->desired_state == THOLE_WORKLOAD_DESIRED_STATE_STOPPED;
}

/* the slot is held */
static void
store_outcome (TholeSubject *subject, gpointer user_data)
{
  TholeStep *step = user_data;
  TholeChange *change = thole_change_begin (subject, "engine");
  gboolean late = given_up (step);
  gboolean applied = step->input < THOLE_N_INPUTS && thole_change_apply (change, late ? THOLE_INPUT_STARTED_LATE : step->input);
  gboolean refused = step->input == THOLE_N_INPUTS && step->code != NULL;

  if (subject->gone || (!applied && !refused && step->created == NULL && step->seen == NULL))
    {
      thole_change_abandon (change);
      thole_step_end (step);
      return;
    }
  if (step->created != NULL)
    put_created (change, step->created);
  if (step->seen != NULL)
    {
      thole_seen_copy (change, step->seen);
      subject->dirty |= step->input == THOLE_INPUT_STARTED && strcmp (thole_seen_state (step->seen), "running") != 0;
    }
  if (applied && step->input == THOLE_INPUT_INSTALLED)
    {
      change->next->installed = TRUE;
      thole_record_set (&change->next->intent, THOLE_INTENT_CLEAR_INSTALL);
    }
  if (applied && step->input == THOLE_INPUT_STARTED && has_health (subject)
      && change->next->health == THOLE_WORKLOAD_HEALTH_NONE)
    change->next->health = THOLE_WORKLOAD_HEALTH_STARTING;
  if (applied && step->input == THOLE_INPUT_STOPPED && change->next->stopped_at < change->next->started_at)
    change->next->stopped_at = change->next->updated_at;
  if (step->code != NULL && (applied || refused))
    thole_change_reason (change, step->code, step->reason);
  if (applied && late)
    thole_change_reason (change, "timeout", "it was started too late, so it is stopped");
  if (applied && step->input == THOLE_INPUT_MISSING)
    {
      thole_record_set (&change->next->engine_id, "");
      thole_record_set (&change->next->handle, "");
      change->next->installed = FALSE;
      thole_seen_ended (change, NULL, THOLE_INPUT_MISSING);
    }
  if (applied && step->input == THOLE_INPUT_STOPPED)
    change->next->health = THOLE_WORKLOAD_HEALTH_NONE;
  if (refused)
    {
      put_refusal (change, step);
      /* perhaps because it is otherwise than recorded */
      subject->dirty = TRUE;
    }
  subject->outage = FALSE;
  thole_step_cause (step, change);
  thole_change_commit (change, thole_step_stored, step);
}

void
thole_step_done (TholeStep *step, TholeInput input)
{
  step->input = input;
  if (!thole_subject_acquire (step->subject, TRUE, store_outcome, step))
    thole_step_end (step);
}

static void
inspected (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error == NULL)
    step->seen = g_steal_pointer (&result->value);
  else
    /* it was done all the same: the next report fills in the details */
    step->subject->dirty = TRUE;
  thole_step_done (step, step->input);
}

void
thole_step_done_seen (TholeStep *step, TholeInput input)
{
  TholeSlotArgs args = { .id = step->subject->now->id };

  step->input = input;
  thole_step_call (step, THOLE_SLOT_WORKLOAD_INSPECT, &args, inspected);
}

static gboolean
may_pass (const GError *error)
{
  return g_error_matches (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE) || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_TIMEOUT)
         || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_BUSY) || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_LIMIT);
}

/* a delete that failed: the row stays, the reason is told once, and it is tried again */
static void
delete_failed (TholeStep *step, const GError *error)
{
  TholeSubject *subject = step->subject;
  g_autofree char *reason = g_strdup_printf ("delete_failed: %.1000s", error->message);

  thole_drive_retry (subject);
  if (strcmp (subject->now->state_reason, reason) == 0)
    {
      thole_step_end (step);
      return;
    }
  step->code = g_strdup ("delete_failed");
  step->reason = g_strdup (error->message);
  thole_step_done (step, THOLE_N_INPUTS);
}

void
thole_step_fail (TholeStep *step, const GError *error)
{
  TholeSubject *subject = step->subject;
  gboolean toggling = subject->step == THOLE_WORKLOAD_STATE_RUNNING || subject->step == THOLE_WORKLOAD_STATE_PAUSED
                      || strcmp (subject->now->intent, "update") == 0;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      subject->unsure = TRUE;
      thole_step_end (step);
      return;
    }
  if (may_pass (error))
    {
      subject->unsure = TRUE;
      thole_drive_retry (subject);
      thole_step_end (step);
      return;
    }
  if (subject->step == THOLE_WORKLOAD_STATE_DELETING)
    {
      delete_failed (step, error);
      return;
    }
  if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND) && subject->step != THOLE_WORKLOAD_STATE_PROVISIONING)
    {
      thole_step_done (step, THOLE_INPUT_MISSING);
      return;
    }
  step->code = g_strdup (error->domain == THOLE_ERROR ? thole_error_word (error->code) : "failed");
  step->reason = g_strdup (error->message);
  thole_step_done (step, toggling ? THOLE_N_INPUTS : THOLE_INPUT_FAILED);
}

/* look ---------------------------------------------------------------------------------------------- */

static void
looked (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  g_autoptr (GVariant) seen = NULL;
  TholeSubject *subject;

  if (error != NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    {
      if (may_pass (error))
        {
          thole_step_fail (step, error);
          return;
        }
      /* the engine cannot tell: nothing is concluded from that */
      step->subject->unsure = FALSE;
      thole_step_end (step);
      return;
    }
  seen = g_steal_pointer (&result->value);
  subject = step_free (step);
  subject->unsure = FALSE;
  thole_drive_report (subject, seen);
  thole_drive_kick (subject);
  thole_subject_unref (subject);
}

void
thole_step_look (TholeStep *step)
{
  TholeSlotArgs args = { .id = step->subject->now->id };

  thole_step_call (step, THOLE_SLOT_WORKLOAD_INSPECT, &args, looked);
}
