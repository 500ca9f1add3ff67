/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-32 CF-10
 */
#include "access/vault.h"

#include <glib/gstdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "access/secret-file.h"

static TholeVault *
vault_of (const char *folder, const char *keys)
{
  g_autofree char *file = g_build_filename (folder, "secret-key", NULL);
  g_autoptr (GError) error = NULL;
  TholeVault *vault;

  if (keys != NULL)
    {
      g_unlink (file);
      g_assert_true (g_file_set_contents_full (file, keys, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
  vault = thole_vault_new (folder, &error);
  g_assert_true ((vault == NULL) == (error != NULL));
  return vault;
}

static void
assert_opens (TholeVault *vault, const char *context, const char *sealed, const char *text, gboolean old)
{
  gboolean stale = FALSE;
  char *opened = thole_vault_open (vault, context, sealed, &stale);

  g_assert_cmpstr (opened, ==, text);
  if (text != NULL)
    g_assert_cmpint (stale, ==, old);
  thole_secret_free (opened);
}

static void
test_seal (void)
{
  g_autofree char *folder = g_dir_make_tmp ("thole-vault-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "secret-key", NULL);
  TholeVault *vault = vault_of (folder, NULL);
  g_autofree char *sealed = thole_vault_seal (vault, "se-1", "open sesame");
  g_autofree char *again = thole_vault_seal (vault, "se-1", "open sesame");
  g_autofree char *empty = thole_vault_seal (vault, "se-1", "");
  struct stat status;

  g_assert_cmpint (stat (file, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 07777, ==, 0600);
  g_assert_cmpstr (sealed, !=, again);
  assert_opens (vault, "se-1", sealed, "open sesame", FALSE);
  assert_opens (vault, "se-1", empty, "", FALSE);
  assert_opens (vault, "se-2", sealed, NULL, FALSE);
  for (gsize i = 0; sealed[i] != '\0'; i++)
    {
      g_autofree char *wrong = g_strdup (sealed);
      g_autofree char *cut = g_strndup (sealed, i);

      wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
      assert_opens (vault, "se-1", wrong, NULL, FALSE);
      assert_opens (vault, "se-1", cut, NULL, FALSE);
    }
  thole_vault_free (vault);
  vault = vault_of (folder, NULL);
  assert_opens (vault, "se-1", sealed, "open sesame", FALSE);
  thole_vault_free (vault);
  g_unlink (file);
  g_rmdir (folder);
}

static void
test_rotation (void)
{
  static const char *const wrong[] = {
    "",
    "\n",
    "short\n",
    "11111111111111111111111111111111\n22222222222222222222222222222222\n33333333333333333333333333333333\n",
  };
  g_autofree char *folder = g_dir_make_tmp ("thole-vault-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "secret-key", NULL);
  TholeVault *vault = vault_of (folder, "11111111111111111111111111111111\n");
  g_autofree char *sealed = thole_vault_seal (vault, "x", "text");

  thole_vault_free (vault);
  vault = vault_of (folder, "22222222222222222222222222222222\n11111111111111111111111111111111\n");
  assert_opens (vault, "x", sealed, "text", TRUE);
  thole_vault_free (vault);
  vault = vault_of (folder, "22222222222222222222222222222222\n");
  assert_opens (vault, "x", sealed, NULL, FALSE);
  thole_vault_free (vault);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_null (vault_of (folder, wrong[i]));
  g_unlink (file);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (sodium_init () < 0)
    return 1;
  g_test_add_func ("/vault/seal", test_seal);
  g_test_add_func ("/vault/rotation", test_rotation);
  return g_test_run ();
}
