/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"

/* ms: what a program leaves running may hold its pipes open for ever */
#define DRAIN 1000
#define DRAIN_CLOSING 200

static void
end_if_done (Session *self)
{
  if (!self->reaped || self->state == THOLE_AGENT_EXITED)
    return;
  if ((self->out.fd < 0 && self->err.fd < 0) || (self->drain_by != 0 && agent_now () >= self->drain_by))
    {
      self->state = THOLE_AGENT_EXITED;
      self->drain_by = 0;
      self->announce = true;
    }
}

unsigned
session_seated (const Session *self)
{
  return self->viewers - self->asides;
}

/* the number that output may reach before something is lost that must not be */
static uint64_t
output_limit (const Session *self)
{
  uint64_t low, aside;

  if (self->flow == THOLE_AGENT_FLOW_LATEST || self->closing)
    return UINT64_MAX;
  low = viewers_acked (self->agent, self, false);
  aside = viewers_acked (self->agent, self, true);
  if (self->aside_missing > 0 && self->aside_floor < aside)
    aside = self->aside_floor;
  if (self->missing > 0 || (session_seated (self) == 0 && self->detached == THOLE_AGENT_DETACHED_WAIT))
    low = self->floor < low ? self->floor : low;
  low = aside < low ? aside : low;
  if (low == UINT64_MAX)
    return low;
  return (low > self->ring.tail ? low : self->ring.tail) + self->ring.size;
}

static size_t
output_room (const Session *self)
{
  uint64_t limit = output_limit (self);

  return limit - self->ring.head < self->ring.size ? (size_t) (limit - self->ring.head) : self->ring.size;
}

bool
session_waits (const Session *self)
{
  return self->state != THOLE_AGENT_EXITED && output_room (self) == 0;
}

void
session_watch (Session *self)
{
  /* what comes after the end is read, too, and dropped: those who still write must not block */
  uint32_t read = self->state == THOLE_AGENT_EXITED || output_room (self) > 0 ? EPOLLIN : 0;
  uint32_t write = self->input_length > 0 || self->end_wanted ? EPOLLOUT : 0;

  if (self->reaped && read == 0)
    self->drain_by = agent_now () + DRAIN;
  watch_set (self->agent->epoll, &self->out, read | (self->tty ? write : 0));
  watch_set (self->agent->epoll, &self->err, read);
  watch_set (self->agent->epoll, &self->in, write);
}

static void
input_dies (Session *self)
{
  self->input_dead = true;
  self->input_length = 0;
  self->taken = self->received;
  if (self->end_wanted)
    self->ended_at = self->received;
  self->end_wanted = false;
  watch_close (self->agent->epoll, &self->in);
  viewers_input_taken (self->agent, self);
}

/* one read; false when there is no more for this time */
static bool
read_once (Session *self, Watch *from, size_t most, size_t *got)
{
  struct iovec pieces[2];
  bool drop = self->state == THOLE_AGENT_EXITED;
  int count = 1;
  ssize_t length;

  if (drop)
    pieces[0] = (struct iovec) { self->agent->dropped, sizeof self->agent->dropped };
  else
    count = ring_room (&self->ring, most, pieces);
  length = readv (from->fd, pieces, count);
  if (length > 0)
    {
      *got = (size_t) length;
      if (!drop)
        ring_commit (&self->ring, *got, from == &self->err);
      return true;
    }
  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  watch_close (self->agent->epoll, from);
  if (self->tty)
    input_dies (self);
  return false;
}

static void
output_ready (Watch *watch)
{
  Session *self = watch->owner;
  /* so that a viewer who keeps up is served before its bytes fall out */
  size_t most = self->ring.size / 2 < READ_MOST ? self->ring.size / 2 : READ_MOST;
  size_t sum = 0, got, room;

  while (watch->fd >= 0 && sum < most)
    {
      room = self->state == THOLE_AGENT_EXITED ? most : output_room (self);
      if (room == 0 || !read_once (self, watch, room < most - sum ? room : most - sum, &got))
        break;
      sum += got;
    }
  if (sum > 0)
    self->output_at = agent_time ();
  end_if_done (self);
}

