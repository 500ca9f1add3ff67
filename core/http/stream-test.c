/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Answers that take time: streams, waits, clients that leave, and the end of the server. */
#include "http/fake-client.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* MiB; AddressSanitizer keeps what was freed for a while */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define GROWTH 400
#endif
#endif
#if defined __SANITIZE_ADDRESS__ && !defined GROWTH
#define GROWTH 400
#endif
#ifndef GROWTH
#define GROWTH 8
#endif
#define PART 262144

static TholeFake *
start_with (double heartbeat)
{
  TholeFake *fake = thole_fake_new ();

  fake->options.heartbeat = heartbeat;
  thole_fake_start (fake);
  return fake;
}

static int
begin (TholeFake *fake, gboolean local, const char *method, const char *target, const char *extra)
{
  g_autofree char *text =
    g_strdup_printf ("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", method,
                     target, fake->token, extra != NULL ? extra : "");
  int fd = fake_connect (fake, local);

  fake_send (fd, text, -1);
  return fd;
}

/* reads until @text has come */
static gboolean
read_until (int fd, const char *text)
{
  g_autoptr(GString) seen = g_string_new (NULL);
  gint64 end = g_get_monotonic_time () + FAKE_PATIENCE * G_USEC_PER_SEC;
  char part[4096];

  while (strstr (seen->str, text) == NULL && g_get_monotonic_time () < end)
    {
      gssize n = recv (fd, part, sizeof part, MSG_DONTWAIT);

      if (n == 0)
        return FALSE;
      if (n > 0)
        g_string_append_len (seen, part, n);
      else
        g_usleep (5000);
    }
  return strstr (seen->str, text) != NULL;
}

static double
resident (void)
{
  g_autofree char *text = NULL;
  unsigned long pages = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*u %lu", &pages), ==, 1);
  return (double) pages * (double) sysconf (_SC_PAGESIZE) / 1048576;
}

/* proves: row:87 row:60 */
static void
test_events (void)
{
  TholeFake *fake = start_with (15);
  gint64 seen = 0;

  /* cut off again and again, each time going on after the last number that was seen */
  for (int round = 0; round < 20; round++)
    {
      g_autofree char *extra = g_strdup_printf (
        "Accept: text/event-stream\r\nLast-Event-ID: %" G_GINT64_FORMAT "\r\n", seen);
      g_autofree char *wanted = g_strdup_printf ("id: %" G_GINT64_FORMAT "\n", seen + 1);
      g_autofree char *last =
        g_strdup_printf ("data: {\"seq\":%" G_GINT64_FORMAT "}\n\n", seen + 30);
      g_autoptr(GString) text = g_string_new (NULL);
      int fd = begin (fake, round % 2 == 0, "GET", "/v1/events", extra);

      g_assert_true (read_until (fd, wanted));
      close (fd);
      fd = begin (fake, round % 2 == 0, "GET", "/v1/events", extra);
      g_assert_true (read_until (fd, last));
      close (fd);
      g_assert_cmpint (fake->last_event_id, ==, seen);
      seen += 30;
    }
  {
    g_autoptr (FakeAnswer) all = fake_request (
      fake, "GET", "/v1/events", "Accept: text/event-stream\r\nLast-Event-ID: 997\r\n", NULL);
    g_autoptr (FakeAnswer) json = fake_request (
      fake, "GET", "/v1/events", "Accept: text/event-stream;q=0, application/json\r\n", NULL);
    g_autofree char *type = fake_header (all, "Content-Type");

    g_assert_cmpstr (type, ==, "text/event-stream");
    g_assert_cmpstr (all->body, ==, ":\n\n"
                     "id: 998\nevent: thing.changed\ndata: {\"seq\":998}\n\n"
                     "id: 999\nevent: thing.changed\ndata: {\"seq\":999}\n\n");
    g_assert_cmpstr (json->body, ==, "{\"items\":[]}");
  }
  fake_await (&fake->closed_streams, 41);
  thole_fake_free (fake);
}

