/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-views-private.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"

#define INPUT_MOST (256 * 1024)

void
thole_agent_views_unref (TholeAgentViews *self)
{
  if (--self->refs > 0)
    return;
  thole_source_clear (&self->later);
  g_ptr_array_unref (self->closing);
  g_hash_table_unref (self->sessions);
  g_free (self->end_detail);
  g_free (self);
}

static void
session_unref (AgentSession *self)
{
  if (--self->refs > 0)
    return;
  if (g_hash_table_lookup (self->views->sessions, self->id) == self)
    g_hash_table_remove (self->views->sessions, self->id);
  g_ptr_array_unref (self->viewers);
  g_byte_array_unref (self->input);
  thole_agent_views_unref (self->views);
  g_free (self->id);
  g_free (self);
}

static void
viewer_dispose (TholeViewer *viewer)
{
  AgentViewer *self = (AgentViewer *) viewer;

  session_unref (self->session);
  g_free (self);
}

void
thole_agent_views_wake (TholeAgentViews *self)
{
  if (self->wake != NULL && self->standing)
    self->wake (self->user_data);
}

void
thole_agent_viewer_release (AgentViewer *self)
{
  if (self->channel == 0)
    return;
  self->session->views->channels[self->channel] = NULL;
  self->channel = 0;
  self->state = CHANNEL_NONE;
  g_ptr_array_remove_fast (self->session->viewers, self);
  thole_viewer_unref (&self->viewer);
}

/* nobody wants anything of it any more: gives back its channel, at once or after the agent was told */
static void
viewer_leave (TholeViewer *viewer)
{
  AgentViewer *self = (AgentViewer *) viewer;

  if (self->state == CHANNEL_NONE)
    thole_agent_viewer_release (self);
  else
    thole_agent_views_wake (self->session->views);
}

static gboolean
on_later (gpointer user_data)
{
  TholeAgentViews *self = user_data;
  g_autoptr(GPtrArray) closing = self->closing;

  thole_source_clear (&self->later);
  self->closing = g_ptr_array_new ();
  self->refs++;
  for (guint i = 0; i < closing->len; i++)
    {
      TholeViewer *viewer = g_ptr_array_index (closing, i);

      thole_viewer_close_now (viewer);
      thole_viewer_unref (viewer);
    }
  thole_agent_views_unref (self);
  return G_SOURCE_REMOVE;
}

/* from the loop, since no callback may come from inside a function of the viewer */
static void
close_later (AgentViewer *self, TholeViewerEnd end, const char *detail)
{
  TholeAgentViews *views = self->session->views;

  if (!thole_viewer_close_later (&self->viewer, end, detail))
    return;
  self->viewer.refs++;
  g_ptr_array_add (views->closing, self);
  if (views->later != NULL)
    return;
  views->later = g_idle_source_new ();
  g_source_set_priority (views->later, G_PRIORITY_DEFAULT);
  g_source_set_callback (views->later, on_later, views, NULL);
  g_source_attach (views->later, g_main_context_get_thread_default ());
}

static void
viewer_grant (TholeViewer *viewer, gsize bytes)
{
  AgentViewer *self = (AgentViewer *) viewer;

  self->window = MIN (self->window + MIN (bytes, THOLE_VIEWER_MAX_WINDOW), THOLE_VIEWER_MAX_WINDOW);
  thole_agent_views_wake (self->session->views);
}

static void
viewer_ack (TholeViewer *viewer, guint64 seq)
{
  AgentViewer *self = (AgentViewer *) viewer;

  self->acks = TRUE;
  if (seq > self->seq)
    close_later (self, THOLE_VIEWER_PROTOCOL, "output was acknowledged that was not sent");
  else if (seq > self->acked)
    {
      self->acked = seq;
      thole_agent_views_wake (self->session->views);
    }
}

guint64
thole_agent_input_end (const AgentSession *self)
{
  return self->input_base + self->input->len;
}

void
thole_agent_place_input (AgentViewer *self)
{
  guint64 end = thole_agent_input_end (self->session);

  if (self->input_at == G_MAXUINT64 || !self->session->input_known)
    return;
  if (self->input_at > end)
    close_later (self, THOLE_VIEWER_PROTOCOL, "input begins behind what was sent before");
  else
    self->input_skip = (gsize) (end - self->input_at);
  self->input_at = G_MAXUINT64;
}

static gboolean
viewer_input (TholeViewer *viewer, const guint8 *data, gsize length)
{
  AgentViewer *self = (AgentViewer *) viewer;
  AgentSession *session = self->session;
  gsize skip;

  if (self->viewer.closed || (session->end_wanted && !session->session.tty))
    return TRUE;
  thole_agent_place_input (self);
  if (self->input_at != G_MAXUINT64)
    self->input_at += length;
  skip = MIN (self->input_skip, length);
  self->input_skip -= skip;
  g_byte_array_append (session->input, data + skip, (guint) (length - skip));
  thole_agent_views_wake (session->views);
  return session->input->len < INPUT_MOST;
}

static void
viewer_end_of_input (TholeViewer *viewer)
{
  AgentViewer *self = (AgentViewer *) viewer;

  if (self->viewer.closed || self->input_skip > 0)
    return;
  if (self->session->end_wanted && !self->session->session.tty)
    return;
  self->session->end_wanted = TRUE;
  self->session->end_sent = FALSE;
  self->session->end_at = thole_agent_input_end (self->session);
  thole_agent_views_wake (self->session->views);
}

static void
viewer_resize (TholeViewer *viewer, guint rows, guint cols)
{
  AgentSession *session = ((AgentViewer *) viewer)->session;

  session->rows = rows;
  session->cols = cols;
  thole_agent_views_wake (session->views);
}

