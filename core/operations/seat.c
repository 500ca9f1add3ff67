/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/seat.h"

#include "operations/idle.h"
#include "operations/room.h"
#include "operations/seat-hold.h"
#include "operations/timebase.h"
#include "operations/verb.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* until a change is stored again that could not be stored, µs */
#define STORE_PAUSE (G_USEC_PER_SEC / 2)
#define STORE_PAUSE_MOST (30 * G_USEC_PER_SEC)
/* how long viewers have to come back after a restart of the daemon before on_detach counts, µs */
#define COME_BACK (60 * G_USEC_PER_SEC)

typedef struct
{
  TholeSeatChange change;
  TholeSeat *seat;
  TholeSessionRecord *next;
  char *actor, *request, *reason;
  guint tries;
} Queued;

typedef struct
{
  char *reason;
  int code, signal;
  TholeViewerEnd end;
} Ending;

static void store_next (TholeSeat *self);

/* viewers ---------------------------------------------------------------------------------------------------- */

static gboolean
is_held_here (TholeSeat *self)
{
  return self->now->durability == THOLE_SESSION_DURABILITY_DAEMON;
}

/* one that has ended is there as long as the agent is that had it */
TholeSession *
thole_seat_source (TholeSeat *self)
{
  TholeAgentLink *link;

  if (is_held_here (self))
    return self->hold != NULL ? thole_hold_session (self->hold) : NULL;
  link = thole_seat_is_live (self) ? thole_room_link (self->room) : self->room->link;
  return link != NULL ? thole_agent_link_session (link, self->now->id, self->now->tty) : NULL;
}

gboolean
thole_seat_has_source (TholeSeat *self)
{
  if (is_held_here (self))
    return self->hold != NULL;
  return (thole_seat_is_live (self) ? thole_room_link (self->room) : self->room->link) != NULL;
}

void
thole_seat_touch (TholeSeat *self)
{
  TholeSubject *subject = thole_room_subject (self->room);

  if (subject != NULL)
    thole_idle_touch (subject);
}

static TholeSession *
on_source (gpointer user_data)
{
  return thole_seat_source (user_data);
}

static gboolean
edit_attached (TholeSeat *self, TholeSessionRecord *next, gpointer user_data)
{
  guint viewers = thole_desk_viewers (self->desk);

  next->attached = viewers > 0;
  next->last_activity = next->updated_at;
  next->deadline_at = 0;
  if (viewers == 0 && next->state != THOLE_SESSION_STATE_ENDED && next->on_detach == THOLE_SESSION_ON_DETACH_STOP_AFTER)
    next->deadline_at = thole_timebase_now (self->operations) + (gint64) (next->stop_after * G_USEC_PER_SEC);
  return TRUE;
}

static void
on_viewers (gpointer user_data, guint viewers, gboolean came)
{
  TholeSeat *self = user_data;
  TholeSeatChange change = { .edit = edit_attached, .event = came ? "session.attached" : "session.detached", .actor = self->now->owner,
                             .insist = TRUE };

  if (self->operations->draining || self->gone)
    return;
  thole_seat_touch (self);
  thole_seat_change (self, &change);
  if (viewers == 0 && self->now->on_detach == THOLE_SESSION_ON_DETACH_STOP)
    thole_seat_stop (self);
}

static void
on_deadline (gpointer owner)
{
  TholeSeat *self = owner;

  if (thole_desk_viewers (self->desk) == 0)
    thole_seat_stop (self);
}

/* life -------------------------------------------------------------------------------------------------------- */

static void
open_recording (TholeSeat *self)
{
  const TholeSessionRecord *record = self->now;
  TholeRecordingOptions options = {
    .folder = self->operations->limits.recordings,
    .id = record->id,
    .rows = (guint) record->rows,
    .cols = (guint) record->cols,
    .term = record->term,
    .begun_at = record->created_at,
    .most = self->operations->limits.recording,
    .busy = &self->operations->calls,
  };

  if (record->recording && options.folder != NULL)
    self->recording = thole_recording_new (self->operations->clock, &options);
  if (self->recording != NULL)
    thole_recording_set_held (self->recording, is_held_here (self));
}

void
thole_seat_listen (TholeSeat *self)
{
  if (self->recording == NULL || self->gone || self->operations->draining)
    return;
  /* that no agent can be there was found out only when it was asked */
  thole_recording_set_held (self->recording, is_held_here (self));
  thole_recording_listen (self->recording, thole_seat_source (self));
}

