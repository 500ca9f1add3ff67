/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Engines that outlive the driver: in this process, and in a file. */

#include "host.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  char *folder;
  char *file;
} Place;

static void
place_make (Place *place, gconstpointer data)
{
  place->folder = g_dir_make_tmp ("thole-memory-XXXXXX", NULL);
  place->file = g_build_filename (place->folder, "engine", NULL);
}

static void
place_clear (Place *place, gconstpointer data)
{
  g_autofree char *lock = g_strconcat (place->file, ".lock", NULL);

  g_unlink (place->file);
  g_unlink (lock);
  g_rmdir (place->folder);
  g_free (place->file);
  g_free (place->folder);
}

static void
test_named_engine (void)
{
  Host *host = host_new ("engine", "shared", NULL);
  g_autofree char *said = NULL;

  run_program (host, "wl-1", "['sleep', '5', ';', 'exit', '3']");
  host_free (host);
  clock_pass (SECOND * 10);
  host = host_new ("engine", "shared", NULL);
  assert_state (host, "wl-1", "exited 3");
  said = control (host, "['forget']");
  host_free (host);
  host = host_new ("engine", "shared", NULL);
  assert_state (host, "wl-1", "not_found");
  g_free (said);
  said = control (host, "['forget']");
  host_free (host);
}

static void
test_two_backends_of_one_engine (void)
{
  Host *first = host_new ("engine", "two", NULL);
  Host *second = host_new ("engine", "two", NULL);

  run_program (first, "wl-1", "['sleep', '1']");
  g_assert_cmpuint (host_count (second, "start"), ==, 1);
  host_free (first);
  clock_pass (SECOND * 2);
  assert_state (second, "wl-1", "exited 0");
  g_assert_cmpuint (host_count (second, "exit"), ==, 1);
  g_free (control (second, "['forget']"));
  host_free (second);
}

static void
test_state_file (Place *place, gconstpointer data)
{
  Host *host = host_new ("state_file", place->file, NULL);
  g_autoptr (GVariant) made
    = call_create (host, "wl-1", "{'name': <'a'>, 'command': <['count', '4', '1000']>, 'env': <{'K': 'v'}>,"
                                 "'ports': <[{'container': <int64 80>, 'host': <int64 99>}]>,"
                                 "'files': <[{'path': <'/f'>, 'content': <b'text'>}]>}", NULL);
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;
  g_autoptr (GIOStream) stream = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GVariant) cat = NULL;
  g_autoptr (GVariant) out = NULL;

  g_assert_nonnull (made);
  call_start (host, "wl-1", NULL);
  clock_pass (SECOND * 3 / 2);
  before = call_inspect (host, "wl-1", NULL);
  run_program (host, "wl-2", "[]");
  run_program (host, "wl-3", "[]");
  call_remove (host, "wl-3", TRUE, NULL);
  host_free (host);
  host = host_new ("state_file", place->file, NULL);
  after = call_inspect (host, "wl-1", NULL);
  g_assert_true (g_variant_equal (before, after));
  stream = call_logs (host, "wl-1", "{}", NULL);
  text = read_logs (stream);
  g_assert_cmpstr (text, ==, "1 1\n1 2\n");
  assert_state (host, "wl-2", "running");
  assert_state (host, "wl-3", "not_found");
  cat = call_run (host, "wl-1", "{'command': <['cat', '/f']>}", NULL);
  out = thole_dict_value (cat, "stdout", "ay");
  g_assert_cmpint (memcmp (g_variant_get_data (out), "text", 4), ==, 0);
  clock_pass (SECOND * 5);
  assert_state (host, "wl-1", "exited 0");
  host_free (host);
}

static void
test_ended_meanwhile (Place *place, gconstpointer data)
{
  Host *host = host_new ("state_file", place->file, NULL);
  g_autoptr (GVariant) seen = NULL;
  gint64 begin;

  run_program (host, "wl-1", "['sleep', '5', ';', 'exit', '3']");
  begin = clock_now ();
  host_free (host);
  clock_pass (SECOND * 100);
  host = host_new ("state_file", place->file, NULL);
  seen = call_recover (host, "wl-1", NULL);
  g_assert_cmpstr (thole_dict_string (seen, "state", ""), ==, "exited");
  g_assert_cmpint (thole_dict_int (seen, "exit_code", 0), ==, 3);
  g_assert_cmpint (thole_dict_int (seen, "finished_at", 0), ==, begin + 5 * SECOND);
  host_free (host);
}

static void
test_half_stopped (Place *place, gconstpointer data)
{
  Host *host = host_new ("state_file", place->file, NULL);
  Answer answer = { NULL };

  run_program (host, "wl-1", "['ignore-term', ';', 'forever']");
  run_program (host, "wl-2", "['on-term', '4', '5', ';', 'forever']");
  host->workload->stop_async (host->driver, "wl-1", dict ("{'grace': <10.0>}"), NULL, answer_take, &answer);
  g_assert_true (call_kill (host, "wl-2", "SIGTERM", NULL));
  host_free (host);
  answer_clear (&answer);
  host = host_new ("state_file", place->file, NULL);
  assert_state (host, "wl-1", "running");
  assert_state (host, "wl-2", "running");
  clock_pass (SECOND * 5);
  assert_state (host, "wl-1", "running");
  assert_state (host, "wl-2", "exited 5");
  clock_pass (SECOND * 6);
  assert_state (host, "wl-1", "exited 137 SIGKILL");
  host_free (host);
}

