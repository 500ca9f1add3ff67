/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

static GVariant *
create_volume (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) spec = dict ("{'name': <'data'>, 'labels': <{'team': 'red'}>, 'size': <int64 0>}");
  g_autoptr(GAsyncResult) result = AWAIT (b->volume->create_async, b->driver, id, spec, none, NULL);

  return b->volume->create_finish (b->driver, result, error);
}

static gboolean
remove_volume (Bench *b, const char *id, GError **error)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->volume->remove_async, b->driver, id, none, NULL);

  return b->volume->remove_finish (b->driver, result, error);
}

static gboolean
is_listed (Bench *b, const char *id)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->volume->list_async, b->driver, none, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) list = b->volume->list_finish (b->driver, result, &error);
  gboolean found = FALSE;

  g_assert_no_error (error);
  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      found |= strcmp (thole_dict_string (one, "id", ""), id) == 0;
    }
  return found;
}

static void
test_life (Bench *b)
{
  g_autofree char *id = fresh_id ("volume");
  g_autofree char *writer = fresh_id ("writer");
  g_autofree char *reader = fresh_id ("reader");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) mount = dict ("{'mounts': <[{'target': <'/data'>, 'volume': <%s>}]>}", id);
  g_autoptr(GVariant) read_only = dict ("{'mounts': <[{'target': <'/data'>, 'volume': <%s>, 'read_only': <true>}]>}", id);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) first = create_volume (b, id, &error);
  g_autoptr(GVariant) second = create_volume (b, id, &error);
  g_autoptr(GVariant) labels = thole_dict_value (first, "labels", "a{ss}");
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  g_assert_false (thole_dict_boolean (first, "adopted", TRUE));
  g_assert_true (thole_dict_boolean (second, "adopted", FALSE));
  g_assert_cmpstr (thole_dict_string (first, "name", ""), ==, "data");
  g_assert_cmpint (g_variant_n_children (labels), ==, 1);
  g_assert_true (is_listed (b, id));
  run_ok (b, writer, "echo kept > /data/file", mount);
  g_variant_unref (wait_state (b, writer, "exited"));
  run_ok (b, reader, "cat /data/file; touch /data/x || echo no", read_only);
  g_variant_unref (wait_state (b, reader, "exited"));
  text = log_text (b, reader, none, 1);
  g_assert_cmpstr (text, ==, "kept\nno\n");
  g_assert_false (remove_volume (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_true (remove_it (b, writer, TRUE, &error));
  g_assert_true (remove_it (b, reader, TRUE, &error));
  g_assert_true (is_listed (b, id));
  g_assert_true (remove_volume (b, id, &error));
  g_assert_true (remove_volume (b, id, &error));
  g_assert_no_error (error);
  g_assert_false (is_listed (b, id));
}

static void
test_missing (Bench *b)
{
  g_autofree char *id = fresh_id ("novolume");
  g_autoptr(GVariant) mount = dict ("{'mounts': <[{'target': <'/data'>, 'volume': <'nobody'>}]>}");
  g_autoptr(GVariant) spec = shell_spec ("true", mount);
  g_autoptr(GError) error = NULL;

  g_assert_null (create (b, id, spec, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

static void
test_snapshot (Bench *b)
{
  g_autofree char *id = fresh_id ("source");
  g_autofree char *copy = fresh_id ("copy");
  g_autofree char *writer = fresh_id ("writer");
  g_autofree char *reader = fresh_id ("reader");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) mount = dict ("{'mounts': <[{'target': <'/data'>, 'volume': <%s>}]>}", id);
  g_autoptr(GVariant) mount_copy = dict ("{'mounts': <[{'target': <'/data'>, 'volume': <%s>}]>}", copy);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) volume = create_volume (b, id, &error);
  g_autoptr(GAsyncResult) missing = NULL;
  g_autofree char *text = NULL;

  g_assert_nonnull (volume);
  run_ok (b, writer, "mkdir -p /data/a/b; echo deep > /data/a/b/c; ln -s c /data/a/b/link; chmod 600 /data/a/b/c; "
          "chown 5:6 /data/a/b/c; chmod 711 /data; head -c 3000000 /dev/zero > /data/big", mount);
  g_variant_unref (wait_state (b, writer, "exited"));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(GAsyncResult) result = AWAIT (b->volume->snapshot_async, b->driver, id, copy, none, NULL);
      g_autoptr(GVariant) snapshot = b->volume->snapshot_finish (b->driver, result, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (thole_dict_string (snapshot, "id", ""), ==, copy);
    }
  run_ok (b, reader, "cat /data/a/b/link; stat -c '%a %u %g' /data/a/b/c; stat -c %a /data; stat -c %s /data/big", mount_copy);
  g_variant_unref (wait_state (b, reader, "exited"));
  text = log_text (b, reader, none, 0);
  g_assert_cmpstr (text, ==, "deep\n600 5 6\n711\n3000000\n");
  missing = AWAIT (b->volume->snapshot_async, b->driver, "nobody", copy, none, NULL);
  g_assert_null (b->volume->snapshot_finish (b->driver, missing, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (remove_it (b, writer, TRUE, &error));
  g_assert_true (remove_it (b, reader, TRUE, &error));
  g_assert_true (remove_volume (b, id, &error));
  g_assert_true (remove_volume (b, copy, &error));
  g_assert_no_error (error);
}

static gboolean
cancel_now (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

/* Is there a folder beside the volumes that is none? */
static gboolean
is_tidy (Bench *b, gpointer folder)
{
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (list)) != NULL)
    if (name[0] == '.')
      return FALSE;
  return TRUE;
}

static void
snapshot_at (Bench *b, const char *id, guint moment)
{
  g_autofree char *copy = fresh_id ("given-up");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GAsyncResult) result = NULL, again = NULL;
  g_autoptr(GVariant) made = NULL, whole = NULL;

  g_timeout_add_full (G_PRIORITY_DEFAULT, 3 * moment, cancel_now, g_object_ref (cancellable), g_object_unref);
  result = AWAIT (b->volume->snapshot_async, b->driver, id, copy, none, cancellable);
  made = b->volume->snapshot_finish (b->driver, result, &error);
  if (made == NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpint (is_listed (b, copy), ==, made != NULL);
  again = AWAIT (b->volume->snapshot_async, b->driver, id, copy, none, NULL);
  whole = b->volume->snapshot_finish (b->driver, again, &error);
  g_assert_no_error (error);
  g_assert_true (remove_volume (b, copy, &error));
}

/* Snapshots that are given up at any moment leave nothing, and can be repeated. */
static void
test_given_up (Bench *b)
{
  g_autofree char *id = fresh_id ("source"), *writer = fresh_id ("writer"), *folder = NULL;
  g_autoptr(GVariant) mount = dict ("{'mounts': <[{'target': <'/data'>, 'volume': <%s>}]>}", id);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) volume = create_volume (b, id, &error);
  g_autofree char *place = g_path_get_dirname (thole_dict_string (volume, "mountpoint", ""));

  folder = g_path_get_dirname (place);
  run_ok (b, writer, "head -c 20000000 /dev/zero > /data/big", mount);
  g_variant_unref (wait_state (b, writer, "exited"));
  for (guint i = 0; i < 12; i++)
    snapshot_at (b, id, i);
  g_assert_true (bench_until (is_tidy, b, folder, 60));
  g_assert_true (remove_it (b, writer, TRUE, &error));
  g_assert_true (remove_volume (b, id, &error));
}

void
add_volume_cases (void)
{
  add_case ("volume/life", test_life);
  add_case ("volume/missing", test_missing);
  add_case ("volume/snapshot", test_snapshot);
  add_case ("volume/given-up", test_given_up);
}
