/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A workload with an `idle_timeout` is stopped when it ran so long without being used. It is used by commands (exec) while
 * they run, by viewers of its sessions while they are there, by whatever its sessions' programs write, and by readers of its
 * logs while they read; its beginning to run counts, too. What its main program does by itself, health checks, and looks at
 * its state or its figures do not count. While it is paused, or wanted in another state, no time runs.
 *
 * The deadline is in the store, in a table of its own: use makes no events and no revisions. It is moved on before it is too
 * early, with a little to spare, so that it is written rarely while something is used all the time. After a restart of the
 * daemon a workload is never stopped too early, at most that little too late, and not before its callers could come back.
 */
#pragma once

#include "operations/subject.h"

/* It is used at this moment; cheap. */
void     thole_idle_touch   (TholeSubject *subject);
/* It is used until the release; holds are counted. The caller keeps a reference meanwhile. */
void     thole_idle_hold    (TholeSubject *subject);
void     thole_idle_release (TholeSubject *subject);

/* of the life of a subject: its record was loaded or made; a change is about to be stored; that was done; that failed */
void     thole_idle_init    (TholeSubject *subject);
void     thole_idle_change  (TholeChange *change);
void     thole_idle_changed (TholeChange *change);
void     thole_idle_again   (TholeSubject *subject, gint64 at);
/* After the workloads. */
gboolean thole_idle_load    (TholeOperations *operations, GError **error);
