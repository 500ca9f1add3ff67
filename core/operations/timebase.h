/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The time that deadlines are measured by: the wall clock without the jumps that somebody made it do. A jump is seen by
 * the clock that never jumps, taken off, and stored, so that deadlines in the store stay right over a restart. While the
 * daemon is down nobody sees a jump: one backwards (a machine without a battery begins in the past) counts as no time at
 * all, since the time base never begins before it was last seen; one forwards cannot be told from a long pause.
 */
#pragma once

#include "operations/context.h"

gboolean thole_timebase_load (TholeOperations *operations, GError **error);
void     thole_timebase_free (TholeOperations *operations);
/* µs; compare with deadline_at, expires_at, due_at and the age of a key only */
gint64   thole_timebase_now  (TholeOperations *operations);
