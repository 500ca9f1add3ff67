/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values between the bus and the rest of the daemon, where they have the shape of JSON. A dictionary has the same words as over
 * HTTP; what is null there is left out here, for D-Bus knows no such value.
 */
#pragma once

#include "base/problem.h"
#include "model/record.h"

/* A message whose values lie more than 64 levels deep ends the connection of who sent it. An object in an object takes three of them and
 * the list of all objects seven, so JSON below this depth is given as its text.
 */
#define THOLE_BUS_MAX_DEPTH 16

/* @json: as thole_json_parse() makes it. Returns: (transfer none) (floating) */
GVariant   *thole_bus_value      (GVariant *json);
/* The same of the type @type: a{sv}, a{ss}, as or aa{sv}; what does not fit is left out. @json: (nullable) */
GVariant   *thole_bus_value_as   (GVariant *json, const char *type);

/* The type of a property. */
const char *thole_bus_field_type (const TholeField *field);
/* The type in which a caller gives a field, for people. */
const char *thole_bus_input_type (const TholeField *field);
/* Returns: (transfer none) (floating): the value of a property; without one it is -1, "" or empty */
GVariant   *thole_bus_member     (gconstpointer record, const TholeField *field);
/* The same as it goes over the bus, with its type before it. */
void        thole_bus_write_member (GByteArray *out, gconstpointer record, const TholeField *field);

/* Returns: (transfer full): what an error says: its detail, then a line for every wrong field: "/spec/image: missing: ..." */
char       *thole_bus_problem_text (const TholeProblem *problem);

/* What a caller gave, in the shape of JSON. @options: a{sv}. Returns: (transfer full) (nullable): NULL with a problem */
GVariant   *thole_bus_options    (GVariant *options, TholeProblem **problem);
