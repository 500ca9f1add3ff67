/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ms for all programs to end when the agent is told to */
#define STOP_GRACE 3000

uint64_t
agent_now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (uint64_t) time.tv_sec * 1000 + (uint64_t) time.tv_nsec / 1000000;
}

uint64_t
agent_time (void)
{
  struct timespec time;

  clock_gettime (CLOCK_REALTIME, &time);
  return (uint64_t) time.tv_sec * 1000000 + (uint64_t) time.tv_nsec / 1000;
}

const char *
agent_architecture (void)
{
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#elif defined(__riscv)
  return "riscv64";
#elif defined(__arm__)
  return "arm";
#elif defined(__i386__)
  return "i386";
#elif defined(__powerpc64__)
  return "ppc64le";
#elif defined(__s390x__)
  return "s390x";
#else
  return "";
#endif
}

Session *
agent_find (Agent *self, const char *id)
{
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    if (self->sessions[i].agent != NULL && strcmp (self->sessions[i].id, id) == 0)
      return &self->sessions[i];
  return NULL;
}

void
agent_answer_start (Session *session, int code, int error)
{
  Agent *self = session->agent;
  size_t frame;

  if (session->open_request == 0 || !peer_is_open (self))
    return;
  if (code == THOLE_AGENT_OK)
    {
      frame = peer_answer_begin (self, session->open_request, code);
      session_describe (session, &self->peer.out);
      wire_end (&self->peer.out, frame);
    }
  else
    peer_answer (self, session->open_request, code, strerror (error));
  session->open_request = 0;
}

void
agent_forget (Session *session)
{
  Agent *self = session->agent;
  uint32_t request = session->close_request;

  agent_answer_start (session, THOLE_AGENT_CLOSED, 0);
  session_free (session);
  peer_answer (self, request, THOLE_AGENT_OK, "");
}

static void
reap (Agent *self)
{
  int pid, status;

  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
      if (self->sessions[i].agent != NULL && self->sessions[i].pid == pid && !self->sessions[i].reaped)
        {
          session_reaped (&self->sessions[i], status);
          break;
        }
}

static void
stop (Agent *self)
{
  self->stopping = true;
  self->stop_by = agent_now () + STOP_GRACE;
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    if (self->sessions[i].agent != NULL)
      session_close (&self->sessions[i], STOP_GRACE / 3);
}

static void
signals_ready (Watch *watch)
{
  Agent *self = watch->owner;
  struct signalfd_siginfo signal;

  while (read (watch->fd, &signal, sizeof signal) == (ssize_t) sizeof signal)
    if (signal.ssi_signo == SIGTERM && !self->stopping)
      stop (self);
  reap (self);
}

static void
random_bytes (void *bytes, size_t length)
{
  if (getrandom (bytes, length, 0) != (ssize_t) length)
    {
      uint64_t time = agent_time ();

      memcpy (bytes, &time, sizeof time < length ? sizeof time : length);
    }
}

static void
read_boot (Agent *self)
{
  int fd = open ("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read (fd, self->boot, sizeof self->boot - 1);

  if (fd >= 0)
    close (fd);
  self->boot[length > 0 ? length : 0] = '\0';
  self->boot[strcspn (self->boot, "\n")] = '\0';
}

bool
agent_init (Agent *self)
{
  sigset_t signals;

  sigemptyset (&signals);
  sigaddset (&signals, SIGCHLD);
  sigaddset (&signals, SIGTERM);
  sigprocmask (SIG_BLOCK, &signals, NULL);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGQUIT, SIG_IGN);
  self->epoll = epoll_create1 (EPOLL_CLOEXEC);
  self->signals = (Watch) { signalfd (-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC), 0, signals_ready, self };
  self->peer.watch.fd = -1;
  for (unsigned i = 0; i < DOORS; i++)
    self->doors[i].watch.fd = -1;
  self->idle_since = agent_now ();
  random_bytes (self->instance, sizeof self->instance);
  read_boot (self);
  watch_set (self->epoll, &self->signals, EPOLLIN);
  return self->epoll >= 0 && self->signals.fd >= 0;
}

static void
earlier (uint64_t *due, uint64_t at)
{
  if (at != 0 && (*due == 0 || at < *due))
    *due = at;
}

/* does what time brings; returns when the next of it is due, 0 = never */
static uint64_t
tick (Agent *self)
{
  uint64_t now = agent_now (), due = self->stopping ? self->stop_by : 0;

  for (unsigned i = 0; i < DOORS; i++)
    {
      door_tick (self, &self->doors[i], now);
      earlier (&due, self->doors[i].watch.fd >= 0 ? self->doors[i].close_by : 0);
    }
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    if (self->sessions[i].agent != NULL)
      earlier (&due, session_tick (&self->sessions[i], now));
  if (peer_is_open (self) && now >= self->peer.heard_at + THOLE_AGENT_SILENT_AFTER * 1000)
    peer_close (self, THOLE_AGENT_SILENT, "nothing came for too long");
  if (peer_is_open (self))
    earlier (&due, self->peer.heard_at + THOLE_AGENT_SILENT_AFTER * 1000);
  earlier (&due, self->hold_until > now ? self->hold_until : 0);
  return due;
}

static void
sweep (Agent *self)
{
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    if (self->sessions[i].agent != NULL && self->sessions[i].closing && self->sessions[i].state == THOLE_AGENT_EXITED)
      agent_forget (&self->sessions[i]);
}

static bool
is_over (Agent *self, uint64_t *due)
{
  uint64_t now = agent_now ();
  bool empty = true;

  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    empty &= self->sessions[i].agent == NULL;
  if (self->stopping)
    return empty || now >= self->stop_by;
  if (!empty || peer_is_open (self))
    self->idle_since = now;
  else if (self->idle_after != 0)
    earlier (due, self->idle_since + self->idle_after);
  return self->idle_after != 0 && now >= self->idle_since + self->idle_after;
}

static int
wait_time (uint64_t due)
{
  uint64_t now = agent_now ();

  if (due == 0)
    return -1;
  return due <= now ? 0 : due - now > 60000 ? 60000 : (int) (due - now);
}

void
agent_step (Agent *self, int most)
{
  struct epoll_event events[64];
  int count = epoll_wait (self->epoll, events, 64, most);

  for (int i = 0; i < count; i++)
    {
      Watch *watch = events[i].data.ptr;

      /* one that an earlier event of this round closed */
      if (watch->fd >= 0)
        watch->ready (watch);
    }
}

bool
agent_settle (Agent *self, uint64_t *due)
{
  *due = tick (self);
  peer_flush (self);
  sweep (self);
  peer_flush (self);
  return !is_over (self, due);
}

int
agent_run (Agent *self)
{
  uint64_t due;

  while (agent_settle (self, &due))
    agent_step (self, wait_time (due));
  peer_close (self, THOLE_AGENT_STOPPING, "the agent ends");
  return 0;
}
