/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Requests over real sockets: credentials, routes, replies. */
#include "http/fake-client.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "thole-json.h"

static TholeFake *
start (void)
{
  TholeFake *fake = thole_fake_new ();

  thole_fake_start (fake);
  return fake;
}

static void
assert_header (const FakeAnswer *answer, const char *name, const char *value)
{
  g_autofree char *found = fake_header (answer, name);

  g_assert_cmpstr (found, ==, value);
}

static void
assert_problem (const FakeAnswer *answer, guint status, const char *code)
{
  g_autofree char *id = fake_header (answer, "X-Request-Id");
  g_autofree char *word = g_strdup_printf ("\"code\":\"%s\"", code);
  g_autofree char *request = g_strdup_printf ("\"request_id\":\"%s\"", id);
  g_autofree char *number = g_strdup_printf ("\"status\":%u,", status);
  g_autoptr(GVariant) value = thole_json_parse (answer->body, answer->length, NULL);

  g_assert_cmpuint (answer->status, ==, status);
  assert_header (answer, "Content-Type", "application/problem+json");
  g_assert_nonnull (id);
  g_assert_nonnull (value);
  g_assert_nonnull (strstr (answer->body, word));
  g_assert_nonnull (strstr (answer->body, request));
  g_assert_nonnull (strstr (answer->body, number));
}

static void
test_get (void)
{
  TholeFake *fake = start ();
  g_autoptr(FakeAnswer) tcp = fake_request (fake, "GET", "/v1/things/wl-1", NULL, NULL);
  g_autoptr (FakeAnswer) local =
    fake_raw (fake, TRUE, "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\n\r\n", -1);
  g_autoptr(FakeAnswer) old = fake_raw (fake, TRUE, "GET /v1/things/wl-1 HTTP/1.0\r\n\r\n", -1);
  g_autofree char *first = fake_header (tcp, "X-Request-Id");
  g_autofree char *second = fake_header (local, "X-Request-Id");

  g_assert_cmpuint (tcp->status, ==, 200);
  g_assert_cmpmem (tcp->body, tcp->length, g_bytes_get_data (fake->thing, NULL),
                   g_bytes_get_size (fake->thing));
  assert_header (tcp, "Content-Type", "application/json");
  assert_header (tcp, "ETag", "\"7\"");
  assert_header (tcp, "Cache-Control", "no-store");
  assert_header (tcp, "X-Content-Type-Options", "nosniff");
  g_assert_cmpuint (local->status, ==, 200);
  g_assert_cmpuint (old->status, ==, 200);
  g_assert_cmpstr (first, !=, second);
  thole_fake_free (fake);
}

/* proves: AU-05 API-09 MH-08 */
static void
test_credentials (void)
{
  static const char *const none[] = {
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /no/such/path HTTP/1.1\r\nHost: x\r\n\r\n",
    "BREW /v1/things HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS /v1/things HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /v1/things?%zz HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n{{{",
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n",
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n\r\n",
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\nAuthorization: {T}\r\n\r\n",
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {T}\r\n\r\n",
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {T}x\r\n\r\n",
    "GET /v1/things/wl-1 HTTP/1.1\r\nHost: x\r\nCookie: token={T}\r\n\r\n",
  };
  static const char *const open[] = { "/", "/healthz", "/readyz", "/v1/version",
                                      "/v1/openapi.json" };
  TholeFake *fake = start ();

  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    {
      g_autoptr(FakeAnswer) answer = fake_raw (fake, FALSE, none[i], -1);

      assert_problem (answer, 401, "unauthenticated");
      assert_header (answer, "WWW-Authenticate", "Bearer");
    }
  for (guint i = 0; i < G_N_ELEMENTS (open); i++)
    {
      g_autofree char *text = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", open[i]);
      g_autoptr(FakeAnswer) answer = fake_raw (fake, FALSE, text, -1);
      g_autoptr(GVariant) value = thole_json_parse (answer->body, answer->length, NULL);

      g_assert_cmpuint (answer->status, ==, 200);
      g_assert_nonnull (value);
    }
  g_assert_cmpint (fake->dispatched, ==, 0);
  thole_fake_free (fake);
}

