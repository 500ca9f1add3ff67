/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define SOCKET "agent.sock"
#define LOCK "agent.lock"
/* ms for another one, who has the lock, to listen */
#define PATIENCE 5000

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int
complain (const char *what)
{
  dprintf (2, "thole-agent: %s: %s\n", what, strerror (errno));
  return 1;
}

static void
nap (long ms)
{
  nanosleep (&(struct timespec) { 0, ms * 1000000 }, NULL);
}

/* the path is relative to the folder: a socket's path has room for 107 bytes only */
static int
socket_in (int folder, bool listens)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (listens ? SOCK_NONBLOCK : 0), 0);
  int before = open (".", O_PATH | O_CLOEXEC);
  int result = -1, error;
  mode_t mask;

  if (fd >= 0 && fchdir (folder) == 0)
    {
      mask = umask (0177);
      if (!listens)
        result = connect (fd, (struct sockaddr *) &address, sizeof address);
      else if ((unlink (SOCKET) == 0 || errno == ENOENT) && bind (fd, (struct sockaddr *) &address, sizeof address) == 0)
        result = listen (fd, 16);
      umask (mask);
    }
  error = errno;
  if (before >= 0 && fchdir (before) < 0)
    error = errno;
  if (before >= 0)
    close (before);
  if (result < 0 && fd >= 0)
    close (fd);
  errno = error;
  return result < 0 ? -1 : fd;
}

int
hold_connect (const char *folder)
{
  int directory = open (folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  int fd, error;

  if (directory < 0)
    return -1;
  fd = socket_in (directory, false);
  error = errno;
  close (directory);
  errno = error;
  return fd;
}

static int
wait_for_other (const char *folder)
{
  int fd = -1;

  for (int waited = 0; waited < PATIENCE && fd < 0; waited += 20)
    {
      fd = hold_connect (folder);
      if (fd < 0)
        nap (20);
    }
  if (fd < 0)
    return complain (folder);
  close (fd);
  return 0;
}

static void
leave_streams (void)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  for (int fd = 0; fd < 3 && null >= 0; fd++)
    dup2 (null, fd);
  if (null > 2)
    close (null);
}

static int
serve (const HoldOptions *options, int folder, int lock, int ready)
{
  Agent *agent = mmap (NULL, sizeof (Agent), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct stat place;
  char pid[16];
  int status, length;

  if (agent == MAP_FAILED || !agent_init (agent))
    return complain ("start");
  agent->folder = folder;
  agent->lock = lock;
  agent->idle_after = options->idle_after;
  snprintf (agent->user, sizeof agent->user, "%s", options->user);
  if (getcwd (agent->work_folder, sizeof agent->work_folder) == NULL)
    strcpy (agent->work_folder, "/");
  agent->listener.fd = socket_in (folder, true);
  if (agent->listener.fd < 0)
    return complain (options->folder);
  /* whoever owns the folder is who may come in */
  if (geteuid () == 0 && fstat (folder, &place) == 0 && fchownat (folder, SOCKET, place.st_uid, place.st_gid, 0) < 0)
    return complain (options->folder);
  if (chdir ("/") < 0)
    return complain ("/");
  door_listen (agent);
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  /* whoever finds the lock held may read here by whom */
  length = snprintf (pid, sizeof pid, "%d\n", (int) getpid ());
  if (ftruncate (lock, 0) < 0 || pwrite (lock, pid, (size_t) length, 0) != length)
    return complain (options->folder);
  if (ready >= 0)
    {
      leave_streams ();
      if (write (ready, "", 1) == 1)
        close (ready);
    }
  status = agent_run (agent);
  unlinkat (folder, SOCKET, 0);
  return status;
}

/* the parent ends when the child listens */
static int
serve_behind (const HoldOptions *options, int folder, int lock)
{
  int ready[2], child;
  char byte;

  if (pipe2 (ready, O_CLOEXEC) < 0)
    return complain ("pipe");
  child = fork ();
  if (child < 0)
    return complain ("fork");
  if (child == 0)
    {
      close (ready[0]);
      setsid ();
      _exit (serve (options, folder, lock, ready[1]));
    }
  close (ready[1]);
  return read (ready[0], &byte, 1) == 1 ? 0 : 1;
}

int
hold (const HoldOptions *options)
{
  int folder, lock;

  syscall (SYS_close_range, 3, ~0U, 0);
  if (mkdir (options->folder, 0700) < 0 && errno != EEXIST)
    return complain (options->folder);
  folder = open (options->folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  lock = folder < 0 ? -1 : openat (folder, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0)
    return complain (options->folder);
  /* held as long as the process lives, so a socket that is there without it is a left one */
  if (flock (lock, LOCK_EX | LOCK_NB) < 0)
    return errno == EWOULDBLOCK ? wait_for_other (options->folder) : complain (options->folder);
  return options->foreground ? serve (options, folder, lock, -1) : serve_behind (options, folder, lock);
}
