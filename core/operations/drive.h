/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The drive brings the engine to where the record wants it, one step at a time, and stores what came of each step. The same code
 * runs after a request and after a restart of the daemon: what is to be done follows from the record alone.
 */
#pragma once

#include "operations/subject.h"

/* Begins a step if there is work and none is under way. A step for a state that is no longer wanted is cancelled. */
void thole_drive_kick    (TholeSubject *subject);

/* An engine's "workload" dictionary (NULL = it has no such object) as input: validated against the record; what differs is stored. */
void thole_drive_report  (TholeSubject *subject, GVariant *seen);

/* The backend says that something happened: look. */
void thole_drive_look    (TholeSubject *subject);

/* The deadline of a subject has come. */
void thole_drive_deadline (gpointer subject);
