/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The control groups of a sandbox, of either kind: the driver says which folders and what is written there.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REMOVE_TRIES 200
#define REMOVE_PAUSE_MS 5

static bool
write_text (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t) strlen (text);
  int error = errno;

  if (fd >= 0)
    close (fd);
  errno = error;
  return done;
}

bool
groups_make (const SandboxPlan *plan, char *problem, unsigned size)
{
  for (int i = 0; i < plan->n_groups; i++)
    if (mkdir (plan->groups[i], 0755) < 0 && errno != EEXIST)
      {
        snprintf (problem, size, "%s: %s", plan->groups[i], strerror (errno));
        return false;
      }
  for (int i = 0; i < plan->n_settings; i++)
    {
      const char *value = strchr (plan->settings[i], '=');
      char path[4096];

      snprintf (path, sizeof path, "%.*s", value != NULL ? (int) (value - plan->settings[i]) : 0, plan->settings[i]);
      if (value != NULL && !write_text (path, value + 1))
        {
          snprintf (problem, size, "%s: %s", path, strerror (errno));
          return false;
        }
    }
  return true;
}

bool
groups_join (const SandboxPlan *plan)
{
  char path[4096];

  for (int i = 0; i < plan->n_groups; i++)
    {
      snprintf (path, sizeof path, "%s/cgroup.procs", plan->groups[i]);
      if (!write_text (path, "0"))
        return false;
    }
  return true;
}

pid_t
groups_fork (const SandboxPlan *plan, bool *joined)
{
  /* one of version 2: who enters it later waits for the kernel */
  int folder = plan->n_groups == 1 ? open (plan->groups[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  struct clone_args arguments = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = folder >= 0 ? (uint64_t) folder : 0 };
  long pid = folder >= 0 ? syscall (SYS_clone3, &arguments, sizeof arguments) : -1;

  *joined = pid >= 0;
  if (folder >= 0)
    close (folder);
  return pid >= 0 ? (pid_t) pid : fork ();
}

void
groups_remove (const SandboxPlan *plan)
{
  /* who has ended is still counted for a moment */
  for (int i = 0; i < plan->n_groups; i++)
    for (int n = 0; n < REMOVE_TRIES && rmdir (plan->groups[i]) < 0 && errno == EBUSY; n++)
      poll (NULL, 0, REMOVE_PAUSE_MS);
}

long
groups_oom (const SandboxPlan *plan)
{
  char text[1024];
  const char *line;
  ssize_t n;
  int fd = plan->oom != NULL ? open (plan->oom, O_RDONLY | O_CLOEXEC) : -1;

  if (fd < 0)
    return 0;
  n = read (fd, text, sizeof text - 1);
  close (fd);
  text[n > 0 ? n : 0] = '\0';
  line = strstr (text, "oom_kill ");
  return line != NULL ? strtol (line + strlen ("oom_kill "), NULL, 10) : 0;
}
