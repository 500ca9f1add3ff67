/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Workloads for the cases to work on.
 */
#include <string.h>

#include "kit.h"

const char *
kit_state_name (KitState state)
{
  static const char *const names[KIT_N_STATES] = { "absent", "created", "running", "paused", "exited" };

  return names[state];
}

GVariant *
kit_dict (const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  if (value == NULL)
    g_error ("%s: %s", text, error->message);
  return g_variant_take_ref (value);
}

char *
kit_fresh (Kit *self, const char *word)
{
  return g_strdup_printf ("%s-%.4s-%u", word, self->instance, ++self->made);
}

static void
add_words (Kit *self, GVariantDict *dict, const char *program, const char *argument)
{
  g_auto(GStrv) words = kit_settings_program (self->settings, program, argument);

  if (words != NULL)
    g_variant_dict_insert_value (dict, "command", g_variant_new_strv ((const char *const *) words, -1));
}

static GVariant *
end_with (GVariantDict *dict, const char *more)
{
  g_autoptr(GVariant) keys = more != NULL ? kit_dict (more) : NULL;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (keys != NULL)
    {
      g_variant_iter_init (&iter, keys);
      while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
        g_variant_dict_insert_value (dict, key, value);
    }
  return g_variant_ref_sink (g_variant_dict_end (dict));
}

GVariant *
kit_spec (Kit *self, const char *program, const char *argument, const char *more)
{
  g_auto(GVariantDict) spec = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&spec, "name", "s", "check");
  g_variant_dict_insert (&spec, "network", "s", "none");
  if (self->tables->image.list_async != NULL)
    g_variant_dict_insert (&spec, "image", "s", self->settings->image);
  add_words (self, &spec, program, argument);
  return end_with (&spec, more);
}

GVariant *
kit_command (Kit *self, const char *program, const char *argument, const char *more)
{
  g_auto(GVariantDict) command = G_VARIANT_DICT_INIT (NULL);

  add_words (self, &command, program, argument);
  return end_with (&command, more);
}

gboolean
kit_create (Kit *self, const char *id, GVariant *spec)
{
  return kit_expect (kit_call (self, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec }), KIT_OK);
}

gboolean
kit_start (Kit *self, const char *id)
{
  return kit_expect (kit_call (self, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = id }), KIT_OK);
}

char *
kit_run (Kit *self, const char *program, const char *argument, const char *more)
{
  g_autofree char *id = kit_fresh (self, "run");
  g_autoptr(GVariant) spec = kit_spec (self, program, argument, more);

  return kit_create (self, id, spec) && kit_start (self, id) ? g_steal_pointer (&id) : NULL;
}

void
kit_remove (Kit *self, const char *id)
{
  if (id == NULL || self->lost || self->driver == NULL)
    return;
  kit_expect (kit_call (self, THOLE_SLOT_WORKLOAD_REMOVE,
                        &(TholeSlotArgs) { .id = id, .options = g_variant_new_parsed ("{'force': <true>}") }), KIT_OK);
}

GVariant *
kit_inspect (Kit *self, const char *id)
{
  KitCall *call = kit_call (self, THOLE_SLOT_WORKLOAD_INSPECT, &(TholeSlotArgs) { .id = id });

  return kit_expect (call, KIT_OK) ? g_steal_pointer (&call->out.value) : NULL;
}

GVariant *
kit_wait_state (Kit *self, const char *id, const char *state)
{
  gint64 end = g_get_monotonic_time () + (gint64) (self->settings->deadline * G_USEC_PER_SEC);
  g_autofree char *last = g_strdup ("?");

  while (g_get_monotonic_time () < end)
    {
      g_autoptr(GVariant) workload = kit_inspect (self, id);

      if (workload == NULL)
        return NULL;
      if (strcmp (thole_dict_string (workload, "state", ""), state) == 0)
        return g_steal_pointer (&workload);
      g_free (last);
      last = g_strdup (thole_dict_string (workload, "state", ""));
      kit_pause (self, 15);
    }
  kit_fault (self, "a workload never became %s, it is %s (waited for %g s)", state, last, self->settings->deadline);
  return NULL;
}

