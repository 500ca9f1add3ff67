/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session whose stream the daemon holds itself, over exec/1: where the backend has no agent, or it cannot run in the workload.
 *
 * It ends with the daemon. Its program may not: the engine's name of it is stored, and the next daemon ends it (reaps). So is one
 * whose stream broke.
 */
#pragma once

#include "operations/seat.h"

/* @error: (nullable): why it did not work */
typedef void (*TholeSeatDone) (gpointer user_data, const GError *error);

/* Starts its program: @arguments are those of THOLE_AGENT_CALL_OPEN. On success the seat has a hold that does not read yet. */
void     thole_seat_open    (TholeSeat *self, GVariant *arguments, TholeSeatDone done, gpointer user_data);
/* It is stored that it runs: output is read from now on. */
void     thole_seat_run     (TholeSeat *self);
void     thole_seat_resize  (TholeSeat *self, guint rows, guint cols, TholeSeatDone done, gpointer user_data);
void     thole_seat_signal  (TholeSeat *self, int signal, TholeSeatDone done, gpointer user_data);
/* Is there a program that may still run? */
gboolean thole_seat_lingers (TholeSeat *self);
/* SIGHUP, after a while SIGKILL. @error UNSUPPORTED: its stream is closed, but it may go on. */
void     thole_seat_kill    (TholeSeat *self, TholeSeatDone done, gpointer user_data);
/* The same where nobody waits for it. */
void     thole_seat_kill_alone (TholeSeat *self);
/* The workload does not run any more: stores that the session has ended, and lets go of the stream once its viewers have had
 * a moment to see how. */
void     thole_seat_part    (TholeSeat *self, const char *reason);
/* Lets go of the stream; viewers are closed. */
void     thole_seat_drop    (TholeSeat *self, TholeViewerEnd end, const char *detail);
/* It has ended, but its program perhaps not: that is ended as soon as the engine can be asked. */
void     thole_seat_reap    (TholeSeat *self);
