/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The declarations as JSON Schema, draft 2020-12.
 */
#include "model/record.h"

#include <string.h>

#include "model/schema-format.h"
#include "thole-json.h"

static void
append_member (GString *out, const char *name, const char *text)
{
  g_string_append_printf (out, ",\"%s\":", name);
  thole_json_append_string (out, text);
}

static void
append_bound (GString *out, const char *name, double bound)
{
  g_string_append_printf (out, ",\"%s\":", name);
  thole_json_append_double (out, bound);
}

static void
append_bounds (GString *out, const TholeField *field, const char *low, const char *high)
{
  if (field->has_min)
    append_bound (out, low, field->min);
  if (field->has_max)
    append_bound (out, high, field->max);
}

static void
append_type (GString *out, const char *type, gboolean nullable)
{
  if (nullable)
    g_string_append_printf (out, "\"type\":[\"%s\",\"null\"]", type);
  else
    g_string_append_printf (out, "\"type\":\"%s\"", type);
}

static void
append_reference (GString *out, const TholeSchema *schema)
{
  g_string_append_printf (out, "\"$ref\":\"#/components/schemas/%s\"", schema->name);
}

static void
append_format (GString *out, const char *format)
{
  if (strcmp (format, "path") == 0)
    g_string_append (out, ",\"pattern\":\"^(/.*)?$\"");
  else if (strcmp (format, "base64") == 0)
    g_string_append (out, ",\"contentEncoding\":\"base64\"");
}

static void
append_choices (GString *out, const TholeField *field)
{
  g_string_append (out, ",\"enum\":[");
  for (guint i = 0; field->choices[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      thole_json_append_string (out, field->choices[i]);
    }
  g_string_append_c (out, ']');
}

static void
append_text (GString *out, const TholeField *field, gboolean nullable)
{
  append_type (out, "string", nullable);
  if (field->kind == THOLE_FIELD_NAME)
    g_string_append (out, ",\"pattern\":\"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$\"");
  if (field->kind == THOLE_FIELD_TIME)
    g_string_append (out, ",\"format\":\"date-time\"");
  append_bounds (out, field, "minLength", "maxLength");
  if (field->format != NULL)
    append_format (out, field->format);
  if (field->flags & THOLE_FIELD_SECRET)
    g_string_append (out, ",\"writeOnly\":true,\"format\":\"password\"");
  if (field->choices != NULL)
    append_choices (out, field);
}

static void
append_size (GString *out, const TholeField *field, gboolean answer, gboolean nullable)
{
  if (!answer)
    g_string_append (out, "\"oneOf\":[{");
  append_type (out, "integer", nullable);
  append_bounds (out, field, "minimum", "maximum");
  if (!answer)
    g_string_append (out, "},{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)? *([kKmMgGtTpPeE]([iI][bB]?|[bB])|[bB])?$\"}]");
}

static void
append_map (GString *out, const TholeField *field, gboolean answer)
{
  gboolean either = field->kind == THOLE_FIELD_ENV && !answer;

  if (either)
    g_string_append (out, "\"oneOf\":[{");
  if (g_strcmp0 (field->format, "secrets") == 0)
    g_string_append (out, "\"type\":\"object\",\"additionalProperties\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\","
                          "\"required\":[\"secret\"],\"properties\":{\"secret\":{\"type\":\"string\"}},"
                          "\"additionalProperties\":false}]}");
  else
    g_string_append (out, "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}");
  append_bounds (out, field, "minProperties", "maxProperties");
  if (either)
    {
      g_string_append (out, "},{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*=\"}");
      append_bounds (out, field, "minItems", "maxItems");
      g_string_append (out, "}]");
    }
}

static void
append_kind (GString *out, const TholeField *field, gboolean answer, gboolean nullable)
{
  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      append_type (out, "boolean", nullable);
      break;
    case THOLE_FIELD_INT:
      append_type (out, "integer", nullable);
      append_bounds (out, field, "minimum", "maximum");
      break;
    case THOLE_FIELD_NUMBER:
    case THOLE_FIELD_DURATION:
      append_type (out, "number", nullable);
      append_bounds (out, field, "minimum", "maximum");
      break;
    case THOLE_FIELD_SIZE:
      append_size (out, field, answer, nullable);
      break;
    case THOLE_FIELD_STRINGS:
      g_string_append (out, "\"type\":\"array\",\"items\":{\"type\":\"string\"}");
      append_bounds (out, field, "minItems", "maxItems");
      break;
    case THOLE_FIELD_LABELS:
    case THOLE_FIELD_ENV:
      append_map (out, field, answer);
      break;
    case THOLE_FIELD_JSON:
      /* an answer may hold a list, as `ports` does */
      if (field->of != NULL)
        append_reference (out, field->of);
      else if (answer)
        g_string_append (out, "\"type\":[\"object\",\"array\",\"null\"]");
      else
        append_type (out, "object", FALSE);
      break;
    case THOLE_FIELD_OBJECT:
      append_reference (out, field->of);
      break;
    case THOLE_FIELD_LIST:
      g_string_append (out, "\"type\":\"array\",\"items\":{");
      append_reference (out, field->of);
      g_string_append_c (out, '}');
      append_bounds (out, field, "minItems", "maxItems");
      break;
    default:
      append_text (out, field, nullable);
      break;
    }
}

