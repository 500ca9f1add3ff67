/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <string.h>

/* a clock that stands still and throws what it is told */
typedef struct
{
  TholeClock clock;
  gint64 time;
  guint8 byte;
} Still;

static gint64
still_now (TholeClock *clock)
{
  return ((Still *) clock)->time;
}

static void
still_random (TholeClock *clock, gpointer bytes, gsize length)
{
  memset (bytes, ((Still *) clock)->byte, length);
}

static void
test_ids_rise (void)
{
  TholeClock *clock = thole_clock_system ();
  g_autofree char *last = thole_id_new (clock, "wl");

  g_assert_cmpuint (strlen (last), ==, 23);
  g_assert_true (g_str_has_prefix (last, "wl-"));
  g_assert_cmpuint (strspn (last + 3, "0123456789abcdefghijklmnopqrstuv"), ==, 20);
  for (guint i = 0; i < 100000; i++)
    {
      char *id = thole_id_new (clock, "wl");

      g_assert_cmpstr (id, >, last);
      g_free (last);
      last = id;
    }
}

static void
test_ids_of_a_set_clock (void)
{
  Still still = { { .now = still_now, .random = still_random }, 5000000, 0xff };
  g_autofree char *first = thole_id_new (&still.clock, "op");
  g_autofree char *second = thole_id_new (&still.clock, "op");
  g_autofree char *third = NULL, *fourth = NULL, *fifth = NULL;

  g_assert_cmpstr (first, ==, "op-00000004s8fvvvvvvvvv");
  g_assert_cmpstr (second, ==, "op-00000004s8g000000000");
  still.time = 1000000;
  third = thole_id_new (&still.clock, "op");
  g_assert_cmpstr (third, ==, "op-00000004s8g000000001");
  still.clock.id_tail = (G_GUINT64_CONSTANT (1) << 50) - 1;
  fourth = thole_id_new (&still.clock, "op");
  g_assert_cmpstr (fourth, ==, "op-00000004s90000000000");
  still.time = 6000000;
  fifth = thole_id_new (&still.clock, "op");
  g_assert_cmpstr (fifth, >, fourth);
}

static void
test_uuid (void)
{
  g_autofree char *one = thole_uuid_new (thole_clock_system ());
  g_autofree char *other = thole_uuid_new (thole_clock_system ());

  g_assert_true (g_uuid_string_is_valid (one));
  g_assert_cmpint (one[14], ==, '4');
  g_assert_cmpstr (one, !=, other);
}

static void
test_backoff (void)
{
  Still most = { { .random = still_random }, 0, 0 }, least = { { .random = still_random }, 0, 0xff };

  g_assert_cmpint (thole_backoff (&most.clock, 1000, 300000, 0), ==, 1000);
  g_assert_cmpint (thole_backoff (&most.clock, 1000, 300000, 3), ==, 8000);
  g_assert_cmpint (thole_backoff (&least.clock, 1000, 300000, 3), ==, 4000);
  g_assert_cmpint (thole_backoff (&most.clock, 1000, 300000, 4000000000u), ==, 300000);
  g_assert_cmpint (thole_backoff (&most.clock, 1000, G_MAXINT64, 4000000000u), ==, G_MAXINT64);
  g_assert_cmpint (thole_backoff (&most.clock, 0, 300000, 4000000000u), ==, 0);
}

static gboolean
count_to_three (gpointer user_data)
{
  guint *count = user_data;

  return ++*count < 3 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
test_timer (void)
{
  TholeClock *clock = thole_clock_system ();
  guint count = 0, never = 0;
  gint64 begin = thole_clock_monotonic (clock);
  GSource *timer = thole_clock_timer (clock, 2000, count_to_three, &count);
  GSource *cleared = thole_clock_timer (clock, 1000, count_to_three, &never);

  thole_source_clear (&cleared);
  g_assert_null (cleared);
  thole_source_clear (&cleared);
  while (count < 3)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (thole_clock_monotonic (clock) - begin, >=, 6000);
  g_assert_true (g_source_is_destroyed (timer));
  g_assert_cmpuint (never, ==, 0);
  thole_source_clear (&timer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clock/ids-rise", test_ids_rise);
  g_test_add_func ("/clock/ids-of-a-set-clock", test_ids_of_a_set_clock);
  g_test_add_func ("/clock/uuid", test_uuid);
  g_test_add_func ("/clock/backoff", test_backoff);
  g_test_add_func ("/clock/timer", test_timer);
  return g_test_run ();
}
