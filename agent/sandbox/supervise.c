/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The supervisor of one sandbox. It is bwrap's parent and owns the log, the state file, the socket that drivers speak to, and the
 * control groups; a daemon that is away, killed or replaced changes nothing for it.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"
#include "thole-agent-protocol.h"
#include "thole-log-write.h"

/* drivers that are connected */
#define REST_MOST 64
#define PEERS (THOLE_SANDBOX_PROGRAMS + 64)
#define WORDS 2048
/* for the end of the output, once all who could write are gone */
#define DRAIN_MS 2000
/* read of one stream before others have their turn */
#define TURN 16
/* until its state is brought to the disk: to wait for that at once would hold up what the program says first */
#define SETTLE_MS 100
/* the supervisor of the run before may be about to end */
#define LOCK_TRIES 100
#define LOCK_PAUSE_MS 20

typedef struct
{
  int fd;          /* -1 = free */
  uint32_t serial; /* of a question that waits for its answer; 0 = none */
  uint32_t number; /* of the program that it opened; 0 = none */
} Peer;

typedef struct
{
  SandboxPlan plan;
  SandboxState state;
  TholeLogWriter log;
  TholeLogSource sources[2];
  int report;              /* the driver that started this, -1 = nobody waits for the first line any more */
  int listener, link, words_fd, signals;
  int input;               /* of the main program, -1 = none, or ended */
  int terminal;            /* -1 = it has none */
  pid_t engine;            /* bwrap */
  int first;               /* of the first process, -1 = it has not spoken */
  bool running, ended;     /* the main program was started, has ended */
  bool killed, told;
  int64_t settle;          /* when its state is to be brought to the disk, 0 = it is there */
  uint32_t serial, number;
  Peer peers[PEERS];
  char words[WORDS];       /* what bwrap says */
  size_t words_length;
  Message message;
} Supervisor;

static void
report (Supervisor *self, const char *line)
{
  if (self->told)
    return;
  self->told = true;
  /* the driver may be gone; then the next one finds what is here */
  if (write (self->report, line, strlen (line)) < 0)
    return;
}

static void
report_error (Supervisor *self, int code, const char *text)
{
  char line[WORDS + 64];

  snprintf (line, sizeof line, "error %d %s\n", code, text);
  report (self, line);
}

static void
write_state (Supervisor *self)
{
  state_write (&self->state, false);
  if (self->settle == 0)
    self->settle = state_clock () + SETTLE_MS;
}

static void
settle (Supervisor *self)
{
  self->settle = 0;
  state_write (&self->state, true);
}

static void
kill_all (Supervisor *self)
{
  /* a program that has ended did so before */
  self->killed = self->killed || !self->ended;
  /* bwrap's number is nobody else's before this one has waited for it; that of the first process may be */
  if (self->ended || self->first < 0 || syscall (SYS_pidfd_send_signal, self->first, SIGKILL, NULL, 0) < 0)
    kill (self->engine, SIGKILL);
}

/* peers ----------------------------------------------------------------------------------------------- */

static void
peer_close (Peer *peer)
{
  close (peer->fd);
  *peer = (Peer){ .fd = -1 };
}

/* False when it is gone. */
static bool
peer_send (Peer *peer, const TholeSandboxHead *head, const int *fds, int n_fds)
{
  if (peer->fd >= 0 && !message_send (peer->fd, head, NULL, 0, fds, n_fds))
    peer_close (peer);
  return peer->fd >= 0;
}

static void
peer_answer (Peer *peer, uint32_t number, int code, const int *fds, int n_fds)
{
  TholeSandboxHead head = message_head (THOLE_SANDBOX_DONE, number, code, 0);

  peer_send (peer, &head, fds, n_fds);
}

static void
accept_peer (Supervisor *self)
{
  int fd = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  for (int i = 0; fd >= 0 && i < PEERS; i++)
    if (self->peers[i].fd < 0)
      {
        self->peers[i] = (Peer){ .fd = fd };
        return;
      }
  if (fd >= 0)
    close (fd);
}

static void
resize (Supervisor *self, Peer *peer)
{
  const TholeSandboxHead *head = &self->message.head;
  struct winsize size = { .ws_row = (unsigned short) (head->extra >> 16), .ws_col = (unsigned short) head->extra };
  bool done = self->terminal >= 0 && ioctl (self->terminal, TIOCSWINSZ, &size) == 0;

  peer_answer (peer, head->number, done ? THOLE_AGENT_OK : THOLE_AGENT_INVALID, NULL, 0);
}

