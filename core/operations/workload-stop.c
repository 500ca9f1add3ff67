/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/workload-stop.h"

#include "thole-dict.h"

/* the signal and the grace that the caller asks for hold for this stop only */
gboolean
thole_stop_edit (TholeCall *call, TholeChange *change, TholeProblem **problem)
{
  TholeSubject *subject = change->subject;
  const char *signal = call->body != NULL ? thole_dict_string (call->body, "signal", "") : "";

  subject->stop_grace = call->body != NULL ? thole_dict_double (call->body, "grace", -1) : -1;
  g_free (subject->stop_signal);
  subject->stop_signal = signal[0] != '\0' ? g_strdup (signal) : NULL;
  return TRUE;
}

void
thole_op_workload_stop (TholeCall *call)
{
  static const TholeVerb verb = { THOLE_INPUT_STOP, THOLE_VERB_NO_SLOT, NULL, 200, thole_stop_edit };

  thole_verb_run (call, &verb);
}