static void
test_logs (void)
{
  TholeFake *fake = start_with (15);
  g_autoptr(FakeAnswer) text = fake_request (fake, "GET", "/v1/things/a/logs", NULL, NULL);
  g_autoptr (FakeAnswer) times =
    fake_request (fake, "GET", "/v1/things/a/logs?timestamps=true", NULL, NULL);
  g_autoptr (FakeAnswer) lines =
    fake_request (fake, "GET", "/v1/things/a/logs", "Accept: application/x-ndjson\r\n", NULL);
  g_autoptr(FakeAnswer) old = fake_raw (fake, TRUE, "GET /v1/things/a/logs HTTP/1.0\r\n\r\n", -1);
  g_autoptr(FakeAnswer) head = fake_request (fake, "HEAD", "/v1/things/flood/logs", NULL, NULL);

  g_assert_cmpmem (text->body, text->length, "one\ntwo more\n\xff\xfe\n", 16);
  g_assert_true (text->whole);
  g_assert_cmpmem (
    times->body, times->length,
    "2023-11-14T22:13:20.123Z one\n2023-11-14T22:13:20.123Z two more\n2023-11-14T22:13:20.123Z \xff\xfe\n",
    91);
  g_assert_cmpstr (
    lines->body, ==,
    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"stream\":\"stdout\",\"text\":\"one\\n\"}\n"
    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"stream\":\"stdout\",\"text\":\"two\"}\n"
    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"stream\":\"stdout\",\"text\":\" more\\n\"}\n"
    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"stream\":\"stderr\",\"text_base64\":\"//4K\"}\n");
  g_assert_cmpuint (old->status, ==, 200);
  g_assert_cmpuint (head->status, ==, 200);
  fake_await (&fake->closed_streams, 5);
  thole_fake_free (fake);
}

/* a stream that fails says so, or is seen to be cut */
static void
test_failing (void)
{
  TholeFake *fake = start_with (15);
  g_autoptr(FakeAnswer) text = fake_request (fake, "GET", "/v1/things/failing/logs", NULL, NULL);
  g_autoptr (FakeAnswer) lines =
    fake_request (fake, "GET", "/v1/things/failing/logs", "Accept: application/x-ndjson\r\n", NULL);
  g_autoptr (FakeAnswer) events =
    fake_request (fake, "GET", "/v1/things/failing-events/logs", NULL, NULL);

  g_assert_cmpuint (text->status, ==, 200);
  g_assert_false (text->whole);
  g_assert_false (lines->whole);
  g_assert_nonnull (strstr (lines->body, "\n{\"error\":{"));
  g_assert_true (events->whole);
  g_assert_nonnull (strstr (
    events->body, "\nevent: error\ndata: {\"type\":\"urn:thole:problem:backend_unavailable\""));
  thole_fake_free (fake);
}

static void
test_heartbeat (void)
{
  TholeFake *fake = start_with (0.1);
  int fd = begin (fake, FALSE, "GET", "/v1/things/quiet/logs", NULL);
  gint64 begun = g_get_monotonic_time ();

  g_assert_true (read_until (fd, ":\n\n"));
  for (int i = 0; i < 5; i++)
    g_assert_true (read_until (fd, ":\n\n"));
  g_assert_cmpint (g_get_monotonic_time () - begun, >, 300000);
  close (fd);
  fake_await (&fake->closed_streams, 1);
  thole_fake_free (fake);
}

static void
swallow (int fd, char *part, gsize size)
{
  for (gsize total = 0; total < size;)
    {
      gssize n = recv (fd, part, PART, 0);

      g_assert_cmpint (n, >, 0);
      total += (gsize) n;
    }
}

/* many slow readers of an endless log: nothing grows, and all go when they go.
 * proves: TE-22 row:29 */
