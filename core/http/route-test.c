/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/route.h"

#include <string.h>

static const TholeOperationDef operations[] = {
  { .name = "a.get", .method = "GET", .path = "/v1/a/{id}" },
  { .name = "a.pull", .method = "POST", .path = "/v1/a/pull" },
  { .name = "a.delete", .method = "DELETE", .path = "/v1/a/{id}" },
  { .name = "a.list", .method = "GET", .path = "/v1/a" },
  { .name = "a.stop", .method = "POST", .path = "/v1/a/{id}/stop" },
  { .name = "inner" },
};

static const char *
find (const TholeRoutes *routes, const char *method, const char *path, char **target)
{
  TholeSpan span = { NULL, 0 };
  const TholeRoute *route = thole_routes_find (routes, path, &span);
  const TholeOperationDef *def = route != NULL ? thole_route_method (route, method) : NULL;

  g_free (*target);
  *target = span.text != NULL ? g_strndup (span.text, span.length) : g_strdup ("");
  return def != NULL ? def->name : route != NULL ? "?" : NULL;
}

static void
test_find (void)
{
  static const struct { const char *method, *path, *name, *target; } cases[] = {
    { "GET", "/v1/a/x", "a.get", "x" },
    { "HEAD", "/v1/a/x", "a.get", "x" },
    { "DELETE", "/v1/a/x", "a.delete", "x" },
    { "GET", "/v1/a", "a.list", "" },
    { "POST", "/v1/a/pull", "a.pull", "" },
    { "POST", "/v1/a/x/stop", "a.stop", "x" },
    { "POST", "/v1/a/pull/stop", "a.stop", "pull" },
    { "GET", "/v1/a/x/stop", "?", "x" },
    { "PUT", "/v1/a/x", "?", "x" },
    { "GET", "/v1/a/", NULL, "" },
    { "GET", "/v1/a/x/", NULL, "" },
    { "GET", "/v1", NULL, "" },
    { "GET", "/v1/ab", NULL, "" },
    { "GET", "/v", NULL, "" },
    { "GET", "", NULL, "" },
    { "GET", "*", NULL, "" },
    { "GET", "v1/a", NULL, "" },
    { "GET", "//", NULL, "" },
    { "GET", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", NULL, "" },
  };
  TholeRoutes *routes = thole_routes_new (operations, G_N_ELEMENTS (operations));
  g_autofree char *target = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpstr (find (routes, cases[i].method, cases[i].path, &target), ==, cases[i].name);
      g_assert_cmpstr (target, ==, cases[i].target);
    }
  thole_routes_free (routes);
}

static void
test_pages (void)
{
  TholeRoutes *routes = thole_routes_new (operations, G_N_ELEMENTS (operations));
  TholeSpan target;
  const TholeRoute *index = thole_routes_find (routes, "/", &target);
  const TholeRoute *metrics = thole_routes_find (routes, "/metrics", &target);
  const TholeRoute *one = thole_routes_find (routes, "/v1/a/x", &target);

  g_assert_cmpint (index->page, ==, THOLE_PAGE_INDEX);
  g_assert_true (index->is_public);
  g_assert_cmpint (thole_routes_find (routes, "/assets/app.css", &target)->page, ==, THOLE_PAGE_ASSET);
  g_assert_true (thole_routes_find (routes, "/assets/app.css", &target)->is_public);
  g_assert_null (thole_routes_find (routes, "/assets/app.css/", &target));
  g_assert_null (thole_routes_find (routes, "/assets", &target));
  g_assert_cmpint (metrics->page, ==, THOLE_PAGE_METRICS);
  g_assert_false (metrics->is_public);
  g_assert_cmpstr (metrics->allow, ==, "GET, HEAD, OPTIONS");
  g_assert_false (one->is_public);
  g_assert_cmpstr (one->allow, ==, "GET, HEAD, DELETE, OPTIONS");
  thole_routes_free (routes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/route/find", test_find);
  g_test_add_func ("/route/pages", test_pages);
  return g_test_run ();
}
