/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include <string.h>

#include "thole-error.h"

static void
bind_field (sqlite3_stmt *statement, int index, const TholeField *field, gconstpointer record)
{
  gconstpointer member = (const guint8 *) record + field->offset;
  const char *text;

  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      sqlite3_bind_int (statement, index, *(const gboolean *) member != FALSE);
      break;
    case THOLE_FIELD_INT:
    case THOLE_FIELD_TIME:
      sqlite3_bind_int64 (statement, index, *(const gint64 *) member);
      break;
    case THOLE_FIELD_NUMBER:
      sqlite3_bind_double (statement, index, *(const double *) member);
      break;
    case THOLE_FIELD_ENUM:
      sqlite3_bind_text (statement, index, field->choices[*(const int *) member], -1, SQLITE_STATIC);
      break;
    case THOLE_FIELD_JSON:
      sqlite3_bind_text (statement, index, *(char *const *) member, -1, SQLITE_STATIC);
      break;
    default:
      text = *(char *const *) member;
      sqlite3_bind_text (statement, index, text != NULL ? text : "", -1, SQLITE_STATIC);
    }
}

int
thole_row_bind (sqlite3_stmt *statement, int index, gconstpointer record)
{
  const TholeRecordType *type = ((const TholeRecord *) record)->type;

  for (guint i = 0; i < type->n_fields; i++)
    if (!(type->fields[i].flags & THOLE_FIELD_COMPUTED))
      bind_field (statement, index++, &type->fields[i], record);
  return index;
}

static int
choice_of (const TholeField *field, const char *text)
{
  for (int i = 0; text != NULL && field->choices[i] != NULL; i++)
    if (strcmp (field->choices[i], text) == 0)
      return i;
  return -1;
}

static gboolean
read_field (sqlite3_stmt *statement, int column, const TholeField *field, gpointer record)
{
  gpointer member = (guint8 *) record + field->offset;
  const char *text;
  int choice;

  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      *(gboolean *) member = sqlite3_column_int (statement, column) != 0;
      return TRUE;
    case THOLE_FIELD_INT:
    case THOLE_FIELD_TIME:
      *(gint64 *) member = sqlite3_column_int64 (statement, column);
      return TRUE;
    case THOLE_FIELD_NUMBER:
      *(double *) member = sqlite3_column_double (statement, column);
      return TRUE;
    case THOLE_FIELD_ENUM:
      choice = choice_of (field, (const char *) sqlite3_column_text (statement, column));
      if (choice >= 0)
        *(int *) member = choice;
      return choice >= 0;
    case THOLE_FIELD_JSON:
      g_free (*(char **) member);
      *(char **) member = g_strdup ((const char *) sqlite3_column_text (statement, column));
      return TRUE;
    default:
      text = (const char *) sqlite3_column_text (statement, column);
      thole_record_set (member, text);
      return text != NULL;
    }
}

gpointer
thole_row_read (sqlite3_stmt *statement, const TholeRecordType *type, GError **error)
{
  gpointer record = thole_record_new (type);
  int column = 0;

  for (guint i = 0; i < type->n_fields; i++)
    {
      const TholeField *field = &type->fields[i];

      if (field->flags & THOLE_FIELD_COMPUTED)
        continue;
      if (!read_field (statement, column, field, record))
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE, "%s %s: %s cannot be '%s'", type->name,
                       thole_record_id (record), field->name, (const char *) sqlite3_column_text (statement, column));
          thole_record_unref (record);
          return NULL;
        }
      column++;
    }
  return record;
}
