/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "groups.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

static const char *const names[LOCAL_GROUPS] = { "memory", "pids", "cpu", "cpuacct" };

static gboolean
write_text (const char *folder, const char *file, const char *text)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean done = fd >= 0 && write (fd, text, strlen (text)) == (gssize) strlen (text);

  if (fd >= 0)
    close (fd);
  return done;
}

static gboolean
make (const char *folder)
{
  return g_mkdir_with_parents (folder, 0755) == 0 && access (folder, W_OK) == 0;
}

/* since Linux 5.14 */
static gboolean
counts_by_namespace (void)
{
  struct utsname name;
  int major = 0, minor = 0;

  return uname (&name) == 0 && sscanf (name.release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 14));
}

static void
find_unified (LocalGroups *self, const char *root, const char *parent)
{
  g_autofree char *folder = g_strconcat (root, parent, NULL), *has = NULL;
  g_autofree char *list = g_build_filename (folder, "cgroup.controllers", NULL);

  self->unified = TRUE;
  write_text (root, "cgroup.subtree_control", "+memory +pids +cpu");
  if (!make (folder) || !write_text (folder, "cgroup.subtree_control", "+memory +pids +cpu")
      || !g_file_get_contents (list, &has, NULL, NULL))
    return;
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    if (i == LOCAL_GROUP_CPUACCT || strstr (has, names[i]) != NULL)
      self->parents[i] = g_strdup (folder);
}

void
local_groups_find_in (LocalGroups *self, const char *root, const char *parent)
{
  g_autofree char *controllers = g_build_filename (root, "cgroup.controllers", NULL);

  local_groups_clear (self);
  self->counted = counts_by_namespace ();
  if (g_file_test (controllers, G_FILE_TEST_EXISTS))
    {
      find_unified (self, root, parent);
      return;
    }
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    {
      g_autofree char *hierarchy = g_build_filename (root, names[i], NULL);
      g_autofree char *folder = g_strconcat (hierarchy, parent, NULL);
      g_autofree char *tasks = g_build_filename (hierarchy, "cgroup.procs", NULL);

      if (g_file_test (tasks, G_FILE_TEST_EXISTS) && make (folder))
        self->parents[i] = g_steal_pointer (&folder);
    }
}

void
local_groups_find (LocalGroups *self, const char *parent)
{
  local_groups_find_in (self, ROOT, parent);
}

void
local_groups_clear (LocalGroups *self)
{
  for (guint i = 0; i < LOCAL_GROUPS; i++)
    g_clear_pointer (&self->parents[i], g_free);
  self->unified = FALSE;
}

char *
local_groups_path (const LocalGroups *self, LocalGroup group, const char *name, const char *file)
{
  return self->parents[group] != NULL ? g_build_filename (self->parents[group], name, file, NULL) : NULL;
}
