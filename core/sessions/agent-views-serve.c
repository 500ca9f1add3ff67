/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What comes for viewers. */
#include "sessions/agent-views-private.h"

/* bytes of output after which an acknowledgement is sent: at most, and of a ring */
#define ACK_AFTER (64 * 1024)
#define ACK_PART 8

static void
drop_input (AgentSession *self, guint64 length)
{
  g_byte_array_remove_range (self->input, 0, (guint) MIN (length, self->input->len));
}

/* what waited before the agent said where it stands begins there, or where a client claims */
static void
place_first_input (AgentSession *self, guint64 received)
{
  if (self->claim != G_MAXUINT64)
    drop_input (self, self->claim <= received ? received - self->claim : G_MAXUINT64);
  self->input_base = received;
  self->input_known = TRUE;
  self->end_at = thole_agent_input_end (self);
}

static void
sync_input (AgentSession *self, guint64 taken, guint64 received)
{
  if (!self->input_known)
    place_first_input (self, received);
  /* somebody else typed meanwhile */
  if (received > thole_agent_input_end (self) || received < self->input_base)
    {
      drop_input (self, received > self->input_base ? G_MAXUINT64 : 0);
      self->input_base = received;
    }
  self->input_sent = received;
  self->input_synced = TRUE;
  if (self->end_wanted && self->end_at < received)
    self->end_wanted = FALSE;
  if (taken > self->input_base)
    {
      drop_input (self, taken - self->input_base);
      self->input_base = taken;
    }
}

static gboolean
on_attached (AgentViewer *self, const guint8 *data, gsize length)
{
  AgentSession *session = self->session;
  guint64 seq = thole_agent_find_number (data, length, THOLE_AGENT_TAG_SEQ, G_MAXUINT64);
  guint64 taken = thole_agent_find_number (data, length, THOLE_AGENT_TAG_TAKEN, 0);
  guint64 received = thole_agent_find_number (data, length, THOLE_AGENT_TAG_RECEIVED, 0);
  guint64 ring = thole_agent_find_number (data, length, THOLE_AGENT_TAG_RING, THOLE_AGENT_DEFAULT_RING);
  guint64 flow = thole_agent_find_number (data, length, THOLE_AGENT_TAG_FLOW, THOLE_AGENT_FLOW_LATEST);

  if (self->state != CHANNEL_ASKED || seq == G_MAXUINT64 || taken > received || (self->told && seq != self->seq))
    return FALSE;
  self->state = CHANNEL_OPEN;
  if (!self->told)
    self->acked_sent = seq;
  self->ack_after = flow == THOLE_AGENT_FLOW_LOSSLESS ? CLAMP (ring / ACK_PART, 1, ACK_AFTER) : G_MAXUINT64;
  if (!session->input_synced)
    sync_input (session, taken, received);
  thole_agent_views_wake (session->views);
  if (self->viewer.closed)
    return TRUE;
  if (!self->told)
    {
      self->seq = self->acked = seq;
      self->told = TRUE;
      thole_agent_place_input (self);
      self->viewer.events.resumed (self->viewer.user_data, seq, taken);
    }
  else
    self->viewer.events.taken (self->viewer.user_data, taken);
  return TRUE;
}

static gboolean
on_output (AgentViewer *self, const guint8 *data, gsize length)
{
  guint64 seq;

  if (length < 10 || self->state == CHANNEL_ASKED)
    return FALSE;
  if (self->viewer.closed)
    return TRUE;
  seq = thole_agent_get (data + 1, 8);
  length -= 9;
  if (seq != self->seq || length > self->window_sent || data[0] < THOLE_AGENT_STREAM_STDOUT || data[0] > THOLE_AGENT_STREAM_STDERR)
    return FALSE;
  self->seq += length;
  self->window -= length;
  self->window_sent -= length;
  if (!self->acks && self->seq - self->acked_sent >= self->ack_after)
    thole_agent_views_wake (self->session->views);
  self->viewer.events.output (self->viewer.user_data, (TholeChannel) data[0], seq, data + 9, length);
  return TRUE;
}

