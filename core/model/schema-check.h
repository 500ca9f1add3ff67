/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the parts of the validation share. Private to model/schema*.c.
 */
#pragma once

#include "model/schema.h"

typedef struct
{
  guint flags;
  GString *pointer;       /* to the value that is looked at */
  TholeProblem *problem;
} TholeCheck;

/* Adds a fault of the present value. */
void      thole_check_fault       (TholeCheck *self, const char *code, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* The same for a wrong type; returns NULL. */
GVariant *thole_check_fault_type  (TholeCheck *self, const char *expected);

/* Moves the pointer into a member; returns what thole_check_leave() needs. */
gsize     thole_check_enter       (TholeCheck *self, const char *name);
gsize     thole_check_enter_index (TholeCheck *self, gsize index);
void      thole_check_leave       (TholeCheck *self, gsize before);

/* min= and max= of a field; @unit: "" for a value, " items" for a count */
gboolean  thole_check_bounds      (TholeCheck *self, const TholeField *field, double value, const char *code, const char *unit);
gboolean  thole_check_text        (TholeCheck *self, const TholeField *field, const char *text, gsize length);

/* A value of any kind that is no list, map or object. Returns: (transfer full) (nullable): NULL after a fault */
GVariant *thole_check_scalar      (TholeCheck *self, const TholeField *field, GVariant *value);
