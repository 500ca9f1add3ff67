/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Readers of dictionaries, options, tasks.
 */
#include "thole-dict.h"
#include "thole-error.h"

#include <string.h>

/* reading the serialised form of an a{sv} ------------------------------------------------------------------ */

static gsize
offset_size (gsize size)
{
  if (size > G_MAXUINT32)
    return 8;
  if (size > G_MAXUINT16)
    return 4;
  return size > G_MAXUINT8 ? 2 : 1;
}

static gsize
read_offset (const guint8 *at, gsize size)
{
  guint64 value = 0;

  memcpy (&value, at, size);
  return (gsize) GUINT64_FROM_LE (value);
}

/* Index of @key, -1 when it is not there. Looks at the bytes, because making a GVariant of each entry to
 * compare its key costs forty times as much. What is not in normal form has no entry.
 * @from, @to: (out) (optional): the bytes of its entry */
static gssize
find_key (GVariant *dict, const char *key, gsize *from, gsize *to)
{
  const guint8 *data = g_variant_get_data (dict);
  gsize size = g_variant_get_size (dict), width = offset_size (size), key_size = strlen (key) + 1;
  gsize body, begin = 0;

  if (size < width)
    return -1;
  body = read_offset (data + size - width, width);
  if (body > size || (size - body) % width != 0)
    return -1;
  for (gsize i = 0, count = (size - body) / width; i < count; i++)
    {
      gsize end = read_offset (data + body + i * width, width);

      if (end > body || begin > end)
        return -1;
      if (end - begin >= key_size && memcmp (data + begin, key, key_size) == 0)
        {
          if (from != NULL)
            *from = begin;
          if (to != NULL)
            *to = end;
          return (gssize) i;
        }
      begin = (end + 7) & ~(gsize) 7;
    }
  return -1;
}

/* Returns: (transfer full) (nullable): what is inside the variant */
static GVariant *
lookup (GVariant *dict, const char *key)
{
  g_autoptr(GVariant) entry = NULL;
  g_autoptr(GVariant) value = NULL;
  gssize index;

  if (dict == NULL || !g_variant_is_of_type (dict, G_VARIANT_TYPE_VARDICT))
    return NULL;
  index = find_key (dict, key, NULL, NULL);
  if (index < 0)
    return NULL;
  entry = g_variant_get_child_value (dict, (gsize) index);
  value = g_variant_get_child_value (entry, 1);
  return g_variant_get_variant (value);
}

#define NOT_THERE '-'

/* The bytes of the value of @key, when its type is one letter: a string or a number, most often. An entry in normal form is
 * the key, filled up to 8 bytes, then the value, a zero and the type, then the length of the key.
 * Returns: the letter, NOT_THERE, or 0 = lookup() has to tell */
static char
peek (GVariant *dict, const char *key, const guint8 **value)
{
  const guint8 *entry;
  gsize from, to, begin, end;

  if (dict == NULL || !g_variant_is_of_type (dict, G_VARIANT_TYPE_VARDICT) || !g_variant_is_normal_form (dict))
    return 0;
  if (find_key (dict, key, &from, &to) < 0)
    return NOT_THERE;
  entry = (const guint8 *) g_variant_get_data (dict) + from;
  begin = (strlen (key) + 1 + 7) & ~(gsize) 7;
  end = to - from - offset_size (to - from);
  if (end < begin + 3 || end > to - from || entry[end - 2] != 0)
    return 0;
  *value = entry + begin;
  return (char) entry[end - 1];
}

/* readers -------------------------------------------------------------------------------------------------- */

const char *
thole_dict_string (GVariant *dict, const char *key, const char *fallback)
{
  const guint8 *bytes;
  g_autoptr(GVariant) value = NULL;
  char kind = peek (dict, key, &bytes);

  if (kind == 's' || kind == NOT_THERE)
    return kind == 's' ? (const char *) bytes : fallback;
  /* the text points into the bytes of @dict, which find_key() has made sure of */
  value = lookup (dict, key);
  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) ? g_variant_get_string (value, NULL)
                                                                               : fallback;
}

/* FALSE when @value is no integer or does not fit */
static gboolean
integer_of (GVariant *value, gint64 *number)
{
  guint64 large;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BYTE:
      *number = g_variant_get_byte (value);
      return TRUE;
    case G_VARIANT_CLASS_INT16:
      *number = g_variant_get_int16 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT16:
      *number = g_variant_get_uint16 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT32:
      *number = g_variant_get_int32 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT32:
      *number = g_variant_get_uint32 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT64:
      *number = g_variant_get_int64 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT64:
      large = g_variant_get_uint64 (value);
      *number = (gint64) MIN (large, G_MAXINT64);
      return large <= G_MAXINT64;
    default:
      return FALSE;
    }
}

