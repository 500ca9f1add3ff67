/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/route.h"

#include <string.h>

#include "http/asset.h"

#define MAX_SEGMENTS 16

static const struct
{
  const char *path;
  TholePage page;
  gboolean is_public;
} pages[] = {
  { "/", THOLE_PAGE_INDEX, TRUE },
  { "/healthz", THOLE_PAGE_HEALTH, TRUE },
  { "/readyz", THOLE_PAGE_READY, TRUE },
  { "/v1/version", THOLE_PAGE_VERSION, TRUE },
  { "/v1/openapi.json", THOLE_PAGE_OPENAPI, TRUE },
  { "/metrics", THOLE_PAGE_METRICS, FALSE },
};

struct _TholeRoutes
{
  GPtrArray *routes;  /* of TholeRoute */
  TholeRoute *assets; /* of every file: they are looked up by their whole path */
};

static void
route_free (TholeRoute *route)
{
  g_strfreev (route->segments);
  g_free (route->operations);
  g_free (route->allow);
  g_free (route);
}

static TholeRoute *
route_get (TholeRoutes *self, const char *path)
{
  g_auto(GStrv) segments = g_strsplit (path + 1, "/", MAX_SEGMENTS);
  TholeRoute *route;

  for (guint i = 0; i < self->routes->len; i++)
    {
      route = g_ptr_array_index (self->routes, i);
      if (g_strv_equal ((const char *const *) route->segments, (const char *const *) segments))
        return route;
    }
  route = g_new0 (TholeRoute, 1);
  route->segments = g_steal_pointer (&segments);
  /* "/" splits into nothing, but a request for it has one empty segment */
  if (route->segments[0] == NULL)
    {
      g_strfreev (route->segments);
      route->segments = g_strsplit ("#", "#", 1);
      route->segments[0][0] = '\0';
    }
  route->n_segments = g_strv_length (route->segments);
  g_ptr_array_add (self->routes, route);
  return route;
}

static void
route_add (TholeRoute *route, const TholeOperationDef *def)
{
  route->operations =
    g_renew (const TholeOperationDef *, route->operations, route->n_operations + 2);
  route->operations[route->n_operations++] = def;
  route->operations[route->n_operations] = NULL;
}

static void
route_finish (TholeRoute *route)
{
  g_autoptr(GString) allow = g_string_new (NULL);

  if (route->page != THOLE_PAGE_NONE)
    g_string_append (allow, "GET, HEAD, ");
  for (guint i = 0; i < route->n_operations; i++)
    {
      const char *method = route->operations[i]->method;

      g_string_append_printf (allow, "%s, ", method);
      if (strcmp (method, "GET") == 0)
        g_string_append (allow, "HEAD, ");
    }
  g_string_append (allow, "OPTIONS");
  route->allow = g_strdup (allow->str);
}

TholeRoutes *
thole_routes_new (const TholeOperationDef *operations, guint n_operations)
{
  TholeRoutes *self = g_new0 (TholeRoutes, 1);

  self->routes = g_ptr_array_new_with_free_func ((GDestroyNotify) route_free);
  for (guint i = 0; i < n_operations; i++)
    if (operations[i].method != NULL)
      route_add (route_get (self, operations[i].path), &operations[i]);
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      TholeRoute *route = route_get (self, pages[i].path);

      route->page = pages[i].page;
      route->is_public = pages[i].is_public;
    }
  for (guint i = 0; i < n_operations; i++)
    if (operations[i].method != NULL && g_strcmp0 (operations[i].permission, THOLE_PERMISSION_PUBLIC) == 0)
      route_get (self, operations[i].path)->is_public = TRUE;
  for (guint i = 0; i < self->routes->len; i++)
    route_finish (g_ptr_array_index (self->routes, i));
  self->assets = g_new0 (TholeRoute, 1);
  self->assets->page = THOLE_PAGE_ASSET;
  self->assets->is_public = TRUE;
  route_finish (self->assets);
  return self;
}

void
thole_routes_free (TholeRoutes *self)
{
  g_ptr_array_unref (self->routes);
  route_free (self->assets);
  g_free (self);
}

static guint
split (const char *path, TholeSpan *segments)
{
  guint n = 0;

  while (*path == '/' && n < MAX_SEGMENTS)
    {
      const char *end = strchrnul (++path, '/');

      segments[n++] = (TholeSpan) { path, (gsize) (end - path) };
      path = end;
    }
  return *path == '\0' ? n : 0;
}

static gboolean
route_matches (const TholeRoute *route, const TholeSpan *segments, TholeSpan *target)
{
  /* from the end: the first segment is the same for nearly all */
  for (guint i = route->n_segments; i-- > 0;)
    {
      const char *segment = route->segments[i];

      if (segment[0] == '{')
        {
          if (segments[i].length == 0)
            return FALSE;
          if (target->text == NULL)
            *target = segments[i];
        }
      else if (strncmp (segment, segments[i].text, segments[i].length) != 0 ||
               segment[segments[i].length] != '\0')
        return FALSE;
    }
  return TRUE;
}

const TholeRoute *
thole_routes_find (const TholeRoutes *self, const char *path, TholeSpan *target)
{
  TholeSpan segments[MAX_SEGMENTS];
  guint n = split (path, segments);

  /* literal segments are declared before or after {id} alike: an exact match wins */
  const TholeRoute *found = NULL;
  TholeSpan found_target = { NULL, 0 };

  for (guint i = 0; n > 0 && i < self->routes->len; i++)
    {
      const TholeRoute *route = g_ptr_array_index (self->routes, i);
      TholeSpan here = { NULL, 0 };

      if (route->n_segments != n || !route_matches (route, segments, &here))
        continue;
      if (found == NULL || here.text == NULL)
        {
          found = route;
          found_target = here;
        }
    }
  if (found == NULL)
    return thole_asset_find (path) != NULL ? self->assets : NULL;
  *target = found_target;
  return found;
}

const TholeOperationDef *
thole_route_method (const TholeRoute *route, const char *method)
{
  if (strcmp (method, "HEAD") == 0)
    method = "GET";
  for (guint i = 0; i < route->n_operations; i++)
    if (strcmp (route->operations[i]->method, method) == 0)
      return route->operations[i];
  return NULL;
}