/* a wrong header is not saved by the peer of the socket, and a token in a query is never taken */
static void
test_credentials_mixed (void)
{
  TholeFake *fake = start ();
  g_autoptr(FakeAnswer) wrong = fake_raw (fake, TRUE, "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n"
                                          "Authorization: Bearer nope\r\n\r\n", -1);
  g_autoptr(FakeAnswer) good = fake_raw (fake, TRUE, "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n"
                                         "Authorization: bearer  {T}\r\n\r\n", -1);
  g_autoptr (FakeAnswer) query =
    fake_raw (fake, FALSE, "GET /v1/things/a?access_token={T} HTTP/1.1\r\nHost: x\r\n\r\n", -1);
  g_autoptr (FakeAnswer) hidden =
    fake_raw (fake, TRUE, "GET /v1/things/a?x=1&to%6ben={T} HTTP/1.1\r\nHost: x\r\n\r\n", -1);

  assert_problem (wrong, 401, "unauthenticated");
  g_assert_cmpuint (good->status, ==, 200);
  assert_problem (query, 400, "malformed");
  assert_problem (hidden, 400, "malformed");
  g_assert_null (strstr (query->body, fake->token));
  thole_fake_free (fake);
}

/* proves: API-02 API-05 */
static void
test_routes (void)
{
  TholeFake *fake = start ();
  g_autoptr(FakeAnswer) missing = fake_request (fake, "GET", "/v1/things/missing", NULL, NULL);
  g_autoptr(FakeAnswer) no_path = fake_request (fake, "GET", "/v1/nothing", NULL, NULL);
  g_autoptr(FakeAnswer) no_id = fake_request (fake, "GET", "/v1/things/", NULL, NULL);
  g_autoptr(FakeAnswer) twice = fake_request (fake, "GET", "/v1//things/a", NULL, NULL);
  g_autoptr(FakeAnswer) method = fake_request (fake, "PUT", "/v1/things/a", NULL, NULL);
  g_autoptr(FakeAnswer) post = fake_request (fake, "POST", "/healthz", NULL, NULL);
  g_autoptr(FakeAnswer) head = fake_request (fake, "HEAD", "/v1/things/a", NULL, NULL);
  g_autoptr(FakeAnswer) options = fake_request (fake, "OPTIONS", "/v1/things", NULL, NULL);
  g_autoptr (FakeAnswer) absolute =
    fake_request (fake, "GET", "http://localhost:1/v1/things/a", NULL, NULL);
  g_autoptr(FakeAnswer) encoded = fake_request (fake, "GET", "/v1/th%69ngs/a", NULL, NULL);
  g_autoptr(FakeAnswer) nul = fake_request (fake, "GET", "/v1/things/a%00b", NULL, NULL);
  g_autoptr(FakeAnswer) utf8 = fake_request (fake, "GET", "/v1/things/%ff", NULL, NULL);
  g_autoptr(FakeAnswer) deleted = fake_request (fake, "DELETE", "/v1/things/a", NULL, NULL);

  assert_problem (missing, 404, "not_found");
  assert_problem (no_path, 404, "not_found");
  assert_problem (no_id, 404, "not_found");
  assert_problem (twice, 404, "not_found");
  assert_problem (method, 405, "method_not_allowed");
  assert_header (method, "Allow", "GET, HEAD, PATCH, DELETE, OPTIONS");
  assert_problem (post, 405, "method_not_allowed");
  g_assert_cmpuint (head->status, ==, 200);
  assert_header (head, "ETag", "\"7\"");
  g_assert_cmpuint (options->status, ==, 204);
  assert_header (options, "Allow", "POST, OPTIONS");
  g_assert_cmpuint (absolute->status, ==, 200);
  g_assert_cmpuint (encoded->status, ==, 200);
  assert_problem (nul, 400, "malformed");
  assert_problem (utf8, 400, "malformed");
  g_assert_cmpuint (deleted->status, ==, 204);
  thole_fake_free (fake);
}

