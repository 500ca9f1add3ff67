/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Checks what comes from outside and brings it into its normal form: lists, maps and objects.
 */
#include "model/schema.h"

#include <string.h>

#include "model/schema-check.h"
#include "model/schema-format.h"

#define MAX_MAP_VALUE 32768

/* Both return (transfer full) (nullable), NULL after a fault. */
static GVariant *check_object (TholeCheck *self, const TholeSchema *schema, GVariant *input);
static GVariant *check_value (TholeCheck *self, const TholeField *field, GVariant *value);

/* lists and maps ---------------------------------------------------------------------------------------------- */

/* @each: of one member; a field that is REPEATED has the format and the length of its own */
static GVariant *
check_strings (TholeCheck *self, const TholeField *field, GVariant *value, gboolean each)
{
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  gsize count;
  gboolean good = TRUE;

  if ((self->flags & THOLE_VALIDATE_TEXT) && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      gsize length;
      const char *text = g_variant_get_string (value, &length);

      return !each || thole_check_text (self, field, text, length) ? g_variant_ref_sink (g_variant_new_strv (&text, 1)) : NULL;
    }
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE ("av")) && !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return thole_check_fault_type (self, "a list of text");
  count = g_variant_n_children (value);
  if (!each && !thole_check_bounds (self, field, (double) count, "length", " items"))
    return NULL;
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr(GVariant) child = g_variant_get_child_value (value, i);
      g_autoptr(GVariant) member = g_variant_is_of_type (child, G_VARIANT_TYPE_VARIANT) ? g_variant_get_variant (child)
                                                                                         : g_variant_ref (child);
      gboolean fits = g_variant_is_of_type (member, G_VARIANT_TYPE_STRING);
      gsize before = thole_check_enter_index (self, i);

      if (!fits)
        thole_check_fault_type (self, "text");
      else if (each)
        fits = thole_check_text (self, field, g_variant_get_string (member, NULL), g_variant_get_size (member) - 1);
      if (fits)
        g_variant_builder_add_value (&builder, member);
      good &= fits;
      thole_check_leave (self, before);
    }
  return good ? g_variant_ref_sink (g_variant_builder_end (&builder)) : NULL;
}

/* One member of a map; the pointer is at it. */
static gboolean
may_refer (const TholeField *field)
{
  return g_strcmp0 (field->format, "secrets") == 0;
}

/* {"secret": "NAME"} */
static gboolean
is_reference (const TholeField *field, GVariant *value)
{
  g_autoptr(GVariant) name = NULL;

  if (!may_refer (field) || !g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT) || g_variant_n_children (value) != 1)
    return FALSE;
  name = g_variant_lookup_value (value, "secret", G_VARIANT_TYPE_STRING);
  return name != NULL && thole_name_valid (g_variant_get_string (name, NULL));
}

