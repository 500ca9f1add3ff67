/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Secrets in specs: {"env": {"TOKEN": {"secret": "name"}}, "files": [{"path": "/run/key", "secret": "name"}]}. What goes to
 * a driver has their values beside the spec, never in it.
 */
#include "operations/secret.h"

#include <string.h>

#include "access/secret-file.h"
#include "thole-dict.h"

/* One reference: @key is a name of the environment or a path. */
typedef void (*Referred) (const char *key, const char *name, const char *pointer, gpointer user_data);

static void
refer_environment (GVariant *spec, Referred referred, gpointer user_data)
{
  g_autoptr (GVariant) env = thole_dict_value (spec, "env", "a{sv}");
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (env == NULL)
    return;
  g_variant_iter_init (&iter, env);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_autoptr (GVariant) owned = value;
      g_autofree char *pointer = g_strdup_printf ("/spec/env/%s", key);

      if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
        referred (key, thole_dict_string (value, "secret", ""), pointer, user_data);
    }
}

static void
refer_files (GVariant *spec, Referred referred, gpointer user_data)
{
  g_autoptr (GVariant) files = thole_dict_value (spec, "files", "aa{sv}");

  for (gsize i = 0; files != NULL && i < g_variant_n_children (files); i++)
    {
      g_autoptr (GVariant) file = g_variant_get_child_value (files, i);
      g_autofree char *pointer = g_strdup_printf ("/spec/files/%" G_GSIZE_FORMAT "/secret", i);
      const char *name = thole_dict_string (file, "secret", "");

      if (name[0] != '\0')
        referred (thole_dict_string (file, "path", ""), name, pointer, user_data);
    }
}

/* checking ----------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeOperations *operations;
  const char *owner;
  TholeProblem *problem;
} Checking;

static void
check (const char *key, const char *name, const char *pointer, gpointer user_data)
{
  Checking *self = user_data;

  if (thole_secret_find (self->operations, self->owner, name) == NULL)
    thole_problem_add (self->problem, pointer, "choice", "no secret %.64s", name);
}

void
thole_secrets_check (TholeOperations *operations, const char *owner, GVariant *spec, TholeProblem *problem)
{
  Checking checking = { operations, owner, problem };

  refer_environment (spec, check, &checking);
  refer_files (spec, check, &checking);
}

/* hiding ------------------------------------------------------------------------------------------------- */

static void
hide_environment (GVariantDict *out, GVariant *spec)
{
  g_autoptr (GVariant) env = thole_dict_value (spec, "env", "a{sv}");
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  /* without a secret in it, it is an a{ss} already */
  if (env == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_iter_init (&iter, env);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
      g_variant_builder_add (&builder, "{ss}", key, g_variant_get_string (value, NULL));
  g_variant_dict_insert_value (out, "env", g_variant_builder_end (&builder));
}

static void
hide_files (GVariantDict *out, GVariant *spec)
{
  g_autoptr (GVariant) files = thole_dict_value (spec, "files", "aa{sv}");
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; files != NULL && i < g_variant_n_children (files); i++)
    {
      g_autoptr (GVariant) file = g_variant_get_child_value (files, i);

      if (thole_dict_string (file, "secret", "")[0] == '\0')
        g_variant_builder_add_value (&builder, file);
    }
  g_variant_dict_insert_value (out, "files", g_variant_builder_end (&builder));
}

void
thole_secrets_hide (GVariantDict *out, GVariant *spec)
{
  hide_environment (out, spec);
  hide_files (out, spec);
}

/* helpers: programs inside that may report ------------------------------------------------------------------- */

static const char *const helper_names[] = { "THOLE_WORKLOAD_ID", "THOLE_WORKLOAD_TOKEN" };

void
thole_helper_check (GVariant *spec, TholeProblem *problem)
{
  g_autoptr (GVariant) env = g_variant_lookup_value (spec, "env", NULL);

  for (guint i = 0; env != NULL && thole_dict_boolean (spec, "helper", FALSE) && i < G_N_ELEMENTS (helper_names); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (env, helper_names[i], NULL);
      g_autofree char *pointer = g_strdup_printf ("/spec/env/%s", helper_names[i]);

      if (value != NULL)
        thole_problem_add (problem, pointer, "exclusive", "with spec.helper the daemon sets it");
    }
}

gboolean
thole_helper_find (gpointer operations, const char *workload, gint64 *epoch)
{
  TholeSubject *subject = thole_collection_lookup (((TholeOperations *) operations)->workloads, workload);

  if (subject == NULL || subject->gone || !thole_dict_boolean (thole_subject_spec (subject), "helper", FALSE))
    return FALSE;
  *epoch = subject->now->helper_epoch;
  return TRUE;
}

/* giving ------------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeOperations *operations;
  const char *owner;
  GVariantBuilder builder;
  guint count;
  GError *error; /* (nullable): the first */
} Giving;

/* @value: (transfer full) */
static void
add (Giving *self, const char *key, char *value)
{
  g_variant_builder_add (&self->builder, "{s@ay}", key,
                         g_variant_new_from_data (G_VARIANT_TYPE ("ay"), value, strlen (value), TRUE,
                                                  (GDestroyNotify) thole_secret_free, value));
  self->count++;
}

static void
give (const char *key, const char *name, const char *pointer, gpointer user_data)
{
  Giving *self = user_data;
  TholeSecret *secret;
  char *value;

  if (self->error != NULL)
    return;
  secret = thole_secret_find (self->operations, self->owner, name);
  if (secret == NULL)
    {
      g_set_error (&self->error, THOLE_ERROR, THOLE_ERROR_INVALID, "the secret %.64s, which the spec names, is gone", name);
      return;
    }
  value = self->operations->vault != NULL ? thole_vault_open (self->operations->vault, secret->id, secret->sealed, NULL) : NULL;
  if (value == NULL)
    {
      g_set_error (&self->error, THOLE_ERROR, THOLE_ERROR_INVALID, "the secret %s cannot be opened: is the key another one?", name);
      return;
    }
  add (self, key, value);
}

static void
give_token (Giving *self, const TholeWorkload *now)
{
  add (self, helper_names[0], g_strdup (now->id));
  add (self, helper_names[1], thole_identity_helper_token (self->operations->identity, now->id, now->helper_epoch));
}

GVariant *
thole_secrets_give (TholeSubject *subject, GVariant *options, GError **error)
{
  Giving giving = { subject->operations, subject->now->owner };
  GVariant *spec = thole_subject_spec (subject);
  g_autoptr (GVariant) secrets = NULL;
  GVariantDict dict;

  g_variant_builder_init (&giving.builder, G_VARIANT_TYPE ("a{say}"));
  refer_environment (spec, give, &giving);
  refer_files (spec, give, &giving);
  if (thole_dict_boolean (spec, "helper", FALSE) && subject->operations->identity != NULL)
    give_token (&giving, subject->now);
  secrets = g_variant_ref_sink (g_variant_builder_end (&giving.builder));
  if (giving.error != NULL)
    {
      g_propagate_error (error, giving.error);
      return NULL;
    }
  if (giving.count == 0)
    return options != NULL ? g_variant_ref (options) : NULL;
  g_variant_dict_init (&dict, options);
  g_variant_dict_insert_value (&dict, "secrets", secrets);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}
