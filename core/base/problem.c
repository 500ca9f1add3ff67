/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/problem.h"

#include <string.h>

#include "thole-json.h"

#define MAX_FIELDS 100

TholeProblem *
thole_problem_new (int code, const char *format, ...)
{
  TholeProblem *self = g_new0 (TholeProblem, 1);
  va_list arguments;

  va_start (arguments, format);
  self->code = code;
  self->detail = g_strdup_vprintf (format, arguments);
  self->fields = g_string_new (NULL);
  self->extra = g_string_new (NULL);
  va_end (arguments);
  return self;
}

TholeProblem *
thole_problem_from_error (const GError *error)
{
  int code = THOLE_ERROR_FAILED;

  if (error->domain == THOLE_ERROR && error->code >= 0 && error->code < THOLE_N_ERRORS)
    code = error->code;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    code = THOLE_ERROR_INTERRUPTED;
  return thole_problem_new (code, "%s", error->message);
}

void
thole_problem_free (TholeProblem *self)
{
  g_free (self->detail);
  g_string_free (self->fields, TRUE);
  g_string_free (self->extra, TRUE);
  g_free (self);
}

void
thole_problem_add (TholeProblem *self, const char *pointer, const char *code, const char *format, ...)
{
  g_autofree char *detail = NULL;
  va_list arguments;

  self->code = THOLE_ERROR_INVALID;
  if (self->n_fields++ >= MAX_FIELDS)
    return;
  va_start (arguments, format);
  detail = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_string_append (self->fields, self->fields->len > 0 ? ",{\"pointer\":" : "{\"pointer\":");
  thole_json_append_string (self->fields, pointer);
  g_string_append (self->fields, ",\"code\":");
  thole_json_append_string (self->fields, code);
  g_string_append (self->fields, ",\"detail\":");
  thole_json_append_string (self->fields, detail);
  g_string_append_c (self->fields, '}');
}

void
thole_problem_extend (TholeProblem *self, const char *name, const char *json)
{
  g_string_append_c (self->extra, ',');
  thole_json_append_string (self->extra, name);
  g_string_append_c (self->extra, ':');
  g_string_append (self->extra, json);
}

void
thole_problem_render (const TholeProblem *self, GString *out)
{
  const char *word = thole_error_word (self->code);

  g_string_append_printf (out, "\"type\":\"urn:thole:problem:%s\",\"title\":", word);
  thole_json_append_string (out, thole_error_title (self->code));
  g_string_append_printf (out, ",\"status\":%u,\"detail\":", thole_error_status (self->code));
  if (self->detail[0] != '\0' || self->n_fields == 0)
    thole_json_append_string (out, self->detail);
  else
    g_string_append_printf (out, "\"%u %s\"", self->n_fields, self->n_fields == 1 ? "field is wrong" : "fields are wrong");
  g_string_append_printf (out, ",\"code\":\"%s\"", word);
  if (self->n_fields > 0)
    {
      g_string_append (out, ",\"errors\":[");
      g_string_append_len (out, self->fields->str, (gssize) self->fields->len);
      g_string_append_c (out, ']');
    }
  if (self->n_fields > MAX_FIELDS)
    g_string_append_printf (out, ",\"errors_left_out\":%u", self->n_fields - MAX_FIELDS);
  g_string_append_len (out, self->extra->str, (gssize) self->extra->len);
}

char *
thole_pointer_join (const char *base, const char *token)
{
  GString *out = g_string_new (base);

  g_string_append_c (out, '/');
  for (const char *p = token; *p != '\0'; p++)
    if (*p == '~')
      g_string_append (out, "~0");
    else if (*p == '/')
      g_string_append (out, "~1");
    else
      g_string_append_c (out, *p);
  return g_string_free (out, FALSE);
}
