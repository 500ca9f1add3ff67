/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The checks of single values. Details of faults say what is expected and never repeat the value, which may be a secret.
 */
#include "model/schema-check.h"

#include <math.h>
#include <string.h>

#include "model/schema-format.h"
#include "thole-json.h"

/* above this a double does not count whole numbers one by one */
#define EXACT 9007199254740992.0

/* faults ------------------------------------------------------------------------------------------------------ */

void
thole_check_fault (TholeCheck *self, const char *code, const char *format, ...)
{
  g_autofree char *detail = NULL;
  va_list arguments;

  va_start (arguments, format);
  detail = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  thole_problem_add (self->problem, self->pointer->str, code, "%s", detail);
}

/* Moves into a member; returns what leave() needs. */
gsize
thole_check_enter (TholeCheck *self, const char *name)
{
  gsize before = self->pointer->len;
  g_autofree char *joined = NULL;

  if (strpbrk (name, "~/") == NULL)
    {
      g_string_append_c (self->pointer, '/');
      g_string_append (self->pointer, name);
      return before;
    }
  joined = thole_pointer_join (self->pointer->str, name);
  g_string_assign (self->pointer, joined);
  return before;
}

gsize
thole_check_enter_index (TholeCheck *self, gsize index)
{
  char name[24];

  g_snprintf (name, sizeof name, "%" G_GSIZE_FORMAT, index);
  return thole_check_enter (self, name);
}

void
thole_check_leave (TholeCheck *self, gsize before)
{
  g_string_truncate (self->pointer, before);
}

GVariant *
thole_check_fault_type (TholeCheck *self, const char *expected)
{
  thole_check_fault (self, "type", "must be %s", expected);
  return NULL;
}

gboolean
thole_check_bounds (TholeCheck *self, const TholeField *field, double value, const char *code, const char *unit)
{
  g_autoptr(GString) bound = NULL;
  gboolean low = field->has_min && value < field->min;

  if (!low && !(field->has_max && value > field->max))
    return TRUE;
  bound = g_string_new (NULL);
  thole_json_append_double (bound, low ? field->min : field->max);
  thole_check_fault (self, code, "must %s at %s %s%s", *unit != '\0' ? "have" : "be", low ? "least" : "most", bound->str, unit);
  return FALSE;
}

/* text -------------------------------------------------------------------------------------------------------- */

gboolean
thole_check_text (TholeCheck *self, const TholeField *field, const char *text, gsize length)
{
  const char *fault;

  /* characters, as JSON Schema counts them; there are never more of them than bytes */
  if ((field->has_min || (field->has_max && (double) length > field->max))
      && !thole_check_bounds (self, field, (double) g_utf8_strlen (text, (gssize) length), "length", " characters"))
    return FALSE;
  if (length == 0 && (field->flags & THOLE_FIELD_REQUIRED))
    {
      thole_check_fault (self, "length", "must not be empty");
      return FALSE;
    }
  fault = length > 0 && field->format != NULL ? thole_format_fault (field->format, text) : NULL;
  if (fault != NULL)
    thole_check_fault (self, "format", "%s", fault);
  return fault == NULL;
}

static GVariant *
check_string (TholeCheck *self, const TholeField *field, GVariant *value)
{
  gsize length;
  const char *text;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return thole_check_fault_type (self, "text");
  text = g_variant_get_string (value, &length);
  return thole_check_text (self, field, text, length) ? g_variant_ref (value) : NULL;
}

static GVariant *
check_name (TholeCheck *self, const TholeField *field, GVariant *value)
{
  const char *text;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return thole_check_fault_type (self, "text");
  text = g_variant_get_string (value, NULL);
  if (thole_name_valid (text) || (text[0] == '\0' && field->fallback != NULL && field->fallback[0] == '\0'))
    return g_variant_ref (value);
  thole_check_fault (self, "format", "must be a name: [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
  return NULL;
}

static GVariant *
check_enum (TholeCheck *self, const TholeField *field, GVariant *value)
{
  g_autofree char *choices = NULL;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return thole_check_fault_type (self, "text");
  if (g_strv_contains (field->choices, g_variant_get_string (value, NULL)))
    return g_variant_ref (value);
  choices = g_strjoinv (", ", (char **) field->choices);
  thole_check_fault (self, "choice", "must be one of %s", choices);
  return NULL;
}

static GVariant *
check_time (TholeCheck *self, GVariant *value)
{
  gint64 time;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return thole_check_fault_type (self, "text");
  time = thole_when_parse (g_variant_get_string (value, NULL));
  if (time >= 0)
    return g_variant_ref_sink (g_variant_new_int64 (time));
  thole_check_fault (self, "format", "must be an RFC 3339 time");
  return NULL;
}

/* numbers ----------------------------------------------------------------------------------------------------- */

static GVariant *
check_bool (TholeCheck *self, GVariant *value)
{
  const char *text;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_variant_ref (value);
  if ((self->flags & THOLE_VALIDATE_TEXT) && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      text = g_variant_get_string (value, NULL);
      if (strcmp (text, "true") == 0 || strcmp (text, "1") == 0)
        return g_variant_ref_sink (g_variant_new_boolean (TRUE));
      if (strcmp (text, "false") == 0 || strcmp (text, "0") == 0)
        return g_variant_ref_sink (g_variant_new_boolean (FALSE));
    }
  return thole_check_fault_type (self, "true or false");
}

/* Decimal text; NULL when it is none. Returns: (transfer full) (nullable) */
static GVariant *
number_of_text (const char *text)
{
  gsize length = strlen (text);
  const char *digits = text + (text[0] == '-');
  gint64 whole;
  double real;
  char *end;

  if (!g_ascii_isdigit (digits[0]) || length >= 64)
    return NULL;
  if (g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &whole, NULL))
    return g_variant_ref_sink (g_variant_new_int64 (whole));
  if (strspn (text, "0123456789+-.eE") != length)
    return NULL;
  real = g_ascii_strtod (text, &end);
  return *end == '\0' && isfinite (real) ? g_variant_ref_sink (g_variant_new_double (real)) : NULL;
}

