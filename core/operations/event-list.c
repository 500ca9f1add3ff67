/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"

#include "thole-json.h"

/* the daemon's events are for everybody; events of objects for those who see the object */
static TholeEventFilter *
make_filter (TholeCall *call)
{
  TholeEventFilter *filter = g_new0 (TholeEventFilter, 1);
  const char *types = thole_query_string (call, "type");
  const char *subject = thole_query_string (call, "subject");
  TholeSubject *named = subject[0] != '\0' ? thole_subject_find (call->operations, subject, call->principal) : NULL;

  filter->types = types[0] != '\0' ? g_strsplit (types, ",", 32) : NULL;
  filter->subject = subject[0] != '\0' ? g_strdup (named != NULL ? named->now->id : subject) : NULL;
  if (thole_access_owns_all (call->principal))
    return filter;
  filter->owner = g_strdup (call->principal->name);
  filter->mates = call->principal->mates != NULL ? g_hash_table_ref (call->principal->mates) : NULL;
  return filter;
}

static void
fail (TholeCall *call, const GError *error)
{
  TholeProblem *problem = thole_problem_from_error (error);
  g_autofree char *oldest = g_strdup_printf ("%" G_GINT64_FORMAT, thole_event_log_oldest (call->operations->events));

  if (problem->code == THOLE_ERROR_GONE)
    thole_problem_extend (problem, "oldest", oldest);
  thole_call_problem (call, problem);
}

/* the number to begin after: the oldest when the caller named none */
static gint64
begin_of (TholeCall *call, gboolean *named)
{
  TholeEventLog *log = call->operations->events;
  gint64 after = call->last_event_id >= 0 ? call->last_event_id : thole_query_int (call, "after", -1);

  *named = after >= 0;
  if (call->last_event_id < 0 && thole_query_boolean (call, "tail"))
    return thole_event_log_newest (log);
  return after >= 0 ? after : thole_event_log_oldest (log) - 1;
}

static void begin_page (TholeCall *call, gint64 after);

static void
paged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GError) error = NULL;
  gint64 next = 0;
  g_autoptr (GPtrArray) events = thole_event_log_page_finish (call->operations->events, result, &next, &error);
  gboolean named;
  gint64 begin = begin_of (call, &named);
  GString *json;

  call->operations->calls--;
  if (events == NULL && !named && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_GONE))
    {
      /* the oldest one was forgotten while it was read: there is another one now */
      begin_page (call, begin);
      return;
    }
  if (events == NULL)
    {
      fail (call, error);
      return;
    }
  json = g_string_new ("{\"items\":[");
  for (guint i = 0; i < events->len; i++)
    {
      gsize length;
      const char *text = g_bytes_get_data (thole_event_json (events->pdata[i]), &length);

      g_string_append (json, i > 0 ? "," : "");
      g_string_append_len (json, text, (gssize) length);
    }
  g_string_append_printf (json, "],\"next_after\":%" G_GINT64_FORMAT ",\"newest\":%" G_GINT64_FORMAT "}", next,
                          thole_event_log_newest (call->operations->events));
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

static void
begin_page (TholeCall *call, gint64 after)
{
  call->operations->calls++;
  thole_event_log_page_async (call->operations->events, after, (guint) thole_query_int (call, "limit", 100), make_filter (call),
                              paged, call);
}

void
thole_op_event_list (TholeCall *call)
{
  TholeEventLog *log = call->operations->events;
  gboolean named;
  gint64 after = begin_of (call, &named);
  g_autoptr (GError) error = NULL;
  TholeStream *stream;

  if (!(call->want & THOLE_WANT_EVENTS))
    {
      begin_page (call, after);
      return;
    }
  stream = thole_event_log_follow (log, after, make_filter (call), &error);
  if (stream != NULL)
    /* whoever named the number after which it begins knows it */
    stream->numbered = !named || (call->last_event_id < 0 && thole_query_boolean (call, "tail"));
  if (stream != NULL)
    thole_call_stream (call, THOLE_REPLY_EVENTS, stream);
  else
    fail (call, error);
}
