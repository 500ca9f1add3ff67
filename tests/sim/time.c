/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Virtual time. A timer is attached to its main context only when it is due, so that contexts stay short; contexts never
 * poll. GTask decides by the time of the main loop whether it calls back at once, so that time is counted here, too.
 */
#include "sim.h"

#include <time.h>

/* 2030-01-01 */
#define WALL_BEGIN (G_GINT64_CONSTANT (1893456000) * SIM_SECOND)
#define MOST_TURNS 200000

typedef struct
{
  GSource source;
  SimClock *clock;
  gint64 at, delay;
  guint64 serial;
  GSequenceIter *place;
  gboolean attached;
} Timer;

/* takes the place of the C library's: each look at it is a µs later than the one before */
int
clock_gettime (clockid_t id, struct timespec *time)
{
  static gint64 looks; /* of the process: it has one main loop at a time */
  gint64 value = SIM_SECOND + ++looks;

  time->tv_sec = (time_t) (value / SIM_SECOND);
  time->tv_nsec = (long) (value % SIM_SECOND) * 1000;
  return 0;
}

static int
poll_nothing (GPollFD *fds, guint n_fds, int timeout)
{
  return 0;
}

static int
compare_timers (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Timer *left = a, *right = b;

  if (left->at != right->at)
    return left->at < right->at ? -1 : 1;
  return left->serial < right->serial ? -1 : left->serial > right->serial;
}

static void
arm (Timer *timer)
{
  Sim *sim = timer->clock->sim;

  timer->at = sim->now + timer->delay;
  timer->serial = ++sim->serial;
  timer->place = g_sequence_insert_sorted (sim->timers, timer, compare_timers, NULL);
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc function, gpointer user_data)
{
  Timer *timer = (Timer *) source;
  gboolean again;

  g_source_set_ready_time (source, -1);
  again = function (user_data);
  if (again == G_SOURCE_CONTINUE && !g_source_is_destroyed (source))
    arm (timer);
  return again;
}

static void
timer_finalize (GSource *source)
{
  g_clear_pointer (&((Timer *) source)->place, g_sequence_remove);
}

static GSourceFuncs timer_functions = { .dispatch = timer_dispatch, .finalize = timer_finalize };

/* every use of a clock is a place at which the daemon may end */
static void
pass (SimClock *clock)
{
  if (clock->sim->crash_in > 0 && clock->context == clock->sim->context && --clock->sim->crash_in == 0)
    sim_crash_soon (clock->sim);
}

static GSource *
make_timer (TholeClock *self, gint64 delay, GSourceFunc function, gpointer user_data)
{
  SimClock *clock = (SimClock *) self;
  GSource *source = g_source_new (&timer_functions, sizeof (Timer));
  Timer *timer = (Timer *) source;

  pass (clock);
  g_source_set_callback (source, function, user_data, NULL);
  timer->clock = clock;
  timer->delay = CLAMP (delay, 0, G_MAXINT64 / 4);
  if (!clock->dead)
    arm (timer);
  return source;
}

static gint64
read_wall (TholeClock *self)
{
  SimClock *clock = (SimClock *) self;

  pass (clock);
  return WALL_BEGIN + clock->sim->now + (clock->jumps ? clock->sim->offset : 0);
}

static gint64
read_monotonic (TholeClock *self)
{
  SimClock *clock = (SimClock *) self;

  pass (clock);
  return clock->sim->now;
}

static void
fill_random (TholeClock *self, gpointer bytes, gsize length)
{
  Sim *sim = ((SimClock *) self)->sim;
  guint8 *at = bytes;

  for (gsize i = 0; i < length; i++)
    {
      sim->clock_random = sim->clock_random * G_GUINT64_CONSTANT (6364136223846793005) + G_GUINT64_CONSTANT (1442695040888963407);
      at[i] = (guint8) (sim->clock_random >> 56);
    }
}

void
sim_clock_init (SimClock *clock, Sim *sim, GMainContext *context, gboolean jumps)
{
  *clock = (SimClock) { .clock = { .now = read_wall, .monotonic = read_monotonic, .random = fill_random, .timer = make_timer },
                        .sim = sim, .context = context, .jumps = jumps };
}

GMainContext *
sim_context_new (void)
{
  GMainContext *context = g_main_context_new ();

  g_main_context_set_poll_func (context, poll_nothing);
  return context;
}

gint64
sim_true_time (Sim *sim)
{
  return WALL_BEGIN + sim->now;
}

void
sim_forget_timers (Sim *sim)
{
  GSequenceIter *next, *at = g_sequence_get_begin_iter (sim->timers);

  for (; !g_sequence_iter_is_end (at); at = next)
    {
      Timer *timer = g_sequence_get (at);

      next = g_sequence_iter_next (at);
      if (!timer->clock->dead)
        continue;
      timer->place = NULL;
      g_sequence_remove (at);
    }
}

gint64
sim_next (Sim *sim)
{
  GSequenceIter *first = g_sequence_get_begin_iter (sim->timers);

  return g_sequence_iter_is_end (first) ? G_MAXINT64 : ((Timer *) g_sequence_get (first))->at;
}

static void
fire_first (Sim *sim)
{
  GSequenceIter *first = g_sequence_get_begin_iter (sim->timers);
  Timer *timer = g_sequence_get (first);
  GSource *source = (GSource *) timer;

  if (timer->at > sim->now)
    {
      sim->now = timer->at;
      sim->turns = 0;
    }
  timer->place = NULL;
  g_sequence_remove (first);
  if (g_source_is_destroyed (source) && timer->attached)
    return;
  g_source_set_ready_time (source, 0);
  if (!timer->attached)
    {
      timer->attached = TRUE;
      g_source_attach (source, timer->clock->context);
    }
}

gboolean
sim_pending (Sim *sim)
{
  return g_main_context_pending (sim->home) || (sim->up && g_main_context_pending (sim->context));
}

gboolean
sim_turn (Sim *sim, gint64 until)
{
  if (++sim->turns > MOST_TURNS)
    sim_violation (sim, "the daemon spins: %u dispatches at one moment", MOST_TURNS);
  if (g_main_context_iteration (sim->home, FALSE))
    return TRUE;
  if (sim->up)
    {
      gboolean done;

      sim->jumping = TRUE;
      done = g_main_context_iteration (sim->context, FALSE);
      sim->jumping = FALSE;
      if (done)
        return TRUE;
    }
  if (sim_next (sim) > until)
    return FALSE;
  fire_first (sim);
  return TRUE;
}

static gboolean
crash_ready (GSource *source, int *timeout)
{
  *timeout = 0;
  return TRUE;
}

static gboolean
crash_dispatch (GSource *source, GSourceFunc function, gpointer user_data)
{
  Sim *sim = user_data;

  g_assert (sim->jumping);
  _longjmp (sim->jump, 1);
}

static GSourceFuncs crash_functions = { .prepare = crash_ready, .dispatch = crash_dispatch };

void
sim_crash_soon (Sim *sim)
{
  GSource *source = g_source_new (&crash_functions, sizeof (GSource));

  g_source_set_callback (source, G_SOURCE_FUNC (crash_dispatch), sim, NULL);
  g_source_attach (source, sim->context);
}
