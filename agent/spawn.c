/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thole-agent-protocol.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define CLOSE_RANGE_MARK 4 /* CLOSE_RANGE_CLOEXEC */
/* fewer and longer reads; what a user without privileges may have */
#define PIPE_BYTES (256 * 1024)

/* both ends of what joins the agent and the program */
typedef struct
{
  int master, slave;
  int in[2], out[2], err[2];
  int status[2];
} Joint;

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static void
joint_close (Joint *self)
{
  for (int i = 0; i < 2; i++)
    {
      close_fd (&self->in[i]);
      close_fd (&self->out[i]);
      close_fd (&self->err[i]);
      close_fd (&self->status[i]);
    }
  close_fd (&self->master);
  close_fd (&self->slave);
}

static int
not_blocking (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  return flags < 0 ? -1 : fcntl (fd, F_SETFL, flags | O_NONBLOCK);
}

static int
open_terminal (const Plan *plan, Joint *joint)
{
  struct winsize size = { .ws_row = (unsigned short) plan->rows, .ws_col = (unsigned short) plan->cols };
  int unlock = 0, number = 0;
  char path[32];

  joint->master = open ("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (joint->master < 0 || ioctl (joint->master, TIOCSPTLCK, &unlock) < 0)
    return -1;
  joint->slave = ioctl (joint->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (joint->slave < 0)
    {
      if (ioctl (joint->master, TIOCGPTN, &number) < 0)
        return -1;
      snprintf (path, sizeof path, "/dev/pts/%d", number);
      joint->slave = open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
  if (joint->slave < 0 || ioctl (joint->master, TIOCSWINSZ, &size) < 0)
    return -1;
  return not_blocking (joint->master);
}

static int
open_pipes (Joint *joint)
{
  if (pipe2 (joint->in, O_CLOEXEC) < 0 || pipe2 (joint->out, O_CLOEXEC) < 0 || pipe2 (joint->err, O_CLOEXEC) < 0)
    return -1;
  /* larger is only better: a refusal changes nothing */
  fcntl (joint->out[0], F_SETPIPE_SZ, PIPE_BYTES);
  fcntl (joint->in[0], F_SETPIPE_SZ, PIPE_BYTES);
  return not_blocking (joint->in[1]) < 0 || not_blocking (joint->out[0]) < 0 ? -1 : not_blocking (joint->err[0]);
}

static int
open_joint (const Plan *plan, Joint *joint)
{
  *joint = (Joint) { -1, -1, { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
  if (pipe2 (joint->status, O_CLOEXEC | O_NONBLOCK) < 0)
    return -1;
  return plan->tty ? open_terminal (plan, joint) : open_pipes (joint);
}

static void
reset_signals (void)
{
  struct sigaction action = { .sa_handler = SIG_DFL };
  sigset_t none;

  for (int signal = 1; signal < 65; signal++)
    sigaction (signal, &action, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

static int
take_streams (const Plan *plan, const Joint *joint)
{
  if (setsid () < 0)
    return -1;
  if (plan->tty)
    {
      if (ioctl (joint->slave, TIOCSCTTY, 0) < 0)
        return -1;
      return dup2 (joint->slave, 0) < 0 || dup2 (joint->slave, 1) < 0 ? -1 : dup2 (joint->slave, 2);
    }
  return dup2 (joint->in[0], 0) < 0 || dup2 (joint->out[1], 1) < 0 ? -1 : dup2 (joint->err[1], 2);
}

static int
become (const Account *account)
{
  bool same = geteuid () == account->uid && getuid () == account->uid && getegid () == account->gid;

  /* who calls himself root in a sandbox may not change his groups, and need not when he stays who he is */
  if (geteuid () == 0 && setgroups ((size_t) account->n_groups, account->groups) < 0 && !(same && errno == EPERM))
    return -1;
  if (getegid () != account->gid && setgid (account->gid) < 0)
    return -1;
  return geteuid () != account->uid || getuid () != account->uid ? setuid (account->uid) : 0;
}

/* becomes the program; returns only when it could not, with the reason */
static int32_t
run (const Plan *plan, const Joint *joint)
{
  extern char **environ;

  reset_signals ();
  umask (022);
  if (take_streams (plan, joint) < 0)
    return THOLE_AGENT_FAILED;
  syscall (SYS_close_range, 3, ~0U, CLOSE_RANGE_MARK);
  if (become (plan->account) < 0)
    return errno == EPERM ? THOLE_AGENT_DENIED : THOLE_AGENT_FAILED;
  if (chdir (plan->folder) < 0)
    return errno == EACCES ? THOLE_AGENT_DENIED : THOLE_AGENT_NO_FOLDER;
  environ = (char **) plan->env;
  execvp (plan->argv[0], plan->argv);
  if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP)
    return THOLE_AGENT_NO_PROGRAM;
  return errno == EACCES || errno == EPERM ? THOLE_AGENT_DENIED : THOLE_AGENT_FAILED;
}

int
spawn (const Plan *plan, Spawned *spawned)
{
  Failure failure;
  Joint joint;
  int pid = -1, error;

  if (open_joint (plan, &joint) == 0)
    pid = fork ();
  if (pid < 0)
    {
      error = errno;
      joint_close (&joint);
      return error;
    }
  if (pid == 0)
    {
      failure.code = run (plan, &joint);
      failure.error = errno;
      /* the pipe is empty and this is small: it cannot block or be cut */
      if (write (joint.status[1], &failure, sizeof failure) < 0)
        _exit (126);
      _exit (127);
    }
  *spawned = (Spawned) { pid, plan->tty ? joint.master : joint.out[0], joint.err[0], joint.in[1], joint.slave,
                         joint.status[0] };
  joint.master = joint.out[0] = joint.err[0] = joint.in[1] = joint.slave = joint.status[0] = -1;
  joint_close (&joint);
  return 0;
}

/* the process session of a process, 0 when it is not known */
static int
session_of (const char *pid)
{
  char path[64], text[512];
  ssize_t length;
  const char *end;
  int fd, parent, group, session;

  snprintf (path, sizeof path, "/proc/%.20s/stat", pid);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  length = read (fd, text, sizeof text - 1);
  close (fd);
  if (length <= 0)
    return 0;
  text[length] = '\0';
  /* the name before it may hold anything, also brackets */
  end = strrchr (text, ')');
  return end != NULL && sscanf (end + 1, " %*c %d %d %d", &parent, &group, &session) == 3 ? session : 0;
}

void
spawn_kill_all (int pid, bool reaped)
{
  DIR *folder;
  struct dirent *entry;

  /* the number of one who was reaped is kept for what he left running: if there is such a process again, nothing was left */
  if (reaped && (kill (pid, 0) == 0 || errno == EPERM))
    return;
  kill (-pid, SIGKILL);
  folder = opendir ("/proc");
  if (folder == NULL)
    return;
  while ((entry = readdir (folder)) != NULL)
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && session_of (entry->d_name) == pid)
      kill ((pid_t) strtol (entry->d_name, NULL, 10), SIGKILL);
  closedir (folder);
}
