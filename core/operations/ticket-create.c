/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/context.h"

#include "thole-dict.h"
#include "thole-json.h"

void
thole_op_ticket_create (TholeCall *call)
{
  TholeOperations *self = call->operations;
  const char *path = thole_dict_string (call->body, "path", "");
  g_autofree char *ticket = NULL;
  char time[THOLE_TIME_LENGTH];
  gint64 expires;
  GString *out;

  if (self->tickets == NULL)
    {
      thole_call_fail (call, THOLE_ERROR_UNSUPPORTED, "there are no tickets here");
      return;
    }
  ticket = thole_tickets_make (self->tickets, call->principal, path, &expires);
  if (ticket == NULL)
    {
      TholeProblem *problem = thole_problem_new (THOLE_ERROR_RATE_LIMITED, "too many tickets are waiting to be used");

      problem->retry_after = THOLE_TICKET_SECONDS;
      thole_call_problem (call, problem);
      return;
    }
  out = g_string_new (NULL);
  g_string_append_printf (out, "{\"ticket\":\"%s\",\"path\":", ticket);
  thole_json_append_string (out, path);
  g_string_append_printf (out, ",\"expires_at\":\"%s\"}", thole_time_format (expires, time));
  thole_call_return (call, 201, g_string_free_to_bytes (out));
}
