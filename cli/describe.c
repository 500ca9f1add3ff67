/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "describe.h"

#include "output.h"
#include "thole-json.h"

#define INDENT 2
#define MAX_DEPTH 16

static void append_object (GString *out, GVariant *object, guint depth);

static gboolean
is_empty (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return *g_variant_get_string (value, NULL) == '\0';
  return g_variant_is_container (value) && g_variant_n_children (value) == 0;
}

static gboolean
is_plain_list (GVariant *value)
{
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (value, i);
      g_autoptr(GVariant) member = g_variant_get_variant (boxed);

      if (g_variant_is_container (member) && !is_empty (member))
        return FALSE;
    }
  return TRUE;
}

static void
append_plain (GString *out, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      g_autofree char *safe = cli_text_safe (g_variant_get_string (value, NULL), FALSE);
      g_string_append (out, safe);
    }
  else
    {
      thole_json_append (out, value);
    }
}

static void
append_members (GString *out, GVariant *list, guint depth)
{
  gboolean plain = is_plain_list (list);

  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (list, i);
      g_autoptr(GVariant) member = g_variant_get_variant (boxed);

      if (plain)
        {
          g_string_append_c (out, ' ');
          append_plain (out, member);
        }
      else if (g_variant_is_of_type (member, G_VARIANT_TYPE_VARDICT))
        {
          gsize begin = out->len;

          append_object (out, member, depth + 1);
          /* the dash stands before the first field */
          if (out->len > begin)
            out->str[begin + 1 + depth * INDENT] = '-';
        }
      else
        {
          g_string_append_printf (out, "\n%*s- ", (int) depth * INDENT, "");
          append_plain (out, member);
        }
    }
}

static void
append_object (GString *out, GVariant *object, guint depth)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, object);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      g_autoptr(GVariant) owned = value;
      g_autofree char *safe = cli_text_safe (key, FALSE);

      if (is_empty (value))
        continue;
      g_string_append_printf (out, "%s%*s%s:", out->len > 0 ? "\n" : "", (int) depth * INDENT, "", safe);
      if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT) && depth < MAX_DEPTH)
        append_object (out, value, depth + 1);
      else if (g_variant_is_of_type (value, G_VARIANT_TYPE ("av")) && depth < MAX_DEPTH)
        append_members (out, value, depth + 1);
      else
        {
          g_string_append_c (out, ' ');
          append_plain (out, value);
        }
    }
}

void
cli_describe (GVariant *object)
{
  g_autoptr(GString) out = g_string_new (NULL);

  append_object (out, object, 0);
  cli_print ("%s\n", out->str);
}
