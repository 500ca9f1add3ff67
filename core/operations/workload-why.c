/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* what is looked at to find the beginning of the chain */
#define LOOK_BACK 200

/* a person asked for it, or a policy decided it: what the engine and the daemon then did follows from that */
static gboolean
is_origin (TholeEvent *event, GVariant *data)
{
  return strcmp (event->type, "workload.created") == 0
         || (strcmp (event->actor, "engine") != 0 && strcmp (event->actor, "daemon") != 0 && strcmp (event->actor, "policy") != 0
             && thole_dict_string (data, "request", "")[0] != '\0');
}

static char *
sentence (TholeEvent *event, GVariant *data)
{
  g_autoptr (GVariant) call = thole_dict_value (data, "call", "a{sv}");
  const char *reason = thole_dict_string (data, "reason", "");
  const char *state = thole_dict_string (data, "state", "gone");
  GString *text = g_string_new (NULL);

  if (is_origin (event, data))
    g_string_append_printf (text, "%s asked for %s (request %s)", event->actor, thole_dict_string (data, "asked", "it"),
                            thole_dict_string (data, "request", "unknown"));
  else if (strcmp (event->actor, "policy") == 0)
    g_string_append (text, "a policy decided");
  else if (call != NULL)
    g_string_append_printf (text, "the engine was asked for %s and answered %s after %.3f s", thole_dict_string (call, "slot", "?"),
                            thole_dict_string (call, "answer", "?"), thole_dict_double (call, "seconds", 0));
  else
    g_string_append (text, "the engine reported a change");
  if (strcmp (event->type, "workload.state") == 0)
    g_string_append_printf (text, "; from %s to %s", thole_dict_string (data, "from", "nothing"), state);
  if (reason[0] != '\0')
    g_string_append_printf (text, ": %s", reason);
  return g_string_free (text, FALSE);
}

static void
append_link (GString *json, TholeEvent *event, GVariant *data)
{
  g_autofree char *text = sentence (event, data);
  char time[THOLE_TIME_LENGTH];

  g_string_append_printf (json, "%s{\"seq\":%" G_GINT64_FORMAT ",\"time\":\"%s\"", json->str[json->len - 1] == '[' ? "" : ",", event->seq,
                          thole_time_format (event->time, time));
  thole_json_member (json, "type", event->type);
  thole_json_member (json, "actor", event->actor);
  thole_json_member (json, "text", text);
  g_string_append_printf (json, ",\"data\":%s}", event->data);
}

static GVariant *
data_of (TholeEvent *event)
{
  GVariant *data = thole_json_parse (event->data, strlen (event->data), NULL);

  return data != NULL ? data : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

static guint
first_link (GPtrArray *events)
{
  for (guint i = events->len; i > 0; i--)
    {
      g_autoptr (GVariant) data = data_of (events->pdata[i - 1]);

      if (is_origin (events->pdata[i - 1], data))
        return i - 1;
    }
  return 0;
}

static void
read_history (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeSubject *subject = call->state;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events = thole_db_events_finish (call->operations->db, result, &error);
  GString *json;

  call->operations->calls--;
  if (events == NULL)
    {
      thole_call_error (call, error);
      return;
    }
  json = g_string_new ("{\"id\":");
  thole_json_append_string (json, subject->now->id);
  thole_json_member (json, "name", subject->now->name);
  thole_json_member (json, "state", thole_state_name (subject->now->state));
  thole_json_member (json, "desired_state", thole_record_choice (&thole_workload_type, "desired_state", subject->now->desired_state));
  thole_json_member (json, "state_reason", subject->now->state_reason);
  g_string_append (json, ",\"because\":[");
  for (guint i = first_link (events); i < events->len; i++)
    {
      g_autoptr (GVariant) data = data_of (events->pdata[i]);

      append_link (json, events->pdata[i], data);
    }
  g_string_append (json, "]}");
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

void
thole_op_workload_why (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);

  if (subject == NULL)
    return;
  call->state = thole_subject_ref (subject);
  call->state_free = (GDestroyNotify) thole_subject_unref;
  call->operations->calls++;
  thole_db_history_async (call->operations->db, subject->now->id, LOOK_BACK, NULL, read_history, call);
}
