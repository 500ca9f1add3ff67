/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* characters of time and of randomness in an id, 5 bits each */
#define ID_DIGITS 10
#define ID_TAIL_MASK ((G_GUINT64_CONSTANT (1) << (5 * ID_DIGITS)) - 1)

/* the system clock ------------------------------------------------------------------------------------------ */

typedef struct
{
  GSource source;
  gint64 delay;
} Timer;

static gboolean
timer_dispatch (GSource *source, GSourceFunc function, gpointer user_data)
{
  gboolean again = function (user_data);

  if (again == G_SOURCE_CONTINUE)
    g_source_set_ready_time (source, g_get_monotonic_time () + ((Timer *) source)->delay);
  return again;
}

static GSourceFuncs timer_functions = { .dispatch = timer_dispatch };

static GSource *
system_timer (TholeClock *self, gint64 delay, GSourceFunc function, gpointer user_data)
{
  GSource *source = g_source_new (&timer_functions, sizeof (Timer));

  delay = CLAMP (delay, 0, G_MAXINT64 / 2);
  ((Timer *) source)->delay = delay;
  g_source_set_static_name (source, "thole-timer");
  g_source_set_ready_time (source, g_get_monotonic_time () + delay);
  g_source_set_callback (source, function, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static gint64
system_now (TholeClock *self)
{
  return g_get_real_time ();
}

static gint64
system_monotonic (TholeClock *self)
{
  return g_get_monotonic_time ();
}

static void
system_random (TholeClock *self, gpointer bytes, gsize length)
{
  guint8 *p = bytes;

  while (length > 0)
    {
      gssize got = getrandom (p, length, 0);

      if (got < 0 && errno != EINTR)
        g_error ("No random numbers: %s", g_strerror (errno));
      p += MAX (got, 0);
      length -= (gsize) MAX (got, 0);
    }
}

TholeClock *
thole_clock_system (void)
{
  static TholeClock clock = {
    .now = system_now, .monotonic = system_monotonic, .random = system_random, .timer = system_timer,
  };

  return &clock;
}

gint64
thole_clock_now (TholeClock *clock)
{
  return clock->now (clock);
}

gint64
thole_clock_monotonic (TholeClock *clock)
{
  return clock->monotonic (clock);
}

GSource *
thole_clock_timer (TholeClock *clock, gint64 delay, GSourceFunc function, gpointer user_data)
{
  return clock->timer (clock, delay, function, user_data);
}

void
thole_clock_random (TholeClock *clock, gpointer bytes, gsize length)
{
  clock->random (clock, bytes, length);
}

void
thole_source_clear (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* what is made of it ------------------------------------------------------------------------------------------ */

static void
put_base32 (char *at, guint64 value)
{
  for (guint i = ID_DIGITS; i-- > 0; value >>= 5)
    at[i] = "0123456789abcdefghijklmnopqrstuv"[value & 31];
}

char *
thole_id_new (TholeClock *clock, const char *prefix)
{
  gint64 time = clock->now (clock) / 1000;
  gsize length = strlen (prefix);
  char *id = g_malloc (length + 1 + 2 * ID_DIGITS + 1);

  /* in the same millisecond, or when the clock was set back, the tail counts on */
  if (time > clock->id_time)
    {
      clock->random (clock, &clock->id_tail, sizeof clock->id_tail);
      clock->id_tail &= ID_TAIL_MASK >> 1;
      clock->id_time = time;
    }
  else if (++clock->id_tail > ID_TAIL_MASK)
    {
      clock->id_tail = 0;
      clock->id_time++;
    }
  memcpy (id, prefix, length);
  id[length] = '-';
  put_base32 (id + length + 1, (guint64) clock->id_time);
  put_base32 (id + length + 1 + ID_DIGITS, clock->id_tail);
  id[length + 1 + 2 * ID_DIGITS] = '\0';
  return id;
}

char *
thole_uuid_new (TholeClock *clock)
{
  guint8 b[16];

  clock->random (clock, b, sizeof b);
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return g_strdup_printf ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
                          b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

gint64
thole_backoff (TholeClock *clock, gint64 base, gint64 cap, guint failures)
{
  gint64 pause = MAX (base, 0);
  guint32 random;

  while (failures-- > 0 && pause > 0 && pause < cap)
    pause = pause > G_MAXINT64 / 2 ? G_MAXINT64 : pause * 2;
  pause = MIN (pause, cap);
  clock->random (clock, &random, sizeof random);
  return pause - (gint64) ((double) pause / 2 * random / G_MAXUINT32);
}
