/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholePainter: reads what is held of a terminal's output, from the oldest byte up to where it stood, and makes the screen of it. It
 * looks from aside: nothing is lost for it that somebody has not acknowledged, and nothing that it has not painted.
 */
#pragma once

#include "sessions/screen.h"
#include "sessions/viewer.h"

typedef struct _TholePainter TholePainter;

/* Called once from the main loop. @screen: (nullable): borrowed; it shows all output below @seq, and in flow lossless
 * nothing above is lost until the painter is freed. Without one @end and @detail say why. */
typedef void (*TholePaintedFunc) (gpointer user_data, TholeScreen *screen, guint64 seq, TholeViewerEnd end, const char *detail);

/* @session: (transfer full). Returns: (transfer full) */
TholePainter *thole_painter_new  (TholeSession *session, guint rows, guint cols, TholePaintedFunc done, gpointer user_data);
/* Also from inside @done. */
void          thole_painter_free (TholePainter *self);
