/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 65536
/* ms for the last bytes to leave when the other side is gone */
#define LAST 2000

/* one direction */
typedef struct
{
  int from, to;
  size_t at, length;
  bool ended, broken;
  char bytes[CHUNK];
} Way;

static bool
is_only_late (void)
{
  return errno == EAGAIN || errno == EINTR;
}

static void
move (Way *self)
{
  ssize_t length;

  if (self->at == self->length && !self->ended)
    {
      length = read (self->from, self->bytes, CHUNK);
      self->ended = length == 0 || (length < 0 && !is_only_late ());
      self->at = 0;
      self->length = length > 0 ? (size_t) length : 0;
    }
  if (self->at < self->length)
    {
      length = write (self->to, self->bytes + self->at, self->length - self->at);
      self->broken = length < 0 && !is_only_late ();
      self->at += length > 0 ? (size_t) length : 0;
    }
}

static int
connect_or_start (const HoldOptions *options)
{
  int fd = hold_connect (options->folder);
  int child, status;

  if (fd >= 0)
    return fd;
  child = fork ();
  if (child == 0)
    _exit (hold (options));
  if (child < 0 || waitpid (child, &status, 0) != child || !WIFEXITED (status) || WEXITSTATUS (status) != 0)
    return -1;
  return hold_connect (options->folder);
}

static void
not_blocking (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  if (flags >= 0)
    fcntl (fd, F_SETFL, flags | O_NONBLOCK);
}

static void
relay (Way *in, Way *out)
{
  while (!in->ended && !in->broken && !out->broken && !out->ended)
    {
      struct pollfd polled[4] = {
        { in->at == in->length ? in->from : -1, POLLIN, 0 }, { in->to, in->at < in->length ? POLLOUT : 0, 0 },
        { out->from, out->at == out->length ? POLLIN : 0, 0 }, { out->to, out->at < out->length ? POLLOUT : 0, 0 },
      };

      if (poll (polled, 4, -1) < 0 && errno != EINTR)
        return;
      if (polled[3].revents & (POLLERR | POLLNVAL))
        return;
      /* the agent is gone, or let another bridge take over: what cannot be written any more holds nothing up */
      if (polled[2].revents & POLLHUP && out->at < out->length)
        break;
      move (in);
      move (out);
    }
  for (int waited = 0; out->at < out->length && !out->broken && waited < LAST; waited += 100)
    {
      struct pollfd last = { out->to, POLLOUT, 0 };

      poll (&last, 1, 100);
      move (out);
    }
}

int
bridge (const HoldOptions *options)
{
  static Way in, out;
  int fd;

  signal (SIGPIPE, SIG_IGN);
  fd = connect_or_start (options);
  if (fd < 0)
    {
      dprintf (2, "thole-agent: %s: %s\n", options->folder, strerror (errno));
      return 1;
    }
  not_blocking (0);
  not_blocking (1);
  not_blocking (fd);
  in = (Way) { .from = 0, .to = fd };
  out = (Way) { .from = fd, .to = 1 };
  relay (&in, &out);
  return 0;
}