static gboolean
make (Kit *self, const char *id, KitState state)
{
  g_autoptr(GVariant) spec = state == KIT_EXITED ? kit_spec (self, "exit", "3", NULL) : kit_spec (self, "forever", NULL, NULL);
  g_autoptr(GVariant) ended = NULL;
  g_auto(GStrv) ends = kit_settings_program (self->settings, "exit", "3");

  if (!kit_create (self, id, spec))
    return FALSE;
  if (state != KIT_CREATED && !kit_start (self, id))
    return FALSE;
  if (state == KIT_PAUSED)
    return kit_expect (kit_call (self, THOLE_SLOT_WORKLOAD_PAUSE, &(TholeSlotArgs) { .id = id }), KIT_OK);
  if (state != KIT_EXITED)
    return TRUE;
  /* an engine without programs of its own ends nothing by itself */
  if (ends == NULL)
    return kit_expect (kit_call (self, THOLE_SLOT_WORKLOAD_STOP, &(TholeSlotArgs) { .id = id }), KIT_OK);
  ended = kit_wait_state (self, id, "exited");
  return ended != NULL;
}

static gboolean
is_still (Kit *self, const char *id, KitState state)
{
  KitCall *call = kit_call (self, THOLE_SLOT_WORKLOAD_INSPECT, &(TholeSlotArgs) { .id = id });

  return kit_outcome (call) == KIT_OK && strcmp (thole_dict_string (call->out.value, "state", ""), kit_state_name (state)) == 0;
}

/* each try may take as long as the deadline */
#define UNMADE_MAX 2

const char *
kit_thing (Kit *self, KitState state)
{
  if (state == KIT_ABSENT)
    {
      g_free (self->things[state]);
      return self->things[state] = kit_fresh (self, "absent");
    }
  if (!kit_need_image (self))
    return NULL;
  if (self->things[state] != NULL && is_still (self, self->things[state], state))
    return self->things[state];
  if (self->things[state] != NULL)
    kit_remove (self, self->things[state]);
  g_free (self->things[state]);
  self->things[state] = kit_fresh (self, kit_state_name (state));
  if (self->unmade[state] < UNMADE_MAX && make (self, self->things[state], state))
    {
      self->unmade[state] = 0;
      return self->things[state];
    }
  kit_fault (self, "no workload could be made that is %s%s", kit_state_name (state), self->unmade[state] < UNMADE_MAX ? "" : ", as before");
  self->unmade[state]++;
  kit_remove (self, self->things[state]);
  g_clear_pointer (&self->things[state], g_free);
  return NULL;
}

/* lists -------------------------------------------------------------------------------------------------- */

GVariant *
kit_list (Kit *self, TholeSlot slot)
{
  KitCall *call = kit_call (self, slot, &(TholeSlotArgs) { 0 });

  return kit_expect (call, KIT_OK) ? g_steal_pointer (&call->out.value) : NULL;
}

gboolean
kit_list_has (GVariant *list, const char *id)
{
  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      if (strcmp (thole_dict_string (one, "id", ""), id) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
remove_all (Kit *self, TholeSlot list_slot, TholeSlot remove_slot)
{
  g_autoptr(GVariant) list = kit_has (self, list_slot) && kit_has (self, remove_slot) ? kit_list (self, list_slot) : NULL;

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list) && !self->lost; i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      kit_call (self, remove_slot,
                &(TholeSlotArgs) { .id = thole_dict_string (one, "id", ""), .options = g_variant_new_parsed ("{'force': <true>}") });
    }
}

void
kit_sweep (Kit *self)
{
  if (self->lost || self->driver == NULL)
    return;
  remove_all (self, THOLE_SLOT_WORKLOAD_LIST, THOLE_SLOT_WORKLOAD_REMOVE);
  remove_all (self, THOLE_SLOT_VOLUME_LIST, THOLE_SLOT_VOLUME_REMOVE);
}

static gboolean
has_reference (GVariant *list, const char *reference)
{
  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);
      g_auto(GStrv) references = thole_dict_strv (one, "references");

      if (g_strv_contains ((const char *const *) references, reference))
        return TRUE;
    }
  return FALSE;
}

gboolean
kit_need_image (Kit *self)
{
  const char *image = self->settings->image;
  g_autoptr(GVariant) list = NULL;

  if (!kit_has (self, THOLE_SLOT_IMAGE_LIST) || image[0] == '\0' || self->pulled)
    return TRUE;
  list = kit_list (self, THOLE_SLOT_IMAGE_LIST);
  self->pulled = list != NULL
                 && (has_reference (list, image)
                     || kit_expect (kit_call (self, THOLE_SLOT_IMAGE_PULL, &(TholeSlotArgs) { .text = image }), KIT_OK));
  return self->pulled;
}
