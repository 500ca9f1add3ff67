/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Health checks by command: containerd has none, so the driver runs the command in the container at its intervals.
 */
#pragma once

#include "call.h"

typedef struct _CtrHealth CtrHealth;

/* At the create: writes down what is to be checked. */
gboolean    ctr_health_plan  (TholeDriver *driver, const char *container, GVariant *spec, GError **error);
/* It runs: checks begin, if there are any. @again: it has run before this daemon, and what was known then goes on. */
void        ctr_health_begin (TholeDriver *driver, const char *container, gboolean again);
void        ctr_health_end   (TholeDriver *driver, const char *container);
/* "none", "starting", "healthy", "unhealthy" */
const char *ctr_health_of    (TholeDriver *driver, const char *container);
/* Begins those of all that run. */
void        ctr_health_sweep (TholeDriver *driver);

void        ctr_health_free  (gpointer health);
