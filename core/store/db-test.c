/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/db.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "store/fixture.h"

#include "thole-error.h"

static char *
columns_of_table (sqlite3 *handle, const char *table)
{
  g_autoptr (GString) columns = g_string_new (NULL);
  sqlite3_stmt *rows = NULL;

  g_assert_cmpint (sqlite3_prepare_v2 (handle, "SELECT name, type FROM pragma_table_info (?)", -1, &rows, NULL), ==,
                   SQLITE_OK);
  sqlite3_bind_text (rows, 1, table, -1, SQLITE_STATIC);
  while (sqlite3_step (rows) == SQLITE_ROW)
    g_string_append_printf (columns, "%s %s\n", sqlite3_column_text (rows, 0), sqlite3_column_text (rows, 1));
  sqlite3_finalize (rows);
  return g_string_free (g_steal_pointer (&columns), FALSE);
}

static const char *
column_type (const TholeField *field)
{
  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
    case THOLE_FIELD_INT:
    case THOLE_FIELD_TIME:
      return "INTEGER";
    case THOLE_FIELD_NUMBER:
      return "REAL";
    default:
      return "TEXT";
    }
}

static void
test_columns (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  sqlite3 *handle = NULL;

  g_assert_cmpint (sqlite3_open_v2 (fixture->path, &handle, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  for (guint i = 0; thole_record_types[i] != NULL; i++)
    {
      const TholeRecordType *type = thole_record_types[i];
      g_autoptr (GString) expected = g_string_new (NULL);
      g_autofree char *found = columns_of_table (handle, type->table);

      for (guint j = 0; j < type->n_fields; j++)
        if (!(type->fields[j].flags & THOLE_FIELD_COMPUTED))
          g_string_append_printf (expected, "%s %s\n", type->fields[j].name, column_type (&type->fields[j]));
      g_assert_cmpstr (found, ==, expected->str);
    }
  sqlite3_close (handle);
  thole_fixture_free (fixture);
}

static void
fill_field (gpointer record, const TholeField *field, guint salt)
{
  gpointer member = (guint8 *) record + field->offset;
  guint n_choices = 0;

  switch (field->kind)
    {
    case THOLE_FIELD_BOOL:
      *(gboolean *) member = salt % 2;
      break;
    case THOLE_FIELD_INT:
    case THOLE_FIELD_TIME:
      *(gint64 *) member = salt % 3 == 0 ? G_MAXINT64 - salt : -(gint64) salt;
      break;
    case THOLE_FIELD_NUMBER:
      *(double *) member = salt / 7.0;
      break;
    case THOLE_FIELD_ENUM:
      while (field->choices[n_choices] != NULL)
        n_choices++;
      *(int *) member = (int) (salt % n_choices);
      break;
    case THOLE_FIELD_JSON:
      g_free (*(char **) member);
      *(char **) member = salt % 4 == 0 ? NULL : g_strdup_printf ("{\"salt\":%u}", salt);
      break;
    default:
      g_free (*(char **) member);
      *(char **) member = g_strdup_printf ("%s 'x' \"y\" \xe2\x82\xac %u", field->name, salt);
    }
}

static void
assert_same (gconstpointer a, gconstpointer b)
{
  const TholeRecordType *type = ((const TholeRecord *) a)->type;

  for (guint i = 0; i < type->n_fields; i++)
    {
      const TholeField *field = &type->fields[i];
      const guint8 *left = (const guint8 *) a + field->offset, *right = (const guint8 *) b + field->offset;

      if (field->flags & THOLE_FIELD_COMPUTED)
        continue;
      if (field->kind == THOLE_FIELD_BOOL || field->kind == THOLE_FIELD_ENUM)
        g_assert_cmpint (*(const int *) left, ==, *(const int *) right);
      else if (field->kind == THOLE_FIELD_INT || field->kind == THOLE_FIELD_TIME)
        g_assert_cmpint (*(const gint64 *) left, ==, *(const gint64 *) right);
      else if (field->kind == THOLE_FIELD_NUMBER)
        g_assert_true (fabs (*(const double *) left - *(const double *) right) <= 0);
      else
        g_assert_cmpstr (*(char *const *) left, ==, *(char *const *) right);
    }
}

/* every field of every record type comes back as it was, and again after a change */
static void
round_trip (TholeFixture *fixture, const TholeRecordType *type)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (thole_record_unref);

  for (guint pass = 0; pass < 2; pass++)
    {
      g_autoptr (GPtrArray) loaded = NULL;
      g_autoptr (GError) error = NULL;
      TholeTxn *txn = thole_txn_new ();

      for (guint n = 0; n < 13; n++)
        {
          gpointer record = pass == 0 ? thole_record_new (type) : kept->pdata[n];

          for (guint i = pass; i < type->n_fields; i++)
            if (strcmp (type->fields[i].name, "revision") != 0)
              fill_field (record, &type->fields[i], n + i + 10 + 100 * pass);
            else
              *(gint64 *) ((guint8 *) record + type->fields[i].offset) = pass + 1;
          if (pass == 0)
            g_ptr_array_add (kept, record);
          (pass == 0 ? thole_txn_insert : thole_txn_update) (txn, record);
        }
      error = thole_fixture_commit (fixture, txn);
      g_assert_no_error (error);
      if (strcmp (fixture->uri, "sqlite::memory:") != 0)
        thole_fixture_reopen (fixture);
      loaded = thole_db_load (fixture->db, type, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (loaded->len, ==, kept->len);
      for (guint n = 0; n < kept->len; n++)
        assert_same (kept->pdata[n], loaded->pdata[n]);
    }
}

static void
test_round_trip (gconstpointer data)
{
  TholeFixture *fixture = thole_fixture_new (data, THOLE_DB_THREADED);

  for (guint i = 0; thole_record_types[i] != NULL; i++)
    round_trip (fixture, thole_record_types[i]);
  thole_fixture_free (fixture);
}

static GError *
insert_workload (TholeFixture *fixture, const char *id, const char *owner, const char *name)
{
  TholeTxn *txn = thole_txn_new ();
  TholeWorkload *workload = thole_fixture_workload (id, owner, name);

  thole_txn_insert (txn, workload);
  thole_record_unref (workload);
  thole_txn_event (txn, thole_fixture_event ("workload.created", id, owner));
  return thole_fixture_commit (fixture, txn);
}

static GError *
update_workload (TholeFixture *fixture, const char *id, const char *name, gint64 revision)
{
  TholeTxn *txn = thole_txn_new ();
  TholeWorkload *workload = thole_fixture_workload (id, "ann", name);

  workload->revision = revision;
  thole_txn_update (txn, workload);
  thole_record_unref (workload);
  thole_txn_event (txn, thole_fixture_event ("workload.updated", id, "ann"));
  return thole_fixture_commit (fixture, txn);
}

static void
assert_refused (GError *error, int code, const char *begin)
{
  g_assert_error (error, THOLE_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, begin));
  g_error_free (error);
}

static void
test_faults (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeTxn *txn = thole_txn_new ();
  gint64 oldest, newest;

  thole_db_event_range (fixture->db, &oldest, &newest);
  g_assert_cmpint (oldest, ==, 1);
  g_assert_cmpint (newest, ==, 0);
  g_assert_null (insert_workload (fixture, "wl-1", "ann", "web"));
  assert_refused (insert_workload (fixture, "wl-2", "ann", "web"), THOLE_ERROR_EXISTS, "workloads_owner_name: ");
  assert_refused (insert_workload (fixture, "wl-1", "ann", "other"), THOLE_ERROR_EXISTS, "workloads_pkey: ");
  g_assert_null (insert_workload (fixture, "wl-2", "bob", "web"));
  g_assert_null (insert_workload (fixture, "wl-3", "ann", "db"));
  assert_refused (update_workload (fixture, "wl-3", "web", 2), THOLE_ERROR_EXISTS, "workloads_owner_name: ");
  assert_refused (update_workload (fixture, "wl-3", "db", 3), THOLE_ERROR_CONFLICT, "workload wl-3 ");
  assert_refused (update_workload (fixture, "wl-9", "db", 2), THOLE_ERROR_NOT_FOUND, "workload wl-9 ");
  g_assert_null (update_workload (fixture, "wl-3", "db2", 2));
  thole_txn_remove (txn, &thole_workload_type, "wl-3");
  thole_txn_remove (txn, &thole_workload_type, "wl-3");
  g_assert_null (thole_fixture_commit (fixture, txn));
  assert_refused (update_workload (fixture, "wl-3", "db", 3), THOLE_ERROR_NOT_FOUND, "workload wl-3 ");
  g_assert_null (thole_fixture_commit (fixture, thole_txn_new ()));
  /* what failed took no number */
  thole_db_event_range (fixture->db, &oldest, &newest);
  g_assert_cmpint (oldest, ==, 1);
  g_assert_cmpint (newest, ==, 4);
  thole_fixture_free (fixture);
}

/* the transaction fails as a whole, also when its last action is at fault
 * proves: DB-08 */
static void
test_all_or_nothing (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  TholeTxn *txn = thole_txn_new ();
  g_autoptr (GPtrArray) rows = NULL;
  gint64 newest;

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("web-%u", i);
      TholeWorkload *workload = thole_fixture_workload (i == 1 ? "wl-b" : "wl-a", "ann", name);

      thole_txn_insert (txn, workload);
      thole_txn_event (txn, thole_fixture_event ("workload.created", workload->id, "ann"));
      thole_record_unref (workload);
    }
  assert_refused (thole_fixture_commit (fixture, txn), THOLE_ERROR_EXISTS, "workloads_pkey: ");
  rows = thole_db_load (fixture->db, &thole_workload_type, NULL);
  g_assert_cmpuint (rows->len, ==, 0);
  thole_db_event_range (fixture->db, NULL, &newest);
  g_assert_cmpint (newest, ==, 0);
  thole_fixture_free (fixture);
}

