/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The end of sandboxes, which is that of their supervisor.
 */
#pragma once

#include "driver.h"

typedef struct _LocalWatch LocalWatch;

/* Looks at a sandbox that runs, or is about to, or to end, unless it is looked at already. FALSE = it does not run. */
gboolean local_watch          (TholeDriver *driver, const char *id);
/* The same for one that has just begun: its end is told, later, though it may have come already. */
void     local_watch_begun    (TholeDriver *driver, const char *id);
/* Ends all of it, at once or as soon as its supervisor listens. It must be looked at; there is no answer but its end. */
void     local_watch_kill     (TholeDriver *driver, const char *id);
/* Returns when it has ended, at once if it does not run. @task gets a call of @next then; not after its cancellable was cancelled, on which
 * it has returned. */
void     local_watch_wait     (GTask *task, TholeDriver *driver, const char *id, void (*next) (GTask *task));
void     local_watch_free     (LocalWatch *self);
