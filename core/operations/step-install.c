/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The install step: an object of its own beside the workload's, run to its end once; the start that follows removes it. Taken
 * up after a restart of the daemon wherever it was: creating finds what exists, and only what never ran is started.
 */
#include "operations/step.h"
#include "thole-dict.h"

#include <string.h>

#define POLL_FIRST (100 * 1000)
#define POLL_LONGEST G_USEC_PER_SEC

static void watch (TholeStep *step);

char *
thole_install_id (TholeSubject *subject)
{
  return g_strconcat (subject->now->id, "-install", NULL);
}

static void
failed (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  /* what could not be removed is found by the next comparison */
  thole_step_done (step, THOLE_INPUT_FAILED);
}

static void
fail_install (TholeStep *step, char *reason)
{
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new_parsed ("{'force': <true>}"));
  TholeSlotArgs args = { .id = step->text, .options = options, .deadline = 120 };

  step->code = g_strdup ("install_failed");
  step->reason = reason;
  thole_step_call (step, THOLE_SLOT_WORKLOAD_REMOVE, &args, failed);
}

static gboolean
poll_again (gpointer user_data)
{
  TholeStep *step = user_data;

  thole_source_clear (&step->timer);
  watch (step);
  return G_SOURCE_REMOVE;
}

static void
started (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    fail_install (step, g_strdup (error->message));
  else if (error != NULL)
    thole_step_fail (step, error);
  else
    watch (step);
}

static double
time_limit (TholeStep *step)
{
  g_autoptr (GVariant) install = thole_dict_value (thole_subject_spec (step->subject), "install", "a{sv}");

  return install != NULL ? thole_dict_double (install, "timeout", 3600) : 3600;
}

static void
looked (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  TholeClock *clock = step->subject->operations->clock;
  const char *state = error == NULL ? thole_dict_string (result->value, "state", "") : "";
  gint64 now = thole_clock_monotonic (clock);

  if (error != NULL)
    {
      thole_step_fail (step, error);
      return;
    }
  if (strcmp (state, "created") == 0 && step->phase == 0)
    {
      TholeSlotArgs args = { .id = step->text, .deadline = 120 };

      step->phase = 1;
      thole_step_call (step, THOLE_SLOT_WORKLOAD_START, &args, started);
    }
  else if (strcmp (state, "exited") == 0 || strcmp (state, "failed") == 0)
    {
      gint64 code = thole_dict_int (result->value, "exit_code", strcmp (state, "failed") == 0);

      /* its object stays until this is stored, else a crash in between would run it again; the start removes it */
      if (code == 0)
        thole_step_done (step, THOLE_INPUT_INSTALLED);
      else
        fail_install (step, g_strdup_printf ("exit code %" G_GINT64_FORMAT, code));
    }
  /* counted by ourselves: the wall clock may be set, and the engine may have another */
  else if (step->since != 0 && now - step->since > (gint64) (time_limit (step) * G_USEC_PER_SEC))
    fail_install (step, g_strdup ("it did not end in time"));
  else if (g_cancellable_is_cancelled (step->cancel))
    thole_step_end (step);
  else
    {
      if (step->since == 0)
        step->since = now;
      step->phase = MIN (step->phase + 1, 20);
      step->timer = thole_clock_timer (clock, MIN (POLL_FIRST * step->phase, POLL_LONGEST), poll_again, step);
    }
}

static void
watch (TholeStep *step)
{
  TholeSlotArgs args = { .id = step->text };

  thole_step_call (step, THOLE_SLOT_WORKLOAD_INSPECT, &args, looked);
}

static void
created (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    watch (step);
}

static void
create (TholeStep *step)
{
  TholeSlotArgs args = { .id = step->text, .dict = step->spec, .deadline = 120 };

  thole_step_create (step, &args, NULL, created);
}

static void
pulled (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    create (step);
}

static void
created_first (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  const char *policy = thole_dict_string (thole_subject_spec (step->subject), "pull", "if-missing");

  if (error != NULL && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND) && strcmp (policy, "never") != 0
      && thole_backend_has (step->backend, THOLE_SLOT_IMAGE_PULL))
    {
      g_autofree char *image = g_strdup (thole_dict_string (step->spec, "image", ""));
      TholeSlotArgs args = { .text = image, .deadline = 3600 };

      thole_step_call (step, THOLE_SLOT_IMAGE_PULL, &args, pulled);
    }
  else
    created (step, result, error);
}

void
thole_step_install (TholeStep *step)
{
  TholeSlotArgs args = { .deadline = 120 };

  step->spec = thole_step_spec (step->subject, TRUE);
  step->text = thole_install_id (step->subject);
  args.id = step->text;
  thole_step_create (step, &args, NULL, created_first);
}
