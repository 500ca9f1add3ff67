/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The agent, whole but for the start of programs: steps of a peer, of its programs and of time. A step is a byte that says which and
 * one that says for whom; some have a length and bytes behind.
 *
 * Whatever comes, what the agent sends is frames as PROTOCOL.md has them: output without holes or doubles, never more than was
 * granted, the bytes that the program wrote, no gap where nothing may be lost; and no descriptor is left.
 */
#include "agent.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PEERS 3
#define PIPE 65536
#define FRAMES_MOST (2 * (THOLE_AGENT_HEADER + THOLE_AGENT_MAX_PAYLOAD))

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* the other end of a session */
typedef struct
{
  bool there;
  int out, err, in, status;
  uint64_t written[2];
} Program;

/* what a peer knows of a channel */
typedef struct
{
  bool there, sure, whole; /* its bytes can be told; nothing may fall out */
  uint64_t next, granted, pos[2];
} Channel;

typedef struct
{
  int fd;
  bool honest;  /* all that it sent were whole frames */
  bool greeted, ended;
  size_t length;
  uint8_t in[FRAMES_MOST];
  Channel channels[THOLE_AGENT_MAX_VIEWERS + 1];
} Connection;

typedef struct
{
  const uint8_t *at, *end;
} Input;

static Agent agent;
static Program programs[THOLE_AGENT_MAX_SESSIONS];
static Connection connection;
static int listener = -1;
static struct sockaddr_un address;
static socklen_t address_length;
static uint64_t epoch, milliseconds;
static bool spawn_fails;
static uint8_t bytes[2][PIPE];

/* what the agent calls instead of the system (the build renames these two) -------------------------------------------------------------------- */

int
clock_gettime (clockid_t id, struct timespec *time)
{
  *time = (struct timespec) { .tv_sec = (time_t) (milliseconds / 1000), .tv_nsec = (long) (milliseconds % 1000) * 1000000 };
  return 0;
}

int
kill (pid_t pid, int signal)
{
  errno = ESRCH;
  return -1;
}

void
spawn_kill_all (int pid, bool reaped)
{
}

static void
not_blocking (int fd)
{
  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
}

