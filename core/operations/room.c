/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/room.h"

#include "operations/console.h"
#include "operations/seat-hold.h"
#include "operations/timebase.h"
#include "thole-dict.h"

#include <string.h>

#define RETRY_BASE G_USEC_PER_SEC
#define RETRY_CAP (30 * G_USEC_PER_SEC)
#define REFRESH_PAUSE (30 * G_USEC_PER_SEC)
/* how old what the agent told may be where it decides something, µs */
#define FRESH (3 * G_USEC_PER_SEC)
/* ended sessions that are kept of one workload, and how long, µs */
#define ENDED_MOST 8
#define ENDED_AGE (24 * 3600 * (gint64) G_USEC_PER_SEC)

static void on_link_state (TholeAgentLink *link, TholeRoom *self);
static void on_session (TholeAgentLink *link, GVariant *told, TholeRoom *self);

static TholeRoom *
room_ref (TholeRoom *self)
{
  self->refs++;
  return self;
}

static void
room_unref (TholeRoom *self)
{
  if (--self->refs > 0)
    return;
  g_ptr_array_unref (self->seats);
  g_free (self->workload);
  g_free (self);
}

static void
drop_link (TholeRoom *self, TholeViewerEnd end, const char *detail)
{
  g_autoptr (TholeAgentLink) link = g_steal_pointer (&self->link);

  thole_source_clear (&self->refresh);
  if (link == NULL)
    return;
  g_signal_handlers_disconnect_by_data (link, self);
  thole_agent_link_end (link, NULL, end, detail);
}

/* of a table, so without the table's own entry */
static void
room_close (gpointer data)
{
  TholeRoom *self = data;

  thole_source_clear (&self->retry);
  drop_link (self, THOLE_VIEWER_WORKLOAD_GONE, "the workload is gone");
  room_unref (self);
}

static TholeRoom *
room_lookup (TholeOperations *operations, const char *workload)
{
  return g_hash_table_lookup (operations->rooms, workload);
}

TholeRoom *
thole_room_of (TholeOperations *operations, const char *workload)
{
  TholeRoom *self = room_lookup (operations, workload);

  if (self != NULL)
    return self;
  self = g_new0 (TholeRoom, 1);
  self->refs = 1;
  self->operations = operations;
  self->workload = g_strdup (workload);
  self->seats = g_ptr_array_new ();
  g_hash_table_insert (operations->rooms, self->workload, self);
  return self;
}

TholeSubject *
thole_room_subject (TholeRoom *self)
{
  return thole_collection_lookup (self->operations->workloads, self->workload);
}

guint
thole_room_live (TholeRoom *self)
{
  guint live = 0;

  for (guint i = 0; i < self->seats->len; i++)
    live += thole_seat_is_live (self->seats->pdata[i]);
  return live;
}

guint
thole_room_viewers (TholeOperations *operations, const char *workload)
{
  TholeRoom *self = room_lookup (operations, workload);
  guint viewers = thole_console_viewers (operations, workload);

  for (guint i = 0; self != NULL && i < self->seats->len; i++)
    viewers += thole_desk_viewers (((TholeSeat *) self->seats->pdata[i])->desk);
  return viewers;
}

/* the link -------------------------------------------------------------------------------------------------------- */

TholeAgentLink *
thole_room_link (TholeRoom *self)
{
  TholeSubject *subject = thole_room_subject (self);
  TholeBackend *backend = subject != NULL ? thole_subject_backend (subject) : NULL;
  g_autoptr (GVariant) options = NULL;

  if (self->link != NULL)
    return self->link;
  if (backend == NULL || subject->now->state != THOLE_WORKLOAD_STATE_RUNNING || self->operations->draining
      || !thole_room_uses_agent (self, backend))
    return NULL;
  thole_source_clear (&self->retry);
  options = g_variant_ref_sink (g_variant_new_parsed ("{'binary': <%s>, 'user': <%s>}", self->operations->limits.agent,
                                                      thole_dict_string (thole_subject_spec (subject), "user", "")));
  self->link = thole_agent_link_new (self->operations->clock, thole_agent_way_backend (backend, self->workload, options));
  g_signal_connect (self->link, "state-changed", G_CALLBACK (on_link_state), self);
  g_signal_connect (self->link, "session-changed", G_CALLBACK (on_session), self);
  return self->link;
}

gboolean
thole_room_has_agent (TholeOperations *operations, TholeBackend *backend)
{
  return operations->limits.agent != NULL && operations->limits.agent[0] != '\0' && thole_backend_has (backend, THOLE_SLOT_AGENT_CONNECT);
}

gboolean
thole_room_uses_agent (TholeRoom *self, TholeBackend *backend)
{
  return !self->no_agent && thole_room_has_agent (self->operations, backend);
}

