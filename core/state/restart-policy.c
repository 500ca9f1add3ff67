/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/restart-policy.h"

#include "thole-dict.h"

#include <string.h>

TholeRestart
thole_restart_read (GVariant *spec)
{
  TholeRestart restart = { THOLE_RESTART_NEVER, 5, G_USEC_PER_SEC };

  if (spec != NULL)
    {
      const char *policy = thole_dict_string (spec, "policy", "never");

      restart.policy = strcmp (policy, "always") == 0 ? THOLE_RESTART_ALWAYS
                       : strcmp (policy, "on-failure") == 0 ? THOLE_RESTART_ON_FAILURE : THOLE_RESTART_NEVER;
      restart.max_retries = thole_dict_int (spec, "max_retries", restart.max_retries);
      restart.backoff = (gint64) (thole_dict_double (spec, "backoff", 1) * G_USEC_PER_SEC);
    }
  return restart;
}

TholeRestartDecision
thole_restart_decide (const TholeRestart *restart, gboolean failed, gint64 ran, gint64 failures)
{
  TholeRestartDecision out = { .again = FALSE };
  gint64 before = ran >= THOLE_RESTART_HEALTHY_RUN ? 0 : failures;
  gboolean wanted = restart->policy == THOLE_RESTART_ALWAYS || (restart->policy == THOLE_RESTART_ON_FAILURE && failed);

  /* a good end of a short run is no failure, yet it must not spin: it waits the first pause */
  out.failures = failed ? before + 1 : 0;
  if (!wanted)
    return out;
  if (failed && restart->max_retries > 0 && before >= restart->max_retries)
    {
      out.gave_up = TRUE;
      return out;
    }
  out.again = TRUE;
  out.after = restart->backoff;
  for (gint64 i = 1; i < out.failures && out.after < THOLE_RESTART_LONGEST; i++)
    out.after *= 2;
  out.after = MIN (out.after, THOLE_RESTART_LONGEST);
  return out;
}
