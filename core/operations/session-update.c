/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What can be changed of a session that runs: its name, what follows when viewers leave, its size; and signals. */
#include "operations/room.h"
#include "operations/seat-hold.h"
#include "operations/timebase.h"

#include "thole-dict.h"

#include <string.h>

typedef struct
{
  TholeSeat *seat;
  gint64 rows, cols; /* 0 = as they are */
  const char *name, *on_detach; /* borrowed of the body; (nullable) */
  double stop_after; /* 0 = as it is */
  gboolean changes;  /* of the record */
  guint status;
} Update;

static void
update_free (gpointer data)
{
  thole_seat_unref (((Update *) data)->seat);
  g_free (data);
}

static gboolean
name_is_free (TholeSeat *seat, const char *name)
{
  for (guint i = 0; i < seat->room->seats->len; i++)
    {
      TholeSeat *other = seat->room->seats->pdata[i];

      if (other != seat && thole_seat_is_live (other) && strcmp (other->now->name, name) == 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
edit (TholeSeat *seat, TholeSessionRecord *next, gpointer user_data)
{
  Update *self = ((TholeCall *) user_data)->state;
  gboolean alone = thole_desk_viewers (seat->desk) == 0;

  if (self->name != NULL)
    thole_record_set (&next->name, self->name);
  if (self->on_detach != NULL)
    next->on_detach = thole_record_parse_choice (&thole_session_type, "on_detach", self->on_detach);
  if (self->stop_after > 0)
    next->stop_after = self->stop_after;
  if (self->rows > 0)
    next->rows = self->rows;
  if (self->cols > 0)
    next->cols = self->cols;
  if (self->on_detach == NULL && self->stop_after == 0)
    return TRUE;
  next->deadline_at = 0;
  if (alone && next->state != THOLE_SESSION_STATE_ENDED && next->on_detach == THOLE_SESSION_ON_DETACH_STOP_AFTER)
    next->deadline_at = thole_timebase_now (seat->operations) + (gint64) (next->stop_after * G_USEC_PER_SEC);
  return TRUE;
}

static void
stored (TholeSeat *seat, gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Update *self = call->state;

  if (error != NULL)
    thole_call_error (call, error);
  else if (seat->gone)
    thole_call_fail (call, THOLE_ERROR_GONE, "it was deleted");
  else if (self->status == 204)
    thole_call_return (call, 204, NULL);
  else
    thole_reply_seat (call, seat, 200);
}

static void
store (TholeCall *call)
{
  Update *self = call->state;
  TholeSeatChange change = { .edit = edit, .done = stored, .user_data = call, .event = "session.updated",
                             .actor = call->principal->name, .request = call->request_id };

  if (self->changes)
    thole_seat_change (self->seat, &change);
  else
    stored (self->seat, call, NULL);
}

static void
resize_done (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Update *self = call->state;

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  if (self->seat->desk != NULL)
    thole_desk_set_size (self->seat->desk, (guint) self->rows, (guint) self->cols);
  store (call);
}

static void
resized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GError) error = NULL;
  GVariant *answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &error);

  call->operations->calls--;
  g_clear_pointer (&answer, g_variant_unref);
  resize_done (call, error);
}

/* does the daemon hold it? */
static gboolean
is_held_here (TholeSeat *seat)
{
  return seat->now->durability == THOLE_SESSION_DURABILITY_DAEMON && thole_seat_is_live (seat);
}

/* answers for a session that does not run. Returns: (transfer none) (nullable) */
static TholeAgentLink *
link_of (TholeCall *call, TholeSeat *seat)
{
  TholeAgentLink *link = thole_seat_is_live (seat) ? thole_room_link (seat->room) : NULL;

  if (!thole_seat_is_live (seat))
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "the session has ended");
  else if (link == NULL)
    thole_call_fail (call, THOLE_ERROR_UNAVAILABLE, "the session cannot be reached now");
  return link;
}

