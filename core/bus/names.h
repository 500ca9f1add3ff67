/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How things are called on the bus.
 */
#pragma once

#include "operations/operation.h"

#define THOLE_BUS_NAME "org.thole.Thole1"
#define THOLE_BUS_PATH "/org/thole/Thole1"
#define THOLE_BUS_ACTION "org.thole.thole1."

typedef enum
{
  THOLE_BUS_ROOT,
  THOLE_BUS_WORKLOAD,
  THOLE_BUS_SESSION,
  THOLE_BUS_BACKEND,
  THOLE_BUS_OPERATION,
  THOLE_BUS_N_KINDS,
} TholeBusKind;

/* "Workload", "workload" (also the node, and the target of operations), "/v1/workloads/" */
const char *thole_bus_kind_interface (TholeBusKind kind);
const char *thole_bus_kind_node      (TholeBusKind kind);
const char *thole_bus_kind_resource  (TholeBusKind kind);
/* "org.thole.Thole1.Workload" -> THOLE_BUS_WORKLOAD; THOLE_BUS_N_KINDS when it is none */
TholeBusKind thole_bus_kind_parse    (const char *interface);
/* The kind of what an operation works on; THOLE_BUS_ROOT when it is no object of the bus. */
TholeBusKind thole_bus_kind_of       (const TholeOperationDef *def);

/* "desired_state" -> "DesiredState". Returns: (transfer full) */
char       *thole_bus_camel          (const char *name);
/* The same for names of the declarations, made once. Returns: (transfer none) */
const char *thole_bus_property_name  (const char *name);
/* "not_found" -> "org.thole.Thole1.Error.NotFound". Returns: (transfer full) */
char       *thole_bus_error_name     (int code);

/* Returns: (transfer full): the path of an object */
char       *thole_bus_path           (TholeBusKind kind, const char *id);
/* Returns: (transfer full): the path for what HTTP calls "/v1/workloads/ID"; "/" when it is no object of the bus */
char       *thole_bus_path_of        (const char *location);
/* Reads a path below THOLE_BUS_PATH. @id (out) (transfer full) (nullable): NULL = the node above the objects. Returns FALSE
 * when there can be nothing. */
gboolean    thole_bus_path_parse     (const char *path, TholeBusKind *kind, char **id);
