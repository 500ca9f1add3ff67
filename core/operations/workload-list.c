/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

typedef struct
{
  guint states;              /* mask, 0 = all */
  const char *backend, *owner, *name;
  char **labels;             /* "key" or "key=value" */
} Filter;

static gboolean
label_matches (GVariant *labels, const char *wanted)
{
  const char *equals = strchr (wanted, '=');
  g_autofree char *key = equals != NULL ? g_strndup (wanted, (gsize) (equals - wanted)) : g_strdup (wanted);
  const char *value = thole_dict_string (labels, key, NULL);

  return value != NULL && (equals == NULL || strcmp (value, equals + 1) == 0);
}

static gboolean
labels_match (const TholeWorkload *now, char **wanted)
{
  g_autoptr (GVariant) labels = NULL;

  if (wanted == NULL || wanted[0] == NULL)
    return TRUE;
  labels = now->labels != NULL ? thole_json_parse (now->labels, strlen (now->labels), NULL) : NULL;
  for (guint i = 0; wanted[i] != NULL; i++)
    if (labels == NULL || !label_matches (labels, wanted[i]))
      return FALSE;
  return TRUE;
}

static gboolean
matches (const Filter *filter, const TholeWorkload *now)
{
  return (filter->states == 0 || (filter->states & (1u << now->state)))
         && (filter->backend[0] == '\0' || strcmp (filter->backend, now->backend) == 0)
         && (filter->owner[0] == '\0' || strcmp (filter->owner, now->owner) == 0)
         && (filter->name[0] == '\0' || strcmp (filter->name, now->name) == 0)
         && labels_match (now, filter->labels);
}

static gboolean
read_states (TholeCall *call, guint *mask)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  g_auto (GStrv) words = g_strsplit (thole_query_string (call, "state"), ",", 32);

  for (guint i = 0; words[i] != NULL && words[0][0] != '\0'; i++)
    {
      int state = thole_record_parse_choice (&thole_workload_type, "state", words[i]);

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

void
thole_op_workload_list (TholeCall *call)
{
  TholeCollection *all = call->operations->workloads;
  g_auto (GStrv) labels = call->query != NULL ? thole_dict_strv (call->query, "label") : NULL;
  g_autofree char *after = NULL;
  Filter filter = { 0, thole_query_string (call, "backend"), thole_query_string (call, "owner"),
                    thole_query_string (call, "name"), labels };
  TholePage page;
  guint i;

  if (!read_states (call, &filter.states) || !thole_page_begin (&page, call, &after))
    return;
  for (i = thole_collection_after (all, after); i < thole_collection_size (all); i++)
    {
      TholeSubject *subject = thole_collection_index (all, i);

      if (thole_access_owns (call->principal, subject->now->owner) && matches (&filter, subject->now)
          && !thole_page_add (&page, subject->now->id, thole_record_json (subject->now)))
        break;
    }
  thole_page_end (&page, call, i < thole_collection_size (all));
}