static gboolean
has_agent_seats (TholeRoom *self)
{
  for (guint i = 0; i < self->seats->len; i++)
    {
      TholeSeat *seat = self->seats->pdata[i];

      if (thole_seat_is_live (seat) && seat->now->durability == THOLE_SESSION_DURABILITY_AGENT)
        return TRUE;
    }
  return FALSE;
}

static gboolean
on_retry (gpointer user_data)
{
  TholeRoom *self = user_data;

  thole_source_clear (&self->retry);
  if (has_agent_seats (self))
    thole_room_link (self);
  return G_SOURCE_REMOVE;
}

static void miss_all (TholeRoom *self);

static void
link_lost (TholeRoom *self)
{
  TholeOperations *operations = self->operations;

  g_signal_handlers_disconnect_by_data (self->link, self);
  self->no_agent = g_error_matches (thole_agent_link_get_error (self->link), THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  g_clear_object (&self->link);
  thole_source_clear (&self->refresh);
  if (self->no_agent)
    miss_all (self);
  else if (self->retry == NULL && !operations->draining && has_agent_seats (self))
    self->retry = thole_clock_timer (operations->clock, thole_backoff (operations->clock, RETRY_BASE, RETRY_CAP, MIN (self->tries++, 8)),
                                     on_retry, self);
}

/* adoption ---------------------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeRoom *room;
  char *session; /* (nullable) */
} Asked;

static Asked *
asked_new (TholeRoom *room, const char *session)
{
  Asked *self = g_new0 (Asked, 1);

  self->room = room_ref (room);
  self->session = g_strdup (session);
  room->operations->calls++;
  return self;
}

static void
asked_free (Asked *self)
{
  self->room->operations->calls--;
  room_unref (self->room);
  g_free (self->session);
  g_free (self);
}

static void
closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &error);

  /* what stays there is found by the next comparison */
  if (answer == NULL && !self->room->operations->draining)
    g_log_structured ("thole", G_LOG_LEVEL_INFO, "THOLE_SESSION", self->session, "MESSAGE", "%s: not ended: %s", self->session,
                      error->message);
  asked_free (self);
}

void
thole_room_close (TholeRoom *self, const char *session)
{
  TholeAgentLink *link = thole_room_link (self);

  g_autoptr (GVariant) arguments = NULL;

  if (link == NULL)
    return;
  arguments = g_variant_ref_sink (g_variant_new_parsed ("{'id': <%s>, 'grace_ms': <%x>}", session, (gint64) 2000));
  thole_agent_link_call_async (link, THOLE_AGENT_CALL_CLOSE, arguments, 0, NULL, closed, asked_new (self, session));
}

static TholeSeat *
seat_of (TholeRoom *self, const char *id)
{
  for (guint i = 0; i < self->seats->len; i++)
    if (strcmp (((TholeSeat *) self->seats->pdata[i])->now->id, id) == 0)
      return self->seats->pdata[i];
  return NULL;
}

static gboolean
edit_running (TholeSeat *seat, TholeSessionRecord *next, gpointer user_data)
{
  if (next->state != THOLE_SESSION_STATE_STARTING)
    return FALSE;
  next->state = THOLE_SESSION_STATE_RUNNING;
  next->started_at = next->updated_at;
  return TRUE;
}

static void
adopt (TholeSeat *seat, GVariant *told)
{
  TholeSeatChange change = { .edit = edit_running, .event = "session.started", .actor = "daemon", .insist = TRUE };

  /* the daemon ended between its start and the COMMIT of that */
  if (seat->now->state == THOLE_SESSION_STATE_STARTING && !seat->opening)
    thole_seat_change (seat, &change);
  thole_seat_note (seat, told);
  thole_seat_listen (seat);
}

/* the agent does not know it */
static void
miss (TholeRoom *self, TholeSeat *seat)
{
  TholeSubject *subject = thole_room_subject (self);
  const char *reason = "lost: the agent was started anew";

  if (!thole_seat_is_live (seat) || seat->opening || seat->closing || seat->now->durability != THOLE_SESSION_DURABILITY_AGENT)
    return;
  if (seat->now->state == THOLE_SESSION_STATE_STARTING)
    reason = "not_started: the daemon was restarted before";
  else if (subject != NULL && subject->now->started_at > seat->now->created_at)
    reason = "workload_restarted";
  thole_seat_end (seat, "engine", reason, -1, 0, THOLE_VIEWER_REMOVED);
}

/* there is no agent, and none can come */
static void
miss_all (TholeRoom *self)
{
  g_autoptr (GPtrArray) seats = g_ptr_array_copy (self->seats, NULL, NULL);

  for (guint i = 0; i < seats->len && !self->operations->draining; i++)
    miss (self, seats->pdata[i]);
}

