/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A start that is given up while a plugin of its network works: of engines that leave networks to their driver. No moment decides.
 */
#include "cases.h"

#include <glib/gstdio.h>

#define OTHER "7e577e58-0000-4000-8000-000000000002"
/* waits for `go`; not for ever, or a driver that waits for it would never be told */
#define SCRIPT                                                                                                                    \
  "#!/bin/sh\ncd %s\n[ $CNI_COMMAND = ADD ] || exit 0\n: >held\nn=0\nuntil [ -e go ] || [ $n = 200 ]; do sleep 0.1; n=$((n+1)); done\n" \
  ": >ended\necho '{\"cniVersion\": \"0.4.0\", \"ips\": [{\"version\": \"4\", \"address\": \"10.231.0.2/24\"}]}'\n"

static char *
make_plugins (void)
{
  static const char *const names[] = { "bridge", "host-local", "portmap" };
  char *folder = g_dir_make_tmp ("thole-cni-XXXXXX", NULL);
  g_autofree char *script = g_strdup_printf (SCRIPT, folder);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_assert_true (g_file_set_contents_full (path, i == 0 ? script : "#!/bin/sh\n", -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
      g_assert_cmpint (g_chmod (path, 0755), ==, 0);
    }
  return folder;
}

static gboolean
is_there (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static gboolean
is_held (Bench *b, gpointer folder)
{
  return is_there (folder, "held");
}

static gboolean
is_over (Bench *b, gpointer slot)
{
  return *(GAsyncResult **) slot != NULL;
}

static void
remove_plugins (char *folder)
{
  static const char *const names[] = { "bridge", "host-local", "portmap", "held", "go", "ended" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
}

/* Everything else goes on while the plugin does. */
static void
others_go_on (Bench *b, const char *id)
{
  g_autofree char *other = fresh_id ("beside");
  g_autoptr(GVariant) alone = dict ("{'network': <'none'>}"), none = empty (), shown = NULL, list = NULL;
  g_autoptr(GAsyncResult) listed = NULL;
  g_autoptr(GError) error = NULL;

  shown = inspect (b, id, &error);
  g_assert_no_error (error);
  listed = AWAIT (b->workload->list_async, b->driver, none, NULL);
  list = b->workload->list_finish (b->driver, listed, &error);
  g_assert_no_error (error);
  run_ok (b, other, "sleep 60", alone);
  g_assert_true (remove_it (b, other, TRUE, &error));
  g_assert_no_error (error);
}

static void
test_plugin (Bench *unused)
{
  char *folder = make_plugins ();
  Bench *b = bench_open (NULL, OTHER, "cni_path", folder, "cni_subnet", "10.231.0.0/24", NULL);
  g_autofree char *id = fresh_id ("held"), *go = g_build_filename (folder, "go", NULL);
  g_autoptr(GVariant) none = empty (), force = dict ("{'force': <true>}"), more = dict ("{'network': <'bridge'>}");
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", more);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  GAsyncResult *started = NULL, *removed = NULL;

  g_assert_cmpint (bench_probe (b, NULL, &error), ==, THOLE_PROBE_READY);
  create_ok (b, id, spec);
  b->workload->start_async (b->driver, id, none, cancellable, bench_done, &started);
  g_assert_true (bench_until (is_held, b, folder, 60));
  g_cancellable_cancel (cancellable);
  g_assert_true (bench_until (is_over, b, &started, 60));
  g_assert_false (b->workload->start_finish (b->driver, started, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  /* it did not wait for the plugin, and nobody else does */
  g_assert_false (is_there (folder, "ended"));
  others_go_on (b, id);
  b->workload->remove_async (b->driver, id, force, NULL, bench_done, &removed);
  bench_pause (0.2);
  g_assert_false (is_there (folder, "ended"));
  g_assert_true (g_file_set_contents (go, "", 0, NULL));
  g_assert_true (bench_until (is_over, b, &removed, 60));
  g_assert_true (b->workload->remove_finish (b->driver, removed, &error));
  g_assert_no_error (error);
  g_assert_true (is_there (folder, "ended"));
  g_assert_null (inspect (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_object_unref (started);
  g_object_unref (removed);
  bench_close (b);
  remove_plugins (folder);
}

void
add_network_cases (void)
{
  add_case ("given-up/network", test_plugin);
}
