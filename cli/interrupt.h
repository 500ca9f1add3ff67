/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ctrl-C and SIGTERM as a call in the main context, counted.
 */
#pragma once

#include <gio/gio.h>

typedef void (*CliInterrupted) (guint count, gpointer user_data);

typedef struct
{
  GSource *sources[2];
  guint count;
  CliInterrupted interrupted;
  gpointer user_data;
} CliInterrupt;

void cli_interrupt_begin (CliInterrupt *self, CliInterrupted interrupted, gpointer user_data);
void cli_interrupt_end   (CliInterrupt *self);

/* Runs the main context for @seconds or until @cancellable (nullable) is cancelled. */
void cli_sleep           (double seconds, GCancellable *cancellable);
