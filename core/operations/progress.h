/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Progress that drivers report by token, on its way to a long operation.
 */
#pragma once

#include "operations/context.h"

/* Returns: a token for the operation of this id ("" = progress goes nowhere) */
guint64 thole_progress_begin  (TholeOperations *operations, const char *operation);
void    thole_progress_end    (TholeOperations *operations, guint64 token);
/* @event: a "progress" event of a driver */
void    thole_progress_report (TholeOperations *operations, GVariant *event);
