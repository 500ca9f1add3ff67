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

  if (!thole_query_states (call, &thole_workload_type, &filter.states) || !thole_page_begin (&page, call, &after))
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
