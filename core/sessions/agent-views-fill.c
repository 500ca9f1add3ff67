/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is sent for viewers. */
#include "sessions/agent-views-private.h"

#include <string.h>

#define FILL (128 * 1024)
/* ticks that the last viewer of a session stays for its input */
#define LINGER 3

static void
put_simple (GByteArray *out, guint8 type, guint16 channel, guint64 value, guint bytes)
{
  guint frame = thole_agent_begin (out, type, channel);

  if (bytes > 0)
    thole_agent_put (out, value, bytes);
  thole_agent_end (out, frame);
}

static void
put_attach (AgentViewer *self, GByteArray *out)
{
  guint frame = thole_agent_begin (out, THOLE_AGENT_ATTACH, self->channel);
  /* one who has begun goes on where he stands */
  gboolean resume = self->told || self->from == THOLE_VIEW_RESUME || self->from == THOLE_VIEW_ASIDE;
  gboolean live = self->from == THOLE_VIEW_LIVE || self->from == THOLE_VIEW_ASIDE_LIVE;
  guint64 from = resume ? THOLE_AGENT_FROM_SEQ
                        : live ? THOLE_AGENT_FROM_LIVE : THOLE_AGENT_FROM_OLDEST;

  thole_agent_field (out, THOLE_AGENT_TAG_ID, self->session->id, strlen (self->session->id));
  thole_agent_field_number (out, THOLE_AGENT_TAG_FROM, from);
  thole_agent_field_number (out, THOLE_AGENT_TAG_SEQ, self->seq);
  thole_agent_field_number (out, THOLE_AGENT_TAG_CREDIT, self->window);
  if (THOLE_VIEW_IS_ASIDE (self->from))
    thole_agent_field_number (out, THOLE_AGENT_TAG_ASIDE, 1);
  /* what it was given on the connection before may not have reached whoever reads it */
  self->acked_sent = self->told && self->acks ? self->acked : self->seq;
  if (self->acked_sent < self->seq)
    thole_agent_field_number (out, THOLE_AGENT_TAG_ACKED, self->acked_sent);
  thole_agent_end (out, frame);
  self->window_sent = self->window;
  self->state = CHANNEL_ASKED;
}

static gboolean
has_input_to_send (const AgentSession *self)
{
  return self->input_known &&
         (self->input_sent < thole_agent_input_end (self) || (self->end_wanted && !self->end_sent));
}

/* the last one to leave stays until what was typed is on its way */
static gboolean
may_leave (const AgentViewer *self)
{
  const AgentSession *session = self->session;

  if (self->exited || self->lingers > LINGER || !has_input_to_send (session))
    return TRUE;
  for (guint i = 0; i < session->viewers->len; i++)
    {
      const AgentViewer *other = g_ptr_array_index (session->viewers, i);

      if (other != self && other->state == CHANNEL_OPEN)
        return TRUE;
    }
  return FALSE;
}

static void
put_ack (AgentViewer *self, GByteArray *out)
{
  guint64 acked = self->acks ? self->acked : self->seq;

  if (acked <= self->acked_sent)
    return;
  put_simple (out, THOLE_AGENT_ACK, self->channel, acked, 8);
  self->acked_sent = acked;
}

static void
fill_viewer (AgentViewer *self, GByteArray *out)
{
  if (self->viewer.closed && self->state == CHANNEL_OPEN && may_leave (self))
    {
      put_ack (self, out);
      put_simple (out, THOLE_AGENT_DETACH, self->channel, 0, 0);
      self->state = CHANNEL_LEFT;
    }
  if (self->viewer.closed)
    return;
  if (self->state == CHANNEL_NONE)
    put_attach (self, out);
  else if (self->state == CHANNEL_OPEN)
    {
      if (self->window > self->window_sent)
        put_simple (out, THOLE_AGENT_GRANT, self->channel, self->window - self->window_sent, 4);
      self->window_sent = self->window;
      if (self->acks || self->seq - self->acked_sent >= self->ack_after)
        put_ack (self, out);
    }
}

static void
put_request (const AgentSession *self, GByteArray *out, guint8 type, guint16 tag, guint64 value, guint16 tag2, guint64 value2)
{
  guint frame = thole_agent_begin (out, type, 0);

  thole_agent_put (out, 0, 4);
  thole_agent_field (out, THOLE_AGENT_TAG_ID, self->id, strlen (self->id));
  thole_agent_field_number (out, tag, value);
  if (tag2 != 0)
    thole_agent_field_number (out, tag2, value2);
  thole_agent_end (out, frame);
}

static void
fill_orders (AgentSession *self, GByteArray *out)
{
  if (self->rows > 0)
    put_request (self, out, THOLE_AGENT_RESIZE, THOLE_AGENT_TAG_ROWS, self->rows, THOLE_AGENT_TAG_COLS, self->cols);
  self->rows = 0;
  for (guint i = 0; i < self->n_signals; i++)
    put_request (self, out, THOLE_AGENT_SIGNAL, THOLE_AGENT_TAG_SIGNAL, (guint64) self->signals[i], 0, 0);
  self->n_signals = 0;
}

static void
fill_input (AgentSession *self, guint16 channel, GByteArray *out)
{
  guint64 stop = self->end_wanted && !self->end_sent ? self->end_at : thole_agent_input_end (self);
  guint64 window = self->input_base + THOLE_AGENT_INPUT_WINDOW;
  guint frame;

  while (self->input_sent < MIN (stop, window) && out->len < FILL)
    {
      guint64 length = MIN (MIN (stop, window) - self->input_sent, THOLE_AGENT_MAX_DATA);

      frame = thole_agent_begin (out, THOLE_AGENT_INPUT, channel);
      thole_agent_put (out, self->input_sent, 8);
      g_byte_array_append (out, self->input->data + (self->input_sent - self->input_base), (guint) length);
      thole_agent_end (out, frame);
      self->input_sent += length;
    }
  if (!self->end_wanted || self->end_sent || self->input_sent != stop || out->len >= FILL)
    return;
  put_simple (out, THOLE_AGENT_INPUT_END, channel, stop, 8);
  self->end_sent = TRUE;
  /* what was typed at a terminal after it */
  if (self->input_sent < thole_agent_input_end (self))
    fill_input (self, channel, out);
}

static void
fill_session (AgentSession *self, GByteArray *out)
{
  fill_orders (self, out);
  if (!self->input_synced)
    return;
  for (guint i = 0; i < self->viewers->len; i++)
    {
      AgentViewer *viewer = g_ptr_array_index (self->viewers, i);

      if (viewer->state == CHANNEL_OPEN)
        {
          fill_input (self, viewer->channel, out);
          return;
        }
    }
}

void
thole_agent_views_fill (TholeAgentViews *self, GByteArray *out)
{
  GHashTableIter iter;
  AgentSession *session;

  g_hash_table_iter_init (&iter, self->sessions);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &session))
    if (out->len < FILL)
      fill_session (session, out);
  for (guint i = 1; i <= THOLE_AGENT_MAX_VIEWERS; i++)
    if (self->channels[i] != NULL)
      fill_viewer (self->channels[i], out);
}
