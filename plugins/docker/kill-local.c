/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine has no call that ends an exec. When it is on this machine, the kernel has.
 */
#include "exec.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROCESSES_MAX 4096

/* The container's id is in the path of its control group. */
static gboolean
belongs (pid_t pid, const char *engine_id)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/cgroup", (int) pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strstr (text, engine_id) != NULL;
}

static void
append_children (GArray *pids, pid_t parent)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%d/children", (int) parent, (int) parent);
  g_autofree char *text = NULL;
  g_auto(GStrv) words = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  words = g_strsplit (text, " ", PROCESSES_MAX);
  for (guint i = 0; words[i] != NULL && pids->len < PROCESSES_MAX; i++)
    {
      pid_t child = (pid_t) strtol (words[i], NULL, 10);

      if (child > 1)
        g_array_append_val (pids, child);
    }
}

/* The descriptor stands for the process that was looked at, even when its number is given to another. */
static gboolean
kill_one (pid_t pid, const char *engine_id)
{
  int fd = (int) syscall (SYS_pidfd_open, pid, 0);
  gboolean ours = fd >= 0 && belongs (pid, engine_id);

  if (ours)
    syscall (SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
  if (fd >= 0)
    close (fd);
  return ours;
}

gboolean
docker_kill_local (pid_t pid, const char *engine_id)
{
  g_autoptr(GArray) pids = g_array_new (FALSE, FALSE, sizeof (pid_t));
  gboolean killed;

  if (pid <= 1 || strlen (engine_id) < 32)
    return FALSE;
  g_array_append_val (pids, pid);
  for (guint i = 0; i < pids->len; i++)
    append_children (pids, g_array_index (pids, pid_t, i));
  killed = kill_one (pid, engine_id);
  for (guint i = 1; i < pids->len; i++)
    kill_one (g_array_index (pids, pid_t, i), engine_id);
  return killed;
}
