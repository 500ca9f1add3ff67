/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/idempotency.h"
#include "operations/room.h"
#include "operations/quota.h"
#include "operations/seat-hold.h"
#include "operations/verb.h"
#include "operations/trail.h"

#include "base/crash-point.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

typedef struct
{
  TholeSeat *seat;
  GError *error; /* why it did not start */
} Creation;

static void
creation_free (gpointer data)
{
  Creation *self = data;

  g_clear_pointer (&self->seat, thole_seat_unref);
  g_clear_error (&self->error);
  g_free (self);
}

/* the record ------------------------------------------------------------------------------------------------------- */

static int
choice (GVariant *body, const char *field, const char *fallback)
{
  return thole_record_parse_choice (&thole_session_type, field, thole_dict_string (body, field, fallback));
}

static char *
json_of (GVariant *dict, const char *key, const char *type, const char *empty)
{
  g_autoptr (GVariant) value = thole_dict_value (dict, key, type);

  return value != NULL ? thole_json_to_string (value) : g_strdup (empty);
}

/* by it the next daemon finds a program whose name at the engine was never stored */
static char *
mark_new (TholeOperations *operations)
{
  guint32 random[4];

  operations->clock->random (operations->clock, random, sizeof random);
  return g_strdup_printf (".%08x%08x%08x%08x", random[0], random[1], random[2], random[3]);
}

static TholeSessionRecord *
make_record (TholeCall *call, TholeSubject *subject, gboolean agent)
{
  TholeSessionRecord *record = thole_record_new (&thole_session_type);
  GVariant *body = call->body;
  const char *name = thole_dict_string (body, "name", "");
  gboolean tty = thole_dict_boolean (body, "tty", TRUE);

  g_free (record->id);
  record->id = thole_id_new (call->operations->clock, thole_session_type.prefix);
  thole_record_set (&record->name, name[0] != '\0' ? name : record->id);
  thole_record_set (&record->workload, subject->now->id);
  thole_record_set (&record->owner, subject->now->owner);
  record->state = THOLE_SESSION_STATE_STARTING;
  record->revision = 1;
  record->command = json_of (body, "command", "as", "[]");
  record->tty = tty;
  record->rows = thole_dict_int (body, "rows", 24);
  record->cols = thole_dict_int (body, "cols", 80);
  thole_record_set (&record->term, thole_dict_string (body, "term", "xterm-256color"));
  thole_record_set (&record->working_dir, thole_dict_string (body, "working_dir", ""));
  record->env = json_of (body, "env", "a{ss}", "{}");
  thole_record_set (&record->user, thole_dict_string (body, "user", ""));
  record->on_detach = choice (body, "on_detach", "keep");
  record->stop_after = thole_dict_double (body, "stop_after", 300);
  record->scrollback = thole_dict_int (body, "scrollback", 1048576);
  record->flow = choice (body, "flow", tty ? "latest" : "lossless");
  record->durability = agent ? THOLE_SESSION_DURABILITY_AGENT : THOLE_SESSION_DURABILITY_DAEMON;
  record->recording = thole_dict_boolean (body, "record", FALSE);
  if (!agent)
    {
      g_free (record->exec);
      record->exec = mark_new (call->operations);
    }
  record->exit_code = THOLE_RECORD_NULL;
  record->created_at = record->updated_at = record->last_activity = thole_clock_now (call->operations->clock);
  return record;
}

static TholeEvent *
created_event (TholeCall *call, TholeSessionRecord *record)
{
  GString *data = g_string_new ("{\"revision\":1");

  thole_json_member (data, "workload", record->workload);
  thole_json_member (data, "name", record->name);
  thole_json_member (data, "state", "starting");
  thole_json_member (data, "durability", thole_record_choice (&thole_session_type, "durability", record->durability));
  if (call->request_id != NULL)
    thole_json_member (data, "request", call->request_id);
  g_string_append_c (data, '}');
  return thole_event_new (record->created_at, "session.created", record->id, record->owner, call->principal->name,
                          g_string_free (data, FALSE));
}

/* after the program runs, or does not --------------------------------------------------------------------------------- */

static gboolean
edit_started (TholeSeat *seat, TholeSessionRecord *next, gpointer user_data)
{
  if (next->state != THOLE_SESSION_STATE_STARTING)
    return FALSE;
  next->state = THOLE_SESSION_STATE_RUNNING;
  next->started_at = next->updated_at;
  thole_record_set (&next->exec, seat->exec != NULL ? seat->exec : "");
  return TRUE;
}

static void
started_stored (TholeSeat *seat, gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;

  thole_seat_run (seat);
  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  call->reply.location = g_strconcat ("/v1/sessions/", seat->now->id, NULL);
  thole_reply_seat (call, seat, 201);
}

