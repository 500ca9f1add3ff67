/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/path.h"

#include <string.h>

#include "thole-error.h"

static char *
judged (const char *path)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "wrong");
  char *good = thole_file_path (path, "/path", problem);

  g_assert_cmpuint (problem->n_fields, ==, good == NULL);
  return good;
}

static void
test_path (void)
{
  static const struct { const char *path, *good; } cases[] = {
    { "/", "/" }, { "//", "/" }, { "/a", "/a" }, { "/a/", "/a" }, { "//a///b//", "/a/b" }, { "/a b/\xc3\xa4", "/a b/\xc3\xa4" },
    { "/..a", "/..a" }, { "/a...", "/a..." }, { "/a/.b", "/a/.b" },
    { "", NULL }, { "a", NULL }, { "./a", NULL }, { "..", NULL }, { "/.", NULL }, { "/..", NULL }, { "/a/../b", NULL }, { "/a/./b", NULL },
    { "/a/..", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *good = judged (cases[i].path);

      g_assert_cmpstr (good, ==, cases[i].good);
    }
}

static void
test_bounds (void)
{
  g_autofree char *name = g_strnfill (THOLE_FILE_NAME_MAX, 'n'), *longer = g_strnfill (THOLE_FILE_NAME_MAX + 1, 'n');
  g_autofree char *good = g_strconcat ("/", name, NULL), *bad = g_strconcat ("/", longer, NULL);
  g_autoptr (GString) deep = g_string_new (NULL);
  g_autofree char *same = judged (good), *none = judged (bad), *kept = NULL, *refused = NULL;

  g_assert_cmpstr (same, ==, good);
  g_assert_null (none);
  while (deep->len < THOLE_FILE_PATH_MAX)
    g_string_append (deep, "/x");
  kept = judged (deep->str);
  g_assert_cmpstr (kept, ==, deep->str);
  g_string_append_c (deep, 'x');
  refused = judged (deep->str);
  g_assert_null (refused);
}

static void
test_split (void)
{
  static const struct { const char *path, *folder, *name; } cases[] = {
    { "/", "/", "" }, { "/a", "/", "a" }, { "/a/b", "/a", "b" }, { "/a/b/c", "/a/b", "c" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = NULL, *folder = thole_file_split (cases[i].path, &name);

      g_assert_cmpstr (folder, ==, cases[i].folder);
      g_assert_cmpstr (name, ==, cases[i].name);
    }
}

static void
test_climbs (void)
{
  g_assert_true (thole_file_climbs (".."));
  g_assert_true (thole_file_climbs ("a/../b"));
  g_assert_true (thole_file_climbs ("/a/.."));
  g_assert_false (thole_file_climbs (""));
  g_assert_false (thole_file_climbs ("/a/..b/c.."));
}

static void
test_step (void)
{
  static const struct { const char *path, *rest, *next, *left; } cases[] = {
    { "/a", "b/c", "/a/b", "c" },      { "/", "b", "/b", "" },           { "/a/b", "../c/d", "/a/c", "d" },
    { "/a", "../../../b", "/b", "" },  { "/a", "./././b", "/a/b", "" },  { "/a", "//b//c", "/a/b", "c" },
    { "/a", "", "/a", "" },            { "/a", "..", "/", "" },          { "/", "../..", "/", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *rest = g_strdup (cases[i].rest), *next = thole_file_step (cases[i].path, &rest);

      g_assert_cmpstr (next, ==, cases[i].next);
      g_assert_cmpstr (rest, ==, cases[i].left);
    }
}

static void
test_step_bounds (void)
{
  g_autofree char *path = g_strnfill (THOLE_FILE_PATH_MAX - 2, 'p'), *rest = g_strdup ("abc"), *next = NULL;

  path[0] = '/';
  next = thole_file_step (path, &rest);
  g_assert_null (next);
  g_assert_cmpstr (rest, ==, "abc");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/path/judged", test_path);
  g_test_add_func ("/path/bounds", test_bounds);
  g_test_add_func ("/path/split", test_split);
  g_test_add_func ("/path/climbs", test_climbs);
  g_test_add_func ("/path/step", test_step);
  g_test_add_func ("/path/step/bounds", test_step_bounds);
  return g_test_run ();
}