static void
test_slow_readers (void)
{
  TholeFake *fake = start_with (15);
  TholeHttpCounts counts;
  int fds[20];
  double before, after;
  g_autofree char *part = g_malloc (PART);

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = begin (fake, i % 2 == 0, "GET", "/v1/things/flood/logs?follow=true", NULL);
  /* by then every one has what it ever holds */
  swallow (fds[0], part, 16 * 1048576);
  before = resident ();
  for (int i = 0; i < 10; i++)
    {
      g_autoptr(FakeAnswer) answer = fake_request (fake, "GET", "/v1/things/a", NULL, NULL);

      g_assert_cmpuint (answer->status, ==, 200);
    }
  /* one of them reads much, the others nothing */
  swallow (fds[0], part, 100 * 1048576);
  after = resident ();
  g_test_message ("resident before %.1f MiB, after 100 MiB %.1f MiB", before, after);
  g_assert_cmpfloat (after - before, <, GROWTH);
  thole_fake_counts (fake, &counts);
  g_assert_cmpuint (counts.streams, ==, G_N_ELEMENTS (fds));
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  fake_await (&fake->closed_streams, G_N_ELEMENTS (fds));
  thole_fake_free (fake);
}

static void
test_reader_leaves (void)
{
  TholeFake *fake = start_with (15);
  int tcp = begin (fake, FALSE, "GET", "/v1/things/quiet/logs", NULL);
  int local = begin (fake, TRUE, "GET", "/v1/things/quiet/logs", NULL);
  TholeHttpCounts counts;

  g_assert_true (read_until (tcp, ":\n\n"));
  g_assert_true (read_until (local, ":\n\n"));
  close (tcp);
  close (local);
  /* without any heart-beat in between */
  fake_await (&fake->closed_streams, 2);
  for (int i = 0; i < FAKE_PATIENCE * 50; i++)
    {
      thole_fake_counts (fake, &counts);
      if (counts.connections == 0)
        break;
      g_usleep (20000);
    }
  g_assert_cmpuint (counts.connections, ==, 0);
  g_assert_cmpuint (counts.streams, ==, 0);
  thole_fake_free (fake);
}

/* a waiting call hears that its client has gone, and may end whenever it likes.
 * proves: API-12 */
static void
test_client_leaves (void)
{
  TholeFake *fake = start_with (15);
  TholeHttpCounts counts;
  int tcp = begin (fake, FALSE, "POST", "/v1/things/a/hold", NULL);
  int local = begin (fake, TRUE, "POST", "/v1/things/a/hold", NULL);

  fake_await (&fake->dispatched, 2);
  g_assert_cmpint (g_atomic_int_get (&fake->cancelled), ==, 0);
  close (tcp);
  close (local);
  fake_await (&fake->cancelled, 2);
  thole_fake_release (fake);
  thole_fake_release (fake);
  for (int i = 0; i < FAKE_PATIENCE * 50; i++)
    {
      thole_fake_counts (fake, &counts);
      if (counts.connections == 0)
        break;
      g_usleep (20000);
    }
  g_assert_cmpuint (counts.connections, ==, 0);
  g_assert_cmpuint (counts.waiting, ==, 0);
  thole_fake_free (fake);
}

/* who only closes the sending side still gets the answer */
static void
test_half_closed (void)
{
  TholeFake *fake = start_with (15);

  for (guint local = 0; local < 2; local++)
    {
      int hold = begin (fake, local == 1, "POST", "/v1/things/a/hold", NULL);
      int quick = begin (fake, local == 1, "GET", "/v1/things/a", NULL);
      g_autoptr(FakeAnswer) answer = NULL;
      g_autoptr(FakeAnswer) at_once = NULL;

      shutdown (quick, SHUT_WR);
      at_once = fake_read (quick, FALSE, NULL);
      g_assert_cmpuint (at_once->status, ==, 200);
      shutdown (hold, SHUT_WR);
      fake_await (&fake->cancelled, (gint) local + 1);
      thole_fake_release (fake);
      answer = fake_read (hold, FALSE, NULL);
      g_assert_cmpuint (answer->status, ==, 200);
      g_assert_cmpstr (answer->body, ==, "{\"held\":false}");
      close (hold);
      close (quick);
    }
  thole_fake_free (fake);
}

static void
await_shut (TholeFake *fake)
{
  for (int i = 0; i < FAKE_PATIENCE * 100 && !fake->shut; i++)
    g_usleep (10000);
  g_assert_true (fake->shut);
}

