/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Start, stop, pause, unpause, update, delete: one call of the engine each, and what came of it.
 */
#include "operations/step.h"
#include "thole-dict.h"

#include <string.h>

#define START_DEADLINE 120
#define REMOVE_DEADLINE 120

static GVariant *
handle_option (TholeSubject *subject)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (subject->now->handle[0] != '\0')
    {
      gsize length;
      g_autofree guchar *bytes = g_base64_decode (subject->now->handle, &length);

      g_variant_dict_insert_value (&options, "handle", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, length, 1));
    }
  return g_variant_ref_sink (g_variant_dict_end (&options));
}

static void
simple_call (TholeStep *step, TholeSlot slot, double deadline, void (*then) (TholeStep *, TholeSlotResult *, const GError *))
{
  g_autoptr (GVariant) options = handle_option (step->subject);
  TholeSlotArgs args = { .id = step->subject->now->id, .options = options, .deadline = deadline };

  thole_step_call (step, slot, &args, then);
}

static void
remove_install (TholeStep *step, void (*then) (TholeStep *, TholeSlotResult *, const GError *))
{
  g_autofree char *id = thole_install_id (step->subject);
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new_parsed ("{'force': <true>}"));
  TholeSlotArgs args = { .id = id, .options = options, .deadline = REMOVE_DEADLINE };

  thole_step_call (step, THOLE_SLOT_WORKLOAD_REMOVE, &args, then);
}

/* start --------------------------------------------------------------------------------------------- */

static void
started (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    thole_step_done_seen (step, THOLE_INPUT_STARTED);
}

static void
start (TholeStep *step)
{
  simple_call (step, THOLE_SLOT_WORKLOAD_START, START_DEADLINE, started);
}

static void
install_cleared (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    thole_step_fail (step, error);
  else
    start (step);
}

void
thole_step_start (TholeStep *step)
{
  if (strcmp (step->subject->now->intent, THOLE_INTENT_CLEAR_INSTALL) == 0)
    remove_install (step, install_cleared);
  else
    start (step);
}

/* stop ---------------------------------------------------------------------------------------------- */

static void stop (TholeStep *step);

static void
stopped (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    thole_step_done_seen (step, THOLE_INPUT_STOPPED);
}

static void
thawed (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  /* when it could not be thawed the stop tells why */
  stop (step);
}

static void
install_removed (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    thole_step_fail (step, error);
  else
    stop (step);
}

static void
stop (TholeStep *step)
{
  TholeSubject *subject = step->subject;
  g_autoptr (GVariant) how = thole_dict_value (thole_subject_spec (subject), "stop", "a{sv}");
  gboolean kill = strcmp (subject->now->intent, "kill") == 0;
  double grace = how != NULL ? thole_dict_double (how, "grace", 10) : 10;
  const char *signal = how != NULL ? thole_dict_string (how, "signal", "SIGTERM") : "SIGTERM";
  g_autoptr (GVariant) options = NULL;
  GVariantDict dict;
  TholeSlotArgs args = { .id = subject->now->id };

  if (subject->stop_grace >= 0)
    grace = subject->stop_grace;
  if (subject->stop_signal != NULL)
    signal = subject->stop_signal;
  subject->killing = kill;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "signal", "s", kill ? "SIGKILL" : signal);
  g_variant_dict_insert (&dict, "grace", "d", kill ? 0.0 : grace);
  options = args.options = g_variant_ref_sink (g_variant_dict_end (&dict));
  args.deadline = (kill ? 0 : grace) + 60;
  thole_step_call (step, THOLE_SLOT_WORKLOAD_STOP, &args, stopped);
}

void
thole_step_stop (TholeStep *step)
{
  TholeSubject *subject = step->subject;

  if (subject->frozen && thole_backend_has (step->backend, THOLE_SLOT_WORKLOAD_UNPAUSE))
    simple_call (step, THOLE_SLOT_WORKLOAD_UNPAUSE, 30, thawed);
  else if (subject->has_install)
    remove_install (step, install_removed);
  else
    stop (step);
}

