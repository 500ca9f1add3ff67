/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/workload-stop.h"

void
thole_op_workload_restart (TholeCall *call)
{
  static const TholeVerb verb = { THOLE_INPUT_RESTART, THOLE_VERB_NO_SLOT, NULL, 200, thole_stop_edit };

  thole_verb_run (call, &verb);
}