typedef struct
{
  TholeFixture *fixture;
  guint done, failed, answered, expected;
  gint64 published;
  gboolean finished;
} Race;

static void
race_done (gpointer user_data, const GError *error)
{
  Race *race = user_data;

  if (error == NULL)
    race->done++;
  else
    {
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_QUOTA_EXCEEDED);
      race->failed++;
    }
  race->finished = ++race->answered == race->expected;
}

static void
race_publish (gpointer user_data, TholeEvent *const *events, guint n_events)
{
  Race *race = user_data;

  /* after the callback of its own transaction, in the order of the numbers */
  g_assert_cmpint (race->done, ==, race->published + 1);
  for (guint i = 0; i < n_events; i++)
    g_assert_cmpint (events[i]->seq, ==, ++race->published);
}

static void
test_limit (void)
{
  Race race = { thole_fixture_new (NULL, THOLE_DB_THREADED), .expected = 1000 };

  thole_db_set_publisher (race.fixture->db, race_publish, &race);
  for (guint i = 0; i < race.expected; i++)
    {
      g_autofree char *id = g_strdup_printf ("wl-%u", i);
      TholeWorkload *workload = thole_fixture_workload (id, "ann", id);
      TholeTxn *txn = thole_txn_new ();

      thole_txn_limit (txn, &(TholeLimit){ .type = &thole_workload_type, .column = "owner", .value = "ann", .asked = 1, .limit = 10 });
      thole_txn_insert (txn, workload);
      thole_txn_event (txn, thole_fixture_event ("workload.created", id, "ann"));
      thole_record_unref (workload);
      thole_db_commit (race.fixture->db, txn, race_done, &race);
    }
  thole_fixture_await (&race.finished);
  g_assert_cmpuint (race.done, ==, 10);
  g_assert_cmpuint (race.failed, ==, 990);
  g_assert_cmpuint (thole_db_pending (race.fixture->db), ==, 0);
  thole_fixture_free (race.fixture);
}