/* pause, unpause, update ------------------------------------------------------------------------------- */

static void
paused (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    thole_step_done (step, THOLE_INPUT_PAUSED);
}

void
thole_step_pause (TholeStep *step)
{
  simple_call (step, THOLE_SLOT_WORKLOAD_PAUSE, 30, paused);
}

static void
unpaused (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    thole_step_done (step, THOLE_INPUT_UNPAUSED);
}

void
thole_step_unpause (TholeStep *step)
{
  simple_call (step, THOLE_SLOT_WORKLOAD_UNPAUSE, 30, unpaused);
}

static void
updated (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    thole_step_done (step, THOLE_INPUT_UPDATED);
}

void
thole_step_update (TholeStep *step)
{
  static const char *const keys[] = { "resources", "restart" };
  TholeSubject *subject = step->subject;
  TholeSlotArgs args = { .id = subject->now->id, .deadline = 60 };
  g_autoptr (GVariant) changes = NULL;
  g_autoptr (GVariant) spec = thole_step_spec (subject, FALSE);
  GVariantDict dict;

  if (subject->now->engine_id[0] == '\0' || !thole_backend_has (step->backend, THOLE_SLOT_WORKLOAD_UPDATE))
    {
      /* there is nothing to change yet, or the next creation brings it */
      thole_step_done (step, THOLE_INPUT_UPDATED);
      return;
    }
  g_variant_dict_init (&dict, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GVariant) value = thole_dict_value (spec, keys[i], "a{sv}");

      if (value != NULL)
        g_variant_dict_insert_value (&dict, keys[i], value);
    }
  changes = args.dict = g_variant_ref_sink (g_variant_dict_end (&dict));
  thole_step_call (step, THOLE_SLOT_WORKLOAD_UPDATE, &args, updated);
}

/* delete -------------------------------------------------------------------------------------------- */

static void remove_next (TholeStep *step);

/* the slot is held: the engine confirmed that it is gone, so the row goes */
static void
remove_row (TholeSubject *subject, gpointer user_data)
{
  TholeStep *step = user_data;
  TholeChange *change;

  if (subject->gone || subject->now->state != THOLE_WORKLOAD_STATE_DELETING)
    {
      thole_subject_release (subject);
      thole_step_end (step);
      return;
    }
  change = thole_change_begin (subject, "engine");
  change->remove = TRUE;
  if (step->code != NULL)
    thole_change_reason (change, step->code, step->reason);
  thole_step_cause (step, change);
  thole_change_commit (change, thole_step_stored, step);
}

static void
removed (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    thole_step_fail (step, error);
  else
    remove_next (step);
}

static void
remove_next (TholeStep *step)
{
  TholeSubject *subject = step->subject;
  g_autofree char *id = step->phase == 0 ? g_strdup (subject->now->id) : thole_install_id (subject);
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new_parsed ("{'force': <true>}"));
  TholeSlotArgs args = { .id = id, .options = options, .deadline = REMOVE_DEADLINE };

  if (step->phase > (subject->has_install ? 1 : 0))
    {
      thole_subject_acquire (subject, TRUE, remove_row, step);
      return;
    }
  step->phase++;
  thole_step_call (step, THOLE_SLOT_WORKLOAD_REMOVE, &args, removed);
}

void
thole_step_delete (TholeStep *step)
{
  remove_next (step);
}

/* its backend is gone from the configuration: nobody can be asked */
void
thole_step_orphaned (TholeStep *step)
{
  step->code = g_strdup ("backend_missing");
  step->reason = g_strdup_printf ("no backend %s is configured; what it had there is left there", step->subject->now->backend);
  if (step->subject->now->state == THOLE_WORKLOAD_STATE_DELETING)
    thole_subject_acquire (step->subject, TRUE, remove_row, step);
  else
    thole_step_done (step, THOLE_INPUT_FAILED);
}
