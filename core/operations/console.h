/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The console of a workload: the output and input of its main process, held by the daemon while somebody looks.
 *
 * Its output is numbered from the beginning of the engine's log, whose end is its history, so that a viewer of an earlier daemon goes
 * on at its byte and is given what it missed. That holds as long as the engine has the whole log and it is not too long; else the
 * numbers begin anew with the time, which is above all that were given, and such a viewer is told of a gap. A line that was being
 * written while the daemon attached may come again in part, and bytes that repeat themselves at that moment may be counted wrong.
 */
#pragma once

#include "operations/subject.h"

typedef struct _TholeConsole TholeConsole;

/* Lines in a second that are shown to viewers; the log has them all. */
#define THOLE_CONSOLE_LINES 200

/* After each COMMIT of a workload: one that stops ends its console. */
void  thole_console_follow  (TholeSubject *subject);
guint thole_console_viewers (TholeOperations *operations, const char *workload);
/* Shutdown: viewers are sent away to come again. */
void  thole_consoles_drain  (TholeOperations *operations);