static void
compare (TholeRoom *self, GVariant *sessions)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) seats = g_ptr_array_copy (self->seats, NULL, NULL);

  for (gsize i = 0; i < g_variant_n_children (sessions); i++)
    {
      g_autoptr (GVariant) told = g_variant_get_child_value (sessions, i);
      const char *id = thole_dict_string (told, "id", "");
      TholeSeat *seat = seat_of (self, id);

      if (seat != NULL)
        {
          g_hash_table_add (seen, seat);
          adopt (seat, told);
        }
      else if (g_str_has_prefix (id, thole_session_type.prefix))
        thole_room_close (self, id);
    }
  for (guint i = 0; i < seats->len; i++)
    if (!g_hash_table_contains (seen, seats->pdata[i]))
      miss (self, seats->pdata[i]);
}

static gboolean ask (gpointer user_data);

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *asked = user_data;
  TholeRoom *self = asked->room;
  g_autoptr (GVariant) answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, NULL);
  g_autoptr (GVariant) sessions = answer != NULL ? thole_dict_value (answer, "sessions", "aa{sv}") : NULL;

  self->asking = FALSE;
  self->listed_at = thole_clock_monotonic (self->operations->clock);
  if (sessions != NULL && self->link == THOLE_AGENT_LINK (source) && !self->operations->draining)
    compare (self, sessions);
  if (self->link == THOLE_AGENT_LINK (source) && self->refresh == NULL)
    self->refresh = thole_clock_timer (self->operations->clock, REFRESH_PAUSE, ask, self);
  asked_free (asked);
}

static gboolean
ask (gpointer user_data)
{
  TholeRoom *self = user_data;

  thole_source_clear (&self->refresh);
  if (thole_agent_link_get_state (self->link) == THOLE_AGENT_READY)
    {
      self->asking = TRUE;
      thole_agent_link_call_async (self->link, THOLE_AGENT_CALL_LIST, NULL, 0, NULL, listed, asked_new (self, NULL));
    }
  return G_SOURCE_REMOVE;
}

gboolean
thole_room_is_fresh (TholeOperations *operations, const char *workload)
{
  TholeRoom *self = room_lookup (operations, workload);

  if (self == NULL || self->link == NULL || thole_agent_link_get_state (self->link) != THOLE_AGENT_READY || !has_agent_seats (self)
      || thole_clock_monotonic (operations->clock) - self->listed_at < FRESH)
    return TRUE;
  if (!self->asking)
    ask (self);
  return FALSE;
}

static void
on_link_state (TholeAgentLink *link, TholeRoom *self)
{
  switch (thole_agent_link_get_state (link))
    {
    case THOLE_AGENT_READY:
      self->tries = 0;
      ask (self);
      break;
    case THOLE_AGENT_LOST:
      link_lost (self);
      break;
    default:
      break;
    }
}

static void
on_session (TholeAgentLink *link, GVariant *told, TholeRoom *self)
{
  TholeSeat *seat = seat_of (self, thole_dict_string (told, "id", ""));

  if (seat != NULL && !self->operations->draining)
    thole_seat_note (seat, told);
}

/* the workload -------------------------------------------------------------------------------------------------------- */

static void
remove_seat (TholeSeat *seat, const char *reason)
{
  TholeSeatChange change = { .event = "session.deleted", .actor = "daemon", .reason = reason, .remove = TRUE, .insist = TRUE };

  thole_seat_change (seat, &change);
}

gboolean
thole_room_has_programs (TholeSubject *subject)
{
  int state = subject->now->state;

  return !subject->gone && (state == THOLE_WORKLOAD_STATE_RUNNING || state == THOLE_WORKLOAD_STATE_PAUSED || state == THOLE_WORKLOAD_STATE_STOPPING);
}

void
thole_room_follow (TholeSubject *subject)
{
  TholeRoom *self = room_lookup (subject->operations, subject->now->id);
  g_autoptr (GPtrArray) seats = self != NULL ? g_ptr_array_copy (self->seats, NULL, NULL) : NULL;
  g_autofree char *reason = NULL;

  thole_console_follow (subject);
  if (self == NULL)
    return;
  if (thole_room_has_programs (subject))
    {
      if (has_agent_seats (self) && self->link == NULL)
        thole_room_link (self);
      if (self->link != NULL)
        thole_agent_link_set_frozen (self->link, subject->now->state == THOLE_WORKLOAD_STATE_PAUSED);
      return;
    }
  reason = subject->now->state == THOLE_WORKLOAD_STATE_STARTING ? g_strdup ("workload_restarted")
                                                                : g_strconcat ("workload_", thole_state_name (subject->now->state), NULL);
  for (guint i = 0; i < seats->len; i++)
    if (subject->gone)
      remove_seat (seats->pdata[i], "workload_deleted");
    else if (thole_seat_is_live (seats->pdata[i]))
      thole_seat_part (seats->pdata[i], reason);
  self->no_agent = FALSE;
  drop_link (self, THOLE_VIEWER_WORKLOAD_GONE, reason);
}

