/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shared by the parts of a screen. */
#pragma once

#include <vterm.h>

#include "sessions/screen.h"

/* what is remembered of `CSI ? n h` and `l` beyond what the emulator knows */
typedef enum
{
  MODE_CURSOR_KEYS,
  MODE_CLICK,
  MODE_DRAG,
  MODE_MOVE,
  MODE_FOCUS,
  MODE_MOUSE_SGR,
  MODE_PASTE,
  MODES
} ScreenMode;

struct _TholeScreen
{
  VTerm *term;
  VTermScreen *cells;
  guint rows, cols;
  gboolean hidden;      /* the cursor */
  gboolean alternate;
  char *title;          /* (nullable) */
  gboolean modes[MODES];
  guint scan;           /* of the scanner for modes: how far it is into a sequence */
  guint numbers[8], n_numbers;
};

/* Returns FALSE for the right half of a wide character. */
gboolean thole_screen_cell  (TholeScreen *self, guint row, guint col, VTermScreenCell *cell);
/* How many columns of a row are not blank. */
guint    thole_screen_width (TholeScreen *self, guint row);
/* The text of a cell; a blank is a space. */
void     thole_cell_append  (GString *out, const VTermScreenCell *cell);
gboolean thole_cell_alike   (const VTermScreenCell *a, const VTermScreenCell *b);
gboolean thole_cell_plain   (const VTermScreenCell *cell);
