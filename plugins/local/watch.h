/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The end of sandboxes: whatever descriptor their supervisor holds is closed with it.
 */
#pragma once

#include "driver.h"

typedef struct _LocalWatch LocalWatch;

/* Looks at a sandbox that runs, unless it is looked at already. FALSE = it does not run. */
gboolean local_watch          (TholeDriver *driver, const char *id);
/* The same by @fd, which it takes over. */
void     local_watch_take     (TholeDriver *driver, const char *id, int fd);
/* Returns when it has ended, at once if it does not run. @task gets a call of @next then; not after its cancellable was cancelled, on which
 * it has returned. */
void     local_watch_wait     (GTask *task, TholeDriver *driver, const char *id, void (*next) (GTask *task));
void     local_watch_free     (LocalWatch *self);
