/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Clients that mean no good, or know no better: each is refused or timed out while others are
 * served. */
#include "http/fake-client.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AUTH "Authorization: Bearer {T}\r\n"
#define GET "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n" AUTH
#define POST "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" AUTH

static TholeFake *
start_with (double timeout)
{
  TholeFake *fake = thole_fake_new ();

  fake->options.head_timeout = fake->options.body_timeout = timeout;
  fake->options.idle_timeout = timeout * 2;
  thole_fake_start (fake);
  return fake;
}

static void
assert_served (TholeFake *fake)
{
  g_autoptr(FakeAnswer) answer = fake_request (fake, "GET", "/v1/things/a", NULL, NULL);

  g_assert_cmpuint (answer->status, ==, 200);
}

typedef struct
{
  const char *name, *text;
  gsize length; /* 0: up to the NUL */
} Head;

static const Head bad_heads[] = {
  { "both lengths", POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  { "both lengths the other way",
    POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" },
  { "two lengths", POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} " },
  { "the same length twice", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" },
  { "list of lengths", POST "Content-Length: 2, 2\r\n\r\n{}" },
  { "signed length", POST "Content-Length: +2\r\n\r\n{}" },
  { "negative length", POST "Content-Length: -2\r\n\r\n{}" },
  { "hexadecimal length", POST "Content-Length: 0x2\r\n\r\n{}" },
  { "huge length", POST "Content-Length: 99999999999999999999999\r\n\r\n{}" },
  { "two hosts", GET "Host: y\r\n\r\n" },
  { "no host", "GET /v1/things/a HTTP/1.1\r\n" AUTH "\r\n" },
  { "host with a path", "GET /v1/things/a HTTP/1.1\r\nHost: x/y\r\n" AUTH "\r\n" },
  { "two credentials", GET AUTH "\r\n" },
  { "folded header", GET "Accept: text/html,\r\n application/json\r\n\r\n" },
  { "folded transfer encoding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" },
  { "folded with a tab", POST "Content-Length:\r\n\t2\r\n\r\n{}" },
  { "first header folded", "GET /v1/things/a HTTP/1.1\r\n Host: x\r\n\r\n" },
  { "blank before the colon", POST "Content-Length : 2\r\n\r\n{}" },
  { "blank in the name", POST "Content Length: 2\r\n\r\n{}" },
  { "no name", GET ": x\r\n\r\n" },
  { "no colon", GET "Accept\r\n\r\n" },
  { "NUL in a value", GET "Accept: a\0b\r\n\r\n", sizeof GET + sizeof "Accept: a\0b\r\n\r\n" - 2 },
  { "NUL in a name", GET "Acc\0ept: a\r\n\r\n", sizeof GET + sizeof "Acc\0ept: a\r\n\r\n" - 2 },
  { "NUL in the target", "GET /v1\0/things HTTP/1.1\r\nHost: x\r\n\r\n",
    sizeof "GET /v1\0/things HTTP/1.1\r\nHost: x\r\n\r\n" - 1 },
  { "bare LF", "GET /v1/things/a HTTP/1.1\nHost: x\n\n" },
  { "one bare LF", GET "Accept: a\nContent-Length: 2\r\n\r\n" },
  { "bare CR", GET "Accept: a\rContent-Length: 2\r\n\r\n" },
  { "bell in a value", GET "Accept: \a\r\n\r\n" },
  { "other encoding", POST "Transfer-Encoding: gzip\r\n\r\n" },
  { "two encodings", POST "Transfer-Encoding: gzip, chunked\r\n\r\n" },
  { "encoding twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" },
  { "odd encoding", POST "Transfer-Encoding: xchunked\r\n\r\n" },
  { "encoding in 1.0",
    "POST /v1/things HTTP/1.0\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  { "version 2", "GET /v1/things/a HTTP/2.0\r\nHost: x\r\n\r\n" },
  { "no version", "GET /v1/things/a\r\nHost: x\r\n\r\n" },
  { "two blanks", "GET  /v1/things/a HTTP/1.1\r\nHost: x\r\n\r\n" },
  { "blank in the target", "GET /v1/things /a HTTP/1.1\r\nHost: x\r\n\r\n" },
  { "raw bytes in the target", "GET /v1/things/\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n" },
  { "no method", " /v1/things/a HTTP/1.1\r\nHost: x\r\n\r\n" },
  { "a leading line", "\r\nGET /v1/things/a HTTP/1.1\r\nHost: x\r\n\r\n" },
  { "TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11 },
  { "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
};

static void
test_heads (void)
{
  TholeFake *fake = start_with (10);

  for (guint i = 0; i < G_N_ELEMENTS (bad_heads); i++)
    for (guint local = 0; local < 2; local++)
      {
        const Head *head = &bad_heads[i];
        g_autoptr (FakeAnswer) answer =
          fake_raw (fake, local == 1, head->text, head->length > 0 ? (gssize) head->length : -1);

        if (answer->status != 400)
          g_error ("%s: answered %u %s", head->name, answer->status, answer->head);
        g_assert_nonnull (strstr (answer->body, "\"code\":\"malformed\""));
        g_assert_nonnull (strstr (answer->body, "\"request_id\":\""));
      }
  g_assert_cmpint (fake->dispatched, ==, 0);
  assert_served (fake);
  thole_fake_free (fake);
}

/* the same on a connection whose first request was good: there only the parsed head can be judged
 */
static void
test_later_heads (void)
{
  static const char *const later[] = {
    POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    POST "Content-Length: +2\r\n\r\n{}",
    GET "Host: y\r\n\r\n",
    GET AUTH "\r\n",
    POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    POST "Content-Length:\r\n 2\r\n\r\n{}",
    POST "Content-Length : 2\r\n\r\n{}",
    POST "Transfer-Encoding: xchunked\r\n\r\n",
  };
  TholeFake *fake = start_with (10);

  for (guint i = 0; i < G_N_ELEMENTS (later); i++)
    for (guint pipelined = 0; pipelined < 2; pipelined++)
      {
        g_autoptr(GString) first = g_string_new (GET "\r\n");
        g_autoptr(GString) second = g_string_new (later[i]);
        g_autoptr(GString) rest = g_string_new (NULL);
        g_autoptr(FakeAnswer) good = NULL;
        g_autoptr(FakeAnswer) bad = NULL;
        int fd = fake_connect (fake, FALSE);
        gint before;

        g_string_replace (first, "{T}", fake->token, 0);
        g_string_replace (second, "{T}", fake->token, 0);
        g_string_append (second, GET "\r\n");
        if (pipelined == 1)
          g_string_append_len (first, second->str, (gssize) second->len);
        fake_send (fd, first->str, (gssize) first->len);
        good = fake_read (fd, FALSE, rest);
        before = g_atomic_int_get (&fake->dispatched);
        if (pipelined == 0)
          fake_send (fd, second->str, (gssize) second->len);
        bad = fake_read (fd, FALSE, rest);
        g_assert_cmpuint (good->status, ==, 200);
        if (bad->status != 0 && bad->status != 400)
          g_error ("later head %u: answered %u", i, bad->status);
        /* what follows on the connection is never taken for a request */
        g_assert_true (fake_is_closed (fd, 5));
        g_assert_cmpint (g_atomic_int_get (&fake->dispatched) - before, <=, pipelined == 1 ? 1 : 0);
        close (fd);
      }
  assert_served (fake);
  thole_fake_free (fake);
}

/* a later head with a name that nobody knows might have been folded: answered, and the connection
 * ends */
static void
test_unknown_name (void)
{
  TholeFake *fake = start_with (10);
  g_autoptr(GString) text = g_string_new (GET "X-Mine: 1\r\n\r\n" GET "X-Mine: 1\r\n\r\n");
  g_autoptr(GString) rest = g_string_new (NULL);
  g_autoptr(FakeAnswer) first = NULL;
  g_autoptr(FakeAnswer) second = NULL;
  g_autofree char *connection = NULL;
  int fd = fake_connect (fake, FALSE);

  g_string_replace (text, "{T}", fake->token, 0);
  fake_send (fd, text->str, -1);
  first = fake_read (fd, FALSE, rest);
  second = fake_read (fd, FALSE, rest);
  connection = fake_header (second, "Connection");
  g_assert_cmpuint (first->status, ==, 200);
  g_assert_cmpuint (second->status, ==, 200);
  g_assert_cmpstr (connection, ==, "close");
  g_assert_true (fake_is_closed (fd, 5));
  close (fd);
  thole_fake_free (fake);
}

static void
test_large (void)
{
  TholeFake *fake = start_with (10);
  g_autofree char *filler = g_strnfill (100000, 'a');
  g_autofree char *one = g_strdup_printf (GET "Accept: %s\r\n\r\n", filler);
  g_autofree char *target = g_strdup_printf ("GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", filler);
  g_autoptr(GString) many = g_string_new (GET);
  g_autofree char *declared = g_strdup (POST "Content-Length: 1073741824\r\n\r\n{\"a\":\"");
  g_autofree char *small =
    g_strdup_printf (POST "Content-Length: 100006\r\n\r\n{\"a\":\"%s", filler);

  for (int i = 0; i < 200; i++)
    g_string_append (many, "Accept: a\r\n");
  g_string_append (many, "\r\n");
  {
    g_autoptr(FakeAnswer) header = fake_raw (fake, FALSE, one, -1);
    g_autoptr(FakeAnswer) path = fake_raw (fake, FALSE, target, -1);
    g_autoptr(FakeAnswer) fields = fake_raw (fake, FALSE, many->str, -1);
    g_autoptr(FakeAnswer) gigabyte = fake_raw (fake, FALSE, declared, -1);
    TholeHttpCounts counts;

    g_assert_cmpuint (header->status, ==, 431);
    g_assert_cmpuint (path->status, ==, 431);
    g_assert_cmpuint (fields->status, ==, 400);
    g_assert_cmpuint (gigabyte->status, ==, 413);
    g_assert_nonnull (strstr (gigabyte->body, "too_large"));
    thole_fake_counts (fake, &counts);
    g_assert_cmpuint (counts.body_bytes, ==, 0);
  }
  g_assert_cmpint (fake->dispatched, ==, 0);
  assert_served (fake);
  thole_fake_free (fake);
}

/* a body without a length: it is cut where the limit is, and the sender hears of it */
static void
test_endless_body (void)
{
  TholeFake *fake = thole_fake_new ();
  g_autofree char *filler = g_strnfill (65536, 'a');
  g_autofree char *chunk = g_strdup_printf ("10000\r\n%s\r\n", filler);
  g_autoptr(GString) head = g_string_new (POST "Transfer-Encoding: chunked\r\n\r\n");

  fake->options.max_body = 100000;
  thole_fake_start (fake);
  g_string_replace (head, "{T}", fake->token, 0);
  for (guint chunks = 2; chunks <= 50; chunks += 48)
    {
      int fd = fake_connect (fake, FALSE);
      g_autoptr(FakeAnswer) answer = NULL;

      fake_send (fd, head->str, -1);
      for (guint i = 0; i < chunks; i++)
        fake_send (fd, chunk, -1);
      fake_send (fd, "0\r\n\r\n", -1);
      answer = fake_read (fd, FALSE, NULL);
      g_assert_cmpuint (answer->status, ==, 413);
      close (fd);
    }
  g_assert_cmpint (fake->dispatched, ==, 0);
  thole_fake_free (fake);
}

static void
test_bad_chunks (void)
{
  static const char *const bodies[] = {
    "x\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "fffffffffffffffff\r\n{}\r\n",
    "2\r\n{}xx0\r\n\r\n",   "+2\r\n{}\r\n0\r\n\r\n",
  };
  TholeFake *fake = start_with (1);

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autofree char *text =
        g_strdup_printf (POST "Transfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
      g_autoptr(FakeAnswer) answer = fake_raw (fake, FALSE, text, -1);

      g_assert_true (answer->status == 0 || answer->status == 400 || answer->status == 413);
    }
  g_assert_cmpint (fake->dispatched, ==, 0);
  assert_served (fake);
  thole_fake_free (fake);
}

/* several budgets' worth of bodies announced at once */
static void
test_body_budget (void)
{
  TholeFake *fake = thole_fake_new ();
  g_autoptr(GString) head = g_string_new (POST "Content-Length: 65536\r\n\r\n{");
  int fds[40];
  guint refused = 0;
  TholeHttpCounts counts;

  fake->options.max_body = 65536;
  thole_fake_start (fake);
  g_string_replace (head, "{T}", fake->token, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = fake_connect (fake, FALSE);
      fake_send (fds[i], head->str, -1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    refused += fake_is_closed (fds[i], 0.2);
  thole_fake_counts (fake, &counts);
  g_assert_cmpuint (refused, ==, G_N_ELEMENTS (fds) - 16);
  g_assert_cmpuint (counts.body_bytes, ==, 16 * 65536);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  assert_served (fake);
  thole_fake_free (fake);
}

/* a connection that sends a head byte by byte, slowly, and without an end, until the server ends it */
static gpointer
drip (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);
  const char *text = "POST /v1/things HTTP/1.1\r\nHost: localhost\r\nAccept: application/json";

  for (int i = 0; i < FAKE_PATIENCE * 20; i++)
    {
      fake_send (fd, *text != '\0' ? text++ : "x", 1);
      if (fake_is_closed (fd, 0.05))
        return GINT_TO_POINTER (TRUE);
    }
  return NULL;
}

static void
test_slow_heads (void)
{
  TholeFake *fake = start_with (0.5);
  GThread *threads[10];
  int fds[10];
  gint64 begin = g_get_monotonic_time ();
  int silent = fake_connect (fake, FALSE);
  int half = fake_connect (fake, TRUE);

  fake_send (half, "GET / HTTP/1.1\r\nHo", -1);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      fds[i] = fake_connect (fake, i % 2 == 0);
      threads[i] = g_thread_new ("drip", drip, GINT_TO_POINTER (fds[i]));
    }
  for (int i = 0; i < 10; i++)
    assert_served (fake);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_assert_nonnull (g_thread_join (threads[i]));
      close (fds[i]);
    }
  g_assert_true (fake_is_closed (silent, FAKE_PATIENCE));
  g_assert_true (fake_is_closed (half, FAKE_PATIENCE));
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 400000);
  close (silent);
  close (half);
  g_assert_cmpint (fake->dispatched, ==, 10);
  thole_fake_free (fake);
}

/* after a good request: a second head that never ends, a body that drips, and nothing at all */
static void
test_slow_later (void)
{
  static const char *const tails[] = {
    "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n",
    "G",
    "",
    "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{",
    "POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
  };
  TholeFake *fake = start_with (0.4);

  for (guint i = 0; i < G_N_ELEMENTS (tails); i++)
    {
      gint64 begin = g_get_monotonic_time ();
      int fd = fake_connect (fake, TRUE);
      g_autoptr(FakeAnswer) first = NULL;

      fake_send (fd, "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n\r\n", -1);
      first = fake_read (fd, FALSE, NULL);
      g_assert_cmpuint (first->status, ==, 200);
      fake_send (fd, tails[i], -1);
      assert_served (fake);
      g_assert_true (fake_is_closed (fd, FAKE_PATIENCE));
      /* not at once */
      g_assert_cmpint (g_get_monotonic_time () - begin, >=, 300000);
      close (fd);
    }
  thole_fake_free (fake);
}

static void
assert_overloaded (TholeFake *fake, gboolean local)
{
  g_autoptr (FakeAnswer) refused =
    fake_raw (fake, local, "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n\r\n", -1);

  g_assert_cmpuint (refused->status, ==, 503);
  g_assert_nonnull (strstr (refused->body, "overloaded"));
}

static void
await_connections (TholeFake *fake, guint most)
{
  TholeHttpCounts counts;

  for (int i = 0; i < FAKE_PATIENCE * 100; i++)
    {
      thole_fake_counts (fake, &counts);
      if (counts.connections <= most)
        return;
      g_usleep (10000);
    }
  g_assert_cmpuint (counts.connections, <=, most);
}

/* the port fills up before the unix socket does */
static void
test_connections (void)
{
  TholeFake *fake = thole_fake_new ();
  int fds[24];
  TholeHttpCounts counts;

  fake->options.max_connections = G_N_ELEMENTS (fds);
  thole_fake_start (fake);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr(FakeAnswer) answer = NULL;

      if (i == 21)
        assert_overloaded (fake, FALSE);
      fds[i] = fake_connect (fake, i >= 21);
      fake_send (fds[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", -1);
      answer = fake_read (fds[i], FALSE, NULL);
      g_assert_cmpuint (answer->status, ==, 200);
    }
  /* the refused one lingers a moment */
  await_connections (fake, G_N_ELEMENTS (fds));
  assert_overloaded (fake, TRUE);
  thole_fake_counts (fake, &counts);
  g_assert_cmpuint (counts.connections, <=, G_N_ELEMENTS (fds) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  await_connections (fake, 0);
  assert_served (fake);
  thole_fake_free (fake);
}

/* where others than this machine may come from, no later head is trusted */
static void
listen_wide (TholeFake *fake, gpointer data)
{
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) addresses = NULL;

  thole_http_listen (fake->http, "0.0.0.0:0", &error);
  g_assert_no_error (error);
  addresses = thole_http_addresses (fake->http);
  fake->port = (guint16) g_ascii_strtoull (strrchr (addresses[2], ':') + 1, NULL, 10);
}

static void
test_wide (void)
{
  TholeFake *fake = thole_fake_new ();
  g_autoptr(FakeAnswer) answer = NULL;
  g_autofree char *connection = NULL;

  fake->options.behind_proxy = TRUE;
  thole_fake_start (fake);
  thole_fake_run (fake, listen_wide, NULL);
  answer = fake_raw (fake, FALSE, GET "\r\n", -1);
  connection = fake_header (answer, "Connection");
  g_assert_cmpuint (answer->status, ==, 200);
  g_assert_cmpstr (connection, ==, "close");
  thole_fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hostile/heads", test_heads);
  g_test_add_func ("/hostile/later-heads", test_later_heads);
  g_test_add_func ("/hostile/unknown-name", test_unknown_name);
  g_test_add_func ("/hostile/large", test_large);
  g_test_add_func ("/hostile/endless-body", test_endless_body);
  g_test_add_func ("/hostile/bad-chunks", test_bad_chunks);
  g_test_add_func ("/hostile/body-budget", test_body_budget);
  g_test_add_func ("/hostile/slow-heads", test_slow_heads);
  g_test_add_func ("/hostile/slow-later", test_slow_later);
  g_test_add_func ("/hostile/connections", test_connections);
  g_test_add_func ("/hostile/wide", test_wide);
  return g_test_run ();
}