static void
events_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GPtrArray *
read_events (TholeFixture *fixture, gint64 after, guint limit)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GPtrArray *events;

  thole_db_events_async (fixture->db, after, limit, NULL, events_read, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  events = thole_db_events_finish (fixture->db, result, &error);
  g_assert_no_error (error);
  return events;
}

static void
test_events (gconstpointer data)
{
  TholeFixture *fixture = thole_fixture_new (data, THOLE_DB_THREADED);
  g_autoptr (GPtrArray) events = NULL;
  TholeTxn *txn = thole_txn_new ();
  gint64 oldest, newest;
  TholeEvent *event;

  for (guint i = 0; i < 100; i++)
    thole_txn_event (txn, thole_fixture_event ("workload.state", "wl-1", "ann"));
  g_assert_null (thole_fixture_commit (fixture, txn));
  events = read_events (fixture, 40, 25);
  g_assert_cmpuint (events->len, ==, 25);
  event = events->pdata[0];
  g_assert_cmpint (event->seq, ==, 41);
  g_assert_cmpstr (event->type, ==, "workload.state");
  g_assert_cmpstr (event->subject, ==, "wl-1");
  g_assert_cmpstr (event->owner, ==, "ann");
  g_assert_cmpstr (event->actor, ==, "tester");
  g_assert_cmpstr (event->data, ==, "{\"a\":1}");
  g_clear_pointer (&events, g_ptr_array_unref);

  for (gint64 first = 31; first < 200; first += 100)
    {
      txn = thole_txn_new ();
      thole_txn_prune (txn, first);
      g_assert_null (thole_fixture_commit (fixture, txn));
      thole_db_event_range (fixture->db, &oldest, &newest);
      /* the newest stays, so numbers go on after it */
      g_assert_cmpint (oldest, ==, MIN (first, 100));
      g_assert_cmpint (newest, ==, 100);
    }
  events = read_events (fixture, 0, 25);
  g_assert_cmpuint (events->len, ==, 1);
  if (data == NULL)
    {
      thole_fixture_reopen (fixture);
      thole_db_event_range (fixture->db, &oldest, &newest);
      g_assert_cmpint (oldest, ==, 100);
      g_assert_cmpint (newest, ==, 100);
    }
  thole_fixture_free (fixture);
}

