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
/* The same, and then an event `exit`. */
void ctr_reap_and_tell (TholeDriver *driver, const char *container);