static void
test_paused (Place *place, gconstpointer data)
{
  Host *host = host_new ("state_file", place->file, NULL);

  run_program (host, "wl-1", "['sleep', '2', ';', 'exit', '1']");
  clock_pass (SECOND);
  call_pause (host, "wl-1", NULL);
  host_free (host);
  clock_pass (SECOND * 50);
  host = host_new ("state_file", place->file, NULL);
  assert_state (host, "wl-1", "paused");
  call_unpause (host, "wl-1", NULL);
  clock_pass (SECOND / 2);
  assert_state (host, "wl-1", "running");
  clock_pass (SECOND);
  assert_state (host, "wl-1", "exited 1");
  host_free (host);
}

static void
test_half_a_line (Place *place, gconstpointer data)
{
  Host *host = host_new ("state_file", place->file, NULL);
  g_autofree char *text = NULL;
  gsize length;

  run_program (host, "wl-1", "[]");
  host_free (host);
  g_assert_true (g_file_get_contents (place->file, &text, &length, NULL));
  g_assert_true (g_file_set_contents (place->file, text, (gssize) length - 10, NULL));
  host = host_new ("state_file", place->file, NULL);
  assert_state (host, "wl-1", "created");
  call_start (host, "wl-1", NULL);
  host_free (host);
  host = host_new ("state_file", place->file, NULL);
  assert_state (host, "wl-1", "running");
  host_free (host);
}

static void
test_only_one_uses_the_file (Place *place, gconstpointer data)
{
  Host *first = host_new ("state_file", place->file, NULL);
  Host *second = host_open ("state_file", place->file, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (host_probe (second, NULL, &error), ==, THOLE_PROBE_DEFER);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  host_free (first);
  g_assert_cmpint (host_probe (second, NULL, NULL), ==, THOLE_PROBE_READY);
  host_free (second);
}

static void
test_volumes_and_images_stay (Place *place, gconstpointer data)
{
  Host *host = host_new ("state_file", place->file, NULL);
  g_autoptr (GVariant) image = call_pull (host, "app", "{}", NULL);
  g_autoptr (GVariant) made = NULL;
  g_autoptr (GVariant) list = NULL;
  Answer answer = { NULL };

  g_assert_nonnull (image);
  host->volume->create_async (host->driver, "vol-1", dict ("{'name': <'data'>}"), no_options (), NULL, answer_take,
                              &answer);
  answer_wait (&answer);
  g_variant_unref (host->volume->create_finish (host->driver, answer.result, NULL));
  answer_clear (&answer);
  host_free (host);
  host = host_new ("state_file", place->file, NULL);
  made = call_create (host, "wl-1", "{'name': <'a'>, 'image': <'app'>}", NULL);
  g_assert_nonnull (made);
  host->volume->list_async (host->driver, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  list = host->volume->list_finish (host->driver, answer.result, NULL);
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  answer_clear (&answer);
  host_free (host);
}

static void
test_a_crash_happens_once (Place *place, gconstpointer data)
{
  const char *file = g_getenv ("THOLE_MEMORY_TEST_FILE");
  const char *spec = "{'name': <'a'>, 'backend_options': <{'faults': <'workload.create:crash=after:times=1'>}>}";
  g_autoptr (GVariant) made = NULL;
  Host *host;

  if (g_test_subprocess ())
    {
      host = host_new ("state_file", file, NULL);
      call_create (host, "wl-1", spec, NULL);
      return;
    }
  g_setenv ("THOLE_MEMORY_TEST_FILE", place->file, TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  host = host_new ("state_file", place->file, NULL);
  assert_state (host, "wl-1", "created");
  made = call_create (host, "wl-1", spec, NULL);
  g_assert_true (thole_dict_boolean (made, "adopted", FALSE));
  host_free (host);
}

#define ADD(name, function) g_test_add ("/memory/lasting/" name, Place, NULL, place_make, function, place_clear)

void
add_lasting_tests (void)
{
  g_test_add_func ("/memory/lasting/named-engine", test_named_engine);
  g_test_add_func ("/memory/lasting/two-backends", test_two_backends_of_one_engine);
  ADD ("state-file", test_state_file);
  ADD ("ended-meanwhile", test_ended_meanwhile);
  ADD ("half-stopped", test_half_stopped);
  ADD ("paused", test_paused);
  ADD ("half-a-line", test_half_a_line);
  ADD ("only-one", test_only_one_uses_the_file);
  ADD ("volumes-and-images", test_volumes_and_images_stay);
  ADD ("crash-once", test_a_crash_happens_once);
}
