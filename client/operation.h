/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The operations of the daemon as a client calls them, made of core/operations/operations.list.
 */
#pragma once

#include <glib.h>

typedef struct
{
  const char *name;   /* "workload.stop" */
  const char *method;
  const char *path;   /* "/v1/workloads/{id}/stop" */
  const char *query;  /* (nullable): ",wait,timeout,": options that are not of the body; NULL: there is no body */
  gboolean paged;
  const char *bus;    /* (nullable): "Workload.Stop" */
} TholeClientOperation;

/* Returns: (nullable) */
const TholeClientOperation *thole_client_operation (const char *name);
