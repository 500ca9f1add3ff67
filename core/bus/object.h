/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The objects of the daemon as objects of the bus. An object is borrowed; it is good until the main loop goes on.
 */
#pragma once

#include "bus/names.h"
#include "operations/context.h"

/* Objects of a kind in the order of their ids; of operations those that have not ended. @after: "" = from the first.
 * Returns: (transfer none) (nullable) */
gpointer    thole_bus_object_next  (TholeOperations *operations, TholeBusKind kind, const char *after);
/* Returns: (transfer none) (nullable) */
gpointer    thole_bus_object_find  (TholeOperations *operations, TholeBusKind kind, const char *id);
const char *thole_bus_object_id    (TholeBusKind kind, gpointer object);
/* May @principal know of it? Whether it may know of its kind is to be decided before. */
gboolean    thole_bus_object_seen  (TholeBusKind kind, gpointer object, const TholePrincipal *principal);
/* Returns: (transfer none) (floating): a{sv}, all properties */
GVariant   *thole_bus_object_properties (TholeBusKind kind, gpointer object);

/* A property with its name is written at @bytes, which begin at a multiple of 8. Returns: FALSE = it is taken back */
typedef gboolean (*TholeBusWanted) (guint index, const guint8 *bytes, gsize length, gpointer user_data);
/* The same dictionary as it goes over the bus, without its length, from a multiple of 8 on. @wanted: (nullable): asked for each */
void        thole_bus_object_write (TholeBusKind kind, gpointer object, GByteArray *out, TholeBusWanted wanted, gpointer user_data);
/* @index above is less */
guint       thole_bus_object_n_properties (TholeBusKind kind);

typedef struct
{
  const char *name;  /* as over HTTP */
  const char *type;
  const char *doc;
} TholeBusProperty;

/* Is it one of those that are listed? */
gboolean    thole_bus_object_listed (TholeBusKind kind, gpointer object);

/* Calls @function for every property of a kind, in their order. */
void        thole_bus_each_property (TholeBusKind kind, void (*function) (const TholeBusProperty *property, gpointer user_data),
                                     gpointer user_data);
/* The permission that reads objects of the kind, and what polkit is asked. */
const TholeOperationDef *thole_bus_kind_read (TholeBusKind kind);
