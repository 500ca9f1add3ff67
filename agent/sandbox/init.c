/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first process of a sandbox: it starts the programs within, so that all of them have the same limits, and tells the
 * supervisor how they end. When the main one has ended, or the supervisor, it ends, and the kernel ends the rest.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"
#include "spawn.h"
#include "thole-agent-protocol.h"

typedef struct
{
  uint32_t number;
  int pid;            /* 0 = this place is free */
  bool told;          /* that it runs, or why not */
  bool tty;
  Spawned joint;
} Program;

typedef struct
{
  int signals;
  Program programs[1 + THOLE_SANDBOX_PROGRAMS];
  char base[THOLE_SANDBOX_MESSAGE]; /* the variables of the main program, each ended by NUL */
  size_t base_length;
  uint32_t seen;                    /* the highest number that was opened */
  Message message;
} Init;

static void
tell (uint32_t number, unsigned type, int32_t value, uint32_t extra, const int *fds, int n_fds)
{
  TholeSandboxHead head = message_head (type, number, value, extra);
  struct pollfd room = { THOLE_SANDBOX_LINK, POLLOUT, 0 };

  while (!message_send (THOLE_SANDBOX_LINK, &head, NULL, 0, fds, n_fds))
    if (errno != EAGAIN || poll (&room, 1, -1) < 0)
      return;
}

static void
close_all (Program *program)
{
  int *fds[] = { &program->joint.out, &program->joint.err, &program->joint.in, &program->joint.slave, &program->joint.status };

  for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++)
    {
      if (*fds[i] >= 0)
        close (*fds[i]);
      *fds[i] = -1;
    }
}

static void
close_given (Program *program)
{
  int slave = program->joint.slave;

  /* a terminal is held until its program has ended */
  program->joint.slave = -1;
  close_all (program);
  program->joint.slave = slave;
}

static Program *
find (Init *self, uint32_t number)
{
  for (unsigned i = 0; i < sizeof self->programs / sizeof self->programs[0]; i++)
    if (self->programs[i].pid > 0 && self->programs[i].number == number)
      return &self->programs[i];
  return NULL;
}

static Program *
find_free (Init *self)
{
  for (unsigned i = 0; i < sizeof self->programs / sizeof self->programs[0]; i++)
    if (self->programs[i].pid == 0)
      return &self->programs[i];
  return NULL;
}

/* Has it become the program, or can it not? */
static void
settle (Program *program)
{
  int fds[3] = { program->joint.out, program->joint.err, program->joint.in };
  Failure failure;
  ssize_t n;

  if (program->told)
    return;
  n = read (program->joint.status, &failure, sizeof failure);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  program->told = true;
  if (n == (ssize_t) sizeof failure)
    tell (program->number, THOLE_SANDBOX_FAILED, failure.code, (uint32_t) failure.error, NULL, 0);
  else
    tell (program->number, THOLE_SANDBOX_STARTED, program->pid, 0, fds, program->tty ? 1 : 3);
  close_given (program);
}

/* opening --------------------------------------------------------------------------------------------- */

static bool
same_name (const char *one, const char *other)
{
  const char *end = strchr (one, '=');

  return end != NULL && strncmp (one, other, (size_t) (end - one) + 1) == 0;
}

/* The variables of the main program with those of @words, which win. */
static void
join_variables (Init *self, OpenWords *words, char **out, unsigned size)
{
  unsigned n = 0;

  for (char *at = self->base; at < self->base + self->base_length && n + 1 < size; at += strlen (at) + 1)
    {
      bool given = false;

      for (unsigned i = 0; i < words->n_variables && !given; i++)
        given = same_name (words->variables[i], at);
      if (!given)
        out[n++] = at;
    }
  for (unsigned i = 0; i < words->n_variables && n + 1 < size; i++)
    out[n++] = words->variables[i];
  out[n] = NULL;
}

static void
append_variable (char **variables, char *text)
{
  while (*variables != NULL)
    variables++;
  variables[0] = text;
  variables[1] = NULL;
}

static const char *
value_of (char *const *variables, const char *name)
{
  size_t length = strlen (name);

  for (unsigned i = 0; variables[i] != NULL; i++)
    if (strncmp (variables[i], name, length) == 0 && variables[i][length] == '=')
      return variables[i] + length + 1;
  return NULL;
}