static void
append_default (GString *out, const TholeField *field)
{
  gboolean text = field->kind == THOLE_FIELD_STRING || field->kind == THOLE_FIELD_NAME || field->kind == THOLE_FIELD_ENUM;

  if (field->flags & THOLE_FIELD_REPEATED)
    return;
  if (text)
    append_member (out, "default", field->fallback);
  else
    g_string_append_printf (out, ",\"default\":%s", field->fallback);
}

void
thole_field_describe (const TholeField *field, gboolean answer, GString *out)
{
  gboolean nullable = answer && (field->flags & THOLE_FIELD_NULLABLE);

  g_string_append_c (out, '{');
  if (field->flags & THOLE_FIELD_REPEATED)
    g_string_append (out, "\"type\":\"array\",\"items\":{");
  append_kind (out, field, answer, nullable);
  if (field->flags & THOLE_FIELD_REPEATED)
    g_string_append_c (out, '}');
  append_member (out, "description", field->doc);
  if (field->fallback != NULL)
    append_default (out, field);
  g_string_append_c (out, '}');
}

/* `required` in a `oneOf` or, for at most one, no two of them together */
static void
append_rule (GString *out, const TholeSchemaRule *rule)
{
  g_string_append (out, rule->one ? ",\"oneOf\":[" : ",\"not\":{\"anyOf\":[");
  for (guint i = 0; rule->fields[i] != NULL; i++)
    if (rule->one)
      g_string_append_printf (out, "%s{\"required\":[\"%s\"]}", i > 0 ? "," : "", rule->fields[i]);
    else
      for (guint j = i + 1; rule->fields[j] != NULL; j++)
        g_string_append_printf (out, "%s{\"required\":[\"%s\",\"%s\"]}", i > 0 || j > 1 ? "," : "", rule->fields[i], rule->fields[j]);
  g_string_append (out, rule->one ? "]" : "]}");
}

/* In an answer every field is there. */
static void
append_fields (GString *out, const char *doc, const TholeField *fields, guint n_fields, gboolean answer)
{
  gboolean first = TRUE;

  g_string_append (out, "{\"type\":\"object\",\"description\":");
  thole_json_append_string (out, doc);
  g_string_append (out, ",\"properties\":{");
  for (guint i = 0; i < n_fields; i++)
    {
      if (fields[i].flags & THOLE_FIELD_HIDDEN)
        continue;
      g_string_append_printf (out, "%s\"%s\":", first ? "" : ",", fields[i].name);
      thole_field_describe (&fields[i], answer, out);
      first = FALSE;
    }
  g_string_append_c (out, '}');
  first = TRUE;
  for (guint i = 0; i < n_fields; i++)
    if (answer ? !(fields[i].flags & THOLE_FIELD_HIDDEN) : (fields[i].flags & THOLE_FIELD_REQUIRED) != 0)
      {
        g_string_append_printf (out, "%s\"%s\"", first ? ",\"required\":[" : ",", fields[i].name);
        first = FALSE;
      }
  if (!first)
    g_string_append_c (out, ']');
}

void
thole_schema_describe (const TholeSchema *schema, GString *out)
{
  const TholeSchemaRule *rule = thole_schema_rule (schema);

  append_fields (out, schema->doc, schema->fields, schema->n_fields, FALSE);
  g_string_append (out, ",\"additionalProperties\":false");
  if (rule != NULL && rule->fields != NULL)
    append_rule (out, rule);
  g_string_append_c (out, '}');
}

void
thole_record_describe (const TholeRecordType *type, GString *out)
{
  append_fields (out, type->doc, type->fields, type->n_fields, TRUE);
  g_string_append_c (out, '}');
}