/* what a terminal calls the end of input: its character, twice where one only ends a line */
static bool
write_terminal_end (Session *self)
{
  struct termios settings;
  char text[2];
  ssize_t length;
  bool mid_line = self->taken > 0 && self->last_byte != '\n' && self->last_byte != '\r';

  if (tcgetattr (self->out.fd, &settings) < 0 || (settings.c_lflag & ICANON) == 0)
    return true;
  text[0] = text[1] = (char) settings.c_cc[VEOF];
  length = write (self->out.fd, text, mid_line ? 2 : 1);
  return length >= 0 || (errno != EAGAIN && errno != EINTR);
}

static void
end_input (Session *self)
{
  if (self->tty && !write_terminal_end (self))
    return;
  self->end_wanted = false;
  self->ended_at = self->received;
  if (!self->tty)
    {
      self->input_dead = true;
      watch_close (self->agent->epoll, &self->in);
    }
  viewers_input_taken (self->agent, self);
}

static void
write_input (Session *self)
{
  int fd = self->tty ? self->out.fd : self->in.fd;

  while (self->input_length > 0 && !self->input_dead)
    {
      size_t left = THOLE_AGENT_INPUT_WINDOW - self->input_at;
      size_t first = self->input_length < left ? self->input_length : left;
      struct iovec pieces[2] = { { self->input + self->input_at, first }, { self->input, self->input_length - first } };
      ssize_t length = writev (fd, pieces, self->input_length > first ? 2 : 1);

      if (length < 0 && (errno == EAGAIN || errno == EINTR))
        break;
      if (length < 0)
        {
          input_dies (self);
          break;
        }
      self->last_byte = self->input[(self->input_at + (size_t) length - 1) % THOLE_AGENT_INPUT_WINDOW];
      self->input_at = (self->input_at + (size_t) length) % THOLE_AGENT_INPUT_WINDOW;
      self->input_length -= (size_t) length;
      self->taken += (size_t) length;
      viewers_input_taken (self->agent, self);
    }
  if (self->end_wanted && self->input_length == 0)
    end_input (self);
}

static void
terminal_ready (Watch *watch)
{
  Session *self = watch->owner;

  write_input (self);
  output_ready (watch);
}

static void
input_ready (Watch *watch)
{
  write_input (watch->owner);
}

static void
keep_input (Session *self, const uint8_t *data, size_t length)
{
  size_t end = (self->input_at + self->input_length) % THOLE_AGENT_INPUT_WINDOW;
  size_t first = length < THOLE_AGENT_INPUT_WINDOW - end ? length : THOLE_AGENT_INPUT_WINDOW - end;

  memcpy (self->input + end, data, first);
  memcpy (self->input, data + first, length - first);
  self->input_length += length;
}

int
session_input (Session *self, uint64_t offset, const uint8_t *data, size_t length)
{
  size_t known;

  if (offset > self->received)
    return THOLE_AGENT_PROTOCOL;
  if (self->received - offset >= length)
    return THOLE_AGENT_OK;
  known = (size_t) (self->received - offset);
  data += known;
  length -= known;
  if (session_has_ended_input (self))
    return THOLE_AGENT_OK;
  if (self->input_dead)
    {
      self->received += length;
      self->taken = self->received;
      viewers_input_taken (self->agent, self);
      return THOLE_AGENT_OK;
    }
  if (length > THOLE_AGENT_INPUT_WINDOW - self->input_length)
    return THOLE_AGENT_PROTOCOL;
  keep_input (self, data, length);
  self->received += length;
  self->input_at_time = agent_time ();
  if (self->state != THOLE_AGENT_STARTING)
    write_input (self);
  session_watch (self);
  return THOLE_AGENT_OK;
}

bool
session_has_ended_input (const Session *self)
{
  return !self->tty && (self->end_wanted || self->ended_at != UINT64_MAX);
}

void
session_input_end (Session *self, uint64_t offset)
{
  if (offset != self->received || self->ended_at == offset || session_has_ended_input (self))
    return;
  if (self->input_dead)
    self->ended_at = offset;
  else
    self->end_wanted = true;
  if (self->state != THOLE_AGENT_STARTING)
    write_input (self);
  session_watch (self);
  viewers_input_taken (self->agent, self);
}

