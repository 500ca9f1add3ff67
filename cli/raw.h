/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our terminal while a program elsewhere has it: every key goes through, nothing is echoed here.
 */
#pragma once

#include <glib.h>
#include <termios.h>

typedef struct
{
  gboolean on;
  struct termios before;
} CliRaw;

/* Does nothing when stdin is no terminal. */
void     cli_raw_begin (CliRaw *self);
/* As it was before. */
void     cli_raw_end   (CliRaw *self);
/* Leaves what a program may have switched on: another screen, a hidden cursor, the mouse, marks around what is pasted. */
void     cli_raw_reset (void);
/* FALSE: stdout is no terminal, or does not know. */
gboolean cli_raw_size  (guint *rows, guint *cols);
