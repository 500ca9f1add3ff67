/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/value.h"

#include <string.h>

#include "bus/wire.h"
#include "thole-dict.h"
#include "thole-json.h"

#define MEMBER(Type, record, field) (*(Type *) G_STRUCT_MEMBER_P (record, (field)->offset))

static gboolean
is_null (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_UNIT);
}

static GVariant *value_at (GVariant *json, guint depth);

static GVariant *
dictionary (GVariant *json, guint depth)
{
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, json);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (!is_null (value))
      g_variant_builder_add_value (&builder, g_variant_new_dict_entry (g_variant_new_string (key),
                                                                       g_variant_new_variant (value_at (value, depth + 1))));
  return g_variant_builder_end (&builder);
}

/* the type that all members have: as and aa{sv} are easier to use than av */
static const char *
list_type (GVariant *json, guint depth)
{
  gsize n = g_variant_n_children (json), texts = 0, objects = 0;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (json, i);
      g_autoptr (GVariant) value = g_variant_get_variant (child);

      texts += g_variant_is_of_type (value, G_VARIANT_TYPE_STRING);
      objects += depth < THOLE_BUS_MAX_DEPTH && g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT);
    }
  return n > 0 && texts == n ? "as" : n > 0 && objects == n ? "aa{sv}" : "av";
}

static GVariant *
list (GVariant *json, const char *type, guint depth)
{
  GVariantBuilder builder;
  GVariantIter iter;
  GVariant *value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (type));
  g_variant_iter_init (&iter, json);
  while (g_variant_iter_loop (&iter, "v", &value))
    {
      gboolean text = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING);
      gboolean object = g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT);

      if (strcmp (type, "av") == 0 && !is_null (value))
        g_variant_builder_add (&builder, "v", value_at (value, depth + 1));
      else if ((strcmp (type, "as") == 0 && text) || (strcmp (type, "aa{sv}") == 0 && object))
        g_variant_builder_add_value (&builder, value_at (value, depth + 1));
    }
  return g_variant_builder_end (&builder);
}

/* a container, where the bus allows one */
static GVariant *
container_at (GVariant *json, guint depth)
{
  if (depth > THOLE_BUS_MAX_DEPTH)
    return g_variant_new_take_string (thole_json_to_string (json));
  return g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT) ? dictionary (json, depth) : list (json, list_type (json, depth), depth);
}

static GVariant *
value_at (GVariant *json, guint depth)
{
  if (g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT) || g_variant_is_of_type (json, G_VARIANT_TYPE ("av")))
    return container_at (json, depth);
  if (g_variant_is_of_type (json, G_VARIANT_TYPE_STRING))
    return g_variant_new_string (g_variant_get_string (json, NULL));
  if (g_variant_is_of_type (json, G_VARIANT_TYPE_INT64))
    return g_variant_new_int64 (g_variant_get_int64 (json));
  if (g_variant_is_of_type (json, G_VARIANT_TYPE_BOOLEAN))
    return g_variant_new_boolean (g_variant_get_boolean (json));
  if (g_variant_is_of_type (json, G_VARIANT_TYPE_DOUBLE))
    return g_variant_new_double (g_variant_get_double (json));
  if (g_variant_is_of_type (json, G_VARIANT_TYPE_UINT64))
    return g_variant_new_uint64 (g_variant_get_uint64 (json));
  return g_variant_new_string ("");
}

GVariant *
thole_bus_value (GVariant *json)
{
  return value_at (json, 1);
}

static GVariant *
texts (GVariant *json)
{
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_iter_init (&iter, json);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
      g_variant_builder_add (&builder, "{ss}", key, g_variant_get_string (value, NULL));
  return g_variant_builder_end (&builder);
}

GVariant *
thole_bus_value_as (GVariant *json, const char *type)
{
  gboolean object = json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT);

  if (strcmp (type, "a{sv}") == 0 && object)
    return dictionary (json, 1);
  if (strcmp (type, "a{ss}") == 0 && object)
    return texts (json);
  if (json != NULL && type[0] == 'a' && type[1] != '{' && g_variant_is_of_type (json, G_VARIANT_TYPE ("av")))
    return list (json, type, 1);
  return g_variant_new_array (g_variant_type_element (G_VARIANT_TYPE (type)), NULL, 0);
}

/* properties ------------------------------------------------------------------------------------------------- */

const char *
thole_bus_field_type (const TholeField *field)
{
  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      return "b";
    case THOLE_FIELD_INT:
      return "x";
    case THOLE_FIELD_NUMBER:
      return "d";
    case THOLE_FIELD_JSON:
      return field->bus_type != NULL ? field->bus_type : "a{sv}";
    default:
      return "s";
    }
}

const char *
thole_bus_input_type (const TholeField *field)
{
  static const char *const types[] = {
    [THOLE_FIELD_STRING] = "s", [THOLE_FIELD_NAME] = "s", [THOLE_FIELD_BOOL] = "b", [THOLE_FIELD_INT] = "x",
    [THOLE_FIELD_NUMBER] = "d", [THOLE_FIELD_SIZE] = "x or s", [THOLE_FIELD_DURATION] = "d", [THOLE_FIELD_TIME] = "s",
    [THOLE_FIELD_ENUM] = "s", [THOLE_FIELD_STRINGS] = "as", [THOLE_FIELD_LABELS] = "a{ss}", [THOLE_FIELD_ENV] = "a{ss}",
    [THOLE_FIELD_JSON] = "a{sv}", [THOLE_FIELD_OBJECT] = "a{sv}", [THOLE_FIELD_LIST] = "aa{sv}",
  };

  return field->flags & THOLE_FIELD_REPEATED ? "s or as" : types[field->kind];
}