static void
status_ready (Watch *watch)
{
  Session *self = watch->owner;
  Failure failure;
  ssize_t length = read (watch->fd, &failure, sizeof failure);

  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  watch_close (self->agent->epoll, watch);
  if (length == (ssize_t) sizeof failure)
    {
      agent_answer_start (self, failure.code, failure.error);
      agent_forget (self);
      return;
    }
  self->state = THOLE_AGENT_RUNNING;
  self->announce = true;
  agent_answer_start (self, THOLE_AGENT_OK, 0);
  write_input (self);
}

static int
get_memory (Session *self, size_t ring)
{
  size_t size = ring_bytes (ring) + THOLE_AGENT_INPUT_WINDOW;

  self->memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (self->memory == MAP_FAILED)
    return errno;
  self->memory_size = size;
  madvise (self->memory, size, MADV_DONTFORK);
  ring_init (&self->ring, self->memory, ring);
  self->input = (uint8_t *) self->memory + ring_bytes (ring);
  return 0;
}

static void
take_joint (Session *self, const Spawned *spawned)
{
  self->pid = spawned->pid;
  self->slave = spawned->slave;
  self->out = (Watch) { spawned->out, 0, self->tty ? terminal_ready : output_ready, self };
  self->err = (Watch) { spawned->err, 0, output_ready, self };
  self->in = (Watch) { spawned->in, 0, input_ready, self };
  self->status = (Watch) { spawned->status, 0, status_ready, self };
  watch_set (self->agent->epoll, &self->status, EPOLLIN);
}

int
session_start (Session *self, Agent *agent, const SessionPlan *plan, int *error)
{
  Spawned spawned;

  memset (self, 0, sizeof *self);
  *error = get_memory (self, plan->ring);
  if (*error != 0)
    return THOLE_AGENT_FAILED;
  *error = spawn (&plan->plan, &spawned);
  if (*error != 0)
    {
      munmap (self->memory, self->memory_size);
      return THOLE_AGENT_FAILED;
    }
  self->agent = agent;
  strcpy (self->id, plan->id);
  strcpy (self->name, plan->name);
  self->flow = plan->flow;
  self->detached = plan->detached;
  self->tty = plan->plan.tty;
  self->rows = (uint16_t) plan->plan.rows;
  self->cols = (uint16_t) plan->plan.cols;
  self->ended_at = UINT64_MAX;
  self->created_at = agent_time ();
  take_joint (self, &spawned);
  session_watch (self);
  return THOLE_AGENT_OK;
}

void
session_reaped (Session *self, int status)
{
  /* it may have ended before what it said at its start was read */
  if (self->status.fd >= 0)
    status_ready (&self->status);
  if (self->agent == NULL)
    return;
  self->reaped = true;
  self->signal = WIFSIGNALED (status) ? WTERMSIG (status) : 0;
  self->code = self->signal != 0 ? 128 + self->signal : WEXITSTATUS (status);
  self->drain_by = agent_now () + (self->closing ? DRAIN_CLOSING : DRAIN);
  self->state = THOLE_AGENT_ENDING;
  self->announce = true;
  if (self->slave >= 0)
    close (self->slave);
  self->slave = -1;
  if (self->closing)
    spawn_kill_all (self->pid, true);
  end_if_done (self);
}

int
session_signal (Session *self, int signal)
{
  int group = self->pid;

  if (signal < 1 || signal > 64)
    return THOLE_AGENT_INVALID;
  if (self->reaped)
    return THOLE_AGENT_ENDED;
  /* as the keys of the terminal do: to what stands in front */
  if (self->tty && (signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP || signal == SIGCONT))
    group = tcgetpgrp (self->out.fd);
  if (kill (group > 1 ? -group : -self->pid, signal) < 0 && kill (self->pid, signal) < 0)
    return errno == EPERM ? THOLE_AGENT_DENIED : THOLE_AGENT_FAILED;
  return THOLE_AGENT_OK;
}

int
session_resize (Session *self, unsigned rows, unsigned cols)
{
  struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) cols };

  if (!self->tty || rows < 1 || cols < 1)
    return THOLE_AGENT_INVALID;
  if (self->reaped)
    return THOLE_AGENT_ENDED;
  if (ioctl (self->out.fd, TIOCSWINSZ, &size) < 0)
    return THOLE_AGENT_FAILED;
  self->rows = (uint16_t) rows;
  self->cols = (uint16_t) cols;
  viewers_resized (self->agent, self);
  return THOLE_AGENT_OK;
}