/* proves: row:89 */
static void
test_conditional (void)
{
  static const struct { const char *header; guint status; } cases[] = {
    { "If-None-Match: \"7\"\r\n", 304 },       { "If-None-Match: W/\"7\"\r\n", 304 },
    { "If-None-Match: \"6\", \"7\"\r\n", 304 }, { "If-None-Match: *\r\n", 304 },
    { "If-None-Match: \"77\"\r\n", 200 },      { "If-None-Match: \"\"\r\n", 200 },
  };
  TholeFake *fake = start ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (FakeAnswer) answer =
        fake_request (fake, "GET", "/v1/things/a", cases[i].header, NULL);

      g_assert_cmpuint (answer->status, ==, cases[i].status);
      assert_header (answer, "ETag", "\"7\"");
    }
  thole_fake_free (fake);
}

static void
test_call (void)
{
  TholeFake *fake = start ();
  g_autoptr (FakeAnswer) answer =
    fake_request (fake, "POST", "/v1/things?label=a&label=b%3D%C3%A4&name=x+y&empty",
                  "Content-Type: Application/JSON; charset=utf-8\r\nIdempotency-Key: k-1\r\n"
                  "If-Match: \"5\"\r\n",
                  "{\"a\":[1,null]}");
  g_autoptr (FakeAnswer) patch =
    fake_request (fake, "PATCH", "/v1/things/a", "Content-Type: application/merge-patch+json\r\n",
                  "{\"a\":null}");
  g_autoptr(FakeAnswer) empty = fake_request (fake, "POST", "/v1/things", NULL, NULL);
  g_autoptr (FakeAnswer) chunked =
    fake_request (fake, "POST", "/v1/things",
                  "Content-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n",
                  NULL);

  g_assert_cmpuint (answer->status, ==, 201);
  g_assert_cmpstr (
    answer->body, ==,
    "{\"path\":\"/v1/things\",\"principal\":\"bootstrap\",\"key\":\"k-1\",\"if_match\":\"5\",\"query\":"
    "{\"label\":[\"a\",\"b=ä\"],\"name\":\"x y\",\"empty\":\"\"},\"body\":{\"a\":[1,null]}}");
  assert_header (answer, "Location", "/v1/things/new");
  assert_header (answer, "Thole-Operation", "op-1");
  g_assert_nonnull (strstr (patch->body, "\"body\":{\"a\":null}"));
  g_assert_nonnull (strstr (empty->body, "\"body\":null"));
  g_assert_nonnull (strstr (chunked->body, "\"body\":{\"a\":1}"));
  thole_fake_free (fake);
}

/* proves: API-02 API-03 */
static void
test_bad_input (void)
{
  static const struct
  {
    const char *target, *extra, *body;
    guint status;
    const char *code;
  } cases[] = {
    { "/v1/things", "Content-Type: text/plain\r\n", "{}", 415, "unsupported_media_type" },
    { "/v1/things", NULL, "{}", 415, "unsupported_media_type" },
    { "/v1/things", "Content-Type: application/merge-patch+json\r\n", "{}", 415,
      "unsupported_media_type" },
    { "/v1/things", "Content-Type: application/json\r\n", "{\"a\":1,}", 400, "malformed" },
    { "/v1/things", "Content-Type: application/json\r\n", "\xff\xff", 400, "malformed" },
    { "/v1/things", "Content-Type: application/json\r\n", "[1]", 422, "invalid_field" },
    { "/v1/things", "Content-Type: application/json\r\n", "null", 422, "invalid_field" },
    { "/v1/things?a=%f", NULL, NULL, 400, "malformed" },
    { "/v1/things?a=%ff", NULL, NULL, 400, "malformed" },
    { "/v1/things?a=%0a", NULL, NULL, 400, "malformed" },
    { "/v1/things", "Idempotency-Key: \r\n", NULL, 400, "malformed" },
    { "/v1/things", "Last-Event-ID: x\r\n", NULL, 400, "malformed" },
    { "/v1/things", "Last-Event-ID: -1\r\n", NULL, 400, "malformed" },
  };
  TholeFake *fake = start ();
  g_autoptr(GString) deep = g_string_new (NULL);
  g_autoptr(GString) many = g_string_new ("/v1/things?a=1");
  g_autofree char *key = g_strnfill (300, 'k');
  g_autofree char *header = g_strdup_printf ("Idempotency-Key: %s\r\n", key);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (FakeAnswer) answer =
        fake_request (fake, "POST", cases[i].target, cases[i].extra, cases[i].body);

      assert_problem (answer, cases[i].status, cases[i].code);
    }
  for (int i = 0; i < 100000; i++)
    g_string_append (deep, "{\"a\":");
  for (int i = 0; i < 100; i++)
    g_string_append_printf (many, "&k%d=1", i);
  {
    g_autoptr (FakeAnswer) nested =
      fake_request (fake, "POST", "/v1/things", "Content-Type: application/json\r\n", deep->str);
    g_autoptr(FakeAnswer) parameters = fake_request (fake, "POST", many->str, NULL, NULL);
    g_autoptr(FakeAnswer) long_key = fake_request (fake, "POST", "/v1/things", header, NULL);

    assert_problem (nested, 400, "malformed");
    assert_problem (parameters, 400, "malformed");
    assert_problem (long_key, 400, "malformed");
  }
  g_assert_cmpint (fake->dispatched, ==, 0);
  thole_fake_free (fake);
}