gint64
thole_dict_int (GVariant *dict, const char *key, gint64 fallback)
{
  g_autoptr(GVariant) value = NULL;
  const guint8 *bytes;
  gint64 number = fallback;
  char kind = peek (dict, key, &bytes);

  if (kind == 'x')
    memcpy (&number, bytes, sizeof number);
  if (kind == 'x' || kind == NOT_THERE)
    return number;
  value = lookup (dict, key);
  return value != NULL && integer_of (value, &number) ? number : fallback;
}

double
thole_dict_double (GVariant *dict, const char *key, double fallback)
{
  g_autoptr(GVariant) value = lookup (dict, key);
  gint64 number;

  if (value == NULL)
    return fallback;
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE))
    return g_variant_get_double (value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    return (double) g_variant_get_uint64 (value);
  return integer_of (value, &number) ? (double) number : fallback;
}

gboolean
thole_dict_boolean (GVariant *dict, const char *key, gboolean fallback)
{
  g_autoptr(GVariant) value = NULL;
  const guint8 *bytes;
  char kind = peek (dict, key, &bytes);

  if (kind == 'b' || kind == NOT_THERE)
    return kind == 'b' ? *bytes != 0 : fallback;
  value = lookup (dict, key);
  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) ? g_variant_get_boolean (value) : fallback;
}

static GVariant *convert (GVariant *value, const GVariantType *type);

/* Returns: (transfer full) (nullable): an `av` as an array of @element */
static GVariant *
convert_list (GVariant *list, const GVariantType *element)
{
  g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (gsize i = 0, count = g_variant_n_children (list); i < count; i++)
    {
      g_autoptr(GVariant) member = g_variant_get_child_value (list, i);
      GVariant *fit = convert (member, element);

      if (fit == NULL)
        return NULL;
      g_ptr_array_add (members, fit);
    }
  return g_variant_ref_sink (g_variant_new_array (element, (GVariant *const *) members->pdata, members->len));
}

/* Returns: (transfer full) (nullable): an a{sv} as the dictionary @type */
static GVariant *
convert_dict (GVariant *dict, const GVariantType *type)
{
  g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (type);
  const GVariantType *inner = g_variant_type_value (g_variant_type_element (type));

  for (gsize i = 0, count = g_variant_n_children (dict); i < count; i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (dict, i);
      g_autoptr(GVariant) key = g_variant_get_child_value (entry, 0);
      g_autoptr(GVariant) member = g_variant_get_child_value (entry, 1);
      g_autoptr(GVariant) fit = convert (member, inner);

      if (fit == NULL)
        return NULL;
      g_variant_builder_add_value (&builder, g_variant_new_dict_entry (key, fit));
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* Returns: (transfer full) (nullable): @value as @type */
static GVariant *
convert (GVariant *value, const GVariantType *type)
{
  if (g_variant_is_of_type (value, type))
    return g_variant_ref (value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr(GVariant) inner = g_variant_get_variant (value);

      return convert (inner, type);
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE ("av")) && g_variant_type_is_array (type))
    return convert_list (value, g_variant_type_element (type));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT)
      && g_variant_type_is_subtype_of (type, G_VARIANT_TYPE ("a{s*}")))
    return convert_dict (value, type);
  return NULL;
}

GVariant *
thole_dict_value (GVariant *dict, const char *key, const char *type)
{
  g_autoptr(GVariant) value = lookup (dict, key);

  return value != NULL ? convert (value, G_VARIANT_TYPE (type)) : NULL;
}

char **
thole_dict_strv (GVariant *dict, const char *key)
{
  g_autoptr(GVariant) value = thole_dict_value (dict, key, "as");

  return value != NULL ? g_variant_dup_strv (value, NULL) : g_new0 (char *, 1);
}

gboolean
thole_options_check (GVariant *options, const char *const *understood, GError **error)
{
  GVariantIter iter;
  const char *key;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &key, NULL))
    if (key[0] == '!' && (understood == NULL || !g_strv_contains (understood, key)))
      {
        g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "The option \"%s\" must be understood and is not", key);
        return FALSE;
      }
  return TRUE;
}

GTask *
thole_task_new (GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_check_cancellable (task, FALSE);
  return task;
}
