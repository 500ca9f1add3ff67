/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The comparison with every engine on a period, also for what no event told; at start and after each reconnect it comes
 * from the backend's "resync".
 */
#pragma once

#include "operations/context.h"

typedef struct _TholeReconcile TholeReconcile;

/* @period: µs, 0 = never. Returns: (transfer full) */
TholeReconcile *thole_reconcile_new  (TholeOperations *operations, gint64 period);
void            thole_reconcile_free (TholeReconcile *self);
