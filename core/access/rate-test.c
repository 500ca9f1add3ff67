/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-20 AU-21 AU-23 AU-24
 */
#include "access/rate.h"

typedef struct
{
  TholeClock clock;
  gint64 now;
} Time;

static gint64
now (TholeClock *clock)
{
  return ((Time *) clock)->now;
}

static TholePrincipal key = { .ref_count = 1, .name = (char *) "us-1", .credential = (char *) "key ak-1" };
static TholePrincipal other_key = { .ref_count = 1, .name = (char *) "us-1", .credential = (char *) "key ak-2" };
static TholePrincipal token = { .ref_count = 1, .name = (char *) "us-1", .credential = (char *) "token x" };
static TholePrincipal root = { .ref_count = 1, .name = (char *) "uid:0", .admin = TRUE, .credential = (char *) "peer" };

static guint
passed (TholeRates *rates, const TholePrincipal *principal, const char *address, guint tries)
{
  TholeRate rate;
  guint n = 0;

  for (guint i = 0; i < tries; i++)
    if (!thole_rates_request (rates, principal, address, &rate) || rate.retry_after <= 0)
      n++;
  return n;
}

static void
test_minute (void)
{
  Time time = { .clock = { .monotonic = now }, .now = 123456789 };
  TholeRateLimits limits = { .key = 100, .user = 150, .address = 10 };
  TholeRates *rates = thole_rates_new (&time.clock, &limits);
  TholeRate rate;

  g_assert_cmpuint (passed (rates, &key, NULL, 40), ==, 40);
  time.now += 30 * G_USEC_PER_SEC;
  g_assert_cmpuint (passed (rates, &key, NULL, 100), ==, 60);
  g_assert_true (thole_rates_request (rates, &key, NULL, &rate));
  g_assert_cmpint (rate.limit, ==, 100);
  g_assert_cmpint (rate.remaining, ==, 0);
  g_assert_cmpfloat (rate.retry_after, >, 29);
  g_assert_cmpfloat (rate.retry_after, <=, 31);
  /* what waits as long as it was told gets through, and no sooner */
  time.now += (gint64) (rate.retry_after * G_USEC_PER_SEC) - 1000;
  g_assert_cmpuint (passed (rates, &key, NULL, 5), ==, 0);
  time.now += 2000;
  g_assert_cmpuint (passed (rates, &key, NULL, 100), ==, 40);
  /* all keys of a user together, and what it does besides */
  g_assert_cmpuint (passed (rates, &other_key, NULL, 100), ==, 50);
  g_assert_cmpuint (passed (rates, &token, NULL, 10), ==, 0);
  time.now += G_GINT64_CONSTANT (1000) * G_USEC_PER_SEC;
  g_assert_cmpuint (passed (rates, &key, NULL, 1000), ==, 100);
  g_assert_true (thole_rates_request (rates, &token, NULL, &rate));
  g_assert_cmpint (rate.remaining, ==, 49);
  /* nothing is asked of local administrators */
  g_assert_false (thole_rates_request (rates, &root, "unix:0", &rate));
  thole_rates_free (rates);
}

static void
test_any_minute (void)
{
  Time time = { .clock = { .monotonic = now } };
  TholeRateLimits limits = { .key = 7 };
  TholeRates *rates = thole_rates_new (&time.clock, &limits);
  gint64 times[2000];
  guint n = 0;

  /* in no minute, wherever it begins, more than the limit */
  for (guint i = 0; i < 10000; i++)
    {
      time.now += g_test_rand_int_range (0, 4000000);
      if (passed (rates, &key, NULL, 1) == 1 && n < G_N_ELEMENTS (times))
        times[n++] = time.now;
    }
  g_assert_cmpuint (n, >, 1000);
  for (guint i = 7; i < n; i++)
    g_assert_cmpint (times[i] - times[i - 7], >=, 60 * G_USEC_PER_SEC);
  thole_rates_free (rates);
}

static void
test_addresses (void)
{
  Time time = { .clock = { .monotonic = now } };
  TholeRateLimits limits = { .address = 3 };
  TholeRates *rates = thole_rates_new (&time.clock, &limits);

  g_assert_cmpuint (passed (rates, NULL, "192.0.2.1", 9), ==, 3);
  g_assert_cmpuint (passed (rates, NULL, "192.0.2.2", 9), ==, 3);
  g_assert_cmpuint (passed (rates, NULL, "2001:db8::1", 9), ==, 3);
  g_assert_cmpuint (passed (rates, NULL, "2001:db8:0:0:ffff::7", 9), ==, 0);
  g_assert_cmpuint (passed (rates, NULL, "2001:db8:0:1::7", 9), ==, 3);
  for (guint i = 0; i < 100000; i++)
    {
      g_autofree char *address = g_strdup_printf ("10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);

      g_assert_cmpuint (passed (rates, NULL, address, 1), ==, 1);
      thole_rates_attempt (rates, address, address);
    }
  g_assert_cmpuint (thole_rates_held (rates), <=, 2 * 16384);
  thole_rates_free (rates);
}

static void
test_guesses (void)
{
  Time time = { .clock = { .monotonic = now }, .now = 5 };
  TholeRateLimits limits = { 0 };
  TholeRates *rates = thole_rates_new (&time.clock, &limits);
  double before = 0;

  for (guint i = 0; i < 5; i++)
    g_assert_cmpfloat (thole_rates_attempt (rates, "192.0.2.1", "ann@example.org"), ==, 0);
  for (guint i = 0; i < 6; i++)
    {
      double wait = thole_rates_attempt (rates, "192.0.2.1", "Ann@Example.org");

      g_assert_cmpfloat (wait, >, before);
      before = wait;
      time.now += (gint64) (wait * G_USEC_PER_SEC) + 1;
      g_assert_cmpfloat (thole_rates_attempt (rates, "192.0.2.1", "ann@example.org"), ==, 0);
    }
  /* from elsewhere she is let in, and then from there, too */
  g_assert_cmpfloat (thole_rates_attempt (rates, "192.0.2.9", "ann@example.org"), ==, 0);
  thole_rates_right (rates, "192.0.2.9", "ann@example.org");
  /* many accounts from one place */
  time.now += G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC;
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *account = g_strdup_printf ("user%u@example.org", i);

      g_assert_cmpfloat (thole_rates_attempt (rates, "192.0.2.1", account), ==, 0);
    }
  g_assert_cmpfloat (thole_rates_attempt (rates, "192.0.2.1", "one@example.org"), >, 0);
  thole_rates_free (rates);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rate/minute", test_minute);
  g_test_add_func ("/rate/any-minute", test_any_minute);
  g_test_add_func ("/rate/addresses", test_addresses);
  g_test_add_func ("/rate/guesses", test_guesses);
  return g_test_run ();
}
