/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-26
 */
#include "access/password.h"

#include <sodium.h>
#include <string.h>

typedef struct
{
  gboolean ended, right;
  char *hash;
} Result;

static void
on_hashed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Result *self = user_data;

  self->hash = thole_passwords_hash_finish (result, NULL);
  self->ended = TRUE;
}

static void
on_verified (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Result *self = user_data;

  g_assert_true (thole_passwords_verify_finish (result, &self->right, NULL));
  self->ended = TRUE;
}

static gboolean
verify (TholePasswords *passwords, const char *password, const char *hash)
{
  Result result = { .ended = FALSE };

  thole_passwords_verify_async (passwords, password, hash, on_verified, &result);
  while (!result.ended)
    g_main_context_iteration (NULL, TRUE);
  return result.right;
}

/* up to the salt a hash says what it costs */
static char *
cost_of (const char *hash)
{
  g_auto (GStrv) parts = g_strsplit (hash, "$", -1);

  g_assert_cmpuint (g_strv_length (parts), ==, 6);
  return g_strdup_printf ("%s %s %s %zu %zu", parts[1], parts[2], parts[3], strlen (parts[4]), strlen (parts[5]));
}

/* a user that nobody has is looked at once, as dear as one that there is, and is never right */
static void
test_nobody (void)
{
  TholePasswords *passwords = thole_passwords_new ();
  g_autofree char *mine = NULL, *nobodys = NULL;
  Result made = { .ended = FALSE };

  thole_passwords_hash_async (passwords, "a good password", on_hashed, &made);
  while (!made.ended)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (made.hash);
  mine = cost_of (made.hash);
  nobodys = cost_of (thole_passwords_nobody ());
  g_assert_cmpstr (mine, ==, nobodys);
  g_assert_cmpuint (thole_passwords_hashed (passwords), ==, 1);
  g_assert_true (verify (passwords, "a good password", made.hash));
  g_assert_cmpuint (thole_passwords_hashed (passwords), ==, 2);
  g_assert_false (verify (passwords, "another password", made.hash));
  g_assert_cmpuint (thole_passwords_hashed (passwords), ==, 3);
  g_assert_false (verify (passwords, "a good password", NULL));
  g_assert_cmpuint (thole_passwords_hashed (passwords), ==, 4);
  g_free (made.hash);
  thole_passwords_free (passwords);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  g_test_add_func ("/password/nobody", test_nobody);
  return g_test_run ();
}