static void
resize (TholeCall *call)
{
  Update *self = call->state;
  gboolean here = is_held_here (self->seat);
  TholeAgentLink *link = here ? NULL : link_of (call, self->seat);
  g_autoptr (GVariant) arguments = NULL;
  guint rows, cols;

  if (link == NULL && !here)
    return;
  if (here && !self->seat->now->tty)
    {
      thole_call_fail (call, THOLE_ERROR_INVALID, "the session has no terminal");
      return;
    }
  thole_desk_get_size (self->seat->desk, &rows, &cols);
  self->rows = self->rows > 0 ? self->rows : (gint64) rows;
  self->cols = self->cols > 0 ? self->cols : (gint64) cols;
  if (here)
    {
      thole_seat_resize (self->seat, (guint) self->rows, (guint) self->cols, resize_done, call);
      return;
    }
  arguments = g_variant_ref_sink (g_variant_new_parsed ("{'id': <%s>, 'rows': <%x>, 'cols': <%x>}", self->seat->now->id, self->rows, self->cols));
  call->operations->calls++;
  thole_agent_link_call_async (link, THOLE_AGENT_CALL_RESIZE, arguments, 0, NULL, resized, call);
}

static Update *
begin (TholeCall *call, TholeSeat *seat, guint status)
{
  Update *self = g_new0 (Update, 1);

  self->seat = thole_seat_ref (seat);
  self->rows = thole_dict_int (call->body, "rows", 0);
  self->cols = thole_dict_int (call->body, "cols", 0);
  self->status = status;
  self->changes = TRUE;
  call->state = self;
  call->state_free = update_free;
  return self;
}

static gboolean
if_match_fails (TholeCall *call, TholeSeat *seat)
{
  g_autofree char *revision = g_strdup_printf ("%" G_GINT64_FORMAT, seat->now->revision);

  if (call->if_match == NULL || strcmp (call->if_match, "*") == 0 || strcmp (call->if_match, revision) == 0)
    return FALSE;
  thole_call_fail (call, THOLE_ERROR_PRECONDITION, "the session has revision %s", revision);
  return TRUE;
}

void
thole_op_session_update (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);
  Update *self;

  if (seat == NULL || if_match_fails (call, seat))
    return;
  self = begin (call, seat, 200);
  self->name = thole_dict_string (call->body, "name", NULL);
  self->on_detach = thole_dict_string (call->body, "on_detach", NULL);
  self->stop_after = thole_dict_double (call->body, "stop_after", 0);
  if (self->name != NULL && !name_is_free (seat, self->name))
    thole_call_fail (call, THOLE_ERROR_EXISTS, "the workload has a session named %s already", self->name);
  else if (self->rows > 0 || self->cols > 0)
    resize (call);
  else
    store (call);
}

void
thole_op_session_resize (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);

  if (seat == NULL)
    return;
  begin (call, seat, 204);
  resize (call);
}

static void
signal_done (gpointer user_data, const GError *error)
{
  if (error == NULL)
    thole_call_return (user_data, 204, NULL);
  else
    thole_call_error (user_data, error);
}

static void
signalled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GError) error = NULL;
  GVariant *answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &error);

  call->operations->calls--;
  g_clear_pointer (&answer, g_variant_unref);
  signal_done (call, error);
}

void
thole_op_session_signal (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);
  gboolean here = seat != NULL && is_held_here (seat);
  TholeAgentLink *link = seat != NULL && !here ? link_of (call, seat) : NULL;
  int signal = thole_signal_number (thole_dict_string (call->body, "signal", ""));
  g_autoptr (GVariant) arguments = NULL;

  if (here)
    thole_seat_signal (seat, signal, signal_done, call);
  if (link == NULL)
    return;
  arguments = g_variant_ref_sink (g_variant_new_parsed ("{'id': <%s>, 'signal': <%x>}", seat->now->id, (gint64) signal));
  call->operations->calls++;
  thole_agent_link_call_async (link, THOLE_AGENT_CALL_SIGNAL, arguments, 0, NULL, signalled, call);
}
