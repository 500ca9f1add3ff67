/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The writer of JSON.
 */
#include "thole-json.h"

#include <math.h>
#include <stdlib.h>

#include "json-text.h"

/* deeper values than GVariant itself can read back are written as null */
#define MAX_WRITE_DEPTH 128

static void append_value (GString *out, GVariant *value, guint depth);

static void
append_unsigned (GString *out, guint64 value, gboolean negative)
{
  char text[24], *p = text + sizeof text;

  do
    *--p = (char) ('0' + value % 10);
  while ((value /= 10) > 0);
  if (negative)
    *--p = '-';
  g_string_append_len (out, p, text + sizeof text - p);
}

static void
append_signed (GString *out, gint64 value)
{
  append_unsigned (out, value < 0 ? -(guint64) value : (guint64) value, value < 0);
}

void
thole_json_append_double (GString *out, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value))
    {
      g_string_append (out, "null");
      return;
    }
  if (value == trunc (value) && fabs (value) < 1e15 && !signbit (value))
    {
      append_unsigned (out, (guint64) value, FALSE);
      return;
    }
  for (int precision = 15; precision <= 17; precision++)
    {
      char format[] = { '%', '.', '1', (char) ('0' + precision - 10), 'g', '\0' };

      g_ascii_formatd (text, sizeof text, format, value);
      if (precision == 17 || g_ascii_strtod (text, NULL) == value)
        break;
    }
  g_string_append (out, text);
  /* -0 would read back as an integer, which has no such number */
  if (value == 0)
    g_string_append (out, ".0");
}

static void
append_escaped (GString *out, guchar c)
{
  static const char hex[] = "0123456789abcdef";
  static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  const char *found = c != 0 ? strchr (from, c) : NULL;

  g_string_append_c (out, '\\');
  if (found != NULL)
    {
      g_string_append_c (out, to[found - from]);
      return;
    }
  g_string_append (out, "u00");
  g_string_append_c (out, hex[c >> 4]);
  g_string_append_c (out, hex[c & 15]);
}

void
thole_json_append_string_len (GString *out, const char *text, gsize length)
{
  const char *p = text, *end = text + length;

  g_string_append_c (out, '"');
  while (p < end)
    {
      gsize run = json_plain_run (p, end);

      g_string_append_len (out, p, (gssize) run);
      p += run;
      if (p == end)
        break;
      if ((guchar) *p < 0x80)
        append_escaped (out, (guchar) *p++);
      else if ((run = json_utf8_length (p, end)) > 0)
        {
          g_string_append_len (out, p, (gssize) run);
          p += run;
        }
      else
        {
          g_string_append (out, "\xef\xbf\xbd");
          p++;
        }
    }
  g_string_append_c (out, '"');
}

void
thole_json_append_string (GString *out, const char *text)
{
  thole_json_append_string_len (out, text != NULL ? text : "", text != NULL ? strlen (text) : 0);
}

static void
append_bytes (GString *out, GVariant *value)
{
  gsize length;
  const guint8 *bytes = g_variant_get_fixed_array (value, &length, 1);
  g_autofree char *text = g_base64_encode (bytes, length);

  g_string_append_c (out, '"');
  g_string_append (out, text);
  g_string_append_c (out, '"');
}

static void
append_key (GString *out, GVariant *key)
{
  if (g_variant_is_of_type (key, G_VARIANT_TYPE_STRING))
    {
      gsize length;
      const char *text = g_variant_get_string (key, &length);

      thole_json_append_string_len (out, text, length);
    }
  else
    {
      g_autofree char *text = g_variant_print (key, FALSE);

      thole_json_append_string (out, text);
    }
}

static void
append_container (GString *out, GVariant *value, guint depth)
{
  gboolean object = g_variant_is_of_type (value, G_VARIANT_TYPE_DICTIONARY);
  GVariantIter iter;
  GVariant *child;
  gboolean first = TRUE;

  g_string_append_c (out, object ? '{' : '[');
  g_variant_iter_init (&iter, value);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      if (!first)
        g_string_append_c (out, ',');
      first = FALSE;
      if (object)
        {
          g_autoptr(GVariant) key = g_variant_get_child_value (child, 0);
          g_autoptr(GVariant) member = g_variant_get_child_value (child, 1);

          append_key (out, key);
          g_string_append_c (out, ':');
          append_value (out, member, depth + 1);
        }
      else
        append_value (out, child, depth + 1);
      g_variant_unref (child);
    }
  g_string_append_c (out, object ? '}' : ']');
}

static void
append_value (GString *out, GVariant *value, guint depth)
{
  g_autoptr(GVariant) inner = NULL;
  gsize length;
  const char *text;

  if (depth > MAX_WRITE_DEPTH)
    {
      g_string_append (out, "null");
      return;
    }
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      g_string_append (out, g_variant_get_boolean (value) ? "true" : "false");
      break;
    case G_VARIANT_CLASS_BYTE:
      append_unsigned (out, g_variant_get_byte (value), FALSE);
      break;
    case G_VARIANT_CLASS_INT16:
      append_signed (out, g_variant_get_int16 (value));
      break;
    case G_VARIANT_CLASS_UINT16:
      append_unsigned (out, g_variant_get_uint16 (value), FALSE);
      break;
    case G_VARIANT_CLASS_INT32:
      append_signed (out, g_variant_get_int32 (value));
      break;
    case G_VARIANT_CLASS_UINT32:
      append_unsigned (out, g_variant_get_uint32 (value), FALSE);
      break;
    case G_VARIANT_CLASS_HANDLE:
      append_signed (out, g_variant_get_handle (value));
      break;
    case G_VARIANT_CLASS_INT64:
      append_signed (out, g_variant_get_int64 (value));
      break;
    case G_VARIANT_CLASS_UINT64:
      append_unsigned (out, g_variant_get_uint64 (value), FALSE);
      break;
    case G_VARIANT_CLASS_DOUBLE:
      thole_json_append_double (out, g_variant_get_double (value));
      break;
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      text = g_variant_get_string (value, &length);
      thole_json_append_string_len (out, text, length);
      break;
    case G_VARIANT_CLASS_VARIANT:
      inner = g_variant_get_variant (value);
      append_value (out, inner, depth + 1);
      break;
    case G_VARIANT_CLASS_MAYBE:
      inner = g_variant_get_maybe (value);
      if (inner != NULL)
        append_value (out, inner, depth + 1);
      else
        g_string_append (out, "null");
      break;
    case G_VARIANT_CLASS_TUPLE:
      if (g_variant_n_children (value) == 0)
        g_string_append (out, "null");
      else
        append_container (out, value, depth);
      break;
    case G_VARIANT_CLASS_ARRAY:
      if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
        append_bytes (out, value);
      else
        append_container (out, value, depth);
      break;
    case G_VARIANT_CLASS_DICT_ENTRY:
      append_container (out, value, depth);
      break;
    }
}

void
thole_json_append (GString *out, GVariant *value)
{
  append_value (out, value, 0);
}

char *
thole_json_to_string (GVariant *value)
{
  GString *out = g_string_sized_new (256);

  append_value (out, value, 0);
  return g_string_free (out, FALSE);
}
