/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"

#include <string.h>

static TholeTracker *
find (TholeCall *call)
{
  TholeTracker *tracker = thole_tracker_find (call->operations, call->target);

  if (tracker != NULL && thole_access_owns (call->principal, tracker->now->owner))
    return tracker;
  thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no operation %.64s", call->target);
  return NULL;
}

void
thole_op_operation_list (TholeCall *call)
{
  TholeCollection *all = call->operations->operations;
  const char *target = thole_query_string (call, "target");
  const char *word = thole_query_string (call, "state");
  int state = word[0] != '\0' ? thole_record_parse_choice (&thole_operation_type, "state", word) : -1;
  g_autofree char *after = NULL;
  TholePage page;
  guint i;

  if (word[0] != '\0' && state < 0)
    {
      TholeProblem *problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");

      thole_problem_add (problem, "/state", "choice", "%.64s is not a state of an operation", word);
      thole_call_problem (call, problem);
      return;
    }
  if (!thole_page_begin (&page, call, &after))
    return;
  for (i = thole_collection_after (all, after); i < thole_collection_size (all); i++)
    {
      TholeTracker *tracker = thole_collection_index (all, i);

      if (thole_access_owns (call->principal, tracker->now->owner) && (state < 0 || (int) tracker->now->state == state) && (target[0] == '\0' || strcmp (target, tracker->now->target) == 0)
          && !thole_page_add (&page, tracker->now->id, thole_record_json (tracker->now)))
        break;
    }
  thole_page_end (&page, call, i < thole_collection_size (all));
}

void
thole_op_operation_get (TholeCall *call)
{
  TholeTracker *tracker = find (call);
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  guint mask;

  if (tracker == NULL)
    return;
  mask = thole_wait_mask (call, &thole_operation_type, problem);
  if (problem->n_fields > 0)
    thole_call_problem (call, g_steal_pointer (&problem));
  else
    thole_wait_operation (call, tracker, mask, 200);
}

void
thole_op_operation_cancel (TholeCall *call)
{
  TholeTracker *tracker = find (call);

  if (tracker == NULL)
    return;
  if (tracker->now->state != THOLE_OPERATION_STATE_RUNNING)
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "it has ended: %s",
                     thole_record_choice (&thole_operation_type, "state", tracker->now->state));
  else if (tracker->cancel == NULL)
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is ended by stop, kill or delete of %s", tracker->now->type, tracker->now->target);
  else
    {
      g_cancellable_cancel (tracker->cancel);
      thole_call_return (call, 202, g_bytes_ref (thole_record_json (tracker->now)));
    }
}