/* is there one among the members? */
static gboolean
has_reference (const TholeField *field, GVariant *value)
{
  for (gsize i = 0, count = may_refer (field) ? g_variant_n_children (value) : 0; i < count; i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (value, i);
      g_autoptr(GVariant) boxed = g_variant_get_child_value (entry, 1);
      g_autoptr(GVariant) member = g_variant_get_variant (boxed);

      if (is_reference (field, member))
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_pair (TholeCheck *self, const TholeField *field, GVariantBuilder *builder, gboolean mixed, const char *key, GVariant *value)
{
  const char *fault = field->kind == THOLE_FIELD_ENV ? thole_env_fault (key) : thole_label_fault (key);

  if (fault != NULL)
    thole_check_fault (self, "format", "%s", fault);
  if (fault == NULL && is_reference (field, value))
    {
      g_variant_builder_add (builder, "{sv}", key, value);
      return TRUE;
    }
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    thole_check_fault_type (self, may_refer (field) ? "text, or {\"secret\": NAME}" : "text");
  else if (g_variant_get_size (value) > MAX_MAP_VALUE)
    thole_check_fault (self, "length", "must have less than %u bytes", MAX_MAP_VALUE);
  else if (fault == NULL)
    {
      g_variant_builder_add (builder, mixed ? "{sv}" : "{s@s}", key, value);
      return TRUE;
    }
  return FALSE;
}

static gboolean
check_map_members (TholeCheck *self, const TholeField *field, GVariantBuilder *builder, gboolean mixed, GVariant *value)
{
  gboolean good = TRUE;

  for (gsize i = 0, count = g_variant_n_children (value); i < count; i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (value, i);
      g_autoptr(GVariant) key = g_variant_get_child_value (entry, 0);
      g_autoptr(GVariant) boxed = g_variant_get_child_value (entry, 1);
      g_autoptr(GVariant) member = g_variant_get_variant (boxed);
      gsize before = thole_check_enter (self, g_variant_get_string (key, NULL));

      good &= check_pair (self, field, builder, mixed, g_variant_get_string (key, NULL), member);
      thole_check_leave (self, before);
    }
  return good;
}

/* ["A=1", "B="] */
static gboolean
check_assignments (TholeCheck *self, const TholeField *field, GVariantBuilder *builder, GVariant *list)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gboolean good = TRUE;

  for (gsize i = 0, count = g_variant_n_children (list); i < count; i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (list, i);
      g_autoptr(GVariant) member = g_variant_get_variant (boxed);
      gboolean text = g_variant_is_of_type (member, G_VARIANT_TYPE_STRING);
      const char *equals = text ? strchr (g_variant_get_string (member, NULL), '=') : NULL;
      gsize before = thole_check_enter_index (self, i);
      gboolean fits = FALSE;

      if (equals == NULL)
        thole_check_fault (self, text ? "format" : "type", "must be text like NAME=value");
      else
        {
          g_autofree char *key = g_strndup (g_variant_get_string (member, NULL), (gsize) (equals - g_variant_get_string (member, NULL)));
          g_autoptr(GVariant) value = g_variant_ref_sink (g_variant_new_string (equals + 1));

          fits = check_pair (self, field, builder, FALSE, key, value);
          if (!g_hash_table_add (seen, g_steal_pointer (&key)))
            {
              thole_check_fault (self, "exclusive", "is set twice");
              fits = FALSE;
            }
        }
      good &= fits;
      thole_check_leave (self, before);
    }
  return good;
}

static GVariant *
check_map (TholeCheck *self, const TholeField *field, GVariant *value)
{
  gboolean list = field->kind == THOLE_FIELD_ENV && g_variant_is_of_type (value, G_VARIANT_TYPE ("av"));
  gboolean mixed = !list && g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT) && has_reference (field, value), good;
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (mixed ? G_VARIANT_TYPE_VARDICT : G_VARIANT_TYPE ("a{ss}"));

  if (!list && !g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    return thole_check_fault_type (self, field->kind == THOLE_FIELD_ENV ? "an object of text, or a list of NAME=value" : "an object of text");
  if (!thole_check_bounds (self, field, (double) g_variant_n_children (value), "length", " items"))
    return NULL;
  good = list ? check_assignments (self, field, &builder, value) : check_map_members (self, field, &builder, mixed, value);
  return good ? g_variant_ref_sink (g_variant_builder_end (&builder)) : NULL;
}

static GVariant *
check_list (TholeCheck *self, const TholeField *field, GVariant *value)
{
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  gsize count;
  gboolean good = TRUE;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE ("av")))
    return thole_check_fault_type (self, "a list of objects");
  count = g_variant_n_children (value);
  if (!thole_check_bounds (self, field, (double) count, "length", " items"))
    return NULL;
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (value, i);
      g_autoptr(GVariant) member = g_variant_get_variant (boxed);
      gsize before = thole_check_enter_index (self, i);
      g_autoptr(GVariant) object = check_object (self, field->of, member);

      if (object != NULL)
        g_variant_builder_add_value (&builder, object);
      good &= object != NULL;
      thole_check_leave (self, before);
    }
  return good ? g_variant_ref_sink (g_variant_builder_end (&builder)) : NULL;
}

/* objects ----------------------------------------------------------------------------------------------------- */

static GVariant *
check_value (TholeCheck *self, const TholeField *field, GVariant *value)
{
  if (field->flags & THOLE_FIELD_REPEATED)
    return check_strings (self, field, value, TRUE);
  if (field->kind != THOLE_FIELD_STRINGS && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    {
      thole_check_fault (self, "type", "must be given once only");
      return NULL;
    }
  switch (field->kind)
    {
    case THOLE_FIELD_STRINGS:
      return check_strings (self, field, value, FALSE);
    case THOLE_FIELD_LABELS:
    case THOLE_FIELD_ENV:
      return check_map (self, field, value);
    case THOLE_FIELD_JSON:
      return g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT) ? g_variant_ref (value) : thole_check_fault_type (self, "an object");
    case THOLE_FIELD_OBJECT:
      return check_object (self, field->of, value);
    case THOLE_FIELD_LIST:
      return check_list (self, field, value);
    default:
      return thole_check_scalar (self, field, value);
    }
}

static gboolean
needs_input (const TholeSchema *schema)
{
  const TholeSchemaRule *rule = thole_schema_rule (schema);

  for (guint i = 0; i < schema->n_fields; i++)
    if (schema->fields[i].flags & THOLE_FIELD_REQUIRED)
      return TRUE;
  return rule != NULL && rule->absent;
}

/* Returns: (transfer full) (nullable): what a field has that was not given; NULL = it is left out */
static GVariant *
default_of (const TholeField *field)
{
  TholeCheck check = { THOLE_VALIDATE_TEXT, NULL, NULL };

  if (field->flags & THOLE_FIELD_REPEATED)
    return g_variant_ref_sink (g_variant_new_strv (NULL, 0));
  if (field->fallback != NULL)
    {
      g_autoptr(GVariant) text = g_variant_ref_sink (g_variant_new_string (field->fallback));

      if (field->kind == THOLE_FIELD_STRING || field->kind == THOLE_FIELD_NAME || field->kind == THOLE_FIELD_ENUM)
        return g_steal_pointer (&text);
      return check_value (&check, field, text);
    }
  switch (field->kind)
    {
    case THOLE_FIELD_STRINGS:
      return g_variant_ref_sink (g_variant_new_strv (NULL, 0));
    case THOLE_FIELD_LABELS:
    case THOLE_FIELD_ENV:
      return g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{ss}"), NULL, 0));
    case THOLE_FIELD_JSON:
      return g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
    case THOLE_FIELD_LIST:
      return g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
    case THOLE_FIELD_OBJECT:
      return needs_input (field->of) ? NULL : check_object (&check, field->of, NULL);
    default:
      return NULL;
    }
}