void
session_close (Session *self, uint64_t grace)
{
  int front = self->tty && self->out.fd >= 0 ? tcgetpgrp (self->out.fd) : 0;
  bool was = self->closing;

  self->closing = true;
  if (self->reaped)
    {
      spawn_kill_all (self->pid, true);
      if (self->state != THOLE_AGENT_EXITED)
        self->drain_by = agent_now () + DRAIN_CLOSING;
      return;
    }
  if (!was || agent_now () + grace < self->kill_at)
    self->kill_at = agent_now () + grace;
  if (front > 1 && front != self->pid)
    kill (-front, SIGHUP);
  kill (-self->pid, SIGHUP);
  /* what was stopped must run to see it */
  kill (-self->pid, SIGCONT);
}

void
session_free (Session *self)
{
  viewers_forget (self->agent, self);
  watch_close (self->agent->epoll, &self->out);
  watch_close (self->agent->epoll, &self->err);
  watch_close (self->agent->epoll, &self->in);
  watch_close (self->agent->epoll, &self->status);
  if (self->slave >= 0)
    close (self->slave);
  munmap (self->memory, self->memory_size);
  self->agent = NULL;
}

uint64_t
session_tick (Session *self, uint64_t now)
{
  if (self->kill_at != 0 && now >= self->kill_at)
    {
      self->kill_at = 0;
      if (!self->reaped)
        spawn_kill_all (self->pid, false);
    }
  if (now >= self->agent->hold_until)
    self->missing = self->aside_missing = 0;
  end_if_done (self);
  session_watch (self);
  if (self->drain_by != 0 && (self->kill_at == 0 || self->drain_by < self->kill_at))
    return self->drain_by;
  return self->reaped ? 0 : self->kill_at;
}

void
session_describe (const Session *self, Buffer *out)
{
  wire_field_text (out, THOLE_AGENT_TAG_ID, self->id);
  wire_field_text (out, THOLE_AGENT_TAG_NAME, self->name);
  wire_field_number (out, THOLE_AGENT_TAG_STATE, self->state);
  wire_field_number (out, THOLE_AGENT_TAG_PID, self->reaped ? 0 : (uint64_t) self->pid);
  wire_field_number (out, THOLE_AGENT_TAG_TTY, self->tty);
  wire_field_number (out, THOLE_AGENT_TAG_ROWS, self->rows);
  wire_field_number (out, THOLE_AGENT_TAG_COLS, self->cols);
  wire_field_number (out, THOLE_AGENT_TAG_FLOW, self->flow);
  wire_field_number (out, THOLE_AGENT_TAG_DETACHED, self->detached);
  wire_field_number (out, THOLE_AGENT_TAG_RING, self->ring.size);
  wire_field_number (out, THOLE_AGENT_TAG_HEAD, self->ring.head);
  wire_field_number (out, THOLE_AGENT_TAG_TAIL, self->ring.tail);
  wire_field_number (out, THOLE_AGENT_TAG_TAKEN, self->taken);
  wire_field_number (out, THOLE_AGENT_TAG_RECEIVED, self->received);
  wire_field_number (out, THOLE_AGENT_TAG_INPUT_ENDED, session_has_ended_input (self));
  wire_field_number (out, THOLE_AGENT_TAG_VIEWERS, session_seated (self));
  wire_field_number (out, THOLE_AGENT_TAG_CREATED_AT, self->created_at);
  wire_field_number (out, THOLE_AGENT_TAG_OUTPUT_AT, self->output_at);
  wire_field_number (out, THOLE_AGENT_TAG_INPUT_AT, self->input_at_time);
  wire_field_number (out, THOLE_AGENT_TAG_WAITING, session_waits (self));
  if (self->reaped)
    {
      wire_field_number (out, THOLE_AGENT_TAG_CODE, (uint64_t) self->code);
      wire_field_number (out, THOLE_AGENT_TAG_EXIT_SIGNAL, (uint64_t) self->signal);
    }
}