TholeSeat *
thole_seat_new (TholeRoom *room, TholeSessionRecord *record)
{
  static const TholeDeskEvents events = { .source = on_source, .viewers = on_viewers };
  TholeSeat *self = g_new0 (TholeSeat, 1);

  self->refs = 1;
  self->operations = room->operations;
  self->room = room;
  self->now = record;
  self->active_at = record->last_activity;
  self->desk = thole_desk_new (room->operations->clock, record->tty, (guint) record->rows, (guint) record->cols, &events, self);
  open_recording (self);
  self->deadline.fire = on_deadline;
  self->deadline.owner = self;
  g_ptr_array_add (room->seats, self);
  return self;
}

TholeSeat *
thole_seat_ref (TholeSeat *self)
{
  self->refs++;
  return self;
}

void
thole_seat_unref (TholeSeat *self)
{
  if (--self->refs > 0)
    return;
  thole_source_clear (&self->again);
  thole_record_unref (self->now);
  g_free (self);
}

void
thole_seat_leave (TholeSeat *self, TholeViewerEnd end, const char *detail)
{
  self->gone = TRUE;
  g_clear_pointer (&self->deadline.entry, g_sequence_remove);
  g_ptr_array_remove (self->room->seats, self);
  g_clear_pointer (&self->recording, thole_recording_free);
  if (!self->operations->draining)
    thole_seat_touch (self);
  thole_source_clear (&self->reaper);
  thole_seat_drop (self, end, detail);
  thole_desk_free (g_steal_pointer (&self->desk), end, detail);
}

gboolean
thole_seat_is_live (TholeSeat *self)
{
  return self->now->state != THOLE_SESSION_STATE_ENDED && !self->gone;
}

void
thole_seat_arm (TholeSeat *self)
{
  gint64 at = thole_seat_is_live (self) ? self->now->deadline_at : 0;

  if (at == 0 && self->now->attached && thole_seat_is_live (self) && thole_desk_viewers (self->desk) == 0
      && self->now->on_detach != THOLE_SESSION_ON_DETACH_KEEP)
    /* they were there when the daemon went */
    at = thole_timebase_now (self->operations)
         + MAX (COME_BACK, self->now->on_detach == THOLE_SESSION_ON_DETACH_STOP ? 0 : (gint64) (self->now->stop_after * G_USEC_PER_SEC));
  thole_deadline_set (self->operations, &self->deadline, at);
}

/* changes ------------------------------------------------------------------------------------------------------ */

static TholeEvent *
event_of (Queued *self)
{
  TholeSessionRecord *next = self->next;
  GString *data = g_string_new (NULL);

  g_string_append_printf (data, "{\"revision\":%" G_GINT64_FORMAT, next->revision);
  thole_json_member (data, "workload", next->workload);
  thole_json_member (data, "name", next->name);
  thole_json_member (data, "state", thole_record_choice (&thole_session_type, "state", next->state));
  g_string_append_printf (data, ",\"viewers\":%u", thole_desk_viewers (self->seat->desk));
  if (self->reason != NULL || next->reason[0] != '\0')
    thole_json_member (data, "reason", self->reason != NULL ? self->reason : next->reason);
  if (next->exit_code != THOLE_RECORD_NULL)
    g_string_append_printf (data, ",\"exit_code\":%" G_GINT64_FORMAT, next->exit_code);
  if (next->exit_signal[0] != '\0')
    thole_json_member (data, "exit_signal", next->exit_signal);
  if (self->request != NULL)
    thole_json_member (data, "request", self->request);
  g_string_append_c (data, '}');
  return thole_event_new (next->updated_at, self->change.event, next->id, next->owner, self->actor, g_string_free (data, FALSE));
}

static void
queued_free (Queued *self)
{
  g_clear_pointer (&self->next, thole_record_unref);
  g_free (self->actor);
  g_free (self->request);
  g_free (self->reason);
  g_free (self);
}

static void
take_place (TholeSeat *self, Queued *queued)
{
  thole_record_unref (self->now);
  self->now = thole_record_ref (queued->next);
  if (queued->change.remove)
    {
      thole_collection_remove (self->operations->sessions, self->now->id);
      g_clear_pointer (&self->recording, thole_recording_remove);
      thole_seat_leave (self, THOLE_VIEWER_REMOVED, "the session was deleted");
    }
  else
    thole_seat_arm (self);
  if (self->stop_due && self->now->state == THOLE_SESSION_STATE_RUNNING && !self->gone)
    {
      self->stop_due = FALSE;
      if (thole_desk_viewers (self->desk) == 0)
        thole_seat_stop (self);
    }
}

static gboolean
store_again (gpointer user_data)
{
  TholeSeat *self = user_data;

  thole_source_clear (&self->again);
  store_next (self);
  return G_SOURCE_REMOVE;
}