/* Returns: (transfer full): @value as a number, or as it is */
static GVariant *
number_of (TholeCheck *self, GVariant *value)
{
  GVariant *number = NULL;

  if ((self->flags & THOLE_VALIDATE_TEXT) && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    number = number_of_text (g_variant_get_string (value, NULL));
  return number != NULL ? number : g_variant_ref (value);
}

static GVariant *
check_int (TholeCheck *self, const TholeField *field, GVariant *value, const char *expected)
{
  g_autoptr(GVariant) number = number_of (self, value);
  gint64 result;
  double real;

  if (g_variant_is_of_type (number, G_VARIANT_TYPE_INT64))
    {
      result = g_variant_get_int64 (number);
      return thole_check_bounds (self, field, (double) result, "range", "") ? g_variant_ref_sink (g_variant_new_int64 (result)) : NULL;
    }
  if (g_variant_is_of_type (number, G_VARIANT_TYPE_UINT64))
    {
      if (thole_check_bounds (self, field, (double) g_variant_get_uint64 (number), "range", ""))
        thole_check_fault (self, "range", "must be below 9223372036854775808");
      return NULL;
    }
  if (!g_variant_is_of_type (number, G_VARIANT_TYPE_DOUBLE))
    return thole_check_fault_type (self, expected);
  real = g_variant_get_double (number);
  if (real != trunc (real))
    return thole_check_fault_type (self, expected);
  if (!thole_check_bounds (self, field, real, "range", ""))
    return NULL;
  if (fabs (real) > EXACT)
    {
      thole_check_fault (self, "range", "must be given without exponent and fraction");
      return NULL;
    }
  return g_variant_ref_sink (g_variant_new_int64 ((gint64) real));
}

static GVariant *
check_number (TholeCheck *self, const TholeField *field, GVariant *value, const char *expected)
{
  g_autoptr(GVariant) number = number_of (self, value);
  double real;

  if (g_variant_is_of_type (number, G_VARIANT_TYPE_INT64))
    real = (double) g_variant_get_int64 (number);
  else if (g_variant_is_of_type (number, G_VARIANT_TYPE_UINT64))
    real = (double) g_variant_get_uint64 (number);
  else if (g_variant_is_of_type (number, G_VARIANT_TYPE_DOUBLE))
    real = g_variant_get_double (number);
  else
    return thole_check_fault_type (self, expected);
  if (!thole_check_bounds (self, field, real, "range", ""))
    return NULL;
  /* adding nothing makes 0 of -0 */
  return g_variant_ref_sink (g_variant_new_double (real + 0.0));
}

static GVariant *
check_size (TholeCheck *self, const TholeField *field, GVariant *value)
{
  static const char expected[] = "a size: bytes as a whole number, or text such as \"512MiB\"";
  gint64 size;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return check_int (self, field, value, expected);
  size = thole_size_parse (g_variant_get_string (value, NULL));
  if (size < 0)
    {
      thole_check_fault (self, "format", "must be %s", expected);
      return NULL;
    }
  return thole_check_bounds (self, field, (double) size, "range", "") ? g_variant_ref_sink (g_variant_new_int64 (size)) : NULL;
}

GVariant *
thole_check_scalar (TholeCheck *self, const TholeField *field, GVariant *value)
{
  switch (field->kind)
    {
    case THOLE_FIELD_STRING:
      return check_string (self, field, value);
    case THOLE_FIELD_NAME:
      return check_name (self, field, value);
    case THOLE_FIELD_BOOL:
      return check_bool (self, value);
    case THOLE_FIELD_INT:
      return check_int (self, field, value, "a whole number");
    case THOLE_FIELD_NUMBER:
      return check_number (self, field, value, "a number");
    case THOLE_FIELD_SIZE:
      return check_size (self, field, value);
    case THOLE_FIELD_DURATION:
      return check_number (self, field, value, "a number of seconds");
    case THOLE_FIELD_TIME:
      return check_time (self, value);
    case THOLE_FIELD_ENUM:
      return check_enum (self, field, value);
    default:
      g_return_val_if_reached (NULL);
    }
}
