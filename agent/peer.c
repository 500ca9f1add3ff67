/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

/* ms: how long what a lost connection's viewers had not acknowledged is kept from being overwritten, without and with a new one */
#define HOLD_WITHOUT 60000
#define HOLD_WITH 5000

bool
peer_is_open (const Agent *self)
{
  return self->peer.watch.fd >= 0;
}

size_t
peer_answer_begin (Agent *self, uint32_t request, int code)
{
  size_t frame = wire_begin (&self->peer.out, THOLE_AGENT_ANSWER, 0);

  wire_put_number (&self->peer.out, request, 4);
  wire_put_number (&self->peer.out, (uint64_t) code, 2);
  return frame;
}

void
peer_answer (Agent *self, uint32_t request, int code, const char *text)
{
  size_t frame;

  if (request == 0 || !peer_is_open (self))
    return;
  frame = peer_answer_begin (self, request, code);
  if (*text != '\0')
    wire_field_text (&self->peer.out, THOLE_AGENT_TAG_TEXT, text);
  wire_end (&self->peer.out, frame);
}

void
peer_close (Agent *self, int code, const char *text)
{
  Peer *peer = &self->peer;
  size_t frame;

  if (!peer_is_open (self))
    return;
  frame = wire_begin (&peer->out, THOLE_AGENT_BYE, 0);
  wire_put_number (&peer->out, (uint64_t) code, 2);
  wire_field_text (&peer->out, THOLE_AGENT_TAG_TEXT, text);
  wire_end (&peer->out, frame);
  /* one try: nobody waits for one who does not read */
  if (!peer->out.overflow && send (peer->watch.fd, peer->out.data, peer->out.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    peer->blocked = true;
  watch_close (self->epoll, &peer->watch);
  viewers_drop (self);
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    self->sessions[i].open_request = self->sessions[i].close_request = 0;
  self->hold_until = agent_now () + HOLD_WITHOUT;
  self->idle_since = agent_now ();
}

static bool
serve_frame (Agent *self, uint8_t type, uint16_t channel, const uint8_t *data, size_t length)
{
  Buffer *out = &self->peer.out;
  size_t frame;

  if (channel != 0)
    return viewer_serve (self, channel, type, data, length);
  if (type == THOLE_AGENT_PING)
    {
      if (length > 64)
        return false;
      frame = wire_begin (out, THOLE_AGENT_PONG, 0);
      wire_put (out, data, length);
      wire_end (out, frame);
      return true;
    }
  return type == THOLE_AGENT_PONG || request_serve (self, type, data, length);
}

/* serves the whole frames that came; false when the connection was closed */
static bool
serve_frames (Agent *self)
{
  Peer *peer = &self->peer;
  size_t at = 0, length;

  while (peer->in_length - at >= THOLE_AGENT_HEADER && peer->out.length <= OUT_BEFORE_ANSWER)
    {
      const uint8_t *head = peer->in + at;

      length = (size_t) wire_get (head, 4);
      if (length > THOLE_AGENT_MAX_PAYLOAD)
        {
          peer_close (self, THOLE_AGENT_PROTOCOL, "a frame is longer than it may be");
          return false;
        }
      if (peer->in_length - at - THOLE_AGENT_HEADER < length)
        break;
      if (!serve_frame (self, head[4], (uint16_t) wire_get (head + 6, 2), head + THOLE_AGENT_HEADER, length))
        {
          peer_close (self, THOLE_AGENT_PROTOCOL, "a frame that may not be");
          return false;
        }
      at += THOLE_AGENT_HEADER + length;
    }
  memmove (peer->in, peer->in + at, peer->in_length - at);
  peer->in_length -= at;
  return true;
}

static void
set_interest (Agent *self)
{
  Peer *peer = &self->peer;
  bool reads = peer->out.length <= OUT_BEFORE_ANSWER && peer->in_length < PEER_IN;

  watch_set (self->epoll, &peer->watch, (reads ? EPOLLIN | EPOLLRDHUP : 0) | (peer->blocked ? EPOLLOUT : 0));
}

static void
peer_ready (Watch *watch)
{
  Agent *self = watch->owner;
  Peer *peer = &self->peer;
  ssize_t length;

  peer->blocked = false;
  if (watch->fd < 0)
    return;
  if (peer->in_length < PEER_IN)
    {
      length = recv (watch->fd, peer->in + peer->in_length, PEER_IN - peer->in_length, MSG_DONTWAIT);
      if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
        {
          peer_close (self, THOLE_AGENT_OK, "");
          return;
        }
      if (length > 0)
        {
          peer->in_length += (size_t) length;
          peer->heard_at = agent_now ();
        }
    }
  serve_frames (self);
}

/* who changed since it was last told */
static void
add_changes (Agent *self)
{
  Buffer *out = &self->peer.out;

  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS && out->length <= OUT_BEFORE_BATCH; i++)
    {
      Session *session = &self->sessions[i];
      size_t frame;

      if (session->agent == NULL || !session->announce)
        continue;
      frame = wire_begin (out, THOLE_AGENT_CHANGED, 0);
      session_describe (session, out);
      wire_end (out, frame);
      session->announce = false;
    }
}

static void
fill_batch (Agent *self, Batch *batch)
{
  bool more = true;

  batch->count = 1;
  batch->frames = 0;
  batch->bytes = 0;
  batch->pieces[0] = (struct iovec) { self->peer.out.data, self->peer.out.length };
  if (self->peer.out.length > OUT_BEFORE_BATCH)
    return;
  /* one frame each in turn, beginning after the one who was served last */
  while (more && batch_has_room (batch))
    {
      unsigned end = self->viewers_end;

      more = false;
      for (unsigned i = 0; i < end && batch_has_room (batch); i++)
        {
          self->turn = self->turn + 1 < end ? self->turn + 1 : 0;
          more |= viewer_fill (self, &self->viewers[self->turn], batch);
        }
    }
}

/* keeps what the connection did not take: the ring may have gone on before it does */
static void
keep_rest (Agent *self, const Batch *batch, size_t sent)
{
  Buffer *out = &self->peer.out;
  size_t waited = out->length;

  if (sent < waited)
    memmove (out->data, out->data + sent, waited - sent);
  out->length = sent < waited ? waited - sent : 0;
  sent -= sent < waited ? sent : waited;
  for (int i = 1; i < batch->count; i++)
    {
      const struct iovec *piece = &batch->pieces[i];
      size_t skip = sent < piece->iov_len ? sent : piece->iov_len;

      wire_put (out, (uint8_t *) piece->iov_base + skip, piece->iov_len - skip);
      sent -= skip;
    }
}

/* false: nothing more goes out at this time */
static bool
send_round (Agent *self)
{
  Peer *peer = &self->peer;
  Batch batch;
  struct msghdr message = { .msg_iov = batch.pieces };
  ssize_t sent;

  add_changes (self);
  fill_batch (self, &batch);
  if (peer->out.overflow)
    {
      peer_close (self, THOLE_AGENT_PROTOCOL, "more was asked at once than can be answered");
      return false;
    }
  if (batch.pieces[0].iov_len + batch.bytes == 0)
    return false;
  message.msg_iovlen = (size_t) batch.count;
  sent = sendmsg (peer->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR)
    {
      peer_close (self, THOLE_AGENT_OK, "");
      return false;
    }
  peer->blocked = sent < 0 ? errno == EAGAIN : (size_t) sent < batch.pieces[0].iov_len + batch.bytes;
  keep_rest (self, &batch, sent < 0 ? 0 : (size_t) sent);
  return !peer->blocked;
}

void
peer_flush (Agent *self)
{
  bool more = true;

  while (more && peer_is_open (self))
    {
      while (!self->peer.blocked && send_round (self))
        continue;
      /* requests that waited because their answers would have had no room */
      more = peer_is_open (self) && serve_frames (self) && !self->peer.blocked && self->peer.out.length > 0;
    }
  if (peer_is_open (self))
    set_interest (self);
}

static void
welcome (Agent *self, uint64_t protocol)
{
  Buffer *out = &self->peer.out;
  size_t frame = wire_begin (out, THOLE_AGENT_WELCOME, 0);

  wire_field_number (out, THOLE_AGENT_TAG_PROTOCOL, protocol);
  wire_field_text (out, THOLE_AGENT_TAG_VERSION, THOLE_VERSION);
  wire_field_number (out, THOLE_AGENT_TAG_EPOCH, self->epoch);
  wire_field (out, THOLE_AGENT_TAG_INSTANCE, self->instance, sizeof self->instance);
  wire_field_text (out, THOLE_AGENT_TAG_BOOT, self->boot);
  wire_field_number (out, THOLE_AGENT_TAG_PID, (uint64_t) getpid ());
  wire_field_text (out, THOLE_AGENT_TAG_ARCHITECTURE, agent_architecture ());
  wire_end (out, frame);
}

void
peer_open (Agent *self, int fd, uint64_t protocol)
{
  Peer *peer = &self->peer;

  peer->watch = (Watch) { fd, 0, peer_ready, self };
  peer->in_length = 0;
  peer->heard_at = agent_now ();
  peer->blocked = false;
  peer->out = (Buffer) { peer->out_bytes, sizeof peer->out_bytes, 0, false };
  self->hold_until = agent_now () + HOLD_WITH;
  welcome (self, protocol);
  set_interest (self);
}
