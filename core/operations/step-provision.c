/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Provisioning: the volumes that it mounts, the image by the pull policy, the agent, then the object at the engine.
 */
#include "operations/progress.h"
#include "operations/room.h"
#include "operations/step.h"
#include "thole-dict.h"

#include <string.h>

#define CREATE_DEADLINE 120
#define PULL_DEADLINE 3600

static void create (TholeStep *step);

static const char *
pull_policy (TholeStep *step)
{
  return thole_dict_string (thole_subject_spec (step->subject), "pull", "if-missing");
}

static void
pulled (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  thole_progress_end (step->subject->operations, step->token);
  if (error != NULL)
    thole_step_fail (step, error);
  else
    create (step);
}

static void
pull (TholeStep *step)
{
  TholeSubject *subject = step->subject;
  g_autofree char *image = g_strdup (thole_dict_string (step->spec, "image", ""));
  GVariantDict options;
  TholeSlotArgs args = { .text = image, .deadline = PULL_DEADLINE };
  g_autoptr (GVariant) dict = NULL;

  step->phase = 1;
  g_variant_dict_init (&options, NULL);
  step->token = thole_progress_begin (subject->operations, subject->now->operation);
  g_variant_dict_insert (&options, "progress", "t", step->token);
  dict = args.options = g_variant_ref_sink (g_variant_dict_end (&options));
  thole_step_call (step, THOLE_SLOT_IMAGE_PULL, &args, pulled);
}

static void
created (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  gboolean absent = error != NULL && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND);

  if (absent && step->phase == 0 && strcmp (pull_policy (step), "if-missing") == 0
      && thole_backend_has (step->backend, THOLE_SLOT_IMAGE_PULL))
    {
      pull (step);
      return;
    }
  if (error != NULL)
    {
      thole_step_fail (step, error);
      return;
    }
  step->created = g_steal_pointer (&result->value);
  thole_step_done (step, THOLE_INPUT_CREATED);
}

static void
create_with (TholeStep *step, GVariant *options)
{
  TholeSlotArgs args = { .id = step->subject->now->id, .deadline = CREATE_DEADLINE };

  thole_step_create (step, &args, options, created);
}

static void
agent_installed (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  gboolean without = error != NULL && (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED)
                                       || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID));

  /* it can live without one; who asks for a session is told then */
  if (without)
    g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "THOLE_WORKLOAD", step->subject->now->id, "MESSAGE",
                      "workload %s has no agent: %s", step->subject->now->id, error->message);
  if (error == NULL || without)
    create_with (step, error == NULL ? result->value : NULL);
  else
    thole_step_fail (step, error);
}

static void
create (TholeStep *step)
{
  TholeOperations *operations = step->subject->operations;
  TholeSlotArgs args = { .id = step->subject->now->id };
  g_autoptr (GVariant) options = NULL;

  if (!thole_room_has_agent (operations, step->backend) || !thole_backend_has (step->backend, THOLE_SLOT_AGENT_INSTALL))
    {
      create_with (step, NULL);
      return;
    }
  options = args.options = g_variant_ref_sink (g_variant_new_parsed ("{'binary': <%s>}", operations->limits.agent));
  thole_step_call (step, THOLE_SLOT_AGENT_INSTALL, &args, agent_installed);
}

static void
begin (TholeStep *step)
{
  step->phase = 0;
  if (strcmp (pull_policy (step), "always") == 0 && thole_backend_has (step->backend, THOLE_SLOT_IMAGE_PULL))
    pull (step);
  else
    create (step);
}

/* volumes ---------------------------------------------------------------------------------------------- */

static void make_volumes (TholeStep *step);

static void
volume_made (TholeStep *step, TholeSlotResult *result, const GError *error)
{
  if (error != NULL)
    thole_step_fail (step, error);
  else
    make_volumes (step);
}

/* one after another; creating what exists finds it. step->phase counts the mounts that were looked at */
static void
make_volumes (TholeStep *step)
{
  g_autoptr (GVariant) mounts = thole_dict_value (step->spec, "mounts", "aa{sv}");
  gsize count = mounts != NULL && thole_backend_has (step->backend, THOLE_SLOT_VOLUME_CREATE) ? g_variant_n_children (mounts) : 0;

  while (step->phase < count)
    {
      g_autoptr (GVariant) mount = g_variant_get_child_value (mounts, step->phase++);
      const char *id = thole_dict_string (mount, "volume", "");
      TholeSlotArgs args = { .id = id, .deadline = 60 };
      g_autoptr (GVariant) dict = NULL;

      if (id[0] == '\0')
        continue;
      dict = args.dict = g_variant_ref_sink (g_variant_new_parsed ("{'name': <%s>}", thole_dict_string (mount, "volume_name", id)));
      thole_step_call (step, THOLE_SLOT_VOLUME_CREATE, &args, volume_made);
      return;
    }
  begin (step);
}

void
thole_step_provision (TholeStep *step)
{
  step->spec = thole_step_spec (step->subject, FALSE);
  make_volumes (step);
}