static void
started (TholeCall *call, GVariant *told)
{
  Creation *self = call->state;
  TholeSeatChange change = { .edit = edit_started, .done = started_stored, .user_data = call, .event = "session.started",
                             .actor = call->principal->name, .request = call->request_id };

  thole_seat_change (self->seat, &change);
  /* it may have ended already */
  if (told != NULL)
    thole_seat_note (self->seat, told);
}

static void
failed_stored (TholeSeat *seat, gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;

  thole_call_error (call, ((Creation *) call->state)->error);
}

/* nothing runs: the session goes as it came, and its key may be used again */
static void
failed (TholeCall *call, const GError *error)
{
  Creation *self = call->state;
  TholeSeatChange change = { .done = failed_stored, .user_data = call, .event = "session.deleted", .actor = call->principal->name,
                             .request = call->request_id, .remove = TRUE, .insist = TRUE };
  g_autofree char *reason = g_strdup_printf ("not_started: %.500s", error->message);

  self->error = g_error_copy (error);
  change.reason = reason;
  thole_idempotency_forget (call, self->seat->now->id);
  thole_seat_change (self->seat, &change);
}

static void open_here (TholeCall *call);

static gboolean
edit_held_here (TholeSeat *seat, TholeSessionRecord *next, gpointer user_data)
{
  g_autofree char *mark = mark_new (seat->operations);

  next->durability = THOLE_SESSION_DURABILITY_DAEMON;
  thole_record_set (&next->exec, mark);
  return next->state == THOLE_SESSION_STATE_STARTING;
}

static void
held_here (TholeSeat *seat, gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  g_autoptr (GError) late = NULL;

  if (error == NULL && thole_seat_is_live (seat))
    {
      open_here (call);
      return;
    }
  seat->opening = FALSE;
  if (error == NULL)
    late = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "the session ended before its program was started");
  failed (call, error != NULL ? error : late);
}

/* no agent can be in this workload: the daemon holds it, which is stored before anything runs */
static gboolean
fall_back (TholeCall *call, TholeAgentLink *link)
{
  Creation *self = call->state;
  TholeSubject *subject = thole_room_subject (self->seat->room);
  TholeBackend *backend = subject != NULL ? thole_subject_backend (subject) : NULL;
  TholeSeatChange change = { .edit = edit_held_here, .done = held_here, .user_data = call, .event = "session.updated",
                             .actor = "daemon", .request = call->request_id };

  if (backend == NULL || !g_error_matches (thole_agent_link_get_error (link), THOLE_ERROR, THOLE_ERROR_UNSUPPORTED)
      || !thole_backend_has (backend, THOLE_SLOT_EXEC_OPEN))
    return FALSE;
  self->seat->opening = TRUE;
  thole_seat_change (self->seat, &change);
  return TRUE;
}

static void
opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  Creation *self = call->state;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) told = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &error);

  call->operations->calls--;
  self->seat->opening = FALSE;
  thole_crash_point ("session.opened");
  if (told != NULL)
    started (call, told);
  else if (call->operations->draining)
    /* the next daemon finds out what has become of it */
    thole_call_error (call, error);
  else if (!fall_back (call, THOLE_AGENT_LINK (source)))
    {
      /* perhaps it was begun after all */
      thole_room_close (self->seat->room, self->seat->now->id);
      failed (call, error);
    }
}

static GVariant *
open_arguments (TholeCall *call, TholeSessionRecord *record)
{
  g_auto (GStrv) command = thole_dict_strv (call->body, "command");
  g_autoptr (GVariant) env = thole_dict_value (call->body, "env", "a{ss}");
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "id", "s", record->id);
  g_variant_dict_insert (&dict, "name", "s", record->name);
  g_variant_dict_insert (&dict, "command", "^as", command);
  if (env != NULL)
    g_variant_dict_insert_value (&dict, "env", env);
  if (record->working_dir[0] != '\0')
    g_variant_dict_insert (&dict, "working_dir", "s", record->working_dir);
  if (record->user[0] != '\0')
    g_variant_dict_insert (&dict, "user", "s", record->user);
  g_variant_dict_insert (&dict, "tty", "b", record->tty);
  g_variant_dict_insert (&dict, "rows", "x", record->rows);
  g_variant_dict_insert (&dict, "cols", "x", record->cols);
  g_variant_dict_insert (&dict, "term", "s", record->term);
  g_variant_dict_insert (&dict, "scrollback", "x", record->scrollback);
  g_variant_dict_insert (&dict, "flow", "s", thole_record_choice (&thole_session_type, "flow", record->flow));
  g_variant_dict_insert (&dict, "detached", "s", "wait");
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
opened_here (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Creation *self = call->state;

  self->seat->opening = FALSE;
  thole_crash_point ("session.opened");
  if (error == NULL)
    started (call, NULL);
  else if (call->operations->draining)
    thole_call_error (call, error);
  else
    failed (call, error);
}