static void
viewer_signal (TholeViewer *viewer, int signal)
{
  AgentSession *session = ((AgentViewer *) viewer)->session;

  if (session->n_signals < SIGNALS)
    session->signals[session->n_signals++] = signal;
  else if (signal == SIGKILL)
    /* that one makes any other needless */
    session->signals[SIGNALS - 1] = signal;
  thole_agent_views_wake (session->views);
}

static void
viewer_input_at (TholeViewer *viewer, guint64 offset)
{
  AgentViewer *self = (AgentViewer *) viewer;

  self->input_at = offset;
  if (!self->session->input_known && self->session->input->len == 0)
    self->session->claim = offset;
  thole_agent_place_input (self);
}

static const TholeViewerClass viewer_class = {
  .grant = viewer_grant,
  .input = viewer_input,
  .end_of_input = viewer_end_of_input,
  .resize = viewer_resize,
  .signal = viewer_signal,
  .input_at = viewer_input_at,
  .free = thole_viewer_let_go,
  .ack = viewer_ack,
  .leave = viewer_leave,
  .dispose = viewer_dispose,
};

static guint16
free_channel (TholeAgentViews *self)
{
  for (guint16 i = 1; i <= THOLE_AGENT_MAX_VIEWERS; i++)
    if (self->channels[i] == NULL)
      return i;
  return 0;
}

static TholeViewer *
session_view (TholeSession *session, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data)
{
  AgentSession *agent_session = (AgentSession *) session;
  TholeAgentViews *views = agent_session->views;
  AgentViewer *self = g_new0 (AgentViewer, 1);

  self->viewer = (TholeViewer) { &viewer_class, *events, user_data, .refs = 1 };
  self->session = agent_session;
  agent_session->refs++;
  self->from = from;
  self->seq = from == THOLE_VIEW_RESUME || from == THOLE_VIEW_ASIDE ? seq : 0;
  self->input_at = G_MAXUINT64;
  self->channel = views->ended ? 0 : free_channel (views);
  if (self->channel == 0)
    {
      close_later (self, views->ended ? views->end : THOLE_VIEWER_TOO_MANY,
                   views->ended ? views->end_detail : "the workload has as many viewers as it may");
      return &self->viewer;
    }
  self->viewer.refs++;
  views->channels[self->channel] = self;
  g_ptr_array_add (agent_session->viewers, self);
  thole_agent_views_wake (views);
  return &self->viewer;
}

static void
session_unref_handle (TholeSession *session)
{
  session_unref ((AgentSession *) session);
}

static const TholeSessionClass session_class = { session_view, session_unref_handle };

TholeAgentViews *
thole_agent_views_new (void (*wake_function) (gpointer user_data), gpointer user_data)
{
  TholeAgentViews *self = g_new0 (TholeAgentViews, 1);

  self->refs = 1;
  self->wake = wake_function;
  self->user_data = user_data;
  self->sessions = g_hash_table_new (g_str_hash, g_str_equal);
  self->closing = g_ptr_array_new ();
  return self;
}

void
thole_agent_views_free (TholeAgentViews *self)
{
  self->wake = NULL;
  thole_agent_views_unref (self);
}

TholeSession *
thole_agent_views_session (TholeAgentViews *self, const char *id, gboolean tty)
{
  AgentSession *session = g_hash_table_lookup (self->sessions, id);

  if (session == NULL)
    {
      session = g_new0 (AgentSession, 1);
      session->session.class = &session_class;
      session->views = self;
      self->refs++;
      session->id = g_strdup (id);
      session->claim = G_MAXUINT64;
      session->viewers = g_ptr_array_new ();
      session->input = g_byte_array_new ();
      g_hash_table_insert (self->sessions, session->id, session);
    }
  session->session.tty = tty;
  session->refs++;
  return &session->session;
}

void
thole_agent_views_tick (TholeAgentViews *self)
{
  for (guint i = 1; i <= THOLE_AGENT_MAX_VIEWERS; i++)
    if (self->channels[i] != NULL && self->channels[i]->viewer.closed)
      self->channels[i]->lingers++;
  thole_agent_views_wake (self);
}

guint
thole_agent_views_count (TholeAgentViews *self)
{
  guint count = 0;

  for (guint i = 1; i <= THOLE_AGENT_MAX_VIEWERS; i++)
    count += self->channels[i] != NULL && !self->channels[i]->viewer.closed;
  return count;
}

void
thole_agent_views_begin (TholeAgentViews *self)
{
  self->standing = TRUE;
  thole_agent_views_wake (self);
}

void
thole_agent_views_reset (TholeAgentViews *self)
{
  GHashTableIter iter;
  AgentSession *session;

  self->standing = FALSE;
  for (guint i = 1; i <= THOLE_AGENT_MAX_VIEWERS; i++)
    {
      AgentViewer *viewer = self->channels[i];

      if (viewer == NULL)
        continue;
      viewer->state = CHANNEL_NONE;
      viewer->window_sent = 0;
      if (viewer->viewer.closed)
        thole_agent_viewer_release (viewer);
    }
  g_hash_table_iter_init (&iter, self->sessions);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &session))
    {
      session->input_synced = FALSE;
      session->end_sent = FALSE;
    }
}

void
thole_agent_views_end (TholeAgentViews *self, const char *id, TholeViewerEnd end, const char *detail)
{
  if (id == NULL && !self->ended)
    {
      self->ended = TRUE;
      self->end = end;
      self->end_detail = g_strdup (detail);
    }
  self->refs++;
  for (guint i = 1; i <= THOLE_AGENT_MAX_VIEWERS; i++)
    if (self->channels[i] != NULL && (id == NULL || strcmp (self->channels[i]->session->id, id) == 0))
      thole_viewer_close (&self->channels[i]->viewer, end, detail);
  thole_agent_views_unref (self);
}
