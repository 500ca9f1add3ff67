/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"

#include "base/page.h"
#include "thole-json.h"

#define MAX_STATES 32 /* in a query; further ones are one word that is none */

gboolean
thole_page_begin (TholePage *self, TholeCall *call, char **after)
{
  const char *cursor = thole_query_string (call, "cursor");
  g_autofree char *id = cursor[0] != '\0' ? thole_page_decode (call->def->name, cursor) : g_strdup ("");

  if (id == NULL)
    {
      TholeProblem *problem = thole_problem_new (THOLE_ERROR_INVALID, "the cursor is not one of this list");

      thole_problem_add (problem, "/cursor", "format", "take it from next_cursor of the page before");
      thole_call_problem (call, problem);
      return FALSE;
    }
  *after = g_steal_pointer (&id);
  self->limit = thole_query_int (call, "limit", 100);
  self->count = 0;
  self->last = NULL;
  self->json = g_string_sized_new (4096);
  g_string_append (self->json, "{\"items\":[");
  return TRUE;
}

gboolean
thole_page_add (TholePage *self, const char *id, GBytes *json)
{
  gsize length;
  const char *text = g_bytes_get_data (json, &length);

  if (self->count >= self->limit)
    return FALSE;
  if (self->count++ > 0)
    g_string_append_c (self->json, ',');
  g_string_append_len (self->json, text, (gssize) length);
  self->last = id;
  return TRUE;
}

void
thole_page_end (TholePage *self, TholeCall *call, gboolean more)
{
  g_string_append (self->json, "],\"next_cursor\":");
  if (more && self->last != NULL)
    {
      g_autofree char *cursor = thole_page_encode (call->def->name, self->last);

      thole_json_append_string (self->json, cursor);
    }
  else
    g_string_append (self->json, "null");
  g_string_append_c (self->json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (g_steal_pointer (&self->json)));
}

gboolean
thole_query_states (TholeCall *call, const TholeRecordType *type, guint *mask)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  g_auto (GStrv) words = g_strsplit (thole_query_string (call, "state"), ",", MAX_STATES);

  for (guint i = 0; words[i] != NULL && words[0][0] != '\0'; i++)
    {
      int state = thole_record_parse_choice (type, "state", words[i]);

      if (state >= 0)
        *mask |= 1u << state;
      else
        thole_problem_add (problem, "/state", "choice", "%.64s is not a state", words[i]);
    }
  if (problem->n_fields == 0)
    return TRUE;
  thole_call_problem (call, g_steal_pointer (&problem));
  return FALSE;
}
