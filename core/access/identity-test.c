/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-05 AU-07 AU-09
 */
#include "access/identity.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/audit.h"
#include "thole-error.h"

typedef struct
{
  char *folder, *file;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("thole-access-XXXXXX", NULL);
  fixture->file = g_build_filename (fixture->folder, "bootstrap-token", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->file);
  /* nothing else was left behind */
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  g_free (fixture->folder);
  g_free (fixture->file);
}

static char *
token_of (Fixture *fixture)
{
  char *text;

  g_assert_true (g_file_get_contents (fixture->file, &text, NULL, NULL));
  return g_strchomp (text);
}

static void
test_token (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  TholeIdentity *identity = thole_identity_new (fixture->file, &error);
  g_autofree char *token = NULL, *again = NULL, *longer = NULL;
  g_autoptr(TholePrincipal) principal = NULL;
  struct stat status;

  g_assert_no_error (error);
  g_assert_cmpint (stat (fixture->file, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 07777, ==, 0600);
  token = token_of (fixture);
  g_assert_cmpuint (strlen (token), ==, 43);
  principal = thole_identity_token (identity, token);
  g_assert_nonnull (principal);
  g_assert_cmpstr (principal->name, ==, "bootstrap");
  g_assert_true (principal->admin);
  longer = g_strconcat (token, "A", NULL);
  g_assert_null (thole_identity_token (identity, longer));
  g_assert_null (thole_identity_token (identity, ""));
  g_assert_null (thole_identity_token (identity, NULL));
  for (guint i = 0; i < 43; i++)
    {
      g_autofree char *wrong = g_strdup (token);

      wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
      g_assert_null (thole_identity_token (identity, wrong));
    }
  thole_identity_free (identity);

  /* it is kept */
  identity = thole_identity_new (fixture->file, &error);
  g_assert_no_error (error);
  again = token_of (fixture);
  g_assert_cmpstr (again, ==, token);
  thole_identity_free (identity);
}

static void
assert_refused (Fixture *fixture, const char *expected)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (thole_identity_new (fixture->file, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, fixture->file));
  if (strstr (error->message, expected) == NULL)
    g_error ("%s is not in %s", expected, error->message);
}

static void
test_bad_files (Fixture *fixture, gconstpointer data)
{
  TholeIdentity *identity = thole_identity_new (fixture->file, NULL);
  g_autofree char *other = g_build_filename (fixture->folder, "other", NULL);

  thole_identity_free (identity);
  g_assert_cmpint (chmod (fixture->file, 0640), ==, 0);
  assert_refused (fixture, "mode 0600");
  g_assert_cmpint (chmod (fixture->file, 0604), ==, 0);
  assert_refused (fixture, "mode 0600");
  g_assert_cmpint (chmod (fixture->file, 0600), ==, 0);
  g_assert_cmpint (truncate (fixture->file, 0), ==, 0);
  assert_refused (fixture, "holds no token");
  g_assert_cmpint (truncate (fixture->file, 44), ==, 0);
  assert_refused (fixture, "holds no token");
  g_assert_cmpint (truncate (fixture->file, 1000), ==, 0);
  assert_refused (fixture, "holds no token");
  /* a link may lead anywhere */
  g_assert_cmpint (rename (fixture->file, other), ==, 0);
  g_assert_cmpint (symlink (other, fixture->file), ==, 0);
  assert_refused (fixture, "cannot be read");
  g_unlink (other);
  g_unlink (fixture->file);
  g_assert_cmpint (mkdir (fixture->file, 0700), ==, 0);
  assert_refused (fixture, fixture->file);
  g_rmdir (fixture->file);
}

static void
test_no_folder (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (thole_identity_new ("/nonexistent/folder/token", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_FAILED);
}

static void
test_peers (Fixture *fixture, gconstpointer data)
{
  TholeIdentity *identity = thole_identity_new (fixture->file, NULL);
  g_autoptr(TholePrincipal) root = thole_identity_peer (identity, 0);
  g_autoptr(TholePrincipal) self = thole_identity_peer (identity, geteuid ());
  g_autoptr(TholePrincipal) other = thole_identity_peer (identity, 4711);

  g_assert_cmpstr (root->name, ==, "uid:0");
  g_assert_true (root->admin);
  g_assert_true (self->admin);
  g_assert_cmpstr (other->name, ==, "uid:4711");
  g_assert_false (other->admin);
  g_assert_true (thole_access_decide (root, "workload.create"));
  g_assert_false (thole_access_decide (other, "workload.create"));
  g_assert_false (thole_access_decide (NULL, "workload.create"));
  thole_identity_free (identity);
}

static GLogWriterOutput
capture (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  GString *out = user_data;

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_has_prefix (fields[i].key, "THOLE_"))
      g_string_append_printf (out, "%s=%s ", fields[i].key, (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

static void
test_audit (void)
{
  g_autoptr(GString) out = g_string_new (NULL);

  g_log_set_writer_func (capture, out, NULL);
  thole_audit ("uid:0", "workload.stop", "wl-1", "illegal_transition", "rq-1");
  g_assert_cmpstr (out->str, ==, "THOLE_PRINCIPAL=uid:0 THOLE_OPERATION=workload.stop THOLE_TARGET=wl-1 "
                                 "THOLE_RESULT=illegal_transition THOLE_REQUEST=rq-1 ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/access/token", Fixture, NULL, set_up, test_token, tear_down);
  g_test_add ("/access/bad-files", Fixture, NULL, set_up, test_bad_files, tear_down);
  g_test_add_func ("/access/no-folder", test_no_folder);
  g_test_add ("/access/peers", Fixture, NULL, set_up, test_peers, tear_down);
  /* last: the writer of log lines can be set once */
  g_test_add_func ("/access/audit", test_audit);
  return g_test_run ();
}
