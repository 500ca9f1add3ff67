/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/service.h"

#include <fcntl.h>
#include <unistd.h>

static void
set_listen (gint64 pid, const char *count, const char *names)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, pid);

  g_setenv ("LISTEN_PID", text, TRUE);
  g_setenv ("LISTEN_FDS", count, TRUE);
  if (names != NULL)
    g_setenv ("LISTEN_FDNAMES", names, TRUE);
  else
    g_unsetenv ("LISTEN_FDNAMES");
}

/* closes nothing: the descriptors of the test program are not ours to close */
static void
let_go (GPtrArray *all)
{
  for (guint i = 0; i < all->len; i++)
    ((TholeInherited *) all->pdata[i])->fd = -1;
  g_ptr_array_unref (all);
}

static void
test_inherited (void)
{
  static const char *const bad[] = { "", "x", "-1", "65", "4294967299", "1 " };
  GPtrArray *all;

  set_listen (getpid (), "2", "web:");
  all = thole_inherited_take ();
  g_assert_cmpuint (all->len, ==, 2);
  g_assert_cmpint (((TholeInherited *) all->pdata[0])->fd, ==, 3);
  g_assert_cmpstr (((TholeInherited *) all->pdata[0])->name, ==, "web");
  g_assert_cmpint (((TholeInherited *) all->pdata[1])->fd, ==, 4);
  g_assert_cmpstr (((TholeInherited *) all->pdata[1])->name, ==, "unknown");
  let_go (all);
  g_assert_null (g_getenv ("LISTEN_FDS"));
  g_assert_null (g_getenv ("LISTEN_PID"));
  g_assert_null (g_getenv ("LISTEN_FDNAMES"));
  all = thole_inherited_take ();
  g_assert_cmpuint (all->len, ==, 0);
  let_go (all);
  /* those of another process are none of ours, and are not handed on either */
  set_listen (getpid () + 1, "1", NULL);
  all = thole_inherited_take ();
  g_assert_cmpuint (all->len, ==, 0);
  let_go (all);
  g_assert_null (g_getenv ("LISTEN_FDS"));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      set_listen (getpid (), bad[i], NULL);
      all = thole_inherited_take ();
      g_assert_cmpuint (all->len, ==, 0);
      let_go (all);
    }
}

static void
test_credentials (void)
{
  g_autofree char *folder = g_dir_make_tmp ("thole-test-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "tls-key", NULL);
  g_autofree char *found = NULL;

  g_unsetenv ("CREDENTIALS_DIRECTORY");
  g_assert_null (thole_credential ("tls-key"));
  g_assert_false (thole_credential_is (file));
  g_setenv ("CREDENTIALS_DIRECTORY", folder, TRUE);
  g_assert_null (thole_credential ("tls-key"));
  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  found = thole_credential ("tls-key");
  g_assert_cmpstr (found, ==, file);
  g_assert_true (thole_credential_is (file));
  g_assert_false (thole_credential_is ("/etc/passwd"));
  g_setenv ("CREDENTIALS_DIRECTORY", "relative", TRUE);
  g_assert_null (thole_credential ("tls-key"));
  unlink (file);
  rmdir (folder);
  g_unsetenv ("CREDENTIALS_DIRECTORY");
}

static void
test_folders (void)
{
  g_autofree char *first = NULL;

  g_unsetenv ("STATE_DIRECTORY");
  g_assert_null (thole_service_folder ("STATE"));
  g_setenv ("STATE_DIRECTORY", "/var/lib/thole:/var/lib/other", TRUE);
  first = thole_service_folder ("STATE");
  g_assert_cmpstr (first, ==, "/var/lib/thole");
  g_setenv ("STATE_DIRECTORY", "here", TRUE);
  g_assert_null (thole_service_folder ("STATE"));
  g_unsetenv ("STATE_DIRECTORY");
}

static void
test_watchdog (void)
{
  static const char *const none[] = { "", "0", "-1", "abc", "99999999999999" };
  GSource *source;

  g_unsetenv ("WATCHDOG_USEC");
  g_assert_null (thole_watchdog_new (NULL));
  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    {
      g_setenv ("WATCHDOG_USEC", none[i], TRUE);
      g_assert_null (thole_watchdog_new (NULL));
    }
  g_setenv ("WATCHDOG_USEC", "1000", TRUE);
  g_setenv ("WATCHDOG_PID", "1", TRUE);
  g_assert_null (thole_watchdog_new (NULL));
  g_unsetenv ("WATCHDOG_PID");
  source = thole_watchdog_new (NULL);
  g_assert_nonnull (source);
  g_source_destroy (source);
  g_source_unref (source);
  g_unsetenv ("WATCHDOG_USEC");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/service/inherited", test_inherited);
  g_test_add_func ("/service/credentials", test_credentials);
  g_test_add_func ("/service/folders", test_folders);
  g_test_add_func ("/service/watchdog", test_watchdog);
  return g_test_run ();
}