/* On to the first process, with a number by which the answer is known. */
static void
forward (Supervisor *self, Peer *peer)
{
  TholeSandboxHead head = self->message.head;

  if (head.type == THOLE_SANDBOX_OPEN)
    {
      head.number = ++self->number;
      peer->number = head.number;
    }
  else
    {
      peer->serial = ++self->serial;
      head.extra = peer->serial;
    }
  if (!message_send (self->link, &head, self->message.payload, self->message.length, NULL, 0))
    peer_close (peer);
}

static void
freeze (Supervisor *self, Peer *peer)
{
  self->state.paused = self->message.head.value != 0;
  write_state (self);
  forward (self, peer);
}

static void
serve_peer (Supervisor *self, Peer *peer)
{
  int n = message_receive (peer->fd, &self->message);

  if (n < 0)
    peer_close (peer);
  if (n <= 0)
    return;
  message_drop_fds (&self->message);
  switch (self->message.head.type)
    {
    case THOLE_SANDBOX_OPEN:
    case THOLE_SANDBOX_SIGNAL:
    case THOLE_SANDBOX_CONNECT:
      /* a further program is of a run, which has no name yet before the main one has begun */
      if (peer->serial != 0 || peer->number != 0 || self->ended || (!self->running && self->message.head.type == THOLE_SANDBOX_OPEN))
        peer_close (peer);
      else
        forward (self, peer);
      break;
    case THOLE_SANDBOX_FREEZE:
      if (peer->serial == 0 && self->running && !self->ended)
        freeze (self, peer);
      else
        peer_close (peer);
      break;
    case THOLE_SANDBOX_RESIZE:
      resize (self, peer);
      break;
    case THOLE_SANDBOX_ATTACH:
      peer_answer (peer, 0, THOLE_AGENT_OK, &self->input, self->input >= 0 ? 1 : 0);
      break;
    case THOLE_SANDBOX_END_INPUT:
      if (self->input >= 0 && self->terminal < 0)
        {
          close (self->input);
          self->input = -1;
        }
      peer_answer (peer, 0, THOLE_AGENT_OK, NULL, 0);
      break;
    case THOLE_SANDBOX_KILL:
      kill_all (self);
      break;
    default:
      peer_close (peer);
    }
}

/* the first process ----------------------------------------------------------------------------------- */

static void
take_streams (Supervisor *self)
{
  Message *message = &self->message;

  self->sources[0] = (TholeLogSource){ .fd = message->fds[0], .stream = 1 };
  if (message->n_fds == 1)
    self->terminal = self->input = fcntl (message->fds[0], F_DUPFD_CLOEXEC, 3);
  else if (message->n_fds == 3)
    {
      self->sources[1] = (TholeLogSource){ .fd = message->fds[1], .stream = 2 };
      self->input = message->fds[2];
      if (!self->plan.input)
        {
          close (self->input);
          self->input = -1;
        }
    }
  message->n_fds = 0;
}

static void
started (Supervisor *self)
{
  char line[64];

  if (self->running || self->message.n_fds == 0)
    return;
  take_streams (self);
  self->running = true;
  self->state.started = state_now ();
  write_state (self);
  unlink (THOLE_SANDBOX_STATE_BEFORE);
  snprintf (line, sizeof line, "ok %d\n", (int) self->state.pid);
  report (self, line);
}

static void
main_news (Supervisor *self)
{
  const TholeSandboxHead *head = &self->message.head;
  char text[256];

  if (head->type == THOLE_SANDBOX_STARTED)
    started (self);
  else if (head->type == THOLE_SANDBOX_FAILED)
    {
      snprintf (text, sizeof text, "%.128s: %.100s", self->plan.arguments[0], strerror ((int) head->extra));
      report_error (self, head->value, text);
    }
  else if (head->type == THOLE_SANDBOX_EXITED && !self->ended)
    {
      self->ended = true;
      self->state.code = head->value;
      self->state.signal = (int) head->extra;
    }
}

/* Who opened it has gone before it was told that it runs: nobody knows of it. */
static void
end_unknown (Supervisor *self, uint32_t number)
{
  TholeSandboxHead head = message_head (THOLE_SANDBOX_SIGNAL, number, SIGKILL, 0);

  message_send (self->link, &head, NULL, 0, NULL, 0);
}