static void
make_terminal (Spawned *spawned, Program *program)
{
  struct termios settings;
  int unlock = 0, master = open ("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

  assert (master >= 0 && ioctl (master, TIOCSPTLCK, &unlock) == 0);
  spawned->slave = ioctl (master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  assert (spawned->slave >= 0 && tcgetattr (spawned->slave, &settings) == 0);
  cfmakeraw (&settings);
  tcsetattr (spawned->slave, TCSANOW, &settings);
  spawned->out = master;
  spawned->err = spawned->in = -1;
  program->out = dup (spawned->slave);
  program->in = dup (spawned->slave);
}

static void
make_pipes (Spawned *spawned, Program *program)
{
  int in[2], out[2], err[2];

  assert (pipe2 (in, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2 (out, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2 (err, O_CLOEXEC | O_NONBLOCK) == 0);
  spawned->slave = -1;
  spawned->out = out[0];
  spawned->err = err[0];
  spawned->in = in[1];
  program->out = out[1];
  program->err = err[1];
  program->in = in[0];
}

int
spawn (const Plan *plan, Spawned *spawned)
{
  unsigned place = 0;
  int status[2];

  if (spawn_fails)
    return EAGAIN;
  while (place < THOLE_AGENT_MAX_SESSIONS && agent.sessions[place].agent != NULL)
    place++;
  assert (place < THOLE_AGENT_MAX_SESSIONS && !programs[place].there && plan->argv[0] != NULL);
  programs[place] = (Program) { .there = true, .out = -1, .err = -1, .in = -1 };
  assert (pipe2 (status, O_CLOEXEC | O_NONBLOCK) == 0);
  programs[place].status = status[1];
  if (plan->tty)
    make_terminal (spawned, &programs[place]);
  else
    make_pipes (spawned, &programs[place]);
  not_blocking (spawned->out);
  if (programs[place].out >= 0)
    not_blocking (programs[place].out);
  spawned->status = status[0];
  /* above all that can be */
  spawned->pid = 0x40000000 + (int) place;
  return 0;
}

/* programs -------------------------------------------------------------------------------------------------------- */

/* the byte that a program writes there */
static uint8_t
byte_at (uint64_t at, unsigned stream)
{
  return (uint8_t) ((at * 2654435761u >> 13) ^ (stream ? 0xff : 0));
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static void
program_end (Program *program)
{
  close_fd (&program->out);
  close_fd (&program->err);
  close_fd (&program->in);
  close_fd (&program->status);
}

static void
program_write (Program *program, unsigned stream, size_t length)
{
  int fd = stream ? program->err : program->out;
  ssize_t wrote;

  for (size_t i = 0; i < length; i++)
    bytes[0][i] = byte_at (program->written[stream] + i, stream);
  wrote = fd >= 0 ? write (fd, bytes[0], length) : -1;
  program->written[stream] += wrote > 0 ? (uint64_t) wrote : 0;
}

/* programs of sessions that are gone */
static void
programs_sweep (void)
{
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    if (programs[i].there && agent.sessions[i].agent == NULL)
      {
        program_end (&programs[i]);
        programs[i].there = false;
      }
}

/* what comes from the agent --------------------------------------------------------------------------------------- */

static void
check_fields (const uint8_t *data, size_t length)
{
  Fields fields = { data, data + length, false };
  Field field;

  while (fields_next (&fields, &field))
    if (field.tag == THOLE_AGENT_TAG_SESSION)
      check_fields (field.data, field.length);
  assert (!fields.bad);
}

static uint64_t
field_of (const uint8_t *data, size_t length, uint16_t tag)
{
  Fields fields = { data, data + length, false };
  uint64_t value = 0;
  Field field;

  while (fields_next (&fields, &field))
    if (field.tag == tag)
      field_number (&field, UINT64_MAX, &value);
  return value;
}

static void
check_attached (Channel *channel, const uint8_t *data, size_t length)
{
  uint64_t granted = channel->granted;

  assert (!channel->there);
  check_fields (data, length);
  *channel = (Channel) { .there = true, .granted = granted, .next = field_of (data, length, THOLE_AGENT_TAG_SEQ) };
  channel->sure = channel->next == 0;
  channel->whole = field_of (data, length, THOLE_AGENT_TAG_FLOW) == THOLE_AGENT_FLOW_LOSSLESS &&
                   channel->next >= field_of (data, length, THOLE_AGENT_TAG_TAIL);
}

static void
check_output (Connection *self, Channel *channel, const uint8_t *data, size_t length)
{
  unsigned stream = data[0] == THOLE_AGENT_STREAM_STDERR;

  assert (length > 9 && length <= 9 + THOLE_AGENT_MAX_DATA && data[0] >= 1 && data[0] <= 2);
  assert (wire_get (data + 1, 8) == channel->next);
  length -= 9;
  channel->next += length;
  if (self->honest)
    {
      assert (length <= channel->granted);
      channel->granted -= length;
    }
  for (size_t i = 0; channel->sure && i < length; i++)
    assert (data[9 + i] == byte_at (channel->pos[stream] + i, stream));
  channel->pos[stream] += length;
}

static void
check_gap (Connection *self, Channel *channel, const uint8_t *data, size_t length)
{
  assert (length == 16 && wire_get (data, 8) == channel->next && wire_get (data + 8, 8) > channel->next);
  assert (!channel->whole || !self->honest);
  channel->next = wire_get (data + 8, 8);
  channel->sure = false;
}

static void
check_viewer (Connection *self, uint8_t type, uint16_t number, const uint8_t *data, size_t length)
{
  Channel *channel = &self->channels[number];

  assert (number <= THOLE_AGENT_MAX_VIEWERS && (channel->there || type == THOLE_AGENT_ATTACHED || type == THOLE_AGENT_DETACHED));
  switch (type)
    {
    case THOLE_AGENT_ATTACHED:
      return check_attached (channel, data, length);
    case THOLE_AGENT_DETACHED:
      assert (length >= 2);
      check_fields (data + 2, length - 2);
      channel->there = false;
      return;
    case THOLE_AGENT_OUTPUT:
      return check_output (self, channel, data, length);
    case THOLE_AGENT_GAP:
      return check_gap (self, channel, data, length);
    case THOLE_AGENT_TAKEN:
      assert (length == 9 && data[8] <= 1);
      return;
    case THOLE_AGENT_EXIT:
      assert (length == 16 && wire_get (data + 8, 8) == channel->next);
      return;
    default:
      assert (type == THOLE_AGENT_RESIZED && length == 4);
    }
}

static void
check_frame (Connection *self, uint8_t type, uint16_t channel, const uint8_t *data, size_t length)
{
  assert (!self->ended && (self->greeted || type == THOLE_AGENT_WELCOME || type == THOLE_AGENT_BYE));
  if (channel != 0)
    return check_viewer (self, type, channel, data, length);
  switch (type)
    {
    case THOLE_AGENT_WELCOME:
      assert (!self->greeted);
      self->greeted = true;
      return check_fields (data, length);
    case THOLE_AGENT_PONG:
      assert (length <= 64);
      return;
    case THOLE_AGENT_ANSWER:
      assert (length >= 6 && wire_get (data, 4) != 0);
      return check_fields (data + 6, length - 6);
    case THOLE_AGENT_CHANGED:
      return check_fields (data, length);
    default:
      assert (type == THOLE_AGENT_BYE && length >= 2);
      self->ended = true;
      check_fields (data + 2, length - 2);
    }
}

static void
connection_read (Connection *self, size_t most)
{
  size_t at = 0, length;
  ssize_t got;

  if (self->fd < 0)
    return;
  length = most < sizeof self->in - self->length ? most : sizeof self->in - self->length;
  got = recv (self->fd, self->in + self->length, length, MSG_DONTWAIT);
  if (got <= 0)
    return;
  self->length += (size_t) got;
  while (self->length - at >= THOLE_AGENT_HEADER)
    {
      length = (size_t) wire_get (self->in + at, 4);
      assert (length <= THOLE_AGENT_MAX_PAYLOAD && self->in[at + 5] == 0);
      if (self->length - at - THOLE_AGENT_HEADER < length)
        break;
      check_frame (self, self->in[at + 4], (uint16_t) wire_get (self->in + at + 6, 2), self->in + at + THOLE_AGENT_HEADER, length);
      at += THOLE_AGENT_HEADER + length;
    }
  memmove (self->in, self->in + at, self->length - at);
  self->length -= at;
}

static void
turn (void)
{
  uint64_t due;

  agent_step (&agent, 0);
  agent_settle (&agent, &due);
  programs_sweep ();
}

/* what a peer does ------------------------------------------------------------------------------------------------ */

static void
connection_close (Connection *self)
{
  close_fd (&self->fd);
  self->length = 0;
  self->honest = true;
  self->greeted = self->ended = false;
  memset (self->channels, 0, sizeof self->channels);
}

static void
send_bytes (Connection *self, const void *data, size_t length)
{
  if (self->fd >= 0 && send (self->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t) length)
    self->honest = false;
}

static void
send_frame (Connection *self, uint8_t type, uint16_t channel, const uint8_t *data, size_t length)
{
  uint8_t memory[THOLE_AGENT_HEADER + 1024];
  Buffer out = { memory, sizeof memory, 0, false };
  size_t frame = wire_begin (&out, type, channel);

  wire_put (&out, data, length);
  wire_end (&out, frame);
  assert (!out.overflow);
  send_bytes (self, memory, out.length);
}

/* what follows from a frame for what may come; grants are only added up, for nobody knows which of them crossed a DETACH */
static void
note_frame (Connection *self, uint8_t type, uint16_t channel, const uint8_t *data, size_t length)
{
  if (type == THOLE_AGENT_GRANT && length == 4)
    self->channels[channel].granted += wire_get (data, 4);
  if (type == THOLE_AGENT_ATTACH)
    self->channels[channel].granted += field_of (data, length, THOLE_AGENT_TAG_CREDIT);
  /* a session that is being closed waits for nobody */
  for (unsigned i = 0; type == THOLE_AGENT_CLOSE && i <= THOLE_AGENT_MAX_VIEWERS; i++)
    self->channels[i].whole = false;
}

static void
connect_anew (Connection *self, uint8_t how)
{
  uint8_t memory[64];
  Buffer out = { memory, sizeof memory, 0, false };

  connection_close (self);
  /* so that those who came before are let in first */
  turn ();
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert (connect (self->fd, (struct sockaddr *) &address, address_length) == 0);
  if (how & 1)
    return;
  wire_field_number (&out, THOLE_AGENT_TAG_PROTOCOL_MIN, 1);
  wire_field_number (&out, THOLE_AGENT_TAG_PROTOCOL_MAX, how & 2 ? 9 : 1);
  wire_field_number (&out, THOLE_AGENT_TAG_EPOCH, how & 4 ? epoch : ++epoch);
  send_frame (self, THOLE_AGENT_HELLO, 0, memory, out.length);
}

/* steps ----------------------------------------------------------------------------------------------------------- */

static void
exit_program (unsigned place, uint8_t status)
{
  Session *session = &agent.sessions[place];

  if (session->agent == NULL || session->reaped)
    return;
  program_end (&programs[place]);
  session_reaped (session, status & 1 ? status >> 1 & 63 : status << 7);
}

static void
fail_program (unsigned place)
{
  Failure failure = { THOLE_AGENT_NO_PROGRAM, ENOENT };

  if (programs[place].there && programs[place].status >= 0 && write (programs[place].status, &failure, sizeof failure) > 0)
    program_end (&programs[place]);
}

static const uint8_t *
take (Input *input, size_t *length)
{
  const uint8_t *data;

  *length = input->at < input->end ? *input->at++ : 0;
  if (*length > (size_t) (input->end - input->at))
    *length = (size_t) (input->end - input->at);
  data = input->at;
  input->at += *length;
  return data;
}

static void
step (uint8_t what, uint8_t whom, Input *input)
{
  Program *program = &programs[whom % THOLE_AGENT_MAX_SESSIONS];
  size_t length;
  const uint8_t *data;

  switch (what)
    {
    case 'c':
      return connect_anew (&connection, whom);
    case 'r':
      return connection_read (&connection, whom == 0xff ? FRAMES_MOST : (size_t) whom * 16);
    case 'b':
      data = take (input, &length);
      connection.honest = false;
      return send_bytes (&connection, data, length);
    case 'o':
    case 'e':
      data = take (input, &length);
      return program_write (program, what == 'e', length == 0 ? PIPE : length * 64);
    case 'i':
      if (program->there && program->in >= 0)
        length = (size_t) read (program->in, bytes[1], PIPE);
      return;
    case 's':
      return program->there ? close_fd (&program->status) : (void) 0;
    case 'f':
      return fail_program (whom % THOLE_AGENT_MAX_SESSIONS);
    case 'x':
      return exit_program (whom % 4, whom >> 2);
    case 'k':
      return program->there ? (close_fd (&program->out), close_fd (&program->err)) : (void) 0;
    case 'n':
      return program->there ? close_fd (&program->in) : (void) 0;
    case 't':
      milliseconds += (uint64_t) whom * whom;
      return;
    case 'u':
      spawn_fails = whom & 1;
      return;
    case '.':
      return turn ();
    default:
      data = take (input, &length);
      note_frame (&connection, what, whom, data, length);
      send_frame (&connection, what, whom, data, length);
    }
}

static void
begin (void)
{
  extern char **environ;
  static char *nothing[] = { NULL };

  if (listener >= 0)
    return;
  signal (SIGPIPE, SIG_IGN);
  environ = nothing;
  agent.epoll = epoll_create1 (EPOLL_CLOEXEC);
  agent.signals.fd = agent.peer.watch.fd = -1;
  for (unsigned i = 0; i < DOORS; i++)
    agent.doors[i].watch.fd = -1;
  listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  address.sun_family = AF_UNIX;
  /* the system finds a name */
  assert (bind (listener, (struct sockaddr *) &address, sizeof address.sun_family) == 0 && listen (listener, 64) == 0);
  address_length = sizeof address;
  assert (getsockname (listener, (struct sockaddr *) &address, &address_length) == 0);
  agent.listener.fd = listener;
  agent.work_folder[0] = '/';
  door_listen (&agent);
  connection.fd = -1;
}

static void
end (void)
{
  connection_close (&connection);
  for (unsigned i = 0; i < 4; i++)
    turn ();
  peer_close (&agent, THOLE_AGENT_OK, "");
  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    {
      if (agent.sessions[i].agent != NULL)
        session_free (&agent.sessions[i]);
      assert (agent.sessions[i].agent == NULL && agent.sessions[i].viewers == 0);
    }
  programs_sweep ();
  for (unsigned i = 0; i < DOORS; i++)
    watch_close (agent.epoll, &agent.doors[i].watch);
  assert (agent.viewers_end == 0);
  agent.epoch = agent.hold_until = agent.idle_since = agent.turn = 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Input input = { data, data + size };
  int before, after;

  begin ();
  before = dup (0);
  close (before);
  epoch = 0;
  milliseconds = 1000000;
  spawn_fails = false;
  connect_anew (&connection, 0);
  while (input.end - input.at >= 2)
    {
      uint8_t what = *input.at++, whom = *input.at++;

      step (what, whom, &input);
      if (what < '.' || what >= 0x80)
        turn ();
    }
  for (unsigned i = 0; i < 4; i++)
    {
      turn ();
      connection_read (&connection, FRAMES_MOST);
    }
  end ();
  after = dup (0);
  close (after);
  assert (before == after);
  return 0;
}
