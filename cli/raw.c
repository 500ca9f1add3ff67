/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "raw.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "output.h"

#define RESET "\033[?47l\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l\033[?1l\033>\033[r\033[0m\033[?25h"

void
cli_raw_begin (CliRaw *self)
{
  struct termios raw;

  if (self->on || tcgetattr (STDIN_FILENO, &self->before) != 0)
    return;
  raw = self->before;
  cfmakeraw (&raw);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  self->on = tcsetattr (STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void
cli_raw_end (CliRaw *self)
{
  if (self->on)
    tcsetattr (STDIN_FILENO, TCSADRAIN, &self->before);
  self->on = FALSE;
}

void
cli_raw_reset (void)
{
  /* setting the margins moves the cursor, so it is kept */
  static const char text[] = "\0337" RESET "\0338\r\n";

  if (isatty (STDOUT_FILENO))
    cli_write (STDOUT_FILENO, text, sizeof text - 1);
}

gboolean
cli_raw_size (guint *rows, guint *cols)
{
  struct winsize size;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
    return FALSE;
  *rows = size.ws_row;
  *cols = size.ws_col;
  return TRUE;
}
