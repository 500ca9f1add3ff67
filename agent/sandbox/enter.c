/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the supervisor and bwrap: control groups, the user, and descriptors in the places that the command line names.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thole-sandbox-protocol.h"

/* descriptors for bwrap begin here */
#define FIRST 10
/* bwrap mounts its own over it, but sees what was there */
#define STAGE "/tmp"

static bool
fail (const char *what)
{
  dprintf (2, "%s: %s\n", what, strerror (errno));
  return false;
}

/* What is shown in a sandbox may lie where the one who starts bwrap may not go. So root joins all of it to a folder that everybody
 * reaches, in a mount namespace that only bwrap is to see. */
static bool
stage_begin (void)
{
  return (unshare (CLONE_NEWNS) == 0 && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) || fail ("a mount namespace");
}

/* Its place there. */
static char *
stage (int fd, const char *path)
{
  static char places[PLAN_STRINGS][24];
  static int n;
  char source[32], *place = places[n];
  struct stat what;

  snprintf (source, sizeof source, "/proc/self/fd/%d", fd);
  snprintf (place, sizeof places[0], STAGE "/%d", n++);
  if (fstat (fd, &what) < 0 || (S_ISDIR (what.st_mode) ? mkdir (place, 0755) : mknod (place, S_IFREG | 0644, 0)) < 0
      || mount (source, place, NULL, MS_BIND | MS_REC, NULL) < 0)
    {
      fail (path);
      return NULL;
    }
  return place;
}

static bool
is_place (const char *entry)
{
  return entry[0] == 'f' || entry[0] == 'm';
}

/* Whoever may write in it could have put a link in the way since it was checked. */
static int
open_place (const char *entry)
{
  struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = entry[0] == 'm' ? RESOLVE_NO_SYMLINKS : 0 };
  int fd = (int) syscall (SYS_openat2, AT_FDCWD, entry + 2, &how, sizeof how);

  if (fd < 0)
    fail (entry + 2);
  return fd;
}

/* Where the entry before @at is shown; NULL when something else is mounted over it. */
static const char *
target_of (const SandboxPlan *plan, int at)
{
  if (at >= plan->n_engine)
    return NULL;
  for (int i = at + 1; i < plan->n_engine; i++)
    if (strcmp (plan->engine[i], plan->engine[at]) == 0)
      return NULL;
  return plan->engine[at] + 2;
}

/* @check: what the first process is told, for it to compare with what it finds. */
static bool
check_place (const SandboxPlan *plan, int at, char **check)
{
  int fd = open_place (plan->engine[at]);
  const char *target = target_of (plan, at + 1);
  struct stat what;
  bool done = fd >= 0 && fstat (fd, &what) == 0;

  if (done && target != NULL)
    done = asprintf (check, SANDBOX_AT "%llu:%llu:%s", (unsigned long long) what.st_dev, (unsigned long long) what.st_ino, target) > 0;
  if (fd >= 0)
    close (fd);
  return done;
}

/* As who this is, bwrap opens them by their names, and between that and a look at them a link can be put in the way. */
static bool
check_all (const SandboxPlan *plan, char **places, char **checks)
{
  int n = 0, n_checks = 0;

  for (int i = 0; i < plan->n_engine; i++)
    if (is_place (plan->engine[i]))
      {
        if (plan->engine[i][0] == 'm' && !check_place (plan, i, &checks[n_checks]))
          return false;
        n_checks += checks[n_checks] != NULL;
        places[n++] = (char *) plan->engine[i] + 2;
      }
  return true;
}

/* The places of the command line, in their order: opened before anything is mounted over them. */
static bool
stage_all (const SandboxPlan *plan, char **places, char **checks)
{
  static int fds[PLAN_STRINGS];
  int n = 0;

  if (plan->uid < 0)
    return check_all (plan, places, checks);
  if (!stage_begin ())
    return false;
  for (int i = 0; i < plan->n_engine; i++)
    if (is_place (plan->engine[i]) && (fds[n++] = open_place (plan->engine[i])) < 0)
      return false;
  if (mount ("thole", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
    return fail (STAGE);
  n = 0;
  for (int i = 0; i < plan->n_engine; i++)
    if (is_place (plan->engine[i]))
      {
        places[n] = stage (fds[n], plan->engine[i] + 2);
        if (places[n++] == NULL)
          return false;
      }
  return true;
}

/* The descriptor's number as a word; it is inherited. */
static char *
open_word (const char *path, int flags)
{
  static char words[PLAN_STRINGS][12];
  static int n;
  int fd = open (path, flags | O_CLOEXEC), moved = fd >= 0 ? fcntl (fd, F_DUPFD, FIRST) : -1;

  if (fd >= 0)
    close (fd);
  if (moved < 0)
    {
      fail (path);
      return NULL;
    }
  snprintf (words[n], sizeof words[n], "%d", moved);
  return words[n++];
}

static bool
make_command (const SandboxPlan *plan, char **argv)
{
  static char *places[PLAN_STRINGS], *checks[PLAN_STRINGS];
  int n = 0, place = 0;

  argv[n++] = (char *) "bwrap";
  for (int i = 0; i < plan->n_engine; i++)
    {
      const char *entry = plan->engine[i], *value = entry + 2;

      argv[n++] = entry[0] == 'd' ? open_word (value, O_RDONLY) : (char *) value;
      if (argv[n - 1] == NULL)
        return false;
    }
  if (plan->seccomp != NULL)
    {
      argv[n++] = (char *) "--seccomp";
      argv[n++] = open_word (plan->seccomp, O_RDONLY);
      if (argv[n - 1] == NULL)
        return false;
    }
  if (!stage_all (plan, places, checks))
    return false;
  for (int i = 0, at = 1; i < plan->n_engine; i++, at++)
    if (is_place (plan->engine[i]))
      argv[at] = places[place++];
  argv[n++] = (char *) "--";
  argv[n++] = (char *) THOLE_SANDBOX_INIT;
  argv[n++] = (char *) "init";
  for (int i = 0; checks[i] != NULL; i++)
    argv[n++] = checks[i];
  for (int i = 0; i < plan->n_limits; i++)
    argv[n++] = (char *) plan->limits[i];
  argv[n] = NULL;
  return true;
}

static bool
become (const SandboxPlan *plan)
{
  gid_t gid = (gid_t) plan->gid;

  if (plan->uid < 0)
    return true;
  if (setgroups (0, NULL) < 0 || setresgid (gid, gid, gid) < 0
      || setresuid ((uid_t) plan->uid, (uid_t) plan->uid, (uid_t) plan->uid) < 0)
    return fail ("setuid");
  return true;
}

void
enter (const SandboxPlan *plan, int link, bool joined)
{
  static char *argv[2 * PLAN_STRINGS + 8 + PLAN_LIMITS];
  sigset_t none;

  for (int signal = 1; signal < 65; signal++)
    sigaction (signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  umask (022);
  if (!joined && !groups_join (plan))
    {
      fail ("cgroup.procs");
      return;
    }
  /* as who this is: what is opened here need not be reachable for the other */
  if (!make_command (plan, argv) || !become (plan))
    return;
  if (link == THOLE_SANDBOX_LINK)
    fcntl (link, F_SETFD, 0);
  else
    dup2 (link, THOLE_SANDBOX_LINK);
  if (chdir ("/") < 0)
    return;
  execvp ("bwrap", argv);
  fail ("bwrap");
}
