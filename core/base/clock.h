/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All time, all timers, all randomness and all ids come from here, so that a simulation can replace them.
 */
#pragma once

#include <gio/gio.h>

typedef struct _TholeClock TholeClock;

struct _TholeClock
{
  gint64   (*now)       (TholeClock *self);                       /* wall clock, µs since the epoch */
  gint64   (*monotonic) (TholeClock *self);                       /* µs, never goes back */
  void     (*random)    (TholeClock *self, gpointer bytes, gsize length);
  /* A source that is attached to the thread-default main context and runs @function after @delay µs (again as long
   * as it returns G_SOURCE_CONTINUE). Returns: (transfer full) */
  GSource *(*timer)     (TholeClock *self, gint64 delay, GSourceFunc function, gpointer user_data);

  /* the last id of thole_id_new(); begin as 0, nobody else's */
  gint64 id_time;
  guint64 id_tail;
};

/* The real one; static, never freed. */
TholeClock *thole_clock_system (void);

gint64   thole_clock_now       (TholeClock *clock);
gint64   thole_clock_monotonic (TholeClock *clock);
GSource *thole_clock_timer     (TholeClock *clock, gint64 delay, GSourceFunc function, gpointer user_data);
void     thole_clock_random    (TholeClock *clock, gpointer bytes, gsize length);
/* Destroys and clears a source; for g_clear_pointer() habits. */
void     thole_source_clear    (GSource **source);

/* Returns: (transfer full): a new id: PREFIX-, 10 characters of time (ms, base 32), 10 of randomness; ids of one
 * clock rise strictly. Letters 0-9 a-v without vowel tricks: they sort as text. Main thread only. */
char    *thole_id_new          (TholeClock *clock, const char *prefix);
/* Returns: (transfer full): a random uuid (version 4) */
char    *thole_uuid_new        (TholeClock *clock);
/* An exponential pause with jitter: between 0.5 and 1 times min (base * 2^failures, cap); µs */
gint64   thole_backoff         (TholeClock *clock, gint64 base, gint64 cap, guint failures);
