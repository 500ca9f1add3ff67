/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeFlood: decides of each line of output whether it is shown: at most so many in any second.
 */
#pragma once

#include "sessions/viewer.h"

typedef struct _TholeFlood TholeFlood;

/* What has no end of line for so long counts as one, bytes. */
#define THOLE_FLOOD_LINE 4096

TholeFlood *thole_flood_new  (guint lines);
void        thole_flood_free (TholeFlood *self);
/* How many of the first bytes share one fate, and which. @now: µs monotonic. @ends: they end a line. */
gsize       thole_flood_take (TholeFlood *self, gint64 now, TholeChannel channel, const guint8 *data, gsize length, gboolean *shown,
                              gboolean *ends);
