/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Something that is to be done in the next turn of the main loop, again and again: setting a flag costs nothing, where a source that
 * is made, attached and destroyed each time wakes the loop with a write and a read of its own.
 */
#pragma once

#include <glib.h>

/* A source of the thread-default main context that calls @function in each turn in which *@due is TRUE, and makes it FALSE before. Only
 * the loop's own thread may set it. It lasts until it is destroyed, whatever @function returns. Returns: (transfer full) */
GSource *thole_turn_source (gboolean *due, GSourceFunc function, gpointer user_data);
