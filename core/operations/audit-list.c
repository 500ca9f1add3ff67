/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = thole_db_audit_finish (call->operations->db, result, &error);
  gint64 next = thole_query_int (call, "after", 0);
  GString *json;

  call->operations->calls--;
  if (rows == NULL)
    {
      thole_call_error (call, error);
      return;
    }
  json = g_string_new ("{\"items\":[");
  for (guint i = 0; i < rows->len; i++)
    {
      g_string_append (json, i > 0 ? "," : "");
      thole_audit_row_json (rows->pdata[i], json);
      next = ((TholeAuditRow *) rows->pdata[i])->seq;
    }
  g_string_append_printf (json, "],\"next_after\":%" G_GINT64_FORMAT "}", next);
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

static char *
text_of (TholeCall *call, const char *key)
{
  const char *text = thole_query_string (call, key);

  return text[0] != '\0' ? g_strdup (text) : NULL;
}

/* FALSE after it has answered */
static gboolean
time_of (TholeCall *call, const char *key, gint64 *time)
{
  const char *text = thole_query_string (call, key);
  g_autofree char *pointer = g_strconcat ("/", key, NULL);
  TholeProblem *problem;

  *time = text[0] != '\0' ? thole_time_parse (text) : 0;
  if (text[0] == '\0' || *time != 0)
    return TRUE;
  problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  thole_problem_add (problem, pointer, "format", "must be a time like 2030-01-31T12:00:00Z");
  thole_call_problem (call, problem);
  return FALSE;
}

void
thole_op_audit_list (TholeCall *call)
{
  TholeAuditQuery query = {
    .after = thole_query_int (call, "after", 0),
    .limit = (guint) thole_query_int (call, "limit", 100),
    .tail = thole_query_boolean (call, "tail"),
  };

  if (!time_of (call, "since", &query.since) || !time_of (call, "until", &query.until))
    return;
  query.texts[THOLE_AUDIT_ACTOR] = text_of (call, "actor");
  query.texts[THOLE_AUDIT_ACTION] = text_of (call, "action");
  query.texts[THOLE_AUDIT_TARGET] = text_of (call, "target");
  query.texts[THOLE_AUDIT_RESULT] = text_of (call, "result");
  query.texts[THOLE_AUDIT_ADDRESS] = text_of (call, "address");
  query.texts[THOLE_AUDIT_REQUEST] = text_of (call, "request");
  call->operations->calls++;
  thole_db_audit_async (call->operations->db, &query, call->cancellable, listed, call);
}

static void
verified (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GError) error = NULL;
  TholeAuditVerdict *verdict = thole_db_verify_finish (call->operations->db, result, &error);
  GString *json;

  call->operations->calls--;
  if (verdict == NULL)
    {
      thole_call_error (call, error);
      return;
    }
  json = g_string_new (NULL);
  g_string_append_printf (json, "{\"good\":%s,\"rows\":%" G_GINT64_FORMAT ",\"first\":%" G_GINT64_FORMAT ",\"last\":%" G_GINT64_FORMAT,
                          verdict->broken == 0 ? "true" : "false", verdict->rows, verdict->first, verdict->last);
  if (verdict->broken != 0)
    {
      g_string_append_printf (json, ",\"broken\":%" G_GINT64_FORMAT, verdict->broken);
      thole_json_member (json, "why", verdict->why);
    }
  g_string_append_c (json, '}');
  thole_audit_verdict_free (verdict);
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

void
thole_op_audit_verify (TholeCall *call)
{
  call->operations->calls++;
  thole_db_verify_async (call->operations->db, call->cancellable, verified, call);
}