/* most are empty. Returns: (transfer full) (nullable) */
static GVariant *
parse_member (const char *text)
{
  if (text == NULL || text[0] == '\0' || strcmp (text, "{}") == 0 || strcmp (text, "[]") == 0)
    return NULL;
  return thole_json_parse (text, strlen (text), NULL);
}

static GVariant *
json_member (const char *text, const char *type)
{
  g_autoptr (GVariant) json = parse_member (text);

  return thole_bus_value_as (json, type);
}

GVariant *
thole_bus_member (gconstpointer record, const TholeField *field)
{
  char buffer[THOLE_TIME_LENGTH];
  const char *text;
  gint64 number;

  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      return g_variant_new_boolean (MEMBER (gboolean, record, field));
    case THOLE_FIELD_INT:
      number = MEMBER (gint64, record, field);
      return g_variant_new_int64 (number != THOLE_RECORD_NULL ? number : -1);
    case THOLE_FIELD_NUMBER:
      return g_variant_new_double (MEMBER (double, record, field));
    case THOLE_FIELD_TIME:
      number = MEMBER (gint64, record, field);
      return g_variant_new_string (number != 0 ? thole_time_format (number, buffer) : "");
    case THOLE_FIELD_ENUM:
      return g_variant_new_string (field->choices[MEMBER (int, record, field)]);
    case THOLE_FIELD_JSON:
      return json_member (MEMBER (char *, record, field), thole_bus_field_type (field));
    default:
      text = MEMBER (char *, record, field);
      return g_variant_new_string (text != NULL ? text : "");
    }
}

/* the bus ends the connection of who sends what is not UTF-8, so that is not left to those who made the text */
static void
write_text (GByteArray *out, const char *text)
{
  g_autofree char *mended = text != NULL && !g_utf8_validate (text, -1, NULL) ? g_utf8_make_valid (text, -1) : NULL;

  thole_wire_signature (out, "s");
  thole_wire_string (out, mended != NULL ? mended : text != NULL ? text : "");
}

void
thole_bus_write_member (GByteArray *out, gconstpointer record, const TholeField *field)
{
  const char *type = thole_bus_field_type (field);
  char buffer[THOLE_TIME_LENGTH];
  gint64 number;

  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      thole_wire_signature (out, type);
      thole_wire_uint32 (out, MEMBER (gboolean, record, field) != FALSE);
      break;
    case THOLE_FIELD_INT:
      number = MEMBER (gint64, record, field);
      number = number != THOLE_RECORD_NULL ? number : -1;
      thole_wire_signature (out, type);
      thole_wire_fixed64 (out, &number);
      break;
    case THOLE_FIELD_NUMBER:
      thole_wire_signature (out, type);
      thole_wire_fixed64 (out, &MEMBER (double, record, field));
      break;
    case THOLE_FIELD_TIME:
      number = MEMBER (gint64, record, field);
      write_text (out, number != 0 ? thole_time_format (number, buffer) : NULL);
      break;
    case THOLE_FIELD_ENUM:
      write_text (out, field->choices[MEMBER (int, record, field)]);
      break;
    case THOLE_FIELD_JSON:
      {
        g_autoptr (GVariant) json = parse_member (MEMBER (char *, record, field));

        thole_wire_signature (out, type);
        thole_wire_json (out, json, type);
        break;
      }
    default:
      write_text (out, MEMBER (char *, record, field));
      break;
    }
}

/* errors ----------------------------------------------------------------------------------------------------- */

char *
thole_bus_problem_text (const TholeProblem *problem)
{
  g_autofree char *json = g_strconcat ("[", problem->fields->str, "]", NULL);
  g_autoptr (GVariant) fields = thole_json_parse (json, strlen (json), NULL);
  /* it may name a file of a workload or of an archive, whose name may be any bytes, or be cut within a character */
  g_autofree char *detail = g_utf8_make_valid (problem->detail, -1);
  GString *out = g_string_new (detail);

  for (gsize i = 0; fields != NULL && i < g_variant_n_children (fields); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (fields, i);
      g_autoptr (GVariant) field = g_variant_get_variant (child);

      g_string_append_printf (out, "\n%s: %s: %s", thole_dict_string (field, "pointer", ""), thole_dict_string (field, "code", ""),
                              thole_dict_string (field, "detail", ""));
    }
  return g_string_free (out, FALSE);
}

/* options ---------------------------------------------------------------------------------------------------- */

/* D-Bus knows no null: an empty signature, which is good for nothing else, stands for it. Returns: (transfer none)
 * (floating) */
static GVariant *
with_null (GVariant *value)
{
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *member;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_SIGNATURE) && g_variant_get_string (value, NULL)[0] == '\0')
    return g_variant_new_tuple (NULL, 0);
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    return g_variant_new_variant (value);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, value);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &member))
    g_variant_builder_add (&builder, "{sv}", key, with_null (member));
  return g_variant_builder_end (&builder);
}

/* by way of JSON text, so that what may come in is decided in one place for both faces */
GVariant *
thole_bus_options (GVariant *options, TholeProblem **problem)
{
  g_autoptr (GVariant) given = g_variant_ref_sink (with_null (options));
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  GVariant *json;

  thole_json_append (text, given);
  json = thole_json_parse (text->str, text->len, &error);
  if (json == NULL)
    *problem = thole_problem_new (THOLE_ERROR_MALFORMED, "%s", error->message);
  return json;
}
