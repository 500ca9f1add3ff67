/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

/* with the slot held, so that nobody takes the protection away or puts it there meanwhile */
static gboolean
refuse_protected (TholeCall *call, TholeChange *change, TholeProblem **problem)
{
  if (!change->next->protected)
    return TRUE;
  *problem = thole_problem_new (THOLE_ERROR_CONFLICT, "it is protected: set protected to false first");
  return FALSE;
}

void
thole_op_workload_delete (TholeCall *call)
{
  static const TholeVerb gentle = { THOLE_INPUT_DELETE, THOLE_VERB_NO_SLOT, NULL, 202, refuse_protected };
  static const TholeVerb force = { THOLE_INPUT_FORCE_DELETE, THOLE_VERB_NO_SLOT, NULL, 202, refuse_protected };

  thole_verb_run (call, thole_query_boolean (call, "force") ? &force : &gentle);
}
