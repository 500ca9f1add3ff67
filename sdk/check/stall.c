/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "stall.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_MS 5

/* One a process: the poll function of GLib has no room for data. */
static struct
{
  guint *beats;
  guint depth;
  struct timespec from;
  KitStall longest;
  gint piece;      /* 0 = waits; else the number of the piece that runs */
  gint pieces;
  gint asleep;     /* samples of the present piece */
  int state;       /* /proc/.../stat of the loop's thread */
} watch;

static gpointer
sample (gpointer data)
{
  gint last = 0, found = 0;

  while (TRUE)
    {
      gint piece = g_atomic_int_get (&watch.piece);
      char text[256] = "";
      const char *mark = NULL;

      if (piece != last)
        found = 0;
      last = piece;
      if (piece != 0 && pread (watch.state, text, sizeof text - 1, 0) > 0)
        mark = strrchr (text, ')');
      /* the first of a piece may have seen the wait before it */
      if (mark != NULL && (mark[2] == 'S' || mark[2] == 'D') && g_atomic_int_get (&watch.piece) == piece && ++found > 1)
        g_atomic_int_inc (&watch.asleep);
      g_usleep (SAMPLE_MS * 1000);
    }
  return NULL;
}

void
kit_stall_begin (void)
{
  if (watch.depth++ > 0 || watch.beats == NULL)
    return;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &watch.from);
  g_atomic_int_set (&watch.asleep, 0);
  watch.pieces = watch.pieces == G_MAXINT ? 1 : watch.pieces + 1;
  g_atomic_int_set (&watch.piece, watch.pieces);
}

void
kit_stall_end (void)
{
  struct timespec now;

  if (--watch.depth > 0 || watch.beats == NULL)
    return;
  g_atomic_int_set (&watch.piece, 0);
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  watch.longest.busy = MAX (watch.longest.busy, (double) (now.tv_sec - watch.from.tv_sec) * 1000
                                                  + (double) (now.tv_nsec - watch.from.tv_nsec) / 1000000);
  watch.longest.asleep = MAX (watch.longest.asleep, g_atomic_int_get (&watch.asleep) * SAMPLE_MS);
}

guint
kit_stall_pause (void)
{
  guint depth = watch.depth;

  if (depth > 0)
    {
      watch.depth = 1;
      kit_stall_end ();
    }
  return depth;
}

void
kit_stall_resume (guint depth)
{
  if (depth > 0)
    kit_stall_begin ();
  watch.depth = depth;
}

static gint
wait_for (GPollFD *files, guint n_files, gint timeout)
{
  guint depth = kit_stall_pause ();
  gint found;

  ++*watch.beats;
  /* so that the one who watches this process sees it alive while nothing happens */
  found = g_poll (files, n_files, timeout < 0 ? 1000 : MIN (timeout, 1000));
  kit_stall_resume (depth);
  ++*watch.beats;
  return found;
}

void
kit_stall_watch (guint *beats)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat", gettid ());

  watch.beats = beats;
  watch.state = open (path, O_RDONLY | O_CLOEXEC);
  g_main_context_set_poll_func (NULL, wait_for);
  g_thread_unref (g_thread_new ("stall", sample, NULL));
}

KitStall
kit_stall_take (void)
{
  KitStall longest = watch.longest;

  watch.longest = (KitStall) { 0 };
  return longest;
}
