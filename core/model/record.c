/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/record.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define MEMBER(Type, record, field) (*(Type *) G_STRUCT_MEMBER_P (record, (field)->offset))

static gboolean
is_text (const TholeField *field)
{
  return field->kind == THOLE_FIELD_STRING || field->kind == THOLE_FIELD_NAME || field->kind == THOLE_FIELD_JSON;
}

gpointer
thole_record_new (const TholeRecordType *type)
{
  TholeRecord *record = g_malloc0 (type->size);

  record->type = type;
  record->ref_count = 1;
  for (guint i = 0; i < type->n_fields; i++)
    {
      const TholeField *field = &type->fields[i];

      if (field->kind == THOLE_FIELD_STRING || field->kind == THOLE_FIELD_NAME)
        MEMBER (char *, record, field) = g_strdup ("");
      else if (field->kind == THOLE_FIELD_INT && (field->flags & THOLE_FIELD_NULLABLE))
        MEMBER (gint64, record, field) = THOLE_RECORD_NULL;
    }
  return record;
}

gpointer
thole_record_copy (gconstpointer original)
{
  const TholeRecordType *type = ((const TholeRecord *) original)->type;
  TholeRecord *record = g_memdup2 (original, type->size);

  record->ref_count = 1;
  record->json = NULL;
  for (guint i = 0; i < type->n_fields; i++)
    if (is_text (&type->fields[i]))
      MEMBER (char *, record, &type->fields[i]) = g_strdup (MEMBER (char *, record, &type->fields[i]));
  return record;
}

gpointer
thole_record_ref (gpointer record)
{
  g_atomic_int_inc (&((TholeRecord *) record)->ref_count);
  return record;
}

void
thole_record_unref (gpointer pointer)
{
  TholeRecord *record = pointer;

  if (!g_atomic_int_dec_and_test (&record->ref_count))
    return;
  for (guint i = 0; i < record->type->n_fields; i++)
    if (is_text (&record->type->fields[i]))
      g_free (MEMBER (char *, record, &record->type->fields[i]));
  g_clear_pointer (&record->json, g_bytes_unref);
  g_free (record);
}

void
thole_record_set (char **member, const char *text)
{
  char *copy = g_strdup (text != NULL ? text : "");

  /* @text may be the old value */
  g_free (*member);
  *member = copy;
}

/* rendering --------------------------------------------------------------------------------------------------- */

static void
append_int (GString *out, gint64 value)
{
  char digits[24], *p = digits + sizeof digits;
  guint64 rest = value < 0 ? -(guint64) value : (guint64) value;

  do
    *--p = (char) ('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (value < 0)
    *--p = '-';
  g_string_append_len (out, p, digits + sizeof digits - p);
}

static void
append_time (GString *out, gint64 time)
{
  char text[THOLE_TIME_LENGTH];

  g_string_append_c (out, '"');
  g_string_append (out, thole_time_format (time, text));
  g_string_append_c (out, '"');
}

/* FALSE when it has no value */
static gboolean
append_value (GString *out, gconstpointer record, const TholeField *field)
{
  const char *text;
  gint64 number;
  int choice;

  switch (field->kind)
    {
    case THOLE_FIELD_STRING:
    case THOLE_FIELD_NAME:
      text = MEMBER (char *, record, field);
      if (text == NULL || (text[0] == '\0' && (field->flags & THOLE_FIELD_NULLABLE)))
        return FALSE;
      thole_json_append_string (out, text);
      return TRUE;
    case THOLE_FIELD_JSON:
      text = MEMBER (char *, record, field);
      if (text == NULL || text[0] == '\0')
        return FALSE;
      g_string_append (out, text);
      return TRUE;
    case THOLE_FIELD_BOOL:
      g_string_append (out, MEMBER (gboolean, record, field) ? "true" : "false");
      return TRUE;
    case THOLE_FIELD_INT:
      number = MEMBER (gint64, record, field);
      if (number == THOLE_RECORD_NULL)
        return FALSE;
      append_int (out, number);
      return TRUE;
    case THOLE_FIELD_NUMBER:
      thole_json_append_double (out, MEMBER (double, record, field));
      return TRUE;
    case THOLE_FIELD_TIME:
      number = MEMBER (gint64, record, field);
      if (number == 0)
        return FALSE;
      append_time (out, number);
      return TRUE;
    case THOLE_FIELD_ENUM:
      choice = MEMBER (int, record, field);
      if (choice < 0 || (guint) choice >= g_strv_length ((char **) field->choices))
        return FALSE;
      thole_json_append_string (out, field->choices[choice]);
      return TRUE;
    default:
      /* no other kind has a member in a struct */
      return FALSE;
    }
}

void
thole_record_member (GString *out, const TholeField *field, const char **group, const char *opening, const char *closing)
{
  if (*group != NULL && g_strcmp0 (*group, field->group) != 0)
    {
      g_string_append (out, closing);
      *group = NULL;
    }
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  if (field->group != NULL && *group == NULL)
    g_string_append_printf (out, "\"%s\":%s", field->group, opening);
  *group = field->group;
  g_string_append_c (out, '"');
  g_string_append (out, field->name + (field->group != NULL ? strlen (field->group) + 1 : 0));
  g_string_append (out, "\":");
}

static GBytes *
render (const TholeRecord *record)
{
  GString *out = g_string_sized_new (1024);
  const char *group = NULL;
  gsize length;

  g_string_append_c (out, '{');

  for (guint i = 0; i < record->type->n_fields; i++)
    {
      const TholeField *field = &record->type->fields[i];

      if (field->flags & THOLE_FIELD_HIDDEN)
        continue;
      thole_record_member (out, field, &group, "{", "}");
      if (!append_value (out, record, field))
        g_string_append (out, "null");
    }
  g_string_append (out, group != NULL ? "}}" : "}");
  /* exactly as large as needed: it is kept as long as the record */
  length = out->len;
  return g_bytes_new_take (g_realloc (g_string_free (out, FALSE), length), length);
}

GBytes *
thole_record_json (gpointer pointer)
{
  TholeRecord *record = pointer;

  if (record->json == NULL)
    record->json = render (record);
  return record->json;
}

const char *
thole_record_id (gconstpointer pointer)
{
  const TholeRecord *record = pointer;

  return MEMBER (char *, record, &record->type->fields[0]);
}

/* fields ------------------------------------------------------------------------------------------------------ */

const TholeField *
thole_record_field (const TholeRecordType *type, const char *name)
{
  for (guint i = 0; i < type->n_fields; i++)
    if (strcmp (type->fields[i].name, name) == 0)
      return &type->fields[i];
  return NULL;
}

const char *
thole_record_choice (const TholeRecordType *type, const char *name, int value)
{
  const TholeField *field = thole_record_field (type, name);

  if (field == NULL || field->choices == NULL || value < 0)
    return NULL;
  return (guint) value < g_strv_length ((char **) field->choices) ? field->choices[value] : NULL;
}

int
thole_record_parse_choice (const TholeRecordType *type, const char *name, const char *text)
{
  const TholeField *field = thole_record_field (type, name);

  if (field != NULL && field->choices != NULL)
    for (int i = 0; field->choices[i] != NULL; i++)
      if (strcmp (field->choices[i], text) == 0)
        return i;
  return -1;
}