static gboolean
on_gap (AgentViewer *self, const guint8 *data, gsize length)
{
  guint64 from, to;

  if (length != 16 || self->state == CHANNEL_ASKED)
    return FALSE;
  from = thole_agent_get (data, 8);
  to = thole_agent_get (data + 8, 8);
  if (self->viewer.closed)
    return TRUE;
  if (from != self->seq || to <= from)
    return FALSE;
  self->seq = to;
  /* the agent counts it as acknowledged, too */
  self->acked = MAX (self->acked, to);
  self->acked_sent = MAX (self->acked_sent, to);
  self->viewer.events.gap (self->viewer.user_data, from, to);
  return TRUE;
}

static gboolean
on_taken (AgentViewer *self, const guint8 *data, gsize length)
{
  AgentSession *session = self->session;
  guint64 taken;

  if (length != 9 || self->state == CHANNEL_ASKED)
    return FALSE;
  taken = thole_agent_get (data, 8);
  if (taken > session->input_sent)
    return FALSE;
  if (taken > session->input_base)
    {
      drop_input (session, taken - session->input_base);
      session->input_base = taken;
      thole_agent_views_wake (session->views);
    }
  /* a terminal's input goes on after its end was written */
  if (data[8] != 0 && session->session.tty && session->end_sent && session->end_at <= taken)
    session->end_wanted = FALSE;
  if (!self->viewer.closed)
    self->viewer.events.taken (self->viewer.user_data, taken);
  return TRUE;
}

static gboolean
on_exit_frame (AgentViewer *self, const guint8 *data, gsize length)
{
  if (length != 16 || self->state == CHANNEL_ASKED)
    return FALSE;
  if (self->viewer.closed)
    return TRUE;
  if (thole_agent_get (data + 8, 8) != self->seq)
    return FALSE;
  self->exited = TRUE;
  self->viewer.events.exited (self->viewer.user_data, (int) thole_agent_get (data, 4), (int) thole_agent_get (data + 4, 4),
                              self->seq);
  thole_viewer_close (&self->viewer, THOLE_VIEWER_ENDED, "the program ended");
  return TRUE;
}

static gboolean
on_detached (AgentViewer *self, const guint8 *data, gsize length)
{
  guint code = length >= 2 ? (guint) thole_agent_get (data, 2) : THOLE_AGENT_FAILED;

  self->state = CHANNEL_NONE;
  if (code == THOLE_AGENT_INVALID)
    thole_viewer_close (&self->viewer, THOLE_VIEWER_PROTOCOL, "so much output was never there");
  else if (code == THOLE_AGENT_NOT_FOUND)
    thole_viewer_close (&self->viewer, THOLE_VIEWER_REMOVED, "the agent has no such session");
  else
    thole_viewer_close (&self->viewer, THOLE_VIEWER_REMOVED, "the session was closed");
  thole_agent_viewer_release (self);
  return TRUE;
}

static gboolean
on_resized (AgentViewer *self, const guint8 *data, gsize length)
{
  if (length != 4)
    return FALSE;
  if (!self->viewer.closed)
    self->viewer.events.resized (self->viewer.user_data, (guint) thole_agent_get (data, 2),
                                 (guint) thole_agent_get (data + 2, 2));
  return TRUE;
}

static gboolean
serve (AgentViewer *self, guint8 type, const guint8 *data, gsize length)
{
  switch (type)
    {
    case THOLE_AGENT_ATTACHED:
      return on_attached (self, data, length);
    case THOLE_AGENT_OUTPUT:
      return on_output (self, data, length);
    case THOLE_AGENT_GAP:
      return on_gap (self, data, length);
    case THOLE_AGENT_TAKEN:
      return on_taken (self, data, length);
    case THOLE_AGENT_EXIT:
      return on_exit_frame (self, data, length);
    case THOLE_AGENT_DETACHED:
      return on_detached (self, data, length);
    case THOLE_AGENT_RESIZED:
      return on_resized (self, data, length);
    default:
      return TRUE;
    }
}

gboolean
thole_agent_views_frame (TholeAgentViews *self, guint8 type, guint16 channel, const guint8 *data, gsize length)
{
  AgentViewer *viewer;
  gboolean good;

  if (channel < 1 || channel > THOLE_AGENT_MAX_VIEWERS || self->channels[channel] == NULL ||
      self->channels[channel]->state == CHANNEL_NONE)
    return FALSE;
  viewer = self->channels[channel];
  self->refs++;
  viewer->viewer.refs++;
  good = serve (viewer, type, data, length);
  thole_viewer_unref (&viewer->viewer);
  thole_agent_views_unref (self);
  return good;
}
