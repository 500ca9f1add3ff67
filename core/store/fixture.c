/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/fixture.h"

#include <glib/gstdio.h>

void
thole_fixture_erase (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      thole_fixture_erase (child);
    }
  g_remove (path);
}

void
thole_fixture_reopen (TholeFixture *self)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&self->db, thole_db_close);
  self->db = thole_db_open (self->uri, thole_clock_system (), THOLE_DB_THREADED, &error);
  g_assert_no_error (error);
}

TholeFixture *
thole_fixture_new (const char *uri, guint flags)
{
  TholeFixture *self = g_new0 (TholeFixture, 1);
  g_autoptr (GError) error = NULL;

  self->dir = g_dir_make_tmp ("thole-store-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->dir, "thole.db", NULL);
  self->uri = uri != NULL ? g_strdup (uri) : g_strconcat ("sqlite:", self->path, NULL);
  self->db = thole_db_open (self->uri, thole_clock_system (), flags, &error);
  g_assert_no_error (error);
  return self;
}

void
thole_fixture_free (TholeFixture *self)
{
  g_clear_pointer (&self->db, thole_db_close);
  thole_fixture_erase (self->dir);
  g_free (self->dir);
  g_free (self->path);
  g_free (self->uri);
  g_free (self);
}

TholeWorkload *
thole_fixture_workload (const char *id, const char *owner, const char *name)
{
  TholeWorkload *workload = thole_record_new (&thole_workload_type);

  thole_record_set (&workload->id, id);
  thole_record_set (&workload->owner, owner);
  thole_record_set (&workload->name, name);
  workload->revision = 1;
  return workload;
}

TholeEvent *
thole_fixture_event (const char *type, const char *subject, const char *owner)
{
  return thole_event_new (thole_clock_now (thole_clock_system ()), type, subject, owner, "tester",
                          g_strdup ("{\"a\":1}"));
}

void
thole_fixture_await (const gboolean *flag)
{
  gint64 limit = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (!*flag)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_main_context_iteration (NULL, TRUE);
    }
}

typedef struct
{
  gboolean answered;
  GError *error;
} Answer;

static void
answered (gpointer user_data, const GError *error)
{
  Answer *answer = user_data;

  g_assert_false (answer->answered);
  answer->answered = TRUE;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

GError *
thole_fixture_commit (TholeFixture *self, TholeTxn *txn)
{
  Answer answer = { FALSE, NULL };

  thole_db_commit (self->db, txn, answered, &answer);
  thole_fixture_await (&answer.answered);
  return answer.error;
}
