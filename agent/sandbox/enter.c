/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the supervisor and bwrap: control groups, the user, and descriptors in the places that the command line names.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-sandbox-protocol.h"

/* descriptors for bwrap begin here */
#define FIRST 10

static bool
fail (const char *what)
{
  dprintf (2, "%s: %s\n", what, strerror (errno));
  return false;
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
  int n = 0;

  argv[n++] = (char *) "bwrap";
  for (int i = 0; i < plan->n_engine; i++)
    {
      const char *entry = plan->engine[i], *value = entry + 2;

      argv[n++] = entry[0] == 'b' ? (char *) value : open_word (value, entry[0] == 'f' ? O_PATH : O_RDONLY);
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
  argv[n++] = (char *) "--";
  argv[n++] = (char *) THOLE_SANDBOX_INIT;
  argv[n++] = (char *) "init";
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
enter (const SandboxPlan *plan, int link)
{
  static char *argv[PLAN_STRINGS + 8 + PLAN_LIMITS];
  sigset_t none;

  for (int signal = 1; signal < 65; signal++)
    sigaction (signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  umask (022);
  if (!groups_join (plan))
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