/* several requests on one connection, some of them answered later */
static void
test_keep_alive (void)
{
  TholeFake *fake = start ();
  int fd = fake_connect (fake, TRUE);
  g_autoptr(GString) rest = g_string_new (NULL);

  for (int i = 0; i < 20; i++)
    {
      g_autoptr(FakeAnswer) answer = NULL;

      fake_send (fd, i % 2 == 0 ? "GET /v1/things/a HTTP/1.1\r\nHost: x\r\n\r\n"
                                : "GET /v1/things/a/later HTTP/1.1\r\nHost: x\r\n\r\n", -1);
      answer = fake_read (fd, FALSE, rest);
      g_assert_cmpuint (answer->status, ==, 200);
      g_assert_cmpstr (answer->body + (i % 2 == 0 ? 1 : 0), ==,
                       i % 2 == 0 ? (const char *) g_bytes_get_data (fake->thing, NULL) + 1
                                  : "{\"late\":true}");
    }
  /* pipelined */
  fake_send (
    fd,
    "GET /v1/things/a/later HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/things/missing HTTP/1.1\r\nHost: x\r\n\r\n",
    -1);
  {
    g_autoptr(FakeAnswer) first = fake_read (fd, FALSE, rest);
    g_autoptr(FakeAnswer) second = fake_read (fd, FALSE, rest);

    g_assert_cmpuint (first->status, ==, 200);
    assert_problem (second, 404, "not_found");
  }
  close (fd);
  thole_fake_free (fake);
}

/* proves: AU-24 */
static void
test_rate (void)
{
  TholeFake *fake = thole_fake_new ();
  TholeRateLimits limits = { .local = 1 };
  TholeRates *rates;

  fake->options.rates = thole_rates_new (fake->options.clock, &limits);
  thole_fake_start (fake);
  {
    g_autoptr(FakeAnswer) first = fake_request (fake, "GET", "/v1/things/a", NULL, NULL);
    g_autoptr(FakeAnswer) second = fake_request (fake, "GET", "/v1/things/a", NULL, NULL);

    g_autofree char *reset = fake_header (first, "RateLimit-Reset");
    g_autofree char *retry = fake_header (second, "Retry-After");

    g_assert_cmpuint (first->status, ==, 200);
    assert_header (first, "RateLimit-Limit", "1");
    assert_header (first, "RateLimit-Remaining", "0");
    g_assert_cmpint (atoi (reset), >=, 59);
    assert_problem (second, 429, "rate_limited");
    g_assert_cmpint (atoi (retry), >=, 59);
  }
  rates = fake->options.rates;
  thole_fake_free (fake);
  thole_rates_free (rates);
}

