/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

static void
test_life (Bench *b)
{
  g_autofree char *id = fresh_id ("life");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) before = NULL;
  g_autoptr(GVariant) after = NULL;
  g_autoptr(GVariant) spec = shell_spec ("echo out; echo err >&2; exit 3", NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;

  create_ok (b, id, spec);
  before = inspect (b, id, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (thole_dict_string (before, "state", ""), ==, "created");
  g_assert_cmpstr (thole_dict_string (before, "id", ""), ==, id);
  g_assert_cmpstr (thole_dict_string (before, "instance", ""), ==, INSTANCE);
  g_assert_true (start (b, id, &error));
  after = wait_state (b, id, "exited");
  g_assert_cmpint (thole_dict_int (after, "exit_code", -1), ==, 3);
  g_assert_cmpstr (thole_dict_string (after, "exit_signal", "?"), ==, "");
  g_assert_cmpint (thole_dict_int (after, "started_at", 0), >, 0);
  g_assert_cmpint (thole_dict_int (after, "finished_at", 0), >=, thole_dict_int (after, "started_at", 0));
  out = log_text (b, id, none, 1);
  err = log_text (b, id, none, 2);
  g_assert_cmpstr (out, ==, "out\n");
  g_assert_cmpstr (err, ==, "err\n");
  g_assert_true (bench_wait_event (b, "workload", id, "create", 1, 5));
  g_assert_true (bench_wait_event (b, "workload", id, "start", 1, 5));
  g_assert_true (bench_wait_event (b, "workload", id, "exit", 1, 5));
  g_assert_true (remove_it (b, id, FALSE, &error));
  g_assert_true (bench_wait_event (b, "workload", id, "remove", 1, 5));
  g_assert_null (inspect (b, id, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

void
add_workload_cases (void)
{
  add_case ("life", test_life);
}
