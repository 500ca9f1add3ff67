/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeScreen: what a terminal shows after the output that it was fed with.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeScreen TholeScreen;

/* Returns: (transfer full) */
TholeScreen *thole_screen_new  (guint rows, guint cols);
void         thole_screen_free (TholeScreen *self);
void         thole_screen_feed (TholeScreen *self, const guint8 *data, gsize length);

/* Each returns: (transfer full) */

/* Escape sequences that make any terminal of this size show the same, with the same modes and cursor. */
GBytes      *thole_screen_paint (TholeScreen *self);
/* {"seq","rows","cols","cursor":{"row","col","visible"},"title","alternate","lines":[{"text","runs":[...]}]}: lines without what is
 * blank at their end; a run is a part of a line that does not look plain: "from" and "to" (columns, half-open) and its attributes. */
GBytes      *thole_screen_json  (TholeScreen *self, guint64 seq);
/* The lines, without blank ones at the end. */
GBytes      *thole_screen_text  (TholeScreen *self);
GBytes      *thole_screen_svg   (TholeScreen *self);
