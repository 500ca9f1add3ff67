/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "problem.h"

#include <string.h>

#include "output.h"
#include "thole-dict.h"

GQuark
cli_error_quark (void)
{
  return g_quark_from_static_string ("cli-error-quark");
}

int
cli_exit_for_status (guint status)
{
  switch (status)
    {
    case 401:
    case 403:
      return CLI_DENIED;
    case 404:
    case 410:
      return CLI_NOT_FOUND;
    case 503:
      return CLI_UNREACHABLE;
    default:
      return CLI_FAILED;
    }
}

static void
append_fields (GString *text, GVariant *body)
{
  g_autoptr(GVariant) errors = g_variant_lookup_value (body, "errors", G_VARIANT_TYPE ("av"));

  for (gsize i = 0; errors != NULL && i < g_variant_n_children (errors); i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (errors, i);
      g_autoptr(GVariant) field = g_variant_get_variant (boxed);
      const char *pointer;

      if (!g_variant_is_of_type (field, G_VARIANT_TYPE_VARDICT))
        continue;
      pointer = thole_dict_string (field, "pointer", "");
      g_string_append_printf (text, "\n  %s: %s", *pointer != '\0' ? pointer : "/",
                              thole_dict_string (field, "detail", thole_dict_string (field, "code", "?")));
    }
}

/* in the language of the reader when it is one that we know */
static const char *
local_title (const char *title)
{
  for (guint i = 0; cli_problem_titles[i] != NULL; i++)
    if (strcmp (cli_problem_titles[i], title) == 0)
      return _(title);
  return title;
}

char *
cli_problem_text (guint status, GVariant *body)
{
  g_autoptr(GString) text = g_string_new (NULL);
  const char *title, *detail, *request;

  if (body == NULL || !g_variant_is_of_type (body, G_VARIANT_TYPE_VARDICT))
    return g_strdup_printf (_("the daemon answered with status %u"), status);
  title = thole_dict_string (body, "title", NULL);
  detail = thole_dict_string (body, "detail", NULL);
  request = thole_dict_string (body, "request_id", NULL);
  if (title != NULL)
    g_string_append (text, local_title (title));
  if (detail != NULL && *detail != '\0')
    g_string_append_printf (text, "%s%s", text->len > 0 ? ": " : "", detail);
  if (text->len == 0)
    g_string_append_printf (text, _("the daemon answered with status %u"), status);
  append_fields (text, body);
  /* what the log of the daemon can explain further */
  if (status == 500 && request != NULL)
    g_string_append_printf (text, " (%s)", request);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
cli_problem_set (GError **error, guint status, GVariant *body)
{
  g_autofree char *text = cli_problem_text (status, body);

  g_set_error_literal (error, CLI_ERROR, cli_exit_for_status (status), text);
}

int
cli_complain (const char *subject, const GError *error)
{
  cli_print_error ("tholectl: %s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "", error->message);
  return error->domain == CLI_ERROR ? error->code : CLI_FAILED;
}
