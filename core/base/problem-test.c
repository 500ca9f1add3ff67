/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: API-02 API-08 API-09
 */
#include "base/problem.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

static GVariant *
rendered (const TholeProblem *problem)
{
  g_autoptr(GString) out = g_string_new ("{");
  g_autoptr(GError) error = NULL;
  GVariant *value;

  thole_problem_render (problem, out);
  g_string_append_c (out, '}');
  value = thole_json_parse (out->str, out->len, &error);
  g_assert_no_error (error);
  return value;
}

static void
test_plain (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_NOT_FOUND, "No workload \"%s\"", "wl-1");
  g_autoptr(GVariant) value = NULL;

  thole_problem_extend (problem, "allowed", "[\"start\"]");
  value = rendered (problem);
  g_assert_cmpstr (thole_dict_string (value, "type", NULL), ==, "urn:thole:problem:not_found");
  g_assert_cmpstr (thole_dict_string (value, "title", NULL), ==, "No such object");
  g_assert_cmpstr (thole_dict_string (value, "code", NULL), ==, "not_found");
  g_assert_cmpstr (thole_dict_string (value, "detail", NULL), ==, "No workload \"wl-1\"");
  g_assert_cmpint (thole_dict_int (value, "status", 0), ==, 404);
  g_auto(GStrv) allowed = thole_dict_strv (value, "allowed");
  g_assert_cmpstr (allowed[0], ==, "start");
  g_assert_null (thole_dict_value (value, "errors", "av"));
}

static void
test_fields (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_MALFORMED, "%s", "");
  g_autoptr(GVariant) value = NULL, errors = NULL, first = NULL;

  thole_problem_add (problem, "/spec/a\"b", "type", "must be %s", "text");
  thole_problem_add (problem, "/name", "missing", "is required");
  value = rendered (problem);
  g_assert_cmpstr (thole_dict_string (value, "code", NULL), ==, "invalid_field");
  g_assert_cmpint (thole_dict_int (value, "status", 0), ==, 422);
  g_assert_cmpstr (thole_dict_string (value, "detail", NULL), ==, "2 fields are wrong");
  errors = thole_dict_value (value, "errors", "aa{sv}");
  g_assert_cmpuint (g_variant_n_children (errors), ==, 2);
  first = g_variant_get_child_value (errors, 0);
  g_assert_cmpstr (thole_dict_string (first, "pointer", NULL), ==, "/spec/a\"b");
  g_assert_cmpstr (thole_dict_string (first, "code", NULL), ==, "type");
  g_assert_cmpstr (thole_dict_string (first, "detail", NULL), ==, "must be text");
}

static void
test_many_fields (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autoptr(GVariant) value = NULL, errors = NULL;

  for (guint i = 0; i < 250; i++)
    thole_problem_add (problem, "/a", "unknown", "%u", i);
  g_assert_cmpuint (problem->n_fields, ==, 250);
  value = rendered (problem);
  errors = thole_dict_value (value, "errors", "aa{sv}");
  g_assert_cmpuint (g_variant_n_children (errors), ==, 100);
  g_assert_cmpint (thole_dict_int (value, "errors_left_out", 0), ==, 150);
}

static void
assert_code (GQuark domain, int code, int expected)
{
  g_autoptr(GError) error = g_error_new_literal (domain, code, "the engine's own words");
  g_autoptr(TholeProblem) problem = thole_problem_from_error (error);

  g_assert_cmpint (problem->code, ==, expected);
  g_assert_cmpstr (problem->detail, ==, "the engine's own words");
}

static void
test_from_error (void)
{
  assert_code (THOLE_ERROR, THOLE_ERROR_CONFLICT, THOLE_ERROR_CONFLICT);
  assert_code (THOLE_ERROR, 4711, THOLE_ERROR_FAILED);
  assert_code (G_IO_ERROR, G_IO_ERROR_CANCELLED, THOLE_ERROR_INTERRUPTED);
  assert_code (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, THOLE_ERROR_FAILED);
}

static void
test_pointer (void)
{
  g_autofree char *pointer = thole_pointer_join ("/spec", "a/b~c");
  g_autofree char *root = thole_pointer_join ("", "name");

  g_assert_cmpstr (pointer, ==, "/spec/a~1b~0c");
  g_assert_cmpstr (root, ==, "/name");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/problem/plain", test_plain);
  g_test_add_func ("/problem/fields", test_fields);
  g_test_add_func ("/problem/many-fields", test_many_fields);
  g_test_add_func ("/problem/from-error", test_from_error);
  g_test_add_func ("/problem/pointer", test_pointer);
  return g_test_run ();
}
