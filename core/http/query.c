/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include <string.h>

#define MAX_PARAMETERS 64

typedef struct
{
  char *keys[MAX_PARAMETERS];
  char *values[MAX_PARAMETERS];
  guint n;
} TholeParameters;

static void
parameters_clear (TholeParameters *self)
{
  for (guint i = 0; i < self->n; i++)
    {
      g_free (self->keys[i]);
      g_free (self->values[i]);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TholeParameters, parameters_clear)

char *
thole_query_decode (const char *text, gsize length, gboolean plus)
{
  g_autofree char *out = g_malloc (length + 1);
  gsize used = 0;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c == '%')
        {
          int high = length - i > 2 ? g_ascii_xdigit_value (text[i + 1]) : -1;
          int low = length - i > 2 ? g_ascii_xdigit_value (text[i + 2]) : -1;

          if (high < 0 || low < 0)
            return NULL;
          c = (char) (high * 16 + low);
          i += 2;
        }
      else if (plus && c == '+')
        c = ' ';
      if ((guchar) c < 0x20 || (guchar) c == 0x7f)
        return NULL;
      out[used++] = c;
    }
  out[used] = '\0';
  return g_utf8_validate (out, (gssize) used, NULL) ? g_steal_pointer (&out) : NULL;
}

static gboolean
is_secret (const char *key)
{
  static const char *const secrets[] = { "access_token", "token",         "api_key",
                                         "bearer",       "authorization", NULL };

  return g_strv_contains (secrets, key);
}

static gboolean
parameter_add (TholeParameters *parameters, const char *text, gsize length)
{
  const char *equals = memchr (text, '=', length);
  gsize key_length = equals != NULL ? (gsize) (equals - text) : length;
  g_autofree char *key = thole_query_decode (text, key_length, TRUE);
  g_autofree char *value =
    equals != NULL ? thole_query_decode (equals + 1, length - key_length - 1, TRUE) : g_strdup ("");

  if (key == NULL || value == NULL || parameters->n == MAX_PARAMETERS)
    return FALSE;
  parameters->keys[parameters->n] = g_steal_pointer (&key);
  parameters->values[parameters->n++] = g_steal_pointer (&value);
  return TRUE;
}

/* all values of the key at @first; NULL when an earlier place has the key already */
static GVariant *
parameter_value (const TholeParameters *parameters, guint first)
{
  const char *values[MAX_PARAMETERS];
  gsize n = 0;

  for (guint i = 0; i < parameters->n; i++)
    if (strcmp (parameters->keys[i], parameters->keys[first]) == 0)
      {
        if (i < first)
          return NULL;
        values[n++] = parameters->values[i];
      }
  return n == 1 ? g_variant_new_string (values[0]) : g_variant_new_strv (values, (gssize) n);
}

GVariant *
thole_query_parse (const char *text, gboolean *secret, TholeProblem **problem)
{
  g_auto(TholeParameters) parameters = { .n = 0 };
  GVariantBuilder builder;

  while (text != NULL && *text != '\0')
    {
      const char *end = strchrnul (text, '&');

      if (end > text && !parameter_add (&parameters, text, (gsize) (end - text)))
        {
          *problem = parameters.n == MAX_PARAMETERS
                       ? thole_problem_new (THOLE_ERROR_MALFORMED, "More than %d query parameters",
                                            MAX_PARAMETERS)
                       : thole_problem_new (
                           THOLE_ERROR_MALFORMED,
                           "The query is not percent-encoded UTF-8 without control characters");
          return NULL;
        }
      text = *end == '&' ? end + 1 : end;
    }
  if (parameters.n == 0)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < parameters.n; i++)
    {
      GVariant *value = parameter_value (&parameters, i);

      if (is_secret (parameters.keys[i]))
        *secret = TRUE;
      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", parameters.keys[i], value);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static TholeSpan
trim (const char *text, gsize length)
{
  while (length > 0 && g_ascii_isspace (*text))
    text++, length--;
  while (length > 0 && g_ascii_isspace (text[length - 1]))
    length--;
  return (TholeSpan) { text, length };
}

/* q=0, q=0.0, q=0.000 */
static gboolean
is_refused (const char *parameters, gsize length)
{
  g_autofree char *text = g_ascii_strdown (parameters, (gssize) length);
  const char *q = strstr (text, "q=");

  return q != NULL && g_ascii_strtod (q + 2, NULL) == 0;
}

gboolean
thole_accepts (TholeSpan accept, const char *type)
{
  const char *text = accept.text;
  const char *end = text + accept.length;

  while (text < end)
    {
      const char *comma = memchr (text, ',', (gsize) (end - text));
      const char *stop = comma != NULL ? comma : end;
      const char *semicolon = memchr (text, ';', (gsize) (stop - text));
      TholeSpan name = trim (text, (gsize) ((semicolon != NULL ? semicolon : stop) - text));

      if (name.length == strlen (type) && g_ascii_strncasecmp (name.text, type, name.length) == 0)
        return semicolon == NULL || !is_refused (semicolon, (gsize) (stop - semicolon));
      text = stop + 1;
    }
  return FALSE;
}

char *
thole_tags_bare (TholeSpan tags, gboolean weak)
{
  GString *out = g_string_sized_new (tags.length);
  const char *text = tags.text;
  const char *end = text + tags.length;

  while (text < end)
    {
      const char *comma = memchr (text, ',', (gsize) (end - text));
      const char *stop = comma != NULL ? comma : end;
      TholeSpan tag = trim (text, (gsize) (stop - text));

      /* a weak tag never matches If-Match, so there it keeps its mark */
      if (weak && tag.length > 2 && tag.text[0] == 'W' && tag.text[1] == '/')
        tag = (TholeSpan) { tag.text + 2, tag.length - 2 };
      if (tag.length >= 2 && tag.text[0] == '"' && tag.text[tag.length - 1] == '"')
        tag = (TholeSpan) { tag.text + 1, tag.length - 2 };
      if (out->len > 0)
        g_string_append_c (out, ',');
      g_string_append_len (out, tag.text, (gssize) tag.length);
      text = stop + 1;
    }
  return g_string_free (out, FALSE);
}