static void
program_news (Supervisor *self)
{
  const Message *message = &self->message;
  bool heard = false;

  for (int i = 0; i < PEERS; i++)
    {
      Peer *peer = &self->peers[i];
      bool answer = message->head.type == THOLE_SANDBOX_DONE;

      if (peer->fd < 0 || (answer ? peer->serial == 0 || peer->serial != message->head.extra : peer->number != message->head.number))
        continue;
      if (answer)
        peer->serial = 0;
      heard = peer_send (peer, &message->head, message->fds, message->n_fds);
      break;
    }
  if (!heard && message->head.type == THOLE_SANDBOX_STARTED)
    end_unknown (self, message->head.number);
}

static void
serve_link (Supervisor *self)
{
  int n = message_receive (self->link, &self->message);

  if (n < 0)
    {
      close (self->link);
      self->link = -1;
    }
  if (n <= 0)
    return;
  if (self->message.head.type == THOLE_SANDBOX_READY)
    {
      /* the kernel says who sent it */
      if (self->state.pid == 0)
        {
          self->state.pid = self->message.sender;
          self->first = (int) syscall (SYS_pidfd_open, self->message.sender, 0);
          self->state.began = state_began (self->message.sender);
        }
    }
  else if (self->message.head.number == 0 && self->message.head.type != THOLE_SANDBOX_DONE)
    main_news (self);
  else
    program_news (self);
  message_drop_fds (&self->message);
}

/* the loop -------------------------------------------------------------------------------------------- */

static void
take_words (Supervisor *self)
{
  char rest[512];
  size_t room = WORDS - 1 - self->words_length;
  ssize_t n = room > 0 ? read (self->words_fd, self->words + self->words_length, room) : read (self->words_fd, rest, sizeof rest);

  if (n > 0 && room > 0)
    self->words_length += (size_t) n;
  else if (n == 0)
    {
      close (self->words_fd);
      self->words_fd = -1;
    }
}

/* False when bwrap, and so all of it, has ended. */
static bool
take_signals (Supervisor *self)
{
  struct signalfd_siginfo news;
  int status;

  while (read (self->signals, &news, sizeof news) == (ssize_t) sizeof news)
    if (news.ssi_signo == SIGTERM)
      kill_all (self);
  return waitpid (self->engine, &status, WNOHANG) != self->engine;
}

static void
drain (Supervisor *self, TholeLogSource *source)
{
  for (int i = 0; i < TURN && source->fd >= 0; i++)
    if (thole_log_writer_take (&self->log, source) == 0)
      return;
}

/* -1 = for as long as it takes */
static int
patience (const Supervisor *self)
{
  int64_t left = self->settle - state_clock ();

  return self->settle == 0 ? -1 : left > 0 ? (int) left : 0;
}

static bool
step (Supervisor *self)
{
  struct pollfd waits[6 + PEERS] = {
    { self->signals, POLLIN, 0 },        { self->listener, POLLIN, 0 },       { self->link, POLLIN, 0 },
    { self->words_fd, POLLIN, 0 },       { self->sources[0].fd, POLLIN, 0 },  { self->sources[1].fd, POLLIN, 0 },
  };

  for (int i = 0; i < PEERS; i++)
    waits[6 + i] = (struct pollfd){ self->peers[i].fd, POLLIN, 0 };
  if (poll (waits, 6 + PEERS, patience (self)) < 0)
    return errno == EINTR;
  for (int i = 0; i < 2; i++)
    if (waits[4 + i].revents != 0)
      drain (self, &self->sources[i]);
  if (waits[2].revents != 0)
    serve_link (self);
  if (waits[3].revents != 0)
    take_words (self);
  for (int i = 0; i < PEERS; i++)
    if (waits[6 + i].revents != 0 && self->peers[i].fd == waits[6 + i].fd)
      serve_peer (self, &self->peers[i]);
  if (waits[1].revents != 0)
    accept_peer (self);
  if (patience (self) == 0)
    settle (self);
  return waits[0].revents == 0 || take_signals (self);
}

/* the end --------------------------------------------------------------------------------------------- */

