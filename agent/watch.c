/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

#include <sys/epoll.h>
#include <unistd.h>

void
watch_set (int epoll, Watch *self, uint32_t events)
{
  struct epoll_event event = { .events = events, .data.ptr = self };

  if (self->fd < 0 || self->events == events)
    return;
  epoll_ctl (epoll, events == 0 ? EPOLL_CTL_DEL : self->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, self->fd, &event);
  self->events = events;
}

void
watch_close (int epoll, Watch *self)
{
  if (self->fd < 0)
    return;
  watch_set (epoll, self, 0);
  close (self->fd);
  self->fd = -1;
}
