/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Carries bytes between a wire and two socket pairs, in the thread of the worker: whoever reads or writes the other ends may block.
 * At most so many bytes are held as are named here; then the wire is paused.
 */
#pragma once

#include "private.h"

#define THOLE_PUMP_FULL (256 * 1024)
#define THOLE_PUMP_LOW (64 * 1024)

typedef struct _TholePump TholePump;

/* How an attachment stands. */
typedef struct
{
  gboolean begun, connected, control, ended;
  guint64 position;  /* output up to here has been given to the reader */
  guint64 gap_from, gap_to; /* of the last gap */
  guint gaps;        /* how many there were */
  int code, signal;
  GError *error;     /* (nullable): why it ended, other than by the program's end */
} TholePumpState;

/* Both sockets are (transfer full): our ends. @changed is called in the thread-default context of this call. It must be stopped,
 * once or more, before it is let go of. */
TholePump *thole_pump_new   (TholeClient *client, const char *session, GVariant *options, GSocket *main, GSocket *errors,
                             void (*changed) (gpointer user_data), gpointer user_data);
TholePump *thole_pump_ref   (TholePump *self);
void       thole_pump_unref (TholePump *self);
/* Detaches; what is still waited for ends. */
void       thole_pump_stop  (TholePump *self);
/* @changed is not called any more. */
void       thole_pump_mute  (TholePump *self);

/* Copies how it stands; @state->error is (transfer full). */
void       thole_pump_state (TholePump *self, TholePumpState *state);
/* Blocks until it has begun, or with @end until it has ended. FALSE when cancelled. */
gboolean   thole_pump_wait  (TholePump *self, gboolean end, GCancellable *cancellable, GError **error);

void       thole_pump_resize    (TholePump *self, guint rows, guint cols);
void       thole_pump_signal    (TholePump *self, const char *name);
void       thole_pump_take      (TholePump *self);
/* Ends the program for good; output that was not read is not wanted any more, and the end is G_IO_ERROR_CANCELLED. From any thread. */
void       thole_pump_kill      (TholePump *self);
/* What was written is followed by the end of input, once the writing side of the socket is shut down. */
void       thole_pump_end_input (TholePump *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholePump, thole_pump_unref)