/* What the first process, or bwrap, said last. */
static void
hear_last (Supervisor *self)
{
  struct pollfd link = { self->link, POLLIN, 0 }, words = { self->words_fd, POLLIN, 0 };

  while (self->link >= 0 && poll (&link, 1, 0) > 0)
    {
      serve_link (self);
      link.fd = self->link;
    }
  while (self->words_fd >= 0 && poll (&words, 1, 0) > 0)
    {
      take_words (self);
      words.fd = self->words_fd;
    }
}

static void
drain_all (Supervisor *self)
{
  int64_t until = state_now () + DRAIN_MS * 1000;

  while ((self->sources[0].fd >= 0 || self->sources[1].fd >= 0) && state_now () < until)
    {
      struct pollfd waits[2] = { { self->sources[0].fd, POLLIN, 0 }, { self->sources[1].fd, POLLIN, 0 } };

      if (poll (waits, 2, 100) < 0)
        return;
      for (int i = 0; i < 2; i++)
        if (waits[i].revents != 0)
          drain (self, &self->sources[i]);
    }
}

static void
tell_exit (Supervisor *self)
{
  if (!self->ended)
    {
      self->state.code = 128 + SIGKILL;
      self->state.signal = SIGKILL;
    }
  self->state.oom = self->state.signal == SIGKILL && !self->killed && groups_oom (&self->plan) > 0;
  self->state.exited = true;
  self->state.finished = state_now ();
  state_write (&self->state, true);
}

/* A bwrap that is killed early leaves its child, which has not asked yet to die with it. That is the first process of its namespace:
 * all others go with it. */
static void
end_rest (void)
{
  for (int i = 0; i < REST_MOST && waitpid (-1, NULL, WNOHANG) >= 0; i++)
    {
      char text[64] = "";
      int fd = open ("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
      ssize_t n = fd >= 0 ? read (fd, text, sizeof text - 1) : -1;
      pid_t pid = n > 0 ? (pid_t) strtol (text, NULL, 10) : 0;

      if (fd >= 0)
        close (fd);
      if (pid > 0 && kill (pid, SIGKILL) == 0)
        waitpid (pid, NULL, 0);
    }
}

static int
finish (Supervisor *self)
{
  char *end;

  end_rest ();
  hear_last (self);
  drain_all (self);
  unlink (THOLE_SANDBOX_SOCKET);
  if (self->running)
    tell_exit (self);
  else
    rename (THOLE_SANDBOX_STATE_BEFORE, THOLE_SANDBOX_STATE);
  groups_remove (&self->plan);
  if (!self->told)
    {
      self->words[self->words_length] = '\0';
      end = strchr (self->words, '\n');
      if (end != NULL)
        *end = '\0';
      report_error (self, THOLE_AGENT_FAILED, self->words_length > 0 ? self->words : "the sandbox ended before its program began");
    }
  return 0;
}

/* the beginning --------------------------------------------------------------------------------------- */

static bool
listen_here (Supervisor *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = THOLE_SANDBOX_SOCKET };

  unlink (THOLE_SANDBOX_SOCKET);
  self->listener = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return self->listener >= 0 && bind (self->listener, (struct sockaddr *) &address, sizeof address) == 0
         && chmod (THOLE_SANDBOX_SOCKET, 0600) == 0 && listen (self->listener, 64) == 0;
}

static bool
catch_signals (Supervisor *self)
{
  sigset_t set;

  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&set);
  sigaddset (&set, SIGCHLD);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_SETMASK, &set, NULL);
  self->signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return self->signals >= 0;
}

/* The first message of the first process waits for it. */
static bool
send_main (Supervisor *self)
{
  const SandboxPlan *plan = &self->plan;
  TholeSandboxOpen open = { (uint32_t) plan->n_arguments, (uint32_t) plan->n_variables };
  TholeSandboxHead head = message_head (THOLE_SANDBOX_OPEN, 0,
                                        (plan->tty ? THOLE_SANDBOX_TTY : 0) | (plan->input ? THOLE_SANDBOX_STDIN : 0), 24 << 16 | 80);
  char *payload = self->message.payload;
  size_t used = sizeof open;

  memcpy (payload, &open, sizeof open);
  for (int i = -1; i < plan->n_arguments + plan->n_variables; i++)
    {
      const char *text = i < 0 ? plan->folder : i < plan->n_arguments ? plan->arguments[i] : plan->variables[i - plan->n_arguments];
      size_t length = strlen (text) + 1;

      if (used + length > sizeof self->message.payload)
        {
          errno = E2BIG;
          return false;
        }
      memcpy (payload + used, text, length);
      used += length;
    }
  return message_send (self->link, &head, payload, used, NULL, 0);
}

