/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Does the driver hold the loop? A busy machine takes time from everybody, so nothing here is measured by the wall clock: of what runs in the
 * loop's thread between two waits, the processor time is counted, and the samples of another thread that find it asleep.
 */
#pragma once

#include <glib.h>

typedef struct
{
  double busy;   /* ms of processor time in one piece */
  double asleep; /* ms asleep in one piece */
} KitStall;

void     kit_stall_watch (guint *beats); /* the loop of this thread, from here on, in all of this process's life */
void     kit_stall_begin (void);         /* the driver has the thread */
void     kit_stall_end   (void);
guint    kit_stall_pause (void);         /* what follows is not the driver's; gives what resume takes */
void     kit_stall_resume (guint depth);
KitStall kit_stall_take  (void);         /* the longest pieces since the last time */
