/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "thole-sandbox-protocol.h"

int64_t
state_now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_REALTIME, &time);
  return (int64_t) time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t
state_clock (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (int64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

unsigned long long
state_began (pid_t pid)
{
  char path[64], text[1024];
  unsigned long long ticks = 0;
  const char *end;
  ssize_t n;
  int fd;

  snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  n = read (fd, text, sizeof text - 1);
  close (fd);
  text[n > 0 ? n : 0] = '\0';
  end = strrchr (text, ')');
  /* field 22; the name before may hold anything */
  if (end == NULL || sscanf (end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
    return 0;
  return ticks;
}

bool
state_write (const SandboxState *state, bool durable)
{
  char text[512];
  int length = snprintf (text, sizeof text, "phase=%s\npid=%d\nbegan=%llu\nstarted=%lld\nfinished=%lld\ncode=%d\nsignal=%d\noom=%d\n",
                         state->exited ? "exited" : state->paused ? "paused" : "running", (int) state->pid, state->began, (long long) state->started,
                         (long long) state->finished, state->code, state->signal, state->oom);
  int fd = open (THOLE_SANDBOX_STATE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), folder;
  bool done = fd >= 0 && write (fd, text, (size_t) length) == length && (!durable || fdatasync (fd) == 0);

  if (fd >= 0)
    close (fd);
  if (!done || rename (THOLE_SANDBOX_STATE ".new", THOLE_SANDBOX_STATE) < 0)
    return false;
  folder = durable ? open (".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (folder >= 0)
    {
      fsync (folder);
      close (folder);
    }
  return true;
}
