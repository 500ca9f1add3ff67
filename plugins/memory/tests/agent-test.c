/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

static void
erase (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        erase (path);
      g_unlink (path);
    }
  g_rmdir (folder);
}

/* a process of this machine takes time of this machine */
static void
await (Answer *answer)
{
  gint64 end = g_get_monotonic_time () + 30 * SECOND;

  while (answer->result == NULL && g_get_monotonic_time () < end)
    {
      settle ();
      g_usleep (1000);
    }
  g_assert_nonnull (answer->result);
}

static GVariant *
options (void)
{
  g_autofree char *text = g_strdup_printf ("{'binary': <'%s'>}", g_getenv ("THOLE_TEST_AGENT"));

  return dict (text);
}

static GVariant *
install (Host *host, GError **error)
{
  Answer answer = { NULL };
  GVariant *value;

  host->agent->install_async (host->driver, "wl-1", options (), NULL, answer_take, &answer);
  await (&answer);
  value = host->agent->install_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return value;
}

static GIOStream *
connect_to (Host *host, GError **error)
{
  Answer answer = { NULL };
  GIOStream *stream;

  host->agent->connect_async (host->driver, "wl-1", options (), NULL, answer_take, &answer);
  await (&answer);
  stream = host->agent->connect_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return stream;
}

static int
agent_pid (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "agent-wl-1", "agent.lock", NULL);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? (int) g_ascii_strtoll (text, NULL, 10) : 0;
}

static void
test_not_enabled (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (install (host, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  host_free (host);
}

static void
test_connect (void)
{
  g_autofree char *folder = g_dir_make_tmp ("thole-memory-XXXXXX", NULL);
  Host *host = host_new ("agent", "true", "runtime_dir", folder, NULL);
  g_autoptr (GError) none = NULL, error = NULL;
  g_autoptr (GVariant) merged = NULL;
  g_autoptr (GIOStream) first = NULL, second = NULL;
  gint64 end = g_get_monotonic_time () + 30 * SECOND;
  int pid;

  g_assert_null (connect_to (host, &none));
  g_assert_error (none, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  merged = install (host, &error);
  g_assert_no_error (error);
  g_assert_nonnull (merged);
  run_program (host, "wl-1", "['forever']");
  first = connect_to (host, &error);
  g_assert_no_error (error);
  pid = agent_pid (folder);
  g_assert_cmpint (pid, >, 1);
  second = connect_to (host, &error);
  g_assert_no_error (error);
  g_assert_cmpint (agent_pid (folder), ==, pid);
  call_stop (host, "wl-1", "{}", NULL);
  while (kill (pid, 0) == 0 && g_get_monotonic_time () < end)
    g_usleep (1000);
  g_assert_cmpint (kill (pid, 0), <, 0);
  g_clear_object (&first);
  first = connect_to (host, &error);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  host_free (host);
  erase (folder);
}

void
add_agent_tests (void)
{
  g_test_add_func ("/memory/agent/not-enabled", test_not_enabled);
  if (g_getenv ("THOLE_TEST_AGENT") != NULL)
    g_test_add_func ("/memory/agent/connect", test_connect);
}