static void
finish (TholeSeat *self, Queued *queued, const GError *error)
{
  if (queued->change.done != NULL)
    queued->change.done (self, queued->change.user_data, error);
  if (queued->change.remove && error == NULL)
    thole_seat_unref (self); /* the collection's */
  queued_free (queued);
}

static void
committed (gpointer user_data, const GError *error)
{
  Queued *queued = user_data;
  TholeSeat *self = queued->seat;

  self->busy = FALSE;
  if (error != NULL && queued->change.insist && !self->operations->draining)
    {
      g_clear_pointer (&queued->next, thole_record_unref);
      g_queue_push_head (&self->changes, queued);
      self->again = thole_clock_timer (self->operations->clock, thole_backoff (self->operations->clock, STORE_PAUSE, STORE_PAUSE_MOST, queued->tries++),
                                       store_again, self);
      return;
    }
  if (error == NULL)
    take_place (self, queued);
  finish (self, queued, error);
  store_next (self);
  thole_seat_unref (self);
}

static gboolean
prepare (TholeSeat *self, Queued *queued)
{
  if (self->gone)
    return FALSE;
  queued->next = thole_record_copy (self->now);
  queued->next->revision++;
  queued->next->updated_at = thole_clock_now (self->operations->clock);
  return queued->change.edit == NULL || queued->change.edit (self, queued->next, queued->change.user_data);
}

/* a reference is held as long as there are changes */
static void
store_next (TholeSeat *self)
{
  Queued *queued;

  while (!self->busy && self->again == NULL && (queued = g_queue_pop_head (&self->changes)) != NULL)
    {
      TholeTxn *txn;

      if (!prepare (self, queued))
        {
          queued->change.remove = FALSE;
          finish (self, queued, NULL);
          thole_seat_unref (self);
          continue;
        }
      txn = thole_txn_new ();
      if (queued->change.remove)
        thole_txn_remove (txn, &thole_session_type, queued->next->id);
      else
        thole_txn_update (txn, queued->next);
      thole_txn_event (txn, event_of (queued));
      self->busy = TRUE;
      thole_db_commit (self->operations->db, txn, committed, queued);
    }
}

void
thole_seat_change (TholeSeat *self, const TholeSeatChange *change)
{
  Queued *queued = g_new0 (Queued, 1);

  queued->change = *change;
  queued->seat = thole_seat_ref (self);
  queued->actor = g_strdup (change->actor);
  queued->request = g_strdup (change->request);
  queued->reason = g_strdup (change->reason);
  g_queue_push_tail (&self->changes, queued);
  store_next (self);
}

