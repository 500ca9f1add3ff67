/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images and volumes. */

#include "host.h"

#include <string.h>

static gboolean
remove_image (Host *host, const char *reference, const char *options, GError **error)
{
  Answer answer = { NULL };
  gboolean done;

  host->image->remove_async (host->driver, reference, dict (options), NULL, answer_take, &answer);
  answer_wait (&answer);
  done = host->image->remove_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return done;
}

static guint
count_images (Host *host)
{
  Answer answer = { NULL };
  g_autoptr (GVariant) list = NULL;

  host->image->list_async (host->driver, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  list = host->image->list_finish (host->driver, answer.result, NULL);
  answer_clear (&answer);
  return (guint) g_variant_n_children (list);
}

static void
test_pull (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) image = NULL;
  g_autoptr (GVariant) made = NULL;
  gint64 before = clock_now ();

  g_assert_null (call_create (host, "wl-1", "{'name': <'a'>, 'image': <'app'>}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND);
  image = call_pull (host, "app", "{'progress': <uint64 7>}", NULL);
  g_assert_true (g_str_has_prefix (thole_dict_string (image, "id", ""), "sha256:"));
  g_assert_cmpint (clock_now () - before, ==, 50000);
  g_assert_cmpuint (host_count (host, "progress"), ==, 5);
  g_assert_cmpint (thole_dict_int (host->events->pdata[4], "done", 0), ==,
                   thole_dict_int (host->events->pdata[4], "total", 1));
  made = call_create (host, "wl-1", "{'name': <'a'>, 'image': <'app:latest'>}", NULL);
  g_assert_nonnull (made);
  host_free (host);
}

static void
assert_pull_fails (Host *host, const char *reference, const char *options, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (call_pull (host, reference, options, &error));
  g_assert_error (error, THOLE_ERROR, code);
}

static void
test_what_registries_say (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) image = NULL;

  assert_pull_fails (host, "missing/app", "{}", THOLE_ERROR_IMAGE_NOT_FOUND);
  assert_pull_fails (host, "unavailable/app", "{}", THOLE_ERROR_UNAVAILABLE);
  assert_pull_fails (host, "broken/app", "{}", THOLE_ERROR_FAILED);
  assert_pull_fails (host, "private/app", "{}", THOLE_ERROR_AUTH);
  assert_pull_fails (host, "not a reference", "{}", THOLE_ERROR_INVALID);
  image = call_pull (host, "private/app", "{'credentials': <{'username': <'thole'>, 'password': <'secret'>}>}", NULL);
  g_assert_nonnull (image);
  g_assert_cmpuint (count_images (host), ==, 1);
  host_free (host);
}

static void
test_cancelled_pull (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Answer answer = { NULL };

  host->image->pull_async (host->driver, "slow/app", no_options (), cancellable, answer_take, &answer);
  clock_pass (SECOND);
  g_assert_null (answer.result);
  g_cancellable_cancel (cancellable);
  answer_wait (&answer);
  g_assert_null (host->image->pull_finish (host->driver, answer.result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  answer_clear (&answer);
  clock_pass (SECOND * 60);
  g_assert_cmpuint (count_images (host), ==, 0);
  host_free (host);
}

static void
test_remove_image (void)
{
  Host *host = host_new ("images", "app;tool:1", NULL);
  g_autoptr (GVariant) made = call_create (host, "wl-1", "{'name': <'a'>, 'image': <'app'>}", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (made);
  g_assert_cmpuint (count_images (host), ==, 2);
  g_assert_false (remove_image (host, "app", "{}", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_assert_true (remove_image (host, "app", "{'force': <true>}", NULL));
  g_assert_true (remove_image (host, "app", "{}", NULL));
  g_assert_true (remove_image (host, "tool:1", "{}", NULL));
  g_assert_cmpuint (count_images (host), ==, 0);
  host_free (host);
}

static GVariant *
call_volume (Host *host, const char *id, const char *snapshot, GError **error)
{
  Answer answer = { NULL };
  GVariant *value;

  if (snapshot != NULL)
    host->volume->snapshot_async (host->driver, id, snapshot, no_options (), NULL, answer_take, &answer);
  else
    host->volume->create_async (host->driver, id, dict ("{'name': <'data'>, 'labels': <{'a': 'b'}>}"), no_options (),
                                NULL, answer_take, &answer);
  answer_wait (&answer);
  value = snapshot != NULL ? host->volume->snapshot_finish (host->driver, answer.result, error)
                           : host->volume->create_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return value;
}

static gboolean
remove_volume (Host *host, const char *id, GError **error)
{
  Answer answer = { NULL };
  gboolean done;

  host->volume->remove_async (host->driver, id, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  done = host->volume->remove_finish (host->driver, answer.result, error);
  answer_clear (&answer);
  return done;
}

static void
assert_printed (Host *host, const char *id, const char *expected)
{
  g_autoptr (GIOStream) stream = call_logs (host, id, "{'tail': <int64 1>}", NULL);
  g_autofree char *text = read_logs (stream);

  g_assert_cmpstr (text, ==, expected);
}

static void
mount (Host *host, const char *id, const char *volume, const char *command)
{
  g_autofree char *spec = g_strdup_printf ("{'name': <'%s'>, 'command': <%s>, 'mounts': <[{'target': <'/data'>,"
                                           "'volume': <'%s'>}]>}", id, command, volume);
  g_autoptr (GVariant) made = call_create (host, id, spec, NULL);

  g_assert_nonnull (made);
  g_assert_true (call_start (host, id, NULL));
}

static void
test_volumes_outlive_workloads (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) volume = call_volume (host, "vol-1", NULL, NULL);
  g_autoptr (GVariant) again = call_volume (host, "vol-1", NULL, NULL);
  g_autoptr (GVariant) copy = NULL;
  g_autoptr (GError) used = NULL;
  g_autoptr (GError) missing = NULL;

  g_assert_false (thole_dict_boolean (volume, "adopted", TRUE));
  g_assert_true (thole_dict_boolean (again, "adopted", FALSE));
  mount (host, "wl-1", "vol-1", "['write', '/data/file', 'kept']");
  g_assert_false (remove_volume (host, "vol-1", &used));
  g_assert_error (used, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_assert_true (call_remove (host, "wl-1", FALSE, NULL));
  copy = call_volume (host, "vol-1", "vol-2", NULL);
  g_assert_cmpstr (thole_dict_string (copy, "id", ""), ==, "vol-2");
  mount (host, "wl-2", "vol-1", "['write', '/data/file', 'changed']");
  mount (host, "wl-3", "vol-2", "['cat', '/data/file', ';', 'print', '']");
  assert_printed (host, "wl-3", "1 \n");
  g_assert_true (call_remove (host, "wl-2", TRUE, NULL));
  g_assert_true (remove_volume (host, "vol-1", NULL));
  g_assert_true (remove_volume (host, "vol-1", NULL));
  g_assert_null (call_volume (host, "vol-1", "vol-3", &missing));
  g_assert_error (missing, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  host_free (host);
}

static void
test_snapshot_keeps_the_old (void)
{
  Host *host = host_new (NULL);
  g_autoptr (GVariant) volume = call_volume (host, "vol-1", NULL, NULL);
  g_autoptr (GVariant) copy = NULL;

  g_assert_nonnull (volume);
  mount (host, "wl-1", "vol-1", "['write', '/data/file', 'old']");
  copy = call_volume (host, "vol-1", "vol-2", NULL);
  mount (host, "wl-2", "vol-1", "['write', '/data/file', 'new']");
  mount (host, "wl-3", "vol-2", "['cat', '/data/file']");
  assert_printed (host, "wl-3", "1 old");
  host_free (host);
}

void
add_goods_tests (void)
{
  g_test_add_func ("/memory/image/pull", test_pull);
  g_test_add_func ("/memory/image/registries", test_what_registries_say);
  g_test_add_func ("/memory/image/cancelled-pull", test_cancelled_pull);
  g_test_add_func ("/memory/image/remove", test_remove_image);
  g_test_add_func ("/memory/volume/outlives", test_volumes_outlive_workloads);
  g_test_add_func ("/memory/volume/snapshot", test_snapshot_keeps_the_old);
}
