/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which folders of sandboxes are removed as not whole, and that those that merely cannot be read stay. A link to itself is what also root
 * cannot read.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "box.h"
#include "seal.h"
#include "thole-sandbox-protocol.h"
#include "tree.h"

#define ID "wl-a"
#define GIVEN "file-0"

static const char *const parts[] = { GIVEN, THOLE_SANDBOX_PLAN, LOCAL_BOX_RECORD };

typedef struct
{
  char *root, *folder;
  LocalConfig config;
  TholeDriver driver;
} Fixture;

static gboolean
make (Fixture *self, GError **error)
{
  g_autoptr(GHashTable) files = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_bytes_unref);
  g_autoptr(GVariant) record = g_variant_ref_sink (g_variant_new_parsed ("{'id': <'" ID "'>}"));
  g_autoptr(GByteArray) plan = g_byte_array_new ();
  LocalBox *box;
  gboolean made;

  g_byte_array_append (plan, (const guint8 *) LOCAL_SEALED, sizeof LOCAL_SEALED);
  g_hash_table_insert (files, (char *) GIVEN, g_bytes_new_static ("given", 5));
  box = local_box_new (&self->driver, ID, record, plan, files);
  made = local_box_make (box, error);
  local_box_free (box);
  return made;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  self->root = g_dir_make_tmp ("thole-seal-XXXXXX", NULL);
  self->config.instance = (char *) "7e577e57-0000-4000-8000-000000000001";
  self->config.state_dir = self->root;
  self->driver.config = &self->config;
  self->folder = local_box_path (&self->driver, ID, NULL);
  make (self, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  local_tree_remove (self->root);
  g_free (self->folder);
  g_free (self->root);
}

/* Is it removed when a backend begins, and told? */
static gboolean
is_swept (Fixture *self)
{
  LocalSweep *sweep = local_sweep_new (&self->driver, TRUE);
  gboolean gone, told;

  local_sweep_run (sweep);
  told = local_sweep_broken (sweep)->len == 1;
  gone = !g_file_test (self->folder, G_FILE_TEST_EXISTS);
  local_sweep_free (sweep);
  g_assert_cmpint (told, ==, gone);
  return gone;
}

static void
test_whole (Fixture *self, gconstpointer data)
{
  g_assert_false (local_seal_broken (self->folder));
  g_assert_false (is_swept (self));
}

static void
test_missing (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *path = g_build_filename (self->folder, parts[i], NULL);

      g_assert_cmpint (g_unlink (path), ==, 0);
      g_assert_true (is_swept (self));
      g_assert_true (make (self, NULL));
    }
}

static void
test_changed (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *path = g_build_filename (self->folder, parts[i], NULL);

      g_assert_cmpint (truncate (path, 3), ==, 0);
      /* what is made anew takes its place, and so does nothing */
      g_assert_true (make (self, NULL));
      g_assert_false (is_swept (self));
      g_assert_cmpint (truncate (path, 3), ==, 0);
      g_assert_true (is_swept (self));
      g_assert_true (make (self, NULL));
    }
}

/* Neither what a backend removes as it begins nor what is made anew throws it away. */
static void
assert_stays (Fixture *self, const char *path)
{
  g_autofree char *state = g_build_filename (self->folder, THOLE_SANDBOX_STATE, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_true (g_file_set_contents (state, "phase=exited\n", -1, NULL));
  g_assert_false (local_seal_broken (self->folder));
  g_assert_false (is_swept (self));
  g_assert_false (make (self, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_FAILED);
  g_assert_true (g_file_test (state, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (path, G_FILE_TEST_IS_REGULAR));
}

static void
test_unread (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *path = g_build_filename (self->folder, parts[i], NULL), *away = g_build_filename (self->root, "away", NULL);

      g_assert_cmpint (g_rename (path, away), ==, 0);
      g_assert_cmpint (symlink (parts[i], path), ==, 0);
      assert_stays (self, path);
      g_assert_cmpint (g_unlink (path), ==, 0);
      g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
      assert_stays (self, path);
      g_assert_cmpint (g_rmdir (path), ==, 0);
      g_assert_cmpint (g_rename (away, path), ==, 0);
    }
  test_whole (self, data);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/seal/whole", Fixture, NULL, set_up, test_whole, tear_down);
  g_test_add ("/seal/missing", Fixture, NULL, set_up, test_missing, tear_down);
  g_test_add ("/seal/changed", Fixture, NULL, set_up, test_changed, tear_down);
  g_test_add ("/seal/unread", Fixture, NULL, set_up, test_unread, tear_down);
  return g_test_run ();
}