static void
keep_base (Init *self, const OpenWords *words)
{
  for (unsigned i = 0; i < words->n_variables; i++)
    {
      size_t length = strlen (words->variables[i]) + 1;

      memcpy (self->base + self->base_length, words->variables[i], length);
      self->base_length += length;
    }
}

static void
open_program (Init *self)
{
  static OpenWords words;
  static char *variables[2 * THOLE_SANDBOX_STRINGS + 3], place[4096 + 8];
  const TholeSandboxHead *head = &self->message.head;
  Account account = { .uid = geteuid (), .gid = getegid () };
  Program *program = find_free (self);
  const char *home;
  Plan plan;
  int error;

  self->seen = head->number > self->seen ? head->number : self->seen;
  if (program == NULL || !message_read_open (self->message.payload, self->message.length, &words))
    {
      tell (head->number, THOLE_SANDBOX_FAILED, program == NULL ? THOLE_AGENT_LIMIT : THOLE_AGENT_INVALID, 0, NULL, 0);
      return;
    }
  join_variables (self, &words, variables, sizeof variables / sizeof variables[0] - 1);
  if (head->number == 0)
    keep_base (self, &words);
  home = value_of (variables, "HOME");
  /* a folder that is reached by a link keeps its name for who asks a shell where he is */
  if (words.folder[0] == '/' && strlen (words.folder) <= 4096)
    {
      memcpy (place, "PWD=", 4);
      strcpy (place + 4, words.folder);
      append_variable (variables, place);
    }
  plan = (Plan){ .argv = words.arguments, .env = variables, .folder = words.folder[0] != '\0' ? words.folder : home != NULL ? home : "/",
                 .account = &account, .tty = (head->value & THOLE_SANDBOX_TTY) != 0, .rows = head->extra >> 16, .cols = head->extra & 0xffff };
  error = spawn (&plan, &program->joint);
  if (error != 0)
    {
      tell (head->number, THOLE_SANDBOX_FAILED, THOLE_AGENT_FAILED, (uint32_t) error, NULL, 0);
      return;
    }
  program->number = head->number;
  program->pid = program->joint.pid;
  program->tty = plan.tty;
  program->told = false;
  if (!plan.tty && (head->value & THOLE_SANDBOX_STDIN) == 0)
    {
      /* it has no input: what it reads ends at once, and nobody is given the other end */
      close (program->joint.in);
      program->joint.in = open ("/dev/null", O_WRONLY | O_CLOEXEC);
    }
}

/* messages -------------------------------------------------------------------------------------------- */

static void
send_signal (Init *self)
{
  const TholeSandboxHead *head = &self->message.head;
  Program *program = find (self, head->number);
  int result = THOLE_AGENT_OK;

  if (program == NULL)
    result = head->number <= self->seen ? THOLE_AGENT_ENDED : THOLE_AGENT_NOT_FOUND;
  else if (head->number == 0)
    kill (program->pid, head->value);
  else if (head->value == SIGKILL)
    spawn_kill_all (program->pid, false);
  else if (kill (-program->pid, head->value) < 0)
    kill (program->pid, head->value);
  tell (head->number, THOLE_SANDBOX_DONE, result, head->extra, NULL, 0);
}

/* From in here, for the folder of the socket is of the sandbox's own memory; and a link that stands there leads nowhere else. */
static void
connect_agent (Init *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = THOLE_SANDBOX_AGENT_SOCKET };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool done = fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0;

  tell (0, THOLE_SANDBOX_DONE, done ? THOLE_AGENT_OK : THOLE_AGENT_NOT_FOUND, self->message.head.extra, &fd, done ? 1 : 0);
  if (fd >= 0)
    close (fd);
}

static bool
take_message (Init *self)
{
  int n = message_receive (THOLE_SANDBOX_LINK, &self->message);

  if (n <= 0)
    return n == 0;
  message_drop_fds (&self->message);
  switch (self->message.head.type)
    {
    case THOLE_SANDBOX_OPEN:
      open_program (self);
      break;
    case THOLE_SANDBOX_SIGNAL:
      send_signal (self);
      break;
    case THOLE_SANDBOX_CONNECT:
      connect_agent (self);
      break;
    case THOLE_SANDBOX_FREEZE:
      kill (-1, self->message.head.value != 0 ? SIGSTOP : SIGCONT);
      tell (0, THOLE_SANDBOX_DONE, THOLE_AGENT_OK, self->message.head.extra, NULL, 0);
      break;
    default:
      break;
    }
  return true;
}

