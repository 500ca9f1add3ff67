/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Control groups of either version: which limits a plan has, and what its supervisor writes where. In folders that look like them; the
 * clone into one of version 2 is tried where this machine has them.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "driver.h"
#include "plan.h"
#include "sandbox.h"
#include "tree.h"

#define INSTANCE "7e577e57-0000-4000-8000-000000000001"
#define BOX "7e577e57-wl-a"

typedef struct
{
  char *root;
  LocalConfig config;
  TholeDriver driver;
} Fixture;

static void
put (Fixture *self, const char *path, const char *text)
{
  g_autofree char *full = g_build_filename (self->root, path, NULL), *folder = g_path_get_dirname (full);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_file_set_contents (full, text, -1, &error);
  g_assert_no_error (error);
}

static void
assert_text (Fixture *self, const char *path, const char *wanted)
{
  g_autofree char *full = g_build_filename (self->root, path, NULL), *text = NULL;

  g_file_get_contents (full, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, wanted);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->root = g_dir_make_tmp ("thole-groups-XXXXXX", NULL);
  self->config.instance = g_strdup (INSTANCE);
  self->driver.config = &self->config;
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  local_groups_clear (&self->driver.groups);
  local_tree_remove (self->root);
  g_free (self->config.instance);
  g_free (self->root);
}

/* The lines of a plan with these limits. */
static char *
limits (Fixture *self, const char *resources)
{
  static const char old[] = "rlimit=0:1\0limits=done\0b=word\0arg=sh";
  g_autoptr(GVariant) wanted = g_variant_ref_sink (g_variant_new_parsed (resources));
  g_autoptr(GByteArray) plan = local_plan_limit (&self->driver, "wl-a", old, sizeof old, wanted);
  g_autofree char *path = g_build_filename (self->root, "plan", NULL);
  GString *lines = g_string_new (NULL);

  g_assert_true (g_file_set_contents (path, (const char *) plan->data, plan->len, NULL));
  for (const char *at = (const char *) plan->data; at < (const char *) plan->data + plan->len; at += strlen (at) + 1)
    g_string_append_printf (lines, "%s\n", at);
  return g_string_free (lines, FALSE);
}

static void
assert_line (Fixture *self, const char *lines, const char *format)
{
  g_auto(GStrv) parts = g_strsplit (format, "@", -1), list = g_strsplit (lines, "\n", -1);
  g_autofree char *line = g_strjoinv (self->root, parts);

  g_assert_true (g_strv_contains ((const char *const *) list, line));
}

static SandboxPlan *
read_plan (Fixture *self)
{
  g_autofree char *path = g_build_filename (self->root, "plan", NULL);
  SandboxPlan *plan = g_new0 (SandboxPlan, 1);

  g_assert_true (plan_read (plan, path));
  return plan;
}

static void
free_plan (SandboxPlan *plan)
{
  free (plan->bytes);
  g_free (plan);
}

static void
make_two (Fixture *self)
{
  put (self, "cgroup.controllers", "cpu memory pids");
  put (self, "cgroup.subtree_control", "");
  put (self, "thole/cgroup.controllers", "cpuset cpu io memory pids");
  put (self, "thole/cgroup.subtree_control", "");
  local_groups_find_in (&self->driver.groups, self->root, "/thole");
}

static void
test_two (Fixture *self, gconstpointer data)
{
  static const char *const files[] = { "memory.max", "memory.swap.max", "pids.max", "cpu.max" };
  g_autofree char *lines = NULL, *alone = NULL, *none = NULL;
  char problem[256] = "";
  SandboxPlan *plan;

  make_two (self);
  g_assert_true (self->driver.groups.unified);
  assert_text (self, "cgroup.subtree_control", "+memory +pids +cpu");
  assert_text (self, "thole/cgroup.subtree_control", "+memory +pids +cpu");
  none = limits (self, "@a{sv} {}");
  g_assert_null (strstr (none, "cgroup="));
  alone = limits (self, "{'pids': <int64 30>}");
  assert_line (self, alone, "cgroup=@/thole/" BOX);
  assert_line (self, alone, "set=@/thole/" BOX "/pids.max=32");
  lines = limits (self, "{'memory': <int64 67108864>, 'pids': <int64 30>, 'cpu': <0.5>}");
  assert_line (self, lines, "oom=@/thole/" BOX "/memory.events");
  g_assert_nonnull (strstr (lines, "arg=sh\n"));
  g_assert_null (strstr (lines, "rlimit=0:1\n"));
  plan = read_plan (self);
  g_assert_cmpint (plan->n_groups, ==, 1);
  g_assert_cmpint (plan->n_settings, ==, 4);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename ("thole", BOX, files[i], NULL);

      put (self, path, "");
    }
  put (self, "thole/" BOX "/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\n");
  g_assert_true (groups_make (plan, problem, sizeof problem));
  assert_text (self, "thole/" BOX "/memory.max", "67108864");
  assert_text (self, "thole/" BOX "/memory.swap.max", "0");
  assert_text (self, "thole/" BOX "/pids.max", "32");
  assert_text (self, "thole/" BOX "/cpu.max", "50000 100000");
  g_assert_cmpint (groups_oom (plan), ==, 3);
  free_plan (plan);
}

