/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One descriptor in the loop. `ready` may be called once more than there is something: everything here does not block.
 */
#pragma once

#include <stdint.h>

typedef struct Watch Watch;

struct Watch
{
  int fd; /* -1 = none */
  uint32_t events;
  void (*ready) (Watch *self);
  void *owner;
};

/* @events 0 takes it out of the loop, else a hang-up would be reported for ever. */
void watch_set (int epoll, Watch *self, uint32_t events);
/* Takes it out and closes the descriptor. */
void watch_close (int epoll, Watch *self);