static void
open_here (TholeCall *call)
{
  Creation *self = call->state;
  g_autoptr (GVariant) arguments = open_arguments (call, self->seat->now);

  self->seat->opening = TRUE;
  thole_seat_open (self->seat, arguments, opened_here, call);
}

static void
open_program (TholeCall *call)
{
  Creation *self = call->state;
  gboolean here = self->seat->now->durability == THOLE_SESSION_DURABILITY_DAEMON;
  TholeAgentLink *link = here ? NULL : thole_room_link (self->seat->room);
  g_autoptr (GVariant) arguments = open_arguments (call, self->seat->now);
  g_autoptr (GError) error = NULL;

  if (here)
    {
      thole_crash_point ("session.open");
      open_here (call);
      return;
    }
  if (link == NULL)
    {
      g_set_error (&error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "the workload stopped meanwhile");
      failed (call, error);
      return;
    }
  self->seat->opening = TRUE;
  call->operations->calls++;
  thole_crash_point ("session.open");
  thole_agent_link_call_async (link, THOLE_AGENT_CALL_OPEN, arguments, 0, NULL, opened, call);
  /* goes to the agent behind the call, so that it sees the first byte */
  thole_seat_listen (self->seat);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Creation *self = call->state;

  thole_crash_point ("session.created");
  if (error != NULL)
    {
      thole_seat_leave (self->seat, THOLE_VIEWER_REMOVED, "");
      thole_call_error (call, error);
      return;
    }
  thole_collection_add (call->operations->sessions, thole_seat_ref (self->seat));
  thole_idempotency_stored (call);
  thole_seat_arm (self->seat);
  open_program (call);
}

/* before ----------------------------------------------------------------------------------------------------------------- */

static guint
live_of_owner (TholeOperations *operations, const char *owner)
{
  guint live = 0;

  for (guint i = 0; i < thole_collection_size (operations->sessions); i++)
    {
      TholeSeat *seat = thole_collection_index (operations->sessions, i);

      live += thole_seat_is_live (seat) && strcmp (seat->now->owner, owner) == 0;
    }
  return live;
}

static gboolean
may_create (TholeCall *call, TholeSubject *subject, TholeRoom *room)
{
  const TholeLimits *limits = &call->operations->limits;
  gint64 sessions = thole_setting (call->operations, THOLE_SETTING_SESSIONS, subject->now->owner, subject->now->id, NULL);
  guint live = limits->caller_sessions > 0 ? live_of_owner (call->operations, subject->now->owner) : 0;
  const char *name = thole_dict_string (call->body, "name", "");
  g_autofree char *why = NULL;

  if (subject->now->state != THOLE_WORKLOAD_STATE_RUNNING)
    {
      thole_call_problem (call, thole_verb_illegal (subject->now, "a session"));
      return FALSE;
    }
  for (guint i = 0; i < room->seats->len; i++)
    {
      TholeSeat *seat = room->seats->pdata[i];

      if (!thole_seat_is_live (seat) || strcmp (seat->now->name, name) != 0)
        continue;
      thole_call_fail (call, THOLE_ERROR_EXISTS, "the workload has a session named %s already", name);
      return FALSE;
    }
  if (sessions > 0 && thole_room_live (room) >= sessions)
    why = thole_quota_text (THOLE_SETTING_SESSIONS, thole_room_live (room), sessions, 1);
  else if (limits->caller_sessions > 0 && live >= limits->caller_sessions)
    why = g_strdup_printf ("live sessions of one owner: %u of %u used, 1 more asked for", live, limits->caller_sessions);
  if (why != NULL)
    thole_call_fail (call, THOLE_ERROR_QUOTA_EXCEEDED, "%s", why);
  else
    return TRUE;
  return FALSE;
}

void
thole_op_session_create (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend = subject != NULL ? thole_subject_backend (subject) : NULL;
  TholeSessionRecord *record;
  TholeRoom *room;
  gboolean agent;
  Creation *self;
  TholeTxn *txn;

  if (subject == NULL)
    return;
  room = thole_room_of (call->operations, subject->now->id);
  agent = backend != NULL && thole_room_uses_agent (room, backend);
  if (thole_call_backend (call, backend, subject->now->backend, agent ? THOLE_SLOT_AGENT_CONNECT : THOLE_SLOT_EXEC_OPEN) == NULL)
    return;
  if (!may_create (call, subject, room))
    return;
  self = g_new0 (Creation, 1);
  record = make_record (call, subject, agent);
  /* its name and its place are taken from here on */
  self->seat = thole_seat_new (room, record);
  call->state = self;
  call->state_free = creation_free;
  txn = thole_txn_new ();
  thole_idempotency_remember (call, txn, record->id, "");
  thole_trail_add (call, txn, record->id);
  thole_txn_insert (txn, record);
  thole_txn_event (txn, created_event (call, record));
  thole_crash_point ("session.create");
  thole_db_commit (call->operations->db, txn, stored, call);
}