/* all --------------------------------------------------------------------------------------------------------------- */

static void
take_up (TholeSeat *seat)
{
  TholeSubject *subject = thole_room_subject (seat->room);

  if (subject == NULL)
    remove_seat (seat, "workload_deleted");
  else if (seat->now->durability == THOLE_SESSION_DURABILITY_DAEMON)
    {
      if (thole_seat_is_live (seat))
        thole_seat_end (seat, "daemon", seat->now->state == THOLE_SESSION_STATE_STARTING
                                          ? "daemon_restarted: while its program was being started; what runs of it is ended"
                                          : "daemon_restarted: the daemon held this session; its program is ended",
                        -1, 0, THOLE_VIEWER_REMOVED);
      thole_seat_reap (seat);
    }
  else if (thole_seat_is_live (seat))
    thole_room_follow (subject);
  thole_seat_arm (seat);
}

static gboolean
is_known (gpointer user_data, const char *id)
{
  TholeSeat *seat = thole_collection_lookup (((TholeOperations *) user_data)->sessions, id);

  return seat != NULL && seat->now->recording;
}

gboolean
thole_rooms_load (TholeOperations *operations, GError **error)
{
  g_autoptr (GPtrArray) rows = thole_db_load (operations->db, &thole_session_type, error);

  for (guint i = 0; rows != NULL && i < rows->len; i++)
    {
      TholeSessionRecord *record = thole_record_ref (rows->pdata[i]);

      thole_collection_add (operations->sessions, thole_seat_new (thole_room_of (operations, record->workload), record));
    }
  if (rows != NULL && operations->limits.recordings != NULL)
    thole_recordings_sweep (operations->limits.recordings, is_known, operations);
  for (guint i = 0; rows != NULL && i < thole_collection_size (operations->sessions); i++)
    take_up (thole_collection_index (operations->sessions, i));
  return rows != NULL;
}

void
thole_rooms_retain (TholeOperations *operations)
{
  gint64 oldest = thole_clock_now (operations->clock) - ENDED_AGE;
  GHashTableIter iter;
  TholeRoom *self;

  g_hash_table_iter_init (&iter, operations->rooms);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &self))
    {
      guint surplus = self->seats->len - thole_room_live (self);

      surplus = surplus > ENDED_MOST ? surplus - ENDED_MOST : 0;
      for (guint i = self->seats->len; i > 0; i--)
        {
          TholeSeat *seat = self->seats->pdata[self->seats->len - i];

          if (seat->now->state != THOLE_SESSION_STATE_ENDED || seat->closing || (surplus == 0 && seat->now->ended_at > oldest)
              || thole_desk_viewers (seat->desk) > 0 || thole_seat_lingers (seat))
            continue;
          surplus -= surplus > 0;
          seat->closing = TRUE;
          if (seat->now->durability == THOLE_SESSION_DURABILITY_AGENT)
            thole_room_close (self, seat->now->id);
          remove_seat (seat, "it ended long ago");
        }
    }
}

void
thole_rooms_drain (TholeOperations *operations)
{
  GHashTableIter iter;
  TholeRoom *self;

  for (guint i = 0; i < thole_collection_size (operations->sessions); i++)
    {
      TholeSeat *seat = thole_collection_index (operations->sessions, i);

      thole_desk_end (seat->desk, THOLE_VIEWER_RESTARTING, "the daemon goes down: connect again");
      thole_seat_drain (seat);
      thole_seat_drop (seat, THOLE_VIEWER_RESTARTING, "the daemon goes down");
    }
  thole_consoles_drain (operations);
  g_hash_table_iter_init (&iter, operations->rooms);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &self))
    {
      thole_source_clear (&self->retry);
      drop_link (self, THOLE_VIEWER_RESTARTING, "the daemon goes down: connect again");
    }
}

void
thole_rooms_free (TholeOperations *operations)
{
  while (thole_collection_size (operations->sessions) > 0)
    {
      TholeSeat *seat = thole_collection_index (operations->sessions, 0);

      thole_collection_remove (operations->sessions, seat->now->id);
      thole_seat_leave (seat, THOLE_VIEWER_RESTARTING, "the daemon goes down: connect again");
      thole_seat_unref (seat);
    }
  thole_consoles_drain (operations);
  g_ptr_array_unref (operations->consoles);
  g_hash_table_unref (operations->rooms);
  thole_collection_free (operations->sessions);
}

static const char *
seat_id (gconstpointer object)
{
  return ((const TholeSeat *) object)->now->id;
}

void
thole_rooms_init (TholeOperations *operations)
{
  operations->rooms = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, room_close);
  operations->sessions = thole_collection_new (seat_id);
  operations->consoles = g_ptr_array_new ();
}
