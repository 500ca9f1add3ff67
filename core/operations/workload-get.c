/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

#include <string.h>

void
thole_op_workload_get (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);
  g_autoptr (TholeProblem) problem = NULL;
  guint mask;

  if (subject == NULL)
    return;
  if (call->query == NULL)
    {
      thole_reply_workload (call, subject, 200);
      return;
    }
  problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  mask = thole_wait_mask (call, &thole_workload_type, problem);
  if (problem->n_fields > 0)
    thole_call_problem (call, g_steal_pointer (&problem));
  else
    thole_wait_workload (call, subject, mask, 200, 200);
}
