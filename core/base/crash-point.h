/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbered places at which a chaos test may end the daemon as kill -9 would. With the build option `crash_points` the
 * environment variable THOLE_CRASH_AT=N ends it at the Nth place that it passes, and THOLE_CRASH_LOG=FILE writes the names
 * of those passed; with THOLE_CRASH_WHEN=FILE they count from the moment on at which that file is there. Without the
 * option there is nothing here. Any thread may pass one.
 */
#pragma once

#ifdef THOLE_CRASH_POINTS
void thole_crash_point (const char *name);
#else
#define thole_crash_point(name) ((void) 0)
#endif
