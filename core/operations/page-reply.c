/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"

#include "base/page.h"
#include "thole-json.h"

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
