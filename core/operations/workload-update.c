/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/secret.h"
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

static GVariant *
merged_object (GVariant *base, GVariant *patch)
{
  GVariantDict dict;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_dict_init (&dict, base);
  g_variant_iter_init (&iter, patch);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      if (g_variant_is_of_type (value, G_VARIANT_TYPE_UNIT))
        g_variant_dict_remove (&dict, key);
      else
        {
          g_autoptr (GVariant) old = g_variant_dict_lookup_value (&dict, key, G_VARIANT_TYPE_VARDICT);

          g_variant_dict_insert_value (&dict, key, old != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT)
                                                   ? merged_object (old, value) : value);
        }
    }
  return g_variant_dict_end (&dict);
}

/* RFC 7396 on an object that we keep as text */
static GVariant *
merge_text (const char *text, GVariant *patch)
{
  g_autoptr (GVariant) base = text != NULL ? thole_json_parse (text, strlen (text), NULL) : NULL;

  return g_variant_ref_sink (merged_object (base, patch));
}

static gboolean
edit_labels (TholeChange *change, GVariant *patch, TholeProblem *problem)
{
  static const TholeField field = { .name = "labels", .kind = THOLE_FIELD_LABELS, .max = 64, .has_max = TRUE };
  static const TholeSchema schema = { "labels", "", &field, 1 };
  g_autoptr (GVariant) merged = merge_text (change->next->labels, patch);
  g_autoptr (GVariant) outer = g_variant_ref_sink (g_variant_new_parsed ("{'labels': <%*>}", merged));
  g_autoptr (GVariant) valid = thole_schema_validate (&schema, outer, THOLE_VALIDATE_DEFAULTS, "", problem);
  g_autoptr (GVariant) labels = valid != NULL ? thole_dict_value (valid, "labels", "a{ss}") : NULL;

  if (labels == NULL)
    return FALSE;
  g_free (change->next->labels);
  change->next->labels = thole_json_to_string (labels);
  return TRUE;
}

static gboolean
edit_spec (TholeChange *change, GVariant *patch, TholeProblem *problem)
{
  g_autoptr (GVariant) allowed = thole_schema_validate (&thole_schema_workload_update_spec, patch, THOLE_VALIDATE_PARTIAL, "/spec", problem);
  g_autoptr (GVariant) merged = allowed != NULL ? merge_text (change->next->spec, patch) : NULL;
  g_autoptr (GVariant) spec = merged != NULL ? thole_schema_validate (&thole_schema_workload_spec, merged, THOLE_VALIDATE_DEFAULTS,
                                                                      "/spec", problem) : NULL;
  g_autoptr (GVariant) resources = thole_dict_value (patch, "resources", "a{sv}");
  double ttl;

  if (spec == NULL)
    return FALSE;
  thole_helper_check (spec, problem);
  if (!thole_dict_boolean (spec, "helper", FALSE) && thole_dict_boolean (thole_subject_spec (change->subject), "helper", FALSE))
    change->next->helper_epoch++;
  g_free (change->next->spec);
  change->next->spec = thole_json_to_string (spec);
  ttl = thole_dict_double (spec, "ttl", 0);
  change->next->expires_at = ttl > 0 ? change->next->born_at + (gint64) (ttl * G_USEC_PER_SEC) : 0;
  if (resources != NULL)
    thole_record_set (&change->next->intent, "update");
  return TRUE;
}

static gboolean
edit (TholeCall *call, TholeChange *change, TholeProblem **out)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_autoptr (GVariant) labels = thole_dict_value (call->body, "labels", "a{sv}");
  g_autoptr (GVariant) spec = thole_dict_value (call->body, "spec", "a{sv}");
  const char *name = thole_dict_string (call->body, "name", "");

  if (name[0] != '\0')
    thole_record_set (&change->next->name, name);
  change->next->protected = thole_dict_boolean (call->body, "protected", change->next->protected);
  if (labels != NULL)
    edit_labels (change, labels, problem);
  if (spec != NULL)
    edit_spec (change, spec, problem);
  if (problem->n_fields == 0)
    return TRUE;
  *out = g_steal_pointer (&problem);
  return FALSE;
}

void
thole_op_workload_update (TholeCall *call)
{
  static const TholeVerb verb = { THOLE_INPUT_UPDATE, THOLE_VERB_NO_SLOT, NULL, 200, edit };

  thole_verb_run (call, &verb);
}
