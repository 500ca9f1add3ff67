/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"
#include "operations/room.h"

#include <string.h>

/* how long a look at one session waits for what the agent knows, µs */
#define PATIENCE (2 * G_USEC_PER_SEC)

typedef struct
{
  guint states;          /* mask, 0 = all */
  const char *workload;  /* id, "" = all */
  const char *name;
} Filter;

static gboolean
matches (TholeCall *call, const Filter *filter, TholeSeat *seat)
{
  const TholeSessionRecord *now = seat->now;

  return (filter->states == 0 || (filter->states & (1u << now->state)))
         && (filter->workload[0] == '\0' || strcmp (filter->workload, now->workload) == 0)
         && (filter->name[0] == '\0' || strcmp (filter->name, now->name) == 0)
         && thole_seat_find (call->operations, now->id, call->principal) != NULL;
}

static void
list (TholeCall *call, const char *workload)
{
  TholeCollection *all = call->operations->sessions;
  Filter filter = { 0, workload, thole_query_string (call, "name") };
  g_autofree char *after = NULL;
  TholePage page;
  guint i;

  if (!thole_query_states (call, &thole_session_type, &filter.states) || !thole_page_begin (&page, call, &after))
    return;
  for (i = thole_collection_after (all, after); i < thole_collection_size (all); i++)
    {
      TholeSeat *seat = thole_collection_index (all, i);
      g_autoptr (GBytes) json = matches (call, &filter, seat) ? thole_seat_json (seat) : NULL;

      if (json != NULL && !thole_page_add (&page, seat->now->id, json))
        break;
    }
  thole_page_end (&page, call, i < thole_collection_size (all));
}

void
thole_op_session_list (TholeCall *call)
{
  const char *workload = thole_query_string (call, "workload");
  TholeSubject *subject = workload[0] != '\0' ? thole_subject_find (call->operations, workload, call->principal) : NULL;

  list (call, subject != NULL ? subject->now->id : workload);
}

void
thole_op_workload_sessions (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);

  if (subject != NULL)
    list (call, subject->now->id);
}

static void
told (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GVariant) answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, NULL);
  TholeSeat *seat;

  call->operations->calls--;
  seat = thole_call_seat (call);
  if (seat == NULL)
    return;
  if (answer != NULL)
    thole_seat_note (seat, answer);
  thole_reply_seat (call, seat, 200);
}

void
thole_op_session_get (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);
  g_autoptr (GVariant) arguments = NULL;

  if (seat == NULL)
    return;
  if (!thole_seat_is_live (seat) || seat->now->durability != THOLE_SESSION_DURABILITY_AGENT || seat->room->link == NULL || seat->opening || call->operations->draining
      || thole_agent_link_get_state (seat->room->link) != THOLE_AGENT_READY)
    {
      thole_reply_seat (call, seat, 200);
      return;
    }
  arguments = g_variant_ref_sink (g_variant_new_parsed ("{'id': <%s>}", seat->now->id));
  call->operations->calls++;
  thole_agent_link_call_async (seat->room->link, THOLE_AGENT_CALL_STAT, arguments, PATIENCE, NULL, told, call);
}