/* proves: OP-05 row:82 */
static void
test_shutdown (void)
{
  TholeFake *fake = start_with (15);
  int hold = begin (fake, FALSE, "POST", "/v1/things/a/hold", NULL);
  int quiet = begin (fake, TRUE, "GET", "/v1/things/quiet/logs", NULL);
  int idle = fake_connect (fake, FALSE);
  int used = begin (fake, TRUE, "GET", "/v1/things/a", NULL);
  g_autoptr(FakeAnswer) first = fake_read (used, FALSE, NULL);
  g_autoptr(FakeAnswer) stream = NULL;
  g_autoptr(FakeAnswer) last = NULL;
  g_autofree char *connection = NULL;

  g_assert_cmpuint (first->status, ==, 200);
  fake_await (&fake->dispatched, 3);
  g_assert_false (fake_is_closed (used, 0.1));
  thole_fake_shut (fake);
  /* at once: what is idle, what has not asked yet, streams (with their proper end), the listening
   * sockets */
  g_assert_true (fake_is_closed (idle, FAKE_PATIENCE));
  g_assert_true (fake_is_closed (used, FAKE_PATIENCE));
  stream = fake_read (quiet, FALSE, NULL);
  g_assert_cmpuint (stream->status, ==, 200);
  g_assert_true (stream->whole);
  g_assert_false (g_file_test (fake->path, G_FILE_TEST_EXISTS));
  /* what runs comes to its end */
  g_assert_false (fake->shut);
  fake_await (&fake->cancelled, 1);
  thole_fake_release (fake);
  last = fake_read (hold, FALSE, NULL);
  connection = fake_header (last, "Connection");
  g_assert_cmpuint (last->status, ==, 200);
  g_assert_cmpstr (connection, ==, "close");
  await_shut (fake);
  g_assert_true (fake->shut_cleanly);
  close (hold);
  close (quiet);
  close (idle);
  close (used);
  thole_fake_free (fake);
}

/* a server that is freed in the middle of everything */
static void
test_cut (void)
{
  TholeFake *fake = start_with (15);
  int fds[] = {
    begin (fake, FALSE, "POST", "/v1/things/a/hold", NULL),
    begin (fake, TRUE, "GET", "/v1/things/quiet/logs", NULL),
    begin (fake, FALSE, "GET", "/v1/things/flood/logs", NULL),
    fake_connect (fake, FALSE),
    begin (fake, TRUE, "POST", "/v1/things",
           "Content-Type: application/json\r\nContent-Length: 9\r\n"),
  };

  fake_await (&fake->dispatched, 3);
  g_usleep (50000);
  thole_fake_free (fake);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_assert_true (fake_is_closed (fds[i], FAKE_PATIENCE));
      close (fds[i]);
    }
}

static void
on_cut (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeFake *fake = user_data;

  fake->shut_cleanly = thole_http_shutdown_finish (fake->http, result, NULL);
  fake->shut = TRUE;
}

static void
shut_with (TholeFake *fake, gpointer cancellable)
{
  thole_http_shutdown_async (fake->http, cancellable, on_cut, fake);
}

/* the time to drain is over */
static void
test_shutdown_cancelled (void)
{
  TholeFake *fake = start_with (15);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  int hold = begin (fake, FALSE, "POST", "/v1/things/a/hold", NULL);

  fake_await (&fake->dispatched, 1);
  g_usleep (50000);
  thole_fake_run (fake, shut_with, cancellable);
  g_usleep (100000);
  g_assert_false (fake->shut);
  g_cancellable_cancel (cancellable);
  await_shut (fake);
  g_assert_false (fake->shut_cleanly);
  thole_fake_free (fake);
  close (hold);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stream/events", test_events);
  g_test_add_func ("/stream/logs", test_logs);
  g_test_add_func ("/stream/failing", test_failing);
  g_test_add_func ("/stream/heartbeat", test_heartbeat);
  g_test_add_func ("/stream/slow-readers", test_slow_readers);
  g_test_add_func ("/stream/reader-leaves", test_reader_leaves);
  g_test_add_func ("/stream/client-leaves", test_client_leaves);
  g_test_add_func ("/stream/half-closed", test_half_closed);
  g_test_add_func ("/stream/shutdown", test_shutdown);
  g_test_add_func ("/stream/shutdown-cancelled", test_shutdown_cancelled);
  g_test_add_func ("/stream/cut", test_cut);
  return g_test_run ();
}
