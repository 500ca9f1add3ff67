/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/ticket.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  TholeClock clock; /* first: the tickets see this one */
  gint64 time;
  guint8 number;
} Clock;

static gint64
get_time (TholeClock *clock)
{
  return ((Clock *) clock)->time;
}

static void
get_random (TholeClock *clock, gpointer bytes, gsize length)
{
  memset (bytes, 0xff, length);
  memset (bytes, ((Clock *) clock)->number++, 4);
}

typedef struct
{
  Clock clock;
  TholeTickets *tickets;
  TholePrincipal alice, bob;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->clock = (Clock) { .clock = { .now = get_time, .monotonic = get_time, .random = get_random }, .time = 1000 };
  fixture->tickets = thole_tickets_new (&fixture->clock.clock);
  fixture->alice = (TholePrincipal) { .ref_count = 1, .name = (char *) "alice" };
  fixture->bob = (TholePrincipal) { .ref_count = 1, .name = (char *) "bob" };
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  thole_tickets_free (fixture->tickets);
  g_assert_cmpint (fixture->alice.ref_count, ==, 1);
  g_assert_cmpint (fixture->bob.ref_count, ==, 1);
}

static void
test_once (Fixture *fixture, gconstpointer data)
{
  gint64 expires;
  g_autofree char *ticket = thole_tickets_make (fixture->tickets, &fixture->alice, "/v1/a", &expires);
  g_autoptr(TholePrincipal) who = NULL;

  g_assert_cmpuint (strlen (ticket), ==, 32);
  g_assert_cmpuint (strspn (ticket, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), ==, 32);
  g_assert_cmpint (expires, ==, 1000 + 30 * G_USEC_PER_SEC);
  g_assert_null (thole_tickets_take (fixture->tickets, "", "/v1/a"));
  who = thole_tickets_take (fixture->tickets, ticket, "/v1/a");
  g_assert_true (who == &fixture->alice);
  g_assert_null (thole_tickets_take (fixture->tickets, ticket, "/v1/a"));
}

static void
test_path (Fixture *fixture, gconstpointer data)
{
  gint64 expires;
  g_autofree char *ticket = thole_tickets_make (fixture->tickets, &fixture->alice, "/v1/a", &expires);

  g_assert_null (thole_tickets_take (fixture->tickets, ticket, "/v1/b"));
  /* who guesses wrong has used it up */
  g_assert_null (thole_tickets_take (fixture->tickets, ticket, "/v1/a"));
}

static void
test_time (Fixture *fixture, gconstpointer data)
{
  gint64 expires;
  g_autofree char *early = thole_tickets_make (fixture->tickets, &fixture->alice, "/v1/a", &expires);
  g_autofree char *late = NULL;
  g_autoptr(TholePrincipal) who = NULL;

  fixture->clock.time += 29 * G_USEC_PER_SEC;
  late = thole_tickets_make (fixture->tickets, &fixture->bob, "/v1/a", &expires);
  fixture->clock.time += 1 * G_USEC_PER_SEC;
  g_assert_null (thole_tickets_take (fixture->tickets, early, "/v1/a"));
  who = thole_tickets_take (fixture->tickets, late, "/v1/a");
  g_assert_true (who == &fixture->bob);
}

static void
test_bounds (Fixture *fixture, gconstpointer data)
{
  gint64 expires;
  guint made = 0;
  char *ticket;

  while ((ticket = thole_tickets_make (fixture->tickets, &fixture->alice, "/v1/a", &expires)) != NULL)
    {
      g_free (ticket);
      g_assert_cmpuint (++made, <=, 256);
    }
  g_assert_cmpuint (made, ==, 256);
  ticket = thole_tickets_make (fixture->tickets, &fixture->bob, "/v1/a", &expires);
  g_assert_nonnull (ticket);
  g_free (ticket);
  fixture->clock.time += 30 * G_USEC_PER_SEC;
  ticket = thole_tickets_make (fixture->tickets, &fixture->alice, "/v1/a", &expires);
  g_assert_nonnull (ticket);
  g_free (ticket);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) g_test_add ("/ticket/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("once", test_once);
  TEST ("path", test_path);
  TEST ("time", test_time);
  TEST ("bounds", test_bounds);
  return g_test_run ();
}
