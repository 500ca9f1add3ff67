/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Daemons and drivers of different releases: this program is built twice, with today's tables and with those of a later
 * release (the loader is compiled anew), and each opens drivers of the first, of today's and of the later release.
 *
 * usage: skew-test FOLDER      where the drivers skew-first.so, skew-today.so, skew-next.so and null-first.so are
 */
#include "backend/loader.h"

#include "thole-dict.h"

static const char *folder;

/* A host of this program's own release; a pointer to it is the TholeHost. */
static gint64
host_now (TholeHost *host)
{
  return 42;
}

#if THOLE_MINOR >= 1
static gint64
host_uptime (TholeHost *host)
{
  return 7;
}
#endif

static const TholeHostOps host_ops = {
  .struct_size = sizeof host_ops,
  .now = host_now,
#if THOLE_MINOR >= 1
  .uptime = host_uptime,
#endif
};

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

/* Opens, probes, lists and closes by the copied tables; returns the facts. */
static GVariant *
drive (const TholeTables *tables)
{
  g_autoptr(GVariant) none = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr(GAsyncResult) probed = NULL, listed = NULL, closed = NULL;
  g_autoptr(GVariant) list = NULL;
  g_autoptr(GError) error = NULL;
  TholeDriver *driver = tables->driver.open (NULL, &host_ops, none, &error);
  GVariant *facts = NULL;

  g_assert_nonnull (driver);
  tables->driver.probe_async (driver, NULL, on_result, &probed);
  g_assert_cmpint (tables->driver.probe_finish (driver, wait_for (&probed), &facts, &error), ==, THOLE_PROBE_READY);
  tables->workload.list_async (driver, none, NULL, on_result, &listed);
  list = tables->workload.list_finish (driver, wait_for (&listed), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (list), ==, 0);
  tables->driver.close_async (driver, on_result, &closed);
  tables->driver.close_finish (driver, wait_for (&closed));
  return facts;
}

static TholeTables *
open_driver (const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr(GError) error = NULL;
  TholeTables *tables = thole_loader_open (path, &error);

  g_assert_no_error (error);
  return tables;
}

static void
check_driver (const char *name, int minor)
{
  g_autoptr(TholeTables) tables = open_driver (name);
  g_autoptr(GVariant) facts = drive (tables);
  gboolean both_new = minor >= 1 && THOLE_MINOR >= 1;

  g_assert_cmpint (thole_dict_int (facts, "minor", -1), ==, minor);
  g_assert_cmpint (thole_dict_int (facts, "now", 0), ==, 42);
  /* what only one side has is not there */
  g_assert_cmpint (thole_dict_int (facts, "uptime", 0), ==, both_new ? 7 : -1);
  g_assert_cmpuint (tables->tables, ==, 1u << THOLE_TABLE_WORKLOAD);
  g_assert_true (thole_tables_has (tables, THOLE_SLOT_WORKLOAD_LIST));
  g_assert_false (thole_tables_has (tables, THOLE_SLOT_WORKLOAD_STATS));
#if THOLE_MINOR >= 1
  g_assert_cmpint (THOLE_HAS (&tables->workload, TholeWorkloadOps, hibernate_finish), ==, both_new);
  g_assert_cmpint (tables->workload.hibernate_async != NULL, ==, both_new);
  g_assert_null (tables->driver.wake);
#endif
}

/* A driver of the first release in this daemon. proves: row:17 */
static void
test_first (void)
{
  check_driver ("skew-first.so", 0);
}

/* proves: row:17 */
static void
test_today (void)
{
  check_driver ("skew-today.so", 0);
}

/* A driver of a later release in this daemon. proves: row:17 */
static void
test_next (void)
{
  check_driver ("skew-next.so", 1);
}

static void
test_null (void)
{
  g_autoptr(TholeTables) tables = open_driver ("null-first.so");
  g_autoptr(GVariant) facts = drive (tables);

  g_assert_cmpstr (thole_dict_string (facts, "engine", ""), ==, "null");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  folder = argv[1];
  g_test_add_func ("/skew/first", test_first);
  g_test_add_func ("/skew/today", test_today);
  g_test_add_func ("/skew/next", test_next);
  g_test_add_func ("/skew/null-of-first", test_null);
  return g_test_run ();
}
