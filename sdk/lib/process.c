/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Engines have no call that ends an exec with all that came of it. When one is on this machine, the kernel has.
 */
#include "thole-dict.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROCESSES_MAX 4096

/* one name may begin with another one */
static gboolean
is_whole (const char *behind)
{
  return behind[0] == '\0' || behind[0] == '/' || behind[0] == '\n' || g_str_has_prefix (behind, ".scope");
}

/* The container's name is in the path of its control group. */
static gboolean
belongs (pid_t pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/cgroup", (int) pid);
  g_autofree char *text = NULL;
  const char *found = g_file_get_contents (path, &text, NULL, NULL) ? strstr (text, name) : NULL;

  while (found != NULL && !is_whole (found + strlen (name)))
    found = strstr (found + 1, name);
  return found != NULL;
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
kill_one (pid_t pid, const char *name)
{
  int fd = (int) syscall (SYS_pidfd_open, pid, 0);
  gboolean ours = fd >= 0 && belongs (pid, name);

  if (ours && syscall (SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && errno == EPERM)
    ours = FALSE;
  if (fd >= 0)
    close (fd);
  return ours;
}

/* what stands behind the name in /proc/PID/stat: session, and the group in front of its terminal */
static gboolean
read_places (pid_t pid, pid_t *group, pid_t *session, pid_t *front)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *text = NULL;
  const char *behind;
  int places[3] = { 0 };

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  behind = strrchr (text, ')');
  if (behind == NULL || sscanf (behind, ") %*c %*d %d %d %*d %d", &places[0], &places[1], &places[2]) != 3)
    return FALSE;
  *group = places[0];
  *session = places[1];
  *front = places[2];
  return TRUE;
}

/* those that left their parents behind are still in its session */
static void
append_session (GArray *pids, pid_t leader)
{
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while (proc != NULL && (name = g_dir_read_name (proc)) != NULL && pids->len < PROCESSES_MAX)
    {
      pid_t pid = (pid_t) strtol (name, NULL, 10), group, session, front;

      if (pid > 1 && pid != leader && read_places (pid, &group, &session, &front) && session == leader)
        g_array_append_val (pids, pid);
    }
}

static gboolean
kill_all (pid_t pid, const char *name)
{
  g_autoptr(GArray) pids = g_array_new (FALSE, FALSE, sizeof (pid_t));
  gboolean killed;

  g_array_append_val (pids, pid);
  append_session (pids, pid);
  for (guint i = 0; i < pids->len; i++)
    append_children (pids, g_array_index (pids, pid_t, i));
  killed = kill_one (pid, name);
  for (guint i = 1; i < pids->len; i++)
    kill_one (g_array_index (pids, pid_t, i), name);
  return killed;
}

/* the descriptor keeps the number of the process, and so that of the group that it leads, from being given to another */
static gboolean
signal_group (pid_t pid, const char *name, int signal)
{
  gboolean key = signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP || signal == SIGCONT;
  int fd = (int) syscall (SYS_pidfd_open, pid, 0);
  pid_t group = 0, session, front = 0;
  gboolean sent = FALSE;

  if (fd >= 0 && belongs (pid, name) && read_places (pid, &group, &session, &front))
    sent = kill (key && front > 1 ? -front : group == pid ? -pid : pid, signal) == 0;
  if (fd >= 0)
    close (fd);
  return sent;
}

gboolean
thole_process_signal (pid_t pid, const char *name, int signal)
{
  if (pid <= 1 || strlen (name) < 16)
    return FALSE;
  return signal == SIGKILL ? kill_all (pid, name) : signal_group (pid, name, signal);
}

guint
thole_process_kill_all (const char *name)
{
  g_autoptr(GDir) proc = strlen (name) >= 16 ? g_dir_open ("/proc", 0, NULL) : NULL;
  const char *entry;
  guint killed = 0;

  while (proc != NULL && (entry = g_dir_read_name (proc)) != NULL)
    {
      pid_t pid = (pid_t) strtol (entry, NULL, 10);

      if (pid > 1 && kill_one (pid, name))
        killed++;
    }
  return killed;
}