/* Fills @values, one a field, with what is given (transfer full); FALSE when something is not a field. */
static gboolean
sort_members (TholeCheck *self, const TholeSchema *schema, GVariant *input, GVariant **values)
{
  gboolean good = TRUE;

  for (gsize i = 0, count = input != NULL ? g_variant_n_children (input) : 0; i < count; i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (input, i);
      g_autoptr(GVariant) key = g_variant_get_child_value (entry, 0);
      g_autoptr(GVariant) boxed = g_variant_get_child_value (entry, 1);
      const char *name = g_variant_get_string (key, NULL);
      guint at = 0;

      while (at < schema->n_fields && strcmp (schema->fields[at].name, name) != 0)
        at++;
      if (at < schema->n_fields)
        {
          g_clear_pointer (&values[at], g_variant_unref);
          values[at] = g_variant_get_variant (boxed);
          continue;
        }
      gsize before = thole_check_enter (self, name);
      thole_check_fault (self, "unknown", "is not a field here");
      thole_check_leave (self, before);
      good = FALSE;
    }
  return good;
}

static gboolean
is_given (const TholeSchema *schema, GVariant **values, const char *name)
{
  for (guint i = 0; i < schema->n_fields; i++)
    if (strcmp (schema->fields[i].name, name) == 0)
      {
        GVariant *value = values[i];

        if (value == NULL)
          return FALSE;
        if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
          return g_variant_get_string (value, NULL)[0] != '\0';
        return !g_variant_is_of_type (value, G_VARIANT_TYPE ("av")) || g_variant_n_children (value) > 0;
      }
  return FALSE;
}

static gboolean
check_rule (TholeCheck *self, const TholeSchema *schema, GVariant **values)
{
  const TholeSchemaRule *rule = thole_schema_rule (schema);
  g_autofree char *names = NULL;
  guint given = 0;

  if (rule == NULL || rule->fields == NULL)
    return TRUE;
  for (guint i = 0; rule->fields[i] != NULL; i++)
    given += is_given (schema, values, rule->fields[i]);
  if (given == 1 || (given == 0 && (!rule->one || (self->flags & THOLE_VALIDATE_PARTIAL))))
    return TRUE;
  names = g_strjoinv (", ", (char **) rule->fields);
  thole_check_fault (self, "exclusive", "must have %s one of %s", rule->one ? "exactly" : "at most", names);
  return FALSE;
}

/* Returns FALSE after a fault; @result stays NULL when the field is left out. */
static gboolean
check_field (TholeCheck *self, const TholeField *field, GVariant *value, GVariant **result)
{
  gboolean good = TRUE;

  if (value != NULL)
    {
      gsize before = thole_check_enter (self, field->name);

      *result = check_value (self, field, value);
      good = *result != NULL;
      thole_check_leave (self, before);
    }
  else if (self->flags & THOLE_VALIDATE_PARTIAL)
    *result = NULL;
  else if (field->flags & THOLE_FIELD_REQUIRED)
    {
      gsize before = thole_check_enter (self, field->name);

      thole_check_fault (self, "missing", "is required");
      good = FALSE;
      thole_check_leave (self, before);
    }
  else
    *result = default_of (field);
  return good;
}

static GVariant *
check_object (TholeCheck *self, const TholeSchema *schema, GVariant *input)
{
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autofree GVariant **values = g_new0 (GVariant *, schema->n_fields + 1);
  gboolean good;

  if (input != NULL && !g_variant_is_of_type (input, G_VARIANT_TYPE_VARDICT))
    return thole_check_fault_type (self, "an object");
  good = sort_members (self, schema, input, values);
  good &= input == NULL || check_rule (self, schema, values);
  for (guint i = 0; i < schema->n_fields; i++)
    {
      g_autoptr(GVariant) value = values[i];
      g_autoptr(GVariant) result = NULL;

      good &= check_field (self, &schema->fields[i], value, &result);
      if (result != NULL)
        g_variant_builder_add_value (&builder, g_variant_new_dict_entry (g_variant_new_string (schema->fields[i].name),
                                                                         g_variant_new_variant (result)));
    }
  return good ? g_variant_ref_sink (g_variant_builder_end (&builder)) : NULL;
}

GVariant *
thole_schema_validate (const TholeSchema *schema, GVariant *input, guint flags, const char *pointer, TholeProblem *problem)
{
  g_autoptr(GString) at = g_string_new (pointer);
  TholeCheck check = { flags, at, problem };

  return check_object (&check, schema, input);
}
