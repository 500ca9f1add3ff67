/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Health checks that the daemon does itself: HTTP and TCP. Checks by a command are the engine's.
 */
#pragma once

#include "operations/subject.h"

typedef struct _TholeHealth TholeHealth;

/* Watches every workload that has such a check while it runs. Returns: (transfer full) */
TholeHealth *thole_health_new  (TholeOperations *operations);
void         thole_health_free (TholeHealth *self);
