/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

void
thole_op_workload_delete (TholeCall *call)
{
  static const TholeVerb gentle = { THOLE_INPUT_DELETE, THOLE_VERB_NO_SLOT, NULL, 200, NULL };
  static const TholeVerb force = { THOLE_INPUT_FORCE_DELETE, THOLE_VERB_NO_SLOT, NULL, 200, NULL };

  thole_verb_run (call, thole_query_boolean (call, "force") ? &force : &gentle);
}