static bool
start_engine (Supervisor *self)
{
  int link[2], words[2], yes = 1;
  bool joined;

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0 || pipe2 (words, O_CLOEXEC | O_NONBLOCK) < 0)
    return false;
  self->link = link[0];
  self->words_fd = words[0];
  if (setsockopt (link[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0 || !send_main (self))
    return false;
  self->engine = groups_fork (&self->plan, &joined);
  if (self->engine == 0)
    {
      /* bwrap says little, and what does not fit is lost */
      dup2 (words[1], 2);
      enter (&self->plan, link[1], joined);
      _exit (126);
    }
  close (link[1]);
  close (words[1]);
  return self->engine > 0;
}

/* 0 = this is the one that goes on */
static int
go_into_background (Supervisor *self)
{
  pid_t pid;
  int none;

  self->report = fcntl (1, F_DUPFD_CLOEXEC, 10);
  pid = fork ();
  if (pid != 0)
    return pid > 0 ? 1 : -1;
  setsid ();
  /* what bwrap leaves comes to this one, not to the first process of the machine */
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  none = open ("/dev/null", O_RDWR);
  for (int fd = 0; none >= 0 && fd < 3; fd++)
    dup2 (none, fd);
  if (none >= 3)
    close (none);
  prctl (PR_SET_DUMPABLE, 0);
  return 0;
}

static bool
prepare (Supervisor *self)
{
  char problem[512] = "";

  rename (THOLE_SANDBOX_STATE, THOLE_SANDBOX_STATE_BEFORE);
  if (!plan_read (&self->plan, THOLE_SANDBOX_PLAN))
    snprintf (problem, sizeof problem, "its plan: %s", strerror (errno));
  else if (!catch_signals (self) || !listen_here (self))
    snprintf (problem, sizeof problem, "its socket: %s", strerror (errno));
  else if (thole_log_writer_open (&self->log, THOLE_SANDBOX_LOG, self->plan.log_max) < 0)
    snprintf (problem, sizeof problem, "its log: %s", strerror (errno));
  else if (groups_make (&self->plan, problem, sizeof problem) && !start_engine (self))
    snprintf (problem, sizeof problem, "%s", strerror (errno));
  if (problem[0] == '\0')
    return true;
  groups_remove (&self->plan);
  unlink (THOLE_SANDBOX_SOCKET);
  rename (THOLE_SANDBOX_STATE_BEFORE, THOLE_SANDBOX_STATE);
  report_error (self, THOLE_AGENT_FAILED, problem);
  return false;
}

/* Who has none of the first three descriptors leaves none to this, and what goes into the background takes their places. */
static void
fill_first (void)
{
  int fd = open ("/dev/null", O_RDWR);

  while (fd >= 0 && fd < 3)
    fd = dup (fd);
  if (fd >= 3)
    close (fd);
}

/* True when nobody else supervises it. The descriptor stays open until the end. */
static bool
take_lock (void)
{
  int lock = open (THOLE_SANDBOX_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  for (int i = 0; lock >= 0 && i < LOCK_TRIES; i++)
    {
      if (flock (lock, LOCK_EX | LOCK_NB) == 0)
        return true;
      poll (NULL, 0, LOCK_PAUSE_MS);
    }
  return false;
}

int
sandbox_supervise (const char *folder)
{
  static Supervisor self = { .link = -1, .listener = -1, .words_fd = -1, .signals = -1, .input = -1, .terminal = -1, .first = -1,
                             .sources = { { .fd = -1 }, { .fd = -1 } } };
  int role;

  umask (077);
  /* whoever started this may have left more open than its output */
  close_range (3, ~0U, 0);
  fill_first ();
  for (int i = 0; i < PEERS; i++)
    self.peers[i].fd = -1;
  if (chdir (folder) < 0)
    return 1;
  if (!take_lock ())
    return dprintf (1, "busy\n") < 0;
  role = go_into_background (&self);
  if (role != 0)
    return role < 0;
  if (!prepare (&self))
    return 1;
  while (step (&self))
    ;
  return finish (&self);
}