static void
test_two_refused (Fixture *self, gconstpointer data)
{
  g_autofree char *lines = NULL;
  char problem[256] = "";
  SandboxPlan *plan;

  make_two (self);
  lines = limits (self, "{'pids': <int64 30>}");
  plan = read_plan (self);
  /* the kernel has no such file there: the sandbox must not begin without its limit */
  g_assert_false (groups_make (plan, problem, sizeof problem));
  g_assert_nonnull (strstr (problem, "pids.max"));
  groups_remove (plan);
  free_plan (plan);
}

static void
test_one (Fixture *self, gconstpointer data)
{
  static const char *const procs[] = { "memory/cgroup.procs", "pids/cgroup.procs", "cpu/cgroup.procs", "cpuacct/cgroup.procs" };
  g_autofree char *alone = NULL, *both = NULL, *old = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (procs); i++)
    put (self, procs[i], "");
  local_groups_find_in (&self->driver.groups, self->root, "/thole");
  g_assert_false (self->driver.groups.unified);
  self->driver.groups.counted = TRUE;
  alone = limits (self, "{'pids': <int64 30>}");
  g_assert_null (strstr (alone, "cgroup="));
  g_assert_nonnull (strstr (alone, "rlimit=6:31\n"));
  both = limits (self, "{'pids': <int64 30>, 'memory': <int64 67108864>}");
  assert_line (self, both, "cgroup=@/pids/thole/" BOX);
  assert_line (self, both, "cgroup=@/memory/thole/" BOX);
  assert_line (self, both, "set=@/pids/thole/" BOX "/pids.max=32");
  assert_line (self, both, "set=@/memory/thole/" BOX "/memory.limit_in_bytes=67108864");
  g_assert_null (strstr (both, "rlimit=6:"));
  self->driver.groups.counted = FALSE;
  old = limits (self, "{'pids': <int64 30>}");
  assert_line (self, old, "set=@/pids/thole/" BOX "/pids.max=32");
}

static void
test_none (Fixture *self, gconstpointer data)
{
  g_autofree char *lines = NULL;

  local_groups_find_in (&self->driver.groups, self->root, "/thole");
  lines = limits (self, "{'pids': <int64 30>, 'memory': <int64 67108864>}");
  g_assert_null (strstr (lines, "cgroup="));
  g_assert_nonnull (strstr (lines, "rlimit=6:31\n"));
  g_assert_nonnull (strstr (lines, "rlimit=9:67108864\n"));
}

/* Where is a child of groups_fork()? */
static char *
forked_in (const char *folder, bool *joined)
{
  g_autofree SandboxPlan *plan = g_new0 (SandboxPlan, 1);
  char text[4096] = "";
  int result[2];
  pid_t pid;

  plan->groups[plan->n_groups++] = folder;
  g_assert_cmpint (pipe (result), ==, 0);
  pid = groups_fork (plan, joined);
  if (pid == 0)
    {
      g_autofree char *own = NULL;

      g_file_get_contents ("/proc/self/cgroup", &own, NULL, NULL);
      _exit (own == NULL || write (result[1], own, MIN (strlen (own), sizeof text - 1)) < 0);
    }
  close (result[1]);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  g_assert_cmpint (read (result[0], text, sizeof text - 1), >, 0);
  close (result[0]);
  return g_strdup (text);
}

static char *
find_two (void)
{
  static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *file = g_build_filename (places[i], "cgroup.controllers", NULL);

      if (g_file_test (file, G_FILE_TEST_EXISTS))
        return g_strdup_printf ("%s/thole-test-%d", places[i], (int) getpid ());
    }
  return NULL;
}

static void
test_clone (Fixture *self, gconstpointer data)
{
  g_autofree char *folder = find_two (), *seen = NULL, *plain = NULL, *name = NULL;
  bool joined = true;

  plain = forked_in (self->root, &joined);
  g_assert_false (joined);
  if (folder == NULL || g_mkdir (folder, 0755) < 0)
    {
      g_test_skip ("no control groups of version 2 can be made here");
      return;
    }
  seen = forked_in (folder, &joined);
  name = g_path_get_basename (folder);
  /* who has ended is still counted for a moment */
  for (guint i = 0; i < 12000 && g_rmdir (folder) < 0 && errno == EBUSY; i++)
    g_usleep (5000);
  if (!joined)
    g_test_skip ("the kernel refuses it here");
  else
    g_assert_nonnull (strstr (seen, name));
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/groups/two", Fixture, NULL, set_up, test_two, tear_down);
  g_test_add ("/groups/two-refused", Fixture, NULL, set_up, test_two_refused, tear_down);
  g_test_add ("/groups/one", Fixture, NULL, set_up, test_one, tear_down);
  g_test_add ("/groups/none", Fixture, NULL, set_up, test_none, tear_down);
  g_test_add ("/groups/clone", Fixture, NULL, set_up, test_clone, tear_down);
  return g_test_run ();
}
