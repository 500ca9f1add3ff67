/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `?wait=STATE[,STATE]&timeout=S`: a call that answers when its object reaches a state.
 */
#pragma once

#include "operations/subject.h"
#include "operations/tracker.h"

/* Reads `wait` and `timeout` of @call->query. Adds wrong states to @problem.
 * Returns: a mask of states of @type, bit 31 = deleted; 0 = no wait */
guint    thole_wait_mask     (TholeCall *call, const TholeRecordType *type, TholeProblem *problem);
#define THOLE_WAIT_DELETED (1u << 31)

/* Ends @call with @status and the object at once or when a state of @mask is reached; with `timeout` and the object otherwise. */
void     thole_wait_workload  (TholeCall *call, TholeSubject *subject, guint mask, guint reached, guint status);
void     thole_wait_operation (TholeCall *call, TholeTracker *tracker, guint mask, guint status);

/* To be called when an object changed: answers those whose state is reached; @gone answers all. */
void     thole_wait_check     (GSList **waiters, int state, gboolean gone);
/* Shutdown: answers all with `interrupted`. */
void     thole_wait_interrupt (GSList **waiters);

/* Answers @call with the object of @subject as it is. */
void     thole_reply_workload (TholeCall *call, TholeSubject *subject, guint status);
