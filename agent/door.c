/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

/* ms until a HELLO must have come */
#define PATIENCE 10000

typedef struct
{
  uint64_t min, max, epoch;
} Hello;

static void
refuse (Agent *self, Door *door, int code, const char *text)
{
  uint8_t bytes[256];
  Buffer out = { bytes, sizeof bytes, 0, false };
  size_t frame = wire_begin (&out, THOLE_AGENT_BYE, 0);

  wire_put_number (&out, (uint64_t) code, 2);
  wire_field_text (&out, THOLE_AGENT_TAG_TEXT, text);
  wire_field_number (&out, THOLE_AGENT_TAG_EPOCH, self->epoch);
  wire_field_number (&out, THOLE_AGENT_TAG_PROTOCOL_MIN, THOLE_AGENT_PROTOCOL_MIN);
  wire_field_number (&out, THOLE_AGENT_TAG_PROTOCOL_MAX, THOLE_AGENT_PROTOCOL_MAX);
  wire_end (&out, frame);
  if (send (door->watch.fd, out.data, out.length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
    shutdown (door->watch.fd, SHUT_WR);
  watch_close (self->epoll, &door->watch);
}

static bool
read_hello (const Door *door, Hello *hello)
{
  Fields fields = { door->bytes + THOLE_AGENT_HEADER, door->bytes + door->length, false };
  Field field;
  bool good = true;

  *hello = (Hello) { 0, 0, 0 };
  while (good && fields_next (&fields, &field))
    {
      if (field.tag == THOLE_AGENT_TAG_PROTOCOL_MIN)
        good = field_number (&field, UINT16_MAX, &hello->min);
      else if (field.tag == THOLE_AGENT_TAG_PROTOCOL_MAX)
        good = field_number (&field, UINT16_MAX, &hello->max);
      else if (field.tag == THOLE_AGENT_TAG_EPOCH)
        good = field_number (&field, UINT64_MAX, &hello->epoch);
    }
  return good && !fields.bad && hello->min >= 1 && hello->min <= hello->max;
}

static void
greet (Agent *self, Door *door)
{
  Hello hello;
  int fd;

  if (door->bytes[4] != THOLE_AGENT_HELLO || !read_hello (door, &hello))
    return refuse (self, door, THOLE_AGENT_PROTOCOL, "this is no HELLO");
  if (hello.min > THOLE_AGENT_PROTOCOL_MAX || hello.max < THOLE_AGENT_PROTOCOL_MIN)
    return refuse (self, door, THOLE_AGENT_VERSION, "no common version of the protocol");
  if (hello.epoch <= self->epoch)
    return refuse (self, door, THOLE_AGENT_STALE, "the epoch is not above the highest seen");
  peer_close (self, THOLE_AGENT_REPLACED, "a connection with a higher epoch came");
  self->epoch = hello.epoch;
  fd = door->watch.fd;
  watch_set (self->epoll, &door->watch, 0);
  door->watch.fd = -1;
  peer_open (self, fd, hello.max < THOLE_AGENT_PROTOCOL_MAX ? hello.max : THOLE_AGENT_PROTOCOL_MAX);
}

/* reads the HELLO and nothing behind it */
static void
door_ready (Watch *watch)
{
  Agent *self = watch->owner;
  Door *door = (Door *) (void *) ((char *) watch - offsetof (Door, watch));
  size_t wanted = THOLE_AGENT_HEADER;
  ssize_t length;

  while (watch->fd >= 0)
    {
      if (door->length >= THOLE_AGENT_HEADER)
        wanted = THOLE_AGENT_HEADER + (size_t) wire_get (door->bytes, 4);
      if (wanted > sizeof door->bytes)
        return refuse (self, door, THOLE_AGENT_PROTOCOL, "this is no HELLO");
      if (door->length >= THOLE_AGENT_HEADER && door->length == wanted)
        return greet (self, door);
      length = recv (watch->fd, door->bytes + door->length, wanted - door->length, MSG_DONTWAIT);
      if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      if (length <= 0)
        watch_close (self->epoll, watch);
      else
        door->length += (size_t) length;
    }
}

/* who stands outside of the workload (pid 0) was let through by the modes of the folder; inside, only root and the agent's own user */
static bool
may_enter (int fd)
{
  struct ucred who;
  socklen_t length = sizeof who;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0)
    return false;
  return who.pid == 0 || who.uid == 0 || who.uid == geteuid ();
}

static Door *
free_door (Agent *self)
{
  Door *oldest = &self->doors[0];

  for (unsigned i = 0; i < DOORS; i++)
    {
      if (self->doors[i].watch.fd < 0)
        return &self->doors[i];
      if (self->doors[i].close_by < oldest->close_by)
        oldest = &self->doors[i];
    }
  watch_close (self->epoll, &oldest->watch);
  return oldest;
}

static void
listener_ready (Watch *watch)
{
  Agent *self = watch->owner;
  Door *door;
  int fd;

  while ((fd = accept4 (watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
    {
      if (!may_enter (fd))
        {
          close (fd);
          continue;
        }
      door = free_door (self);
      door->watch = (Watch) { fd, 0, door_ready, self };
      door->length = 0;
      door->close_by = agent_now () + PATIENCE;
      watch_set (self->epoll, &door->watch, EPOLLIN);
    }
}

void
door_listen (Agent *self)
{
  self->listener.ready = listener_ready;
  self->listener.owner = self;
  watch_set (self->epoll, &self->listener, EPOLLIN);
}

void
door_tick (Agent *self, Door *door, uint64_t now)
{
  if (door->watch.fd >= 0 && now >= door->close_by)
    refuse (self, door, THOLE_AGENT_SILENT, "no HELLO came");
}
