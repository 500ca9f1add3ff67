/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon's side of a connection to an agent that sends anything: it stands inside a workload, so nothing that it says is
 * trusted. What viewers are told has no holes, is never more than was granted, and ends once; every call is answered. */
#include "sessions/agent-link.h"

#include <string.h>

#include "thole-agent-protocol.h"
#include "thole-error.h"

#define VIEWERS 4
#define CALLS 4
#define TURNS 2000

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

typedef struct
{
  TholeAgentWay way;
  GBytes *bytes; /* (nullable): of the first connection; there is no second one */
} Way;

typedef struct
{
  TholeViewer *viewer;
  gboolean resumed, closed;
  guint64 seq, granted;
} Seen;

/* the agent ------------------------------------------------------------------------------------------------- */

static void
way_connect (TholeAgentWay *way, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static GIOStream *
way_finish (TholeAgentWay *way, GAsyncResult *result, GError **error)
{
  Way *self = (Way *) way;
  g_autoptr (GInputStream) in = NULL;
  g_autoptr (GOutputStream) out = NULL;

  if (self->bytes == NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "no more");
      return NULL;
    }
  in = g_memory_input_stream_new_from_bytes (self->bytes);
  out = g_memory_output_stream_new_resizable ();
  g_clear_pointer (&self->bytes, g_bytes_unref);
  return g_simple_io_stream_new (in, out);
}

static void
way_free (TholeAgentWay *way)
{
  g_clear_pointer (&((Way *) way)->bytes, g_bytes_unref);
  g_free (way);
}

/* a greeting as an agent sends it, then whatever comes */
static TholeAgentWay *
way_new (const guint8 *data, gsize size)
{
  static const guint8 welcome[] = { 0, 0, 0, 25, THOLE_AGENT_WELCOME, 0, 0, 0, 0, THOLE_AGENT_TAG_PROTOCOL, 0, 1, 1,
                                    0, THOLE_AGENT_TAG_INSTANCE, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
  Way *self = g_new0 (Way, 1);
  g_autoptr (GByteArray) all = g_byte_array_new ();

  self->way = (TholeAgentWay) { way_connect, way_finish, way_free };
  g_byte_array_append (all, welcome, sizeof welcome);
  g_byte_array_append (all, data, (guint) size);
  self->bytes = g_byte_array_free_to_bytes (g_steal_pointer (&all));
  return &self->way;
}

/* viewers --------------------------------------------------------------------------------------------------- */

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  Seen *self = user_data;

  g_assert_false (self->resumed || self->closed);
  self->resumed = TRUE;
  self->seq = seq;
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  Seen *self = user_data;

  g_assert_true (self->resumed && !self->closed && seq == self->seq);
  g_assert_true (channel == THOLE_CHANNEL_STDOUT || channel == THOLE_CHANNEL_STDERR);
  g_assert_cmpuint (length, <=, self->granted);
  self->granted -= length;
  self->seq += length;
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  Seen *self = user_data;

  g_assert_true (self->resumed && !self->closed && from == self->seq && to > from);
  self->seq = to;
}

static void
on_taken (gpointer user_data, guint64 taken)
{
  g_assert_false (((Seen *) user_data)->closed);
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
  g_assert_false (((Seen *) user_data)->closed);
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  Seen *self = user_data;

  g_assert_true (!self->closed && seq == self->seq);
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  Seen *self = user_data;

  g_assert_false (self->closed);
  g_assert_true (g_utf8_validate (detail, -1, NULL));
  self->closed = TRUE;
}

static void
view (TholeAgentLink *link, Seen *seen, guint number)
{
  static const TholeViewerEvents events = { .resumed = on_resumed, .output = on_output, .gap = on_gap, .taken = on_taken,
                                            .resized = on_resized, .exited = on_exited, .closed = on_closed };
  static const TholeViewFrom from[VIEWERS] = { THOLE_VIEW_RESUME, THOLE_VIEW_OLDEST, THOLE_VIEW_ASIDE, THOLE_VIEW_LIVE };
  TholeSession *session = thole_agent_link_session (link, number < 3 ? "a" : "b", number == 3);

  seen->viewer = thole_session_view (session, from[number], number, &events, seen);
  thole_session_unref (session);
  seen->granted = number == 1 ? 10 : 100000;
  thole_viewer_grant (seen->viewer, seen->granted);
  thole_viewer_input (seen->viewer, (const guint8 *) "input", 5);
  if (number == 0)
    thole_viewer_end_of_input (seen->viewer);
}

/* calls ----------------------------------------------------------------------------------------------------- */

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = thole_agent_link_call_finish (THOLE_AGENT_LINK (source), result, &error);

  g_assert_true ((answer == NULL) == (error != NULL));
  ++*(guint *) user_data;
}

static void
call (TholeAgentLink *link, guint *answered)
{
  static const TholeAgentCall kinds[CALLS] = { THOLE_AGENT_CALL_OPEN, THOLE_AGENT_CALL_LIST, THOLE_AGENT_CALL_STAT, THOLE_AGENT_CALL_CLOSE };

  for (guint i = 0; i < CALLS; i++)
    {
      g_autoptr (GVariant) arguments = g_variant_ref_sink (g_variant_new_parsed ("{'id': <'a'>}"));

      thole_agent_link_call_async (link, kinds[i], arguments, 0, NULL, on_answer, answered);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  TholeAgentLink *link = thole_agent_link_new (thole_clock_system (), way_new (data, size));
  Seen seen[VIEWERS] = { 0 };
  guint answered = 0;

  call (link, &answered);
  for (guint i = 0; i < VIEWERS; i++)
    view (link, &seen[i], i);
  for (guint i = 0; i < TURNS && thole_agent_link_get_state (link) != THOLE_AGENT_LOST; i++)
    g_main_context_iteration (NULL, FALSE);
  thole_agent_link_end (link, NULL, THOLE_VIEWER_RESTARTING, "");
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (answered, ==, CALLS);
  for (guint i = 0; i < VIEWERS; i++)
    {
      g_assert_true (seen[i].closed);
      thole_viewer_free (seen[i].viewer);
    }
  g_object_unref (link);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  return 0;
}
