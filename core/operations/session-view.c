/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is seen of a session: by a viewer that stays, or its screen now. */
#include "operations/session.h"

#include "operations/room.h"
#include "operations/verb.h"
#include "sessions/painter.h"

#include <string.h>

#define SNAPSHOT_PATIENCE (15 * G_USEC_PER_SEC)

TholeInputRole
thole_call_input_role (TholeCall *call)
{
  const char *input = thole_query_string (call, "input");

  return strcmp (input, "shared") == 0 ? THOLE_INPUT_SHARED : strcmp (input, "none") == 0 ? THOLE_INPUT_NONE : THOLE_INPUT_LEASE;
}

gboolean
thole_call_check_from (TholeCall *call, gboolean tty)
{
  TholeProblem *problem;
  TholeViewFrom from;
  guint64 seq;

  if (thole_view_from_parse (thole_query_string (call, "from"), tty, &from, &seq))
    return TRUE;
  problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  thole_problem_add (problem, "/from", "format", "must be oldest, live, snapshot or the number of a byte");
  thole_call_problem (call, problem);
  return FALSE;
}

/* can its output be had? Otherwise answers and returns FALSE. */
static gboolean
check_seat (TholeCall *call, TholeSeat *seat)
{
  TholeSubject *subject = thole_room_subject (seat->room);

  if (thole_seat_has_source (seat))
    return TRUE;
  if (!thole_seat_is_live (seat))
    thole_call_fail (call, THOLE_ERROR_GONE, "the session has ended: %s", seat->now->reason);
  else if (subject != NULL && subject->now->state != THOLE_WORKLOAD_STATE_RUNNING)
    thole_call_problem (call, thole_verb_illegal (subject->now, "attach"));
  else
    thole_call_fail (call, THOLE_ERROR_UNAVAILABLE, "the session cannot be reached now");
  return FALSE;
}

void
thole_op_session_attach (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);

  if (seat != NULL && thole_call_check_from (call, seat->now->tty) && check_seat (call, seat))
    thole_call_view (call, thole_desk_session (seat->desk, thole_call_input_role (call), thole_query_boolean (call, "take")));
}

/* ttyd's page has its socket and its token at fixed places beneath its own path */
void
thole_op_session_tty (TholeCall *call)
{
  thole_op_session_attach (call);
}

void
thole_op_session_token (TholeCall *call)
{
  if (thole_call_seat (call) != NULL)
    thole_call_return (call, 200, g_bytes_new_static ("{\"token\":\"\"}", 12));
}

/* the screen ------------------------------------------------------------------------------------------------------------ */

typedef struct
{
  TholePainter *painter;
  GSource *timer;
} Snapshot;

static void
snapshot_free (gpointer data)
{
  Snapshot *self = data;

  thole_source_clear (&self->timer);
  g_clear_pointer (&self->painter, thole_painter_free);
  g_free (self);
}

static void
painted (gpointer user_data, TholeScreen *screen, guint64 seq, TholeViewerEnd end, const char *detail)
{
  TholeCall *call = user_data;
  const char *format = thole_query_string (call, "format");

  call->operations->calls--;
  if (screen == NULL)
    thole_call_fail (call, end == THOLE_VIEWER_REMOVED || end == THOLE_VIEWER_WORKLOAD_GONE ? THOLE_ERROR_GONE : THOLE_ERROR_UNAVAILABLE,
                     "%s", detail);
  else if (strcmp (format, "text") == 0)
    thole_call_bytes (call, "text/plain; charset=utf-8", thole_screen_text (screen));
  else if (strcmp (format, "svg") == 0)
    thole_call_bytes (call, "image/svg+xml", thole_screen_svg (screen));
  else
    thole_call_return (call, 200, thole_screen_json (screen, seq));
}

static gboolean
timed_out (gpointer user_data)
{
  TholeCall *call = user_data;
  Snapshot *self = call->state;

  thole_source_clear (&self->timer);
  g_clear_pointer (&self->painter, thole_painter_free);
  call->operations->calls--;
  thole_call_fail (call, THOLE_ERROR_TIMEOUT, "the agent did not send the output in time");
  return G_SOURCE_REMOVE;
}

void
thole_op_session_snapshot (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);
  Snapshot *self;
  guint rows, cols;

  if (seat == NULL || !check_seat (call, seat))
    return;
  if (!seat->now->tty)
    {
      thole_call_fail (call, THOLE_ERROR_CONFLICT, "the session has no terminal");
      return;
    }
  self = g_new0 (Snapshot, 1);
  call->state = self;
  call->state_free = snapshot_free;
  thole_desk_get_size (seat->desk, &rows, &cols);
  call->operations->calls++;
  self->timer = thole_clock_timer (call->operations->clock, SNAPSHOT_PATIENCE, timed_out, call);
  self->painter = thole_painter_new (thole_seat_source (seat), rows, cols, painted, call);
}
