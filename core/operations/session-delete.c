/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/room.h"
#include "operations/seat-hold.h"

static void
seat_free (gpointer data)
{
  thole_seat_unref (data);
}

static void
stored (TholeSeat *seat, gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;

  if (error != NULL)
    thole_call_error (call, error);
  else
    thole_call_return (call, 204, NULL);
}

static void
forget (TholeCall *call, const char *reason)
{
  TholeSeatChange change = { .done = stored, .user_data = call, .event = "session.deleted", .actor = call->principal->name,
                             .request = call->request_id, .reason = reason, .remove = TRUE };

  thole_seat_change (call->state, &change);
}

static void
closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeSeat *seat = call->state;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &error);
  TholeSubject *subject = thole_room_subject (seat->room);

  call->operations->calls--;
  seat->closing = FALSE;
  if (seat->desk != NULL)
    thole_desk_removing (seat->desk, FALSE);
  /* a workload that stopped meanwhile took it along */
  if (answer != NULL || subject == NULL || subject->now->state != THOLE_WORKLOAD_STATE_RUNNING)
    forget (call, "deleted");
  else
    thole_call_error (call, error);
}

/* one that the daemon holds: where the engine cannot end its program, that is said */
static void
killed (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  TholeSeat *seat = call->state;
  g_autofree char *reason = NULL;

  seat->closing = FALSE;
  if (seat->desk != NULL)
    thole_desk_removing (seat->desk, FALSE);
  if (error == NULL || !thole_seat_lingers (seat))
    forget (call, "deleted");
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED))
    {
      reason = g_strdup_printf ("deleted: its stream was closed, its program may go on: %.400s", error->message);
      g_log_structured ("thole", G_LOG_LEVEL_WARNING, "MESSAGE", "%s in %s: %s", seat->now->id, seat->now->workload, reason);
      forget (call, reason);
    }
  else
    thole_call_error (call, error);
}

static void
remove_held (TholeCall *call)
{
  TholeSeat *seat = call->state;

  if (!thole_seat_lingers (seat))
    {
      forget (call, "deleted");
      return;
    }
  seat->closing = TRUE;
  thole_desk_removing (seat->desk, TRUE);
  thole_seat_kill (seat, killed, call);
}

void
thole_op_session_delete (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);
  TholeSubject *subject = seat != NULL ? thole_room_subject (seat->room) : NULL;
  gboolean here = seat != NULL && seat->now->durability == THOLE_SESSION_DURABILITY_DAEMON;
  TholeAgentLink *link = seat != NULL && !here ? thole_room_link (seat->room) : NULL;
  g_autoptr (GVariant) arguments = NULL;

  if (seat == NULL)
    return;
  if (seat->opening)
    {
      thole_call_fail (call, THOLE_ERROR_BUSY, "its program is being started");
      return;
    }
  call->state = thole_seat_ref (seat);
  call->state_free = seat_free;
  if (here)
    remove_held (call);
  else if (link == NULL && thole_seat_is_live (seat) && subject != NULL && subject->now->state == THOLE_WORKLOAD_STATE_RUNNING)
    thole_call_fail (call, THOLE_ERROR_UNAVAILABLE, "the session cannot be reached now");
  else if (link == NULL)
    forget (call, "deleted");
  else
    {
      arguments = g_variant_ref_sink (g_variant_new_parsed ("{'id': <%s>, 'grace_ms': <%x>}", seat->now->id, (gint64) 2000));
      seat->closing = TRUE;
      thole_desk_removing (seat->desk, TRUE);
      call->operations->calls++;
      thole_agent_link_call_async (link, THOLE_AGENT_CALL_CLOSE, arguments, 0, NULL, closed, call);
    }
}