/* proves: MH-09 row:105 row:106 */
static void
test_pages (void)
{
  TholeFake *fake = start ();
  g_autoptr(FakeAnswer) ready = fake_request (fake, "GET", "/readyz", NULL, NULL);
  g_autoptr(FakeAnswer) not_ready = NULL;
  g_autoptr(FakeAnswer) version = fake_request (fake, "GET", "/v1/version", NULL, NULL);
  g_autoptr(FakeAnswer) metrics = NULL;
  g_autoptr(FakeAnswer) none = fake_request (fake, "GET", "/v1/things/missing", NULL, NULL);

  fake->not_ready = TRUE;
  not_ready = fake_request (fake, "GET", "/readyz", NULL, NULL);
  metrics = fake_request (fake, "GET", "/metrics", NULL, NULL);
  g_assert_cmpstr (ready->body, ==, "{\"ready\":true,\"reasons\":[]}");
  g_assert_cmpuint (not_ready->status, ==, 503);
  g_assert_cmpuint (none->status, ==, 404);
  g_assert_cmpstr (not_ready->body, ==,
                   "{\"ready\":false,\"reasons\":[\"the store is not open\"]}");
  g_assert_nonnull (strstr (version->body, "\"version\":\"1.2.3\""));
  assert_header (metrics, "Content-Type", THOLE_METRICS_TYPE);
  g_assert_nonnull (
    strstr (metrics->body, "thole_http_requests_total{operation=\"thing.get\",class=\"4xx\"} 1\n"));
  g_assert_nonnull (strstr (metrics->body, "thole_http_connections 1\n"));
  g_assert_true (g_str_has_suffix (metrics->body, "# EOF\n"));
  thole_fake_free (fake);
}

static void
try_address (TholeFake *fake, gpointer data)
{
  const char *const *pair = data;
  g_autoptr(GError) error = NULL;

  g_assert_false (thole_http_listen (fake->http, pair[0], &error));
  g_assert_nonnull (strstr (error->message, pair[1]));
}

static void
test_addresses (void)
{
  static const char *const wrong[][2] = {
    { "0.0.0.0:0", "loopback" },    { "[::]:0", "loopback" },
    { "192.0.2.1:80", "loopback" }, { "unix:relative", "absolute" },
    { "127.0.0.1", "HOST:PORT" },   { "example.org:80", "HOST:PORT" },
    { "::1:80", "HOST:PORT" },      { "127.0.0.1:70000", "HOST:PORT" },
    { "127.0.0.1:", "HOST:PORT" },
  };
  TholeFake *fake = start ();
  GStatBuf status;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    thole_fake_run (fake, try_address, (gpointer) wrong[i]);
  g_assert_cmpint (g_stat (fake->path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 07777, ==, 0660);
  thole_fake_free (fake);
}

static void
listen_again (TholeFake *fake, gpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *address = g_strconcat ("unix:", data, NULL);

  thole_http_listen (fake->http, address, &error);
  g_assert_no_error (error);
}

/* a socket that is served stays, one that is stale is replaced, a file is never removed */
static void
test_stale (void)
{
  TholeFake *fake = start ();
  g_autofree char *stale = g_build_filename (fake->dir, "stale", NULL);
  g_autofree char *file = g_build_filename (fake->dir, "file", NULL);
  g_autofree char *file_address = g_strconcat ("unix:", file, NULL);
  g_autofree char *own_address = g_strconcat ("unix:", fake->path, NULL);
  const char *served[] = { own_address, "served by another" };
  const char *not_socket[] = { file_address, "not a socket" };
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (stale);
  g_autoptr(GSocket) socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);

  g_assert_true (g_socket_bind (socket, address, TRUE, NULL));
  g_assert_true (g_socket_close (socket, NULL));
  thole_fake_run (fake, listen_again, stale);
  thole_fake_run (fake, try_address, served);
  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  thole_fake_run (fake, try_address, not_socket);
  g_assert_true (g_file_test (file, G_FILE_TEST_IS_REGULAR));
  g_unlink (file);
  thole_fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http/get", test_get);
  g_test_add_func ("/http/credentials", test_credentials);
  g_test_add_func ("/http/credentials-mixed", test_credentials_mixed);
  g_test_add_func ("/http/routes", test_routes);
  g_test_add_func ("/http/conditional", test_conditional);
  g_test_add_func ("/http/call", test_call);
  g_test_add_func ("/http/bad-input", test_bad_input);
  g_test_add_func ("/http/keep-alive", test_keep_alive);
  g_test_add_func ("/http/rate", test_rate);
  g_test_add_func ("/http/pages", test_pages);
  g_test_add_func ("/http/addresses", test_addresses);
  g_test_add_func ("/http/stale", test_stale);
  return g_test_run ();
}
