/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "agent.h"

static uint16_t
channel_of (const Agent *self, const Viewer *viewer)
{
  return (uint16_t) (viewer - self->viewers + 1);
}

static void
detached (Agent *self, uint16_t channel, int code, const char *text)
{
  size_t frame = wire_begin (&self->peer.out, THOLE_AGENT_DETACHED, channel);

  wire_put_number (&self->peer.out, (uint64_t) code, 2);
  wire_field_text (&self->peer.out, THOLE_AGENT_TAG_TEXT, text);
  wire_end (&self->peer.out, frame);
}

/* the last acknowledgement outlives the viewer */
static void
release (Agent *self, Viewer *viewer)
{
  Session *session = viewer->session;

  viewer->session = NULL;
  session->viewers--;
  if (viewer->aside)
    session->asides--;
  else if (session_seated (session) == 0 && session->missing == 0)
    session->floor = viewer->acked;
  session_watch (session);
  while (self->viewers_end > 0 && self->viewers[self->viewers_end - 1].session == NULL)
    self->viewers_end--;
}

/* @count viewers, who have acknowledged @low, are gone for a while */
static void
miss (uint64_t *floor, unsigned *missing, unsigned count, uint64_t low)
{
  if (count == 0)
    return;
  /* those who are still missing from the connection before have a floor of their own */
  if (*missing == 0 || low < *floor)
    *floor = low;
  *missing += count;
}

void
viewers_drop (Agent *self)
{
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    {
      Session *session = &self->sessions[i];

      if (session->agent == NULL)
        continue;
      miss (&session->floor, &session->missing, session_seated (session), viewers_acked (self, session, false));
      miss (&session->aside_floor, &session->aside_missing, session->asides, viewers_acked (self, session, true));
    }
  for (unsigned i = 0; i < THOLE_AGENT_MAX_VIEWERS; i++)
    if (self->viewers[i].session != NULL)
      release (self, &self->viewers[i]);
}

void
viewers_forget (Agent *self, const Session *session)
{
  for (unsigned i = 0; i < THOLE_AGENT_MAX_VIEWERS; i++)
    if (self->viewers[i].session == session)
      {
        release (self, &self->viewers[i]);
        detached (self, (uint16_t) (i + 1), THOLE_AGENT_CLOSED, "the session was closed");
      }
}

void
viewers_resized (Agent *self, const Session *session)
{
  for (unsigned i = 0; i < self->viewers_end; i++)
    if (self->viewers[i].session == session)
      self->viewers[i].size_due = true;
}

void
viewers_input_taken (Agent *self, const Session *session)
{
  for (unsigned i = 0; session->viewers > 0 && i < self->viewers_end; i++)
    if (self->viewers[i].session == session)
      self->viewers[i].taken_due = true;
}

uint64_t
viewers_acked (const Agent *self, const Session *session, bool aside)
{
  uint64_t low = UINT64_MAX;

  for (unsigned i = 0; session->viewers > 0 && i < self->viewers_end; i++)
    if (self->viewers[i].session == session && self->viewers[i].aside == aside && self->viewers[i].acked < low)
      low = self->viewers[i].acked;
  return low;
}

typedef struct
{
  char id[THOLE_AGENT_MAX_ID + 1];
  uint64_t from, seq, acked, credit, aside;
} Attach;

static bool
read_attach (Fields fields, Attach *attach)
{
  Field field;
  bool good = true;

  *attach = (Attach) { .from = THOLE_AGENT_FROM_OLDEST, .acked = UINT64_MAX };
  while (good && fields_next (&fields, &field))
    {
      if (field.tag == THOLE_AGENT_TAG_ID)
        good = field_text (&field, attach->id, sizeof attach->id);
      else if (field.tag == THOLE_AGENT_TAG_FROM)
        good = field_number (&field, THOLE_AGENT_FROM_LIVE, &attach->from);
      else if (field.tag == THOLE_AGENT_TAG_SEQ)
        good = field_number (&field, UINT64_MAX, &attach->seq);
      else if (field.tag == THOLE_AGENT_TAG_ACKED)
        good = field_number (&field, UINT64_MAX, &attach->acked);
      else if (field.tag == THOLE_AGENT_TAG_CREDIT)
        good = field_number (&field, UINT32_MAX, &attach->credit);
      else if (field.tag == THOLE_AGENT_TAG_ASIDE)
        good = field_number (&field, 1, &attach->aside);
    }
  return good && !fields.bad;
}

static void
attach (Agent *self, uint16_t channel, const uint8_t *data, size_t length)
{
  Viewer *viewer = &self->viewers[channel - 1];
  Buffer *out = &self->peer.out;
  Session *session;
  Attach wanted;
  unsigned *missing;
  size_t frame;

  if (!read_attach ((Fields) { data, data + length, false }, &wanted))
    return detached (self, channel, THOLE_AGENT_INVALID, "a field of ATTACH is wrong");
  session = agent_find (self, wanted.id);
  if (session == NULL)
    return detached (self, channel, THOLE_AGENT_NOT_FOUND, "no such session");
  if (wanted.from == THOLE_AGENT_FROM_SEQ && wanted.seq > session->ring.head)
    return detached (self, channel, THOLE_AGENT_INVALID, "so much output was never there");
  if (wanted.from != THOLE_AGENT_FROM_SEQ)
    wanted.seq = wanted.from == THOLE_AGENT_FROM_LIVE ? session->ring.head : session->ring.tail;
  if (wanted.from != THOLE_AGENT_FROM_SEQ || wanted.acked > wanted.seq)
    wanted.acked = wanted.seq;
  *viewer = (Viewer) { .session = session, .next = wanted.seq, .acked = wanted.acked, .credit = wanted.credit, .aside = wanted.aside };
  session->viewers++;
  session->asides += viewer->aside;
  missing = viewer->aside ? &session->aside_missing : &session->missing;
  if (wanted.from == THOLE_AGENT_FROM_SEQ && *missing > 0)
    --*missing;
  if (self->viewers_end < channel)
    self->viewers_end = channel;
  frame = wire_begin (out, THOLE_AGENT_ATTACHED, channel);
  wire_field_number (out, THOLE_AGENT_TAG_SEQ, wanted.seq);
  session_describe (session, out);
  wire_end (out, frame);
  session_watch (session);
}

