/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A program inside a workload tells something: it becomes an event of the workload.
 */
#include "operations/idle.h"
#include "operations/trail.h"
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

#define MAX_DATA 4096

/* of its own workload alone: another one is as if it were not there */
static TholeSubject *
find_subject (TholeCall *call)
{
  const char *own = call->principal->workload;
  TholeSubject *subject;

  if (own == NULL)
    return thole_call_subject (call);
  subject = strcmp (own, call->target) == 0 ? thole_collection_lookup (call->operations->workloads, own) : NULL;
  if (subject == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no workload %.128s", call->target);
  return subject;
}

/* Returns: (transfer full): the data of the event; what was told is one level down, so that it is never taken for what the daemon
 * tells itself */
static char *
make_data (TholeCall *call, const char *told)
{
  GString *json = g_string_new ("{\"type\":");

  thole_json_append_string (json, thole_dict_string (call->body, "type", ""));
  g_string_append_printf (json, ",\"data\":%s", told);
  if (call->request_id != NULL)
    thole_json_member (json, "request", call->request_id);
  g_string_append_c (json, '}');
  return g_string_free (json, FALSE);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;

  call->operations->calls--;
  if (error != NULL)
    thole_call_error (call, error);
  else
    thole_call_return (call, 201, g_bytes_ref (thole_event_json (call->state)));
}

void
thole_op_workload_report (TholeCall *call)
{
  const char *named = thole_dict_string (call->body, "workload", "");
  g_autoptr (GVariant) data = thole_dict_value (call->body, "data", "a{sv}");
  g_autofree char *told = thole_json_to_string (data);
  TholeSubject *subject = find_subject (call);
  TholeEvent *event;
  TholeTxn *txn;

  if (subject == NULL)
    return;
  if (strcmp (named, subject->now->id) != 0)
    {
      thole_call_fail (call, THOLE_ERROR_IDENTITY_MISMATCH, "the body names the workload %.64s, but this is %s", named, subject->now->id);
      return;
    }
  if (strlen (told) > MAX_DATA)
    {
      TholeProblem *problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");

      thole_problem_add (problem, "/data", "length", "must have at most %d bytes as JSON", MAX_DATA);
      thole_call_problem (call, problem);
      return;
    }
  event = thole_event_new (thole_clock_now (call->operations->clock), "workload.report", subject->now->id, subject->now->owner,
                           call->principal->name, make_data (call, told));
  call->state = thole_event_ref (event);
  call->state_free = (GDestroyNotify) thole_event_unref;
  txn = thole_txn_new ();
  thole_trail_add (call, txn, subject->now->id);
  thole_txn_event (txn, event);
  thole_idle_touch (subject);
  call->operations->calls++;
  thole_db_commit (call->operations->db, txn, stored, call);
}
