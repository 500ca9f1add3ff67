/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From method and path to the operation, or to a page of the daemon itself.
 */
#pragma once

#include "http/strict.h"
#include "operations/operation.h"

/* What http answers by itself. */
typedef enum
{
  THOLE_PAGE_NONE, /* an operation */
  THOLE_PAGE_INDEX,
  THOLE_PAGE_HEALTH,
  THOLE_PAGE_READY,
  THOLE_PAGE_VERSION,
  THOLE_PAGE_OPENAPI,
  THOLE_PAGE_METRICS,
  THOLE_PAGE_ASSET, /* a file of the web console */
} TholePage;

typedef struct
{
  char **segments;              /* of the template; "{id}" takes any */
  guint n_segments;
  TholePage page;
  gboolean is_public;           /* needs no credential */
  const TholeOperationDef **operations; /* (nullable), ends with NULL */
  guint n_operations;
  char *allow;                  /* "GET, HEAD, OPTIONS" */
} TholeRoute;

typedef struct _TholeRoutes TholeRoutes;

/* @operations stays valid. Returns: (transfer full) */
TholeRoutes      *thole_routes_new    (const TholeOperationDef *operations, guint n_operations);
void              thole_routes_free   (TholeRoutes *self);

/* @target (out): the segment that took the place of {id}. Returns: (nullable) (transfer none) */
const TholeRoute *thole_routes_find (const TholeRoutes *self, const char *path, TholeSpan *target);
/* HEAD is as GET. Returns: (nullable) (transfer none) */
const TholeOperationDef *thole_route_method (const TholeRoute *route, const char *method);