void
thole_seat_drain (TholeSeat *self)
{
  Queued *queued;

  thole_source_clear (&self->again);
  thole_source_clear (&self->reaper);
  thole_recording_rest (self->recording);
  g_clear_pointer (&self->deadline.entry, g_sequence_remove);
  while (!self->busy && (queued = g_queue_pop_head (&self->changes)) != NULL)
    {
      g_autoptr (GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the daemon is going down");

      finish (self, queued, error);
      thole_seat_unref (self);
    }
}

/* ends ---------------------------------------------------------------------------------------------------------- */

static gboolean
edit_end (TholeSeat *self, TholeSessionRecord *next, gpointer user_data)
{
  Ending *ending = user_data;

  if (next->state == THOLE_SESSION_STATE_ENDED)
    return FALSE;
  next->state = THOLE_SESSION_STATE_ENDED;
  thole_record_set (&next->reason, ending->reason);
  next->exit_code = ending->code >= 0 ? ending->code : THOLE_RECORD_NULL;
  thole_record_set (&next->exit_signal, ending->signal > 0 ? thole_signal_name (ending->signal) : "");
  next->ended_at = next->updated_at;
  next->last_activity = MAX (next->last_activity, self->active_at);
  next->deadline_at = 0;
  /* otherwise its program may go on, and is looked for */
  if (ending->code >= 0)
    thole_record_set (&next->exec, "");
  return TRUE;
}

static void
end_stored (TholeSeat *self, gpointer user_data, const GError *error)
{
  Ending *ending = user_data;

  if (error == NULL && self->desk != NULL && ending->end != THOLE_VIEWER_ENDED)
    thole_desk_end (self->desk, ending->end, ending->reason);
  /* the agent that would have told the end is gone, or the hold has told it */
  if (error == NULL && self->recording != NULL && (ending->end != THOLE_VIEWER_ENDED || is_held_here (self))
      && !thole_recording_listens (self->recording))
    thole_recording_finish (self->recording);
  g_free (ending->reason);
  g_free (ending);
}

void
thole_seat_end (TholeSeat *self, const char *actor, const char *reason, int code, int signal, TholeViewerEnd end)
{
  TholeSeatChange change = { .edit = edit_end, .done = end_stored, .event = "session.ended", .actor = actor, .insist = TRUE };
  Ending *ending = g_new0 (Ending, 1);

  ending->reason = g_strdup (reason);
  ending->code = code;
  ending->signal = signal;
  ending->end = end;
  change.user_data = ending;
  thole_seat_change (self, &change);
}

void
thole_seat_stop (TholeSeat *self)
{
  if (!thole_seat_is_live (self) || self->closing)
    return;
  if (self->now->state == THOLE_SESSION_STATE_STARTING)
    {
      self->stop_due = TRUE;
      return;
    }
  self->closing = TRUE;
  if (is_held_here (self))
    thole_seat_kill_alone (self);
  else
    thole_room_close (self->room, self->now->id);
  thole_seat_end (self, "policy", "detached: the last viewer left", -1, 0, THOLE_VIEWER_REMOVED);
}

void
thole_seat_note (TholeSeat *self, GVariant *told)
{
  const char *state = thole_dict_string (told, "state", "");
  gint64 rows = thole_dict_int (told, "rows", 0), cols = thole_dict_int (told, "cols", 0);
  int code = (int) thole_dict_int (told, "exit_code", 0), signal = (int) thole_dict_int (told, "exit_signal", 0);
  g_autofree char *reason = NULL;
  gint64 active_at;

  self->output = MAX (self->output, thole_dict_int (told, "head", 0));
  active_at = MAX (thole_dict_int (told, "output_at", 0), thole_dict_int (told, "input_at", 0));
  if (active_at > self->active_at)
    {
      self->active_at = active_at;
      thole_seat_touch (self);
    }
  if (rows > 0 && cols > 0)
    thole_desk_set_size (self->desk, (guint) rows, (guint) cols);
  if (strcmp (state, "exited") != 0 || !thole_seat_is_live (self) || self->opening)
    return;
  reason = signal > 0 ? g_strdup_printf ("signalled: %s", thole_signal_name (signal)) : g_strdup_printf ("exited: code %d", code);
  thole_seat_end (self, "engine", reason, code, signal, THOLE_VIEWER_ENDED);
}

/* looking -------------------------------------------------------------------------------------------------------- */

TholeSessionRecord *
thole_seat_record (TholeSeat *self)
{
  TholeSessionRecord *shown = thole_record_copy (self->now);
  guint rows, cols;

  shown->viewers = self->desk != NULL ? thole_desk_viewers (self->desk) : 0;
  shown->output = self->hold != NULL ? (gint64) thole_hold_output (self->hold) : self->output;
  shown->recorded = self->recording != NULL ? (gint64) thole_recording_size (self->recording) : 0;
  shown->last_activity = MAX (shown->last_activity, self->active_at);
  if (self->hold != NULL)
    shown->last_activity = MAX (shown->last_activity, thole_hold_active (self->hold));
  if (self->desk != NULL)
    {
      thole_desk_get_size (self->desk, &rows, &cols);
      shown->rows = rows;
      shown->cols = cols;
      shown->last_activity = MAX (shown->last_activity, thole_desk_active (self->desk));
    }
  return shown;
}

GBytes *
thole_seat_json (TholeSeat *self)
{
  TholeSessionRecord *shown = thole_seat_record (self);
  GBytes *json = g_bytes_ref (thole_record_json (shown));

  thole_record_unref (shown);
  return json;
}

static gboolean
may_see (const TholePrincipal *principal, TholeSeat *seat)
{
  return thole_access_owns (principal, seat->now->owner);
}

TholeSeat *
thole_seat_find (TholeOperations *operations, const char *id_or_name, const TholePrincipal *principal)
{
  TholeSeat *found = thole_collection_lookup (operations->sessions, id_or_name);

  if (found != NULL)
    return may_see (principal, found) ? found : NULL;
  for (guint i = 0; i < thole_collection_size (operations->sessions); i++)
    {
      TholeSeat *seat = thole_collection_index (operations->sessions, i);

      if (!thole_seat_is_live (seat) || strcmp (seat->now->name, id_or_name) != 0 || !may_see (principal, seat))
        continue;
      if (found != NULL)
        return NULL;
      found = seat;
    }
  return found;
}

TholeSeat *
thole_call_seat (TholeCall *call)
{
  TholeSeat *seat = thole_seat_find (call->operations, call->target, call->principal);

  if (seat == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no session %.128s", call->target);
  return seat;
}

void
thole_reply_seat (TholeCall *call, TholeSeat *seat, guint status)
{
  call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, seat->now->revision);
  thole_call_return (call, status, thole_seat_json (seat));
}
