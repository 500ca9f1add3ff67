/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When a task has ended, its end is written onto the container, then the task is deleted, which waits until all its output is in the
 * log. Before that an end is not told.
 */
#pragma once

#include "thing.h"

/* Goes on when @container has no task that has ended. @next gets the value NULL. */
void ctr_reap          (GTask *task, const char *container, CtrNext next);
/* Waits for what is under way of this kind. The engine does not show a task any more while it still takes it down, and what is started
 * then loses its folder. */
void ctr_reap_wait     (GTask *task, const char *container, CtrNext next);
/* As ctr_reap(), and then an event `exit`. @end: what is written down of a task that is not there any more, because its shim died. */
void ctr_reap_and_tell (TholeDriver *driver, const char *container, const CtrEnd *end);