static bool
ack (Viewer *viewer, uint64_t seq)
{
  if (seq > viewer->next)
    return false;
  if (seq > viewer->acked)
    viewer->acked = seq;
  session_watch (viewer->session);
  return true;
}

static bool
use (Agent *self, Viewer *viewer, uint8_t type, const uint8_t *data, size_t length)
{
  switch (type)
    {
    case THOLE_AGENT_DETACH:
      release (self, viewer);
      detached (self, channel_of (self, viewer), THOLE_AGENT_CLOSED, "");
      return true;
    case THOLE_AGENT_GRANT:
      if (length != 4)
        return false;
      viewer->credit += wire_get (data, 4);
      return true;
    case THOLE_AGENT_ACK:
      return length == 8 && ack (viewer, wire_get (data, 8));
    case THOLE_AGENT_INPUT:
      return length >= 8 && length <= 8 + THOLE_AGENT_MAX_DATA &&
             session_input (viewer->session, wire_get (data, 8), data + 8, length - 8) == THOLE_AGENT_OK;
    case THOLE_AGENT_INPUT_END:
      if (length != 8)
        return false;
      session_input_end (viewer->session, wire_get (data, 8));
      return true;
    default:
      return true;
    }
}

bool
viewer_serve (Agent *self, uint16_t channel, uint8_t type, const uint8_t *data, size_t length)
{
  Viewer *viewer;

  if (channel > THOLE_AGENT_MAX_VIEWERS)
    return false;
  viewer = &self->viewers[channel - 1];
  if (type == THOLE_AGENT_ATTACH && viewer->session != NULL)
    return false;
  if (type == THOLE_AGENT_ATTACH)
    attach (self, channel, data, length);
  /* what crossed a DETACHED on its way */
  else if (viewer->session != NULL)
    return use (self, viewer, type, data, length);
  return true;
}

static void
add_gap (Viewer *viewer, uint16_t channel, Batch *batch)
{
  const Ring *ring = &viewer->session->ring;
  uint64_t to = ring->tail;
  uint8_t text[16];

  /* one who fell behind a program that runs on is led to the middle, else the next byte would be lost at once; one who came too
   * late gets all that is left */
  if (viewer->began && ring->head - ring->tail == ring->size)
    to = ring->tail + ring->size / 2;
  wire_set (text, viewer->next, 8);
  wire_set (text + 8, to, 8);
  batch_add (batch, THOLE_AGENT_GAP, channel, text, 16);
  viewer->next = to;
  if (viewer->acked < to)
    viewer->acked = to;
}

static void
add_output (Viewer *viewer, uint16_t channel, Batch *batch)
{
  size_t most = viewer->credit < THOLE_AGENT_MAX_DATA ? (size_t) viewer->credit : THOLE_AGENT_MAX_DATA;
  struct iovec pieces[2];
  bool is_stderr;
  int count = ring_peek (&viewer->session->ring, viewer->next, most, pieces, &is_stderr);
  size_t length = pieces[0].iov_len + (count > 1 ? pieces[1].iov_len : 0);

  batch_add_output (batch, channel, viewer->next, pieces, count, is_stderr);
  viewer->next += length;
  viewer->began = true;
  viewer->credit -= length;
}

static void
add_exit (Viewer *viewer, uint16_t channel, Batch *batch)
{
  uint8_t text[16];

  wire_set (text, (uint64_t) viewer->session->code, 4);
  wire_set (text + 4, (uint64_t) viewer->session->signal, 4);
  wire_set (text + 8, viewer->session->ring.head, 8);
  batch_add (batch, THOLE_AGENT_EXIT, channel, text, 16);
  viewer->exit_told = true;
}

static void
add_taken (Viewer *viewer, uint16_t channel, Batch *batch)
{
  const Session *session = viewer->session;
  uint8_t text[9];

  wire_set (text, session->taken, 8);
  text[8] = session->ended_at != UINT64_MAX && session->ended_at == session->taken;
  batch_add (batch, THOLE_AGENT_TAKEN, channel, text, 9);
  viewer->taken_due = false;
}

static void
add_size (Viewer *viewer, uint16_t channel, Batch *batch)
{
  uint8_t text[4];

  wire_set (text, viewer->session->rows, 2);
  wire_set (text + 2, viewer->session->cols, 2);
  batch_add (batch, THOLE_AGENT_RESIZED, channel, text, 4);
  viewer->size_due = false;
}

bool
viewer_fill (Agent *self, Viewer *viewer, Batch *batch)
{
  const Session *session = viewer->session;
  uint16_t channel = channel_of (self, viewer);

  if (session == NULL)
    return false;
  if (viewer->size_due)
    add_size (viewer, channel, batch);
  else if (viewer->taken_due)
    add_taken (viewer, channel, batch);
  else if (viewer->credit > 0 && viewer->next < session->ring.tail)
    add_gap (viewer, channel, batch);
  else if (viewer->credit > 0 && viewer->next < session->ring.head)
    add_output (viewer, channel, batch);
  else if (session->state == THOLE_AGENT_EXITED && viewer->next == session->ring.head && !viewer->exit_told)
    add_exit (viewer, channel, batch);
  else
    return false;
  return true;
}