static void
note_flag (gpointer user_data, const GError *error)
{
  g_assert_no_error (error);
  *(gboolean *) user_data = TRUE;
}

static void
test_inline (void)
{
  TholeFixture *fixture = thole_fixture_new ("sqlite::memory:", THOLE_DB_INLINE);
  TholeWorkload *workload = thole_fixture_workload ("wl-1", "ann", "web");
  TholeTxn *txn = thole_txn_new ();
  g_autoptr (GPtrArray) rows = NULL;
  gboolean answered = FALSE;

  thole_txn_insert (txn, workload);
  thole_txn_event (txn, thole_fixture_event ("workload.created", "wl-1", "ann"));
  thole_db_commit (fixture->db, txn, note_flag, &answered);
  rows = thole_db_load (fixture->db, &thole_workload_type, NULL);
  g_assert_cmpuint (rows->len, ==, 1);
  g_assert_false (answered);
  g_assert_cmpuint (thole_db_pending (fixture->db), ==, 1);
  thole_fixture_await (&answered);
  g_assert_cmpuint (thole_db_pending (fixture->db), ==, 0);
  thole_record_unref (workload);
  thole_fixture_free (fixture);
}

static void
test_load_many (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  g_autoptr (GPtrArray) rows = NULL;
  g_autofree char *spec = g_strnfill (600, 'x');
  TholeTxn *txn = thole_txn_new ();
  gint64 begin;

  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *id = g_strdup_printf ("wl-%05u", i);
      TholeWorkload *workload = thole_fixture_workload (id, "ann", id);

      workload->spec = g_strdup_printf ("{\"image\":\"%s\"}", spec);
      thole_txn_insert (txn, workload);
      thole_record_unref (workload);
    }
  g_assert_null (thole_fixture_commit (fixture, txn));
  begin = g_get_monotonic_time ();
  thole_fixture_reopen (fixture);
  g_test_message ("store of 10,000 workloads opened in %.1f ms", (g_get_monotonic_time () - begin) / 1000.0);
  begin = g_get_monotonic_time ();
  rows = thole_db_load (fixture->db, &thole_workload_type, NULL);
  g_test_message ("10,000 workloads loaded in %.1f ms", (g_get_monotonic_time () - begin) / 1000.0);
  g_assert_cmpuint (rows->len, ==, 10000);
  for (guint i = 0; i < rows->len; i++)
    g_assert_cmpint (atoi (thole_record_id (rows->pdata[i]) + 3), ==, (int) i);
  thole_fixture_free (fixture);
}

static void
test_instance (void)
{
  TholeFixture *fixture = thole_fixture_new (NULL, THOLE_DB_THREADED);
  g_autofree char *first = g_strdup (thole_db_instance (fixture->db));

  g_assert_true (g_uuid_string_is_valid (first));
  thole_fixture_reopen (fixture);
  g_assert_cmpstr (first, ==, thole_db_instance (fixture->db));
  thole_fixture_free (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/columns", test_columns);
  g_test_add_data_func ("/store/round-trip/file", NULL, test_round_trip);
  g_test_add_data_func ("/store/round-trip/memory", "sqlite::memory:", test_round_trip);
  g_test_add_func ("/store/faults", test_faults);
  g_test_add_func ("/store/all-or-nothing", test_all_or_nothing);
  g_test_add_func ("/store/limit", test_limit);
  g_test_add_data_func ("/store/events/file", NULL, test_events);
  g_test_add_data_func ("/store/events/memory", "sqlite::memory:", test_events);
  g_test_add_func ("/store/inline", test_inline);
  g_test_add_func ("/store/load-many", test_load_many);
  g_test_add_func ("/store/instance", test_instance);
  return g_test_run ();
}