/* Returns false when the main program has ended. */
static bool
reap (Init *self)
{
  int status;
  pid_t pid;

  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    {
      Program *program = NULL;
      uint32_t number;
      int signal = WIFSIGNALED (status) ? WTERMSIG (status) : 0;

      for (unsigned i = 0; i < sizeof self->programs / sizeof self->programs[0] && program == NULL; i++)
        if (self->programs[i].pid == pid)
          program = &self->programs[i];
      if (program == NULL)
        continue;
      settle (program);
      number = program->number;
      close_all (program);
      program->pid = 0;
      tell (number, THOLE_SANDBOX_EXITED, signal > 0 ? 128 + signal : WEXITSTATUS (status), (uint32_t) signal, NULL, 0);
      if (number == 0)
        return false;
    }
  return true;
}

static bool
step (Init *self)
{
  struct pollfd waits[2 + 1 + THOLE_SANDBOX_PROGRAMS] = { { THOLE_SANDBOX_LINK, POLLIN, 0 }, { self->signals, POLLIN, 0 } };
  Program *starting[1 + THOLE_SANDBOX_PROGRAMS];
  struct signalfd_siginfo news;
  unsigned n = 0;

  for (unsigned i = 0; i < sizeof self->programs / sizeof self->programs[0]; i++)
    if (self->programs[i].pid > 0 && !self->programs[i].told)
      {
        starting[n] = &self->programs[i];
        waits[2 + n++] = (struct pollfd){ self->programs[i].joint.status, POLLIN, 0 };
      }
  if (poll (waits, 2 + n, -1) < 0)
    return errno == EINTR;
  for (unsigned i = 0; i < n; i++)
    if (waits[2 + i].revents != 0)
      settle (starting[i]);
  if (waits[1].revents != 0)
    {
      while (read (self->signals, &news, sizeof news) > 0)
        ;
      if (!reap (self))
        return false;
    }
  return waits[0].revents == 0 || take_message (self);
}

static void
set_limits (char **limits)
{
  for (; *limits != NULL; limits++)
    {
      char *colon = strchr (*limits, ':');
      rlim_t value = colon != NULL ? (rlim_t) strtoull (colon + 1, NULL, 10) : RLIM_INFINITY;

      if (colon != NULL)
        setrlimit ((int) strtol (*limits, NULL, 10), &(struct rlimit){ value, value });
    }
}

/* Returns what follows in @words, NULL when something else is shown than was to be. */
static char **
check_places (char **words)
{
  for (; *words != NULL && strncmp (*words, SANDBOX_AT, strlen (SANDBOX_AT)) == 0; words++)
    {
      char *rest;
      unsigned long long device = strtoull (*words + strlen (SANDBOX_AT), &rest, 10), inode = *rest == ':' ? strtoull (rest + 1, &rest, 10) : 0;
      struct stat what;

      if (*rest != ':' || stat (rest + 1, &what) < 0 || what.st_dev != device || what.st_ino != inode)
        {
          dprintf (2, "%s: what was to be shown there has been replaced meanwhile\n", *rest == ':' ? rest + 1 : rest);
          return NULL;
        }
    }
  return words;
}

int
sandbox_init (char **words)
{
  static Init init;
  TholeSandboxHead ready = message_head (THOLE_SANDBOX_READY, 0, 0, 0);
  char **limits = check_places (words);
  sigset_t all;
  int none = open ("/dev/null", O_RDWR);

  if (limits == NULL)
    return 1;
  /* no program in here looks into this process or holds it, though it has the same user */
  prctl (PR_SET_DUMPABLE, 0);
  fcntl (THOLE_SANDBOX_LINK, F_SETFD, FD_CLOEXEC);
  for (int fd = 0; none >= 0 && fd < 3; fd++)
    dup2 (none, fd);
  if (none > THOLE_SANDBOX_LINK)
    close (none);
  set_limits (limits);
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  sigemptyset (&all);
  sigaddset (&all, SIGCHLD);
  init.signals = signalfd (-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (init.signals < 0 || !message_send (THOLE_SANDBOX_LINK, &ready, NULL, 0, NULL, 0))
    return 1;
  while (step (&init))
    ;
  return 0;
}
