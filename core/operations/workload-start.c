/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

void
thole_op_workload_start (TholeCall *call)
{
  static const TholeVerb verb = { THOLE_INPUT_START, THOLE_VERB_NO_SLOT, NULL, 200, NULL };

  thole_verb_run (call, &verb);
}
