/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * WebSockets over real sockets: the handshake, credentials, frames, flow, ends. */
#include "http/fake-client.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/ws-frame.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static TholeFake *
start (void)
{
  TholeFake *fake = thole_fake_new ();

  thole_fake_start (fake);
  return fake;
}

/* a client ---------------------------------------------------------------------------- */

typedef struct
{
  int fd;
  FakeAnswer *answer;
  GString *rest;
  guint8 opcode;
  char *payload;
  gsize length;
} Client;

static Client *
client_new (TholeFake *fake, gboolean local, const char *target, const char *protocol, const char *extra)
{
  Client *self = g_new0 (Client, 1);
  g_autofree char *head = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: example.org\r\n%s%s%sUpgrade: websocket\r\n"
                                           "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                           "Sec-WebSocket-Key: " KEY "\r\n%s%s%s%s\r\n", target,
                                           local || extra != NULL ? "" : "Authorization: Bearer ",
                                           local || extra != NULL ? "" : fake->token,
                                           local || extra != NULL ? "" : "\r\n",
                                           protocol != NULL ? "Sec-WebSocket-Protocol: " : "",
                                           protocol != NULL ? protocol : "", protocol != NULL ? "\r\n" : "",
                                           extra != NULL ? extra : "");

  self->fd = fake_connect (fake, local);
  self->rest = g_string_new (NULL);
  fake_send (self->fd, head, -1);
  self->answer = fake_read (self->fd, TRUE, self->rest);
  return self;
}

static void
client_free (Client *self)
{
  close (self->fd);
  fake_answer_free (self->answer);
  g_string_free (self->rest, TRUE);
  g_free (self->payload);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Client, client_free)

static void
client_frame (Client *self, guint8 first, const char *data, gsize length)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  guint8 head[10];
  guint at = (guint) thole_ws_head (head, THOLE_WS_BINARY, length);

  head[0] = first;
  head[1] |= 0x80;
  g_byte_array_append (out, head, at);
  g_byte_array_append (out, (const guint8 *) "\1\2\3\4", 4);
  g_byte_array_append (out, (const guint8 *) data, (guint) length);
  for (gsize i = 0; i < length; i++)
    out->data[at + 4 + i] ^= (guint8) (1 + (i & 3));
  fake_send (self->fd, (const char *) out->data, out->len);
}

static gboolean
client_need (Client *self, gsize length)
{
  char part[65536];
  gssize n;

  while (self->rest->len < length)
    {
      n = recv (self->fd, part, sizeof part, 0);
      if (n <= 0)
        return FALSE;
      g_string_append_len (self->rest, part, n);
    }
  return TRUE;
}

/* Returns: FALSE at the end of the connection */
static gboolean
client_read (Client *self)
{
  gsize at = 2, length;
  const guint8 *head;

  if (!client_need (self, 2))
    return FALSE;
  length = (guint8) self->rest->str[1];
  g_assert_cmpuint (length, <, 128);
  at += length == 126 ? 2 : length == 127 ? 8 : 0;
  if (!client_need (self, at))
    return FALSE;
  head = (const guint8 *) self->rest->str;
  if (at > 2)
    {
      length = 0;
      for (gsize i = 2; i < at; i++)
        length = length << 8 | head[i];
    }
  self->opcode = head[0];
  if (!client_need (self, at + length))
    return FALSE;
  g_free (self->payload);
  self->payload = g_malloc0 (length + 1);
  memcpy (self->payload, self->rest->str + at, length);
  self->length = length;
  g_string_erase (self->rest, 0, (gssize) (at + length));
  return TRUE;
}

static void
expect (Client *self, guint8 first, const char *payload, gsize length)
{
  g_assert_true (client_read (self));
  g_assert_cmpuint (self->opcode, ==, first);
  g_assert_cmpmem (self->payload, self->length, payload, length);
}

/* passes over everything before it */
static void
expect_close (Client *self, guint code, const char *part)
{
  do
    g_assert_true (client_read (self));
  while ((self->opcode & 0x0f) != THOLE_WS_CLOSE);
  g_assert_cmpuint ((guint8) self->payload[0] << 8 | (guint8) self->payload[1], ==, code);
  g_assert_nonnull (strstr (self->payload + 2, part));
  client_frame (self, 0x88, self->payload, 2);
  g_assert_false (client_read (self));
}

static void
await_none (TholeFake *fake)
{
  TholeHttpCounts counts = { 0 };

  for (guint i = 0; i < FAKE_PATIENCE * 100; i++)
    {
      thole_fake_counts (fake, &counts);
      if (counts.sockets == 0 && g_atomic_int_get (&fake->sessions.viewers) == 0)
        return;
      g_usleep (10000);
    }
  g_assert_not_reached ();
}

/* cases ---------------------------------------------------------------------------- */

static void
check_echo (TholeFake *fake, gboolean local)
{
  g_autoptr(Client) client = client_new (fake, local, "/v1/things/echo/attach", "other, v5.channel.k8s.io, tty", NULL);
  g_autofree char *accept = fake_header (client->answer, "Sec-WebSocket-Accept");
  g_autofree char *protocol = fake_header (client->answer, "Sec-WebSocket-Protocol");
  g_autofree char *id = fake_header (client->answer, "X-Request-Id");
  TholeHttpCounts counts;

  g_assert_cmpuint (client->answer->status, ==, 101);
  g_assert_cmpstr (accept, ==, ACCEPT);
  g_assert_cmpstr (protocol, ==, "v5.channel.k8s.io");
  g_assert_nonnull (id);
  thole_fake_counts (fake, &counts);
  g_assert_cmpuint (counts.sockets, ==, 1);
  g_assert_cmpuint (counts.connections, >=, 1);
  expect (client, 0x82, "\1", 1);
  client_frame (client, 0x82, "\0hello", 6);
  expect (client, 0x82, "\1hello", 6);
  /* in three fragments with a ping between */
  client_frame (client, 0x02, "\0on", 3);
  client_frame (client, 0x00, "e tw", 4);
  client_frame (client, 0x89, "are you there", 13);
  expect (client, 0x8a, "are you there", 13);
  client_frame (client, 0x80, "o", 1);
  expect (client, 0x82, "\1one two", 8);
  client_frame (client, 0x82, "\377\0", 2);
  expect_close (client, 1000, "{\"code\":\"ended\",\"exit_code\":0,");
}

static void
test_echo (void)
{
  TholeFake *fake = start ();

  check_echo (fake, TRUE);
  await_none (fake);
  check_echo (fake, FALSE);
  await_none (fake);
  thole_fake_free (fake);
}

/* several kilobytes come with the handshake itself, and a megabyte afterwards */
static void
test_large (void)
{
  TholeFake *fake = start ();
  g_autoptr(Client) client = client_new (fake, TRUE, "/v1/things/echo/attach", "tty", NULL);
  g_autofree char *block = g_malloc (300001);
  gsize got = 0;

  block[0] = '0';
  for (guint i = 1; i < 300001; i++)
    block[i] = (char) (i * 7);
  client_frame (client, 0x81, "{}", 2);
  expect (client, 0x82, "1echo", 5);
  expect (client, 0x82, "2{}", 3);
  client_frame (client, 0x82, block, 300001);
  while (got < 300000)
    {
      g_assert_true (client_read (client));
      g_assert_cmpint (client->payload[0], ==, '0');
      g_assert_cmpmem (client->payload + 1, client->length - 1, block + 1 + got, client->length - 1);
      got += client->length - 1;
    }
  thole_fake_free (fake);
}

static void
refused (TholeFake *fake, const char *head, guint status, const char *code)
{
  g_autofree char *text = g_strconcat ("GET /v1/things/echo/attach HTTP/1.1\r\nHost: example.org\r\n", head, "\r\n", NULL);
  g_autoptr(FakeAnswer) answer = fake_raw (fake, TRUE, text, -1);

  g_assert_cmpuint (answer->status, ==, status);
  g_assert_nonnull (strstr (answer->body, code));
}

static void
test_handshake (void)
{
  static const char good[] = "Upgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: " KEY "\r\n";
  TholeFake *fake = start ();
  g_autofree char *old = g_strconcat (good, "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: tty\r\n", NULL);
  g_autofree char *none = g_strconcat (good, "Sec-WebSocket-Version: 13\r\n", NULL);
  g_autofree char *other = g_strconcat (good, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n", NULL);
  g_autofree char *origin = g_strconcat (good, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: tty\r\n"
                                               "Origin: https://evil.example\r\n", NULL);

  refused (fake, "", 426, "upgrade_required");
  refused (fake, "Upgrade: h2c\r\nConnection: upgrade\r\n", 426, "upgrade_required");
  refused (fake, old, 426, "Sec-WebSocket-Version must be 13");
  refused (fake, "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400,
           "Sec-WebSocket-Key");
  refused (fake, none, 400, "Sec-WebSocket-Protocol");
  refused (fake, other, 400, "Sec-WebSocket-Protocol");
  refused (fake, origin, 403, "Origin");
  /* nobody was let in */
  g_assert_cmpint (g_atomic_int_get (&fake->sessions.viewers), ==, 0);
  thole_fake_free (fake);
}

static void
test_origin (void)
{
  static const char *const origins[] = { "https://console.example", NULL };
  TholeFake *fake = thole_fake_new ();
  g_autoptr(Client) own = NULL;
  g_autoptr(Client) listed = NULL;
  g_autoptr(Client) foreign = NULL;

  fake->options.origins = origins;
  thole_fake_start (fake);
  own = client_new (fake, TRUE, "/v1/things/echo/attach", "tty", "Origin: http://example.org\r\n");
  listed = client_new (fake, TRUE, "/v1/things/echo/attach", "tty", "Origin: https://console.example\r\n");
  foreign = client_new (fake, TRUE, "/v1/things/echo/attach", "tty", "Origin: https://example.org.evil\r\n");
  g_assert_cmpuint (own->answer->status, ==, 101);
  g_assert_cmpuint (listed->answer->status, ==, 101);
  g_assert_cmpuint (foreign->answer->status, ==, 403);
  thole_fake_free (fake);
}

/* proves: TE-27 */
static void
test_refusal (void)
{
  TholeFake *fake = start ();
  g_autoptr(Client) nobody = client_new (fake, FALSE, "/v1/things/echo/attach", "tty", "Accept: */*\r\n");
  g_autoptr(Client) missing = client_new (fake, TRUE, "/v1/things/missing/attach", "v4.channel.k8s.io", NULL);

  g_assert_cmpuint (nobody->answer->status, ==, 401);
  /* taken and closed, so that a browser learns why */
  g_assert_cmpuint (missing->answer->status, ==, 101);
  g_assert_true (client_read (missing));
  g_assert_cmpint (missing->payload[0], ==, 3);
  g_assert_nonnull (strstr (missing->payload, "No thing `missing`"));
  expect_close (missing, 4404, "{\"code\":\"not_found\",\"detail\":\"No thing `missing`\"}");
  await_none (fake);
  thole_fake_free (fake);
}

static void
make_ticket (TholeFake *fake, gpointer data)
{
  g_autoptr(TholePrincipal) principal = thole_identity_peer (fake->options.identity, 0);
  gint64 expires;

  *(char **) data = thole_tickets_make (fake->options.tickets, principal, "/v1/things/echo/tty/ws", &expires);
}

static void
test_ticket (void)
{
  TholeFake *fake = start ();
  g_autofree char *ticket = NULL;
  g_autofree char *target = NULL;
  g_autoptr(Client) first = NULL;
  g_autoptr(Client) again = NULL;
  g_autofree char *protocol = NULL;

  thole_fake_run (fake, make_ticket, &ticket);
  target = g_strdup_printf ("/v1/things/echo/tty/ws?ticket=%s", ticket);
  /* this alias is for ttyd's page; a client that names no dialect speaks its own */
  first = client_new (fake, FALSE, target, NULL, "Accept: */*\r\n");
  again = client_new (fake, FALSE, target, NULL, "Accept: */*\r\n");
  protocol = fake_header (first->answer, "Sec-WebSocket-Protocol");
  g_assert_cmpuint (first->answer->status, ==, 101);
  g_assert_null (protocol);
  client_frame (first, 0x82, "{\"rows\":5,\"columns\":6}", 22);
  expect (first, 0x82, "1echo", 5);
  expect (first, 0x82, "2{}", 3);
  expect (first, 0x82, "0<5x6>", 6);
  g_assert_cmpuint (again->answer->status, ==, 401);
  thole_fake_free (fake);
}

/* the peer breaks the protocol */
static void
test_faults (void)
{
  static const struct { const char *bytes; gsize length; guint code; } faults[] = {
    { "\x82\x01x", 3, 1002 },                                         /* not masked */
    { "\xc2\x80\1\2\3\4", 6, 1002 },                                  /* a reserved bit */
    { "\x83\x80\1\2\3\4", 6, 1002 },                                  /* an unknown kind */
    { "\x80\x80\1\2\3\4", 6, 1002 },                                  /* goes on with nothing */
    { "\x09\x80\1\2\3\4", 6, 1002 },                                  /* a ping in fragments */
    { "\x89\xfe\0\x7e\1\2\3\4", 8, 1002 },                            /* a long ping */
    { "\x81\x82\0\0\0\0\xc3\x28", 8, 1007 },                          /* not UTF-8 */
    { "\x82\xff\0\0\0\0\0\x10\0\1\1\2\3\4", 14, 1009 },               /* too large */
    { "\x88\x81\0\0\0\0x", 7, 1002 },                                 /* half a close code */
    { "\x88\x82\0\0\0\0\x03\xed", 8, 1002 },                          /* 1005 is never sent */
  };
  TholeFake *fake = start ();

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      g_autoptr(Client) client = client_new (fake, i % 2 == 0, "/v1/things/echo/attach", "execbox.v1", NULL);

      fake_send (client->fd, faults[i].bytes, (gssize) faults[i].length);
      g_assert_true (client_read (client));
      g_assert_cmpuint (client->opcode, ==, 0x88);
      g_assert_cmpuint ((guint8) client->payload[0] << 8 | (guint8) client->payload[1], ==, faults[i].code);
      g_assert_true (fake_is_closed (client->fd, FAKE_PATIENCE));
    }
  await_none (fake);
  thole_fake_free (fake);
}

static void
test_peer_closes (void)
{
  TholeFake *fake = start ();
  g_autoptr(Client) polite = client_new (fake, TRUE, "/v1/things/echo/attach", "execbox.v1", NULL);
  g_autoptr(Client) silent = client_new (fake, TRUE, "/v1/things/echo/attach", "execbox.v1", NULL);
  Client *rude = client_new (fake, FALSE, "/v1/things/echo/attach", "execbox.v1", NULL);

  client_frame (polite, 0x88, "\x0f\xa0" "bye", 5);
  expect (polite, 0x88, "\x0f\xa0", 2);
  g_assert_false (client_read (polite));
  client_frame (silent, 0x88, "", 0);
  expect (silent, 0x88, "", 0);
  g_assert_false (client_read (silent));
  client_free (rude);
  await_none (fake);
  thole_fake_free (fake);
}

static void
read_given (TholeFake *fake, gpointer data)
{
  *(gint64 *) data = fake->sessions.given;
}

/* who does not read gets no more than sockets and one window hold. proves: TE-22 */
static void
test_slow (void)
{
  TholeFake *fake = start ();
  g_autoptr(Client) slow = client_new (fake, TRUE, "/v1/things/flood/attach", "execbox.v1", NULL);
  g_autoptr(Client) other = NULL;
  gint64 given = 0, last = -1;

  for (guint i = 0; i < 1000 && (given != last || given == 0); i++)
    {
      last = given;
      g_usleep (20000);
      thole_fake_run (fake, read_given, &given);
    }
  g_assert_cmpint (given, ==, last);
  g_assert_cmpint (given, <, 4 << 20);
  other = client_new (fake, TRUE, "/v1/things/echo/attach", "v5.channel.k8s.io", NULL);
  expect (other, 0x82, "\1", 1);
  client_frame (other, 0x82, "\0hello", 6);
  expect (other, 0x82, "\1hello", 6);
  /* it goes on as soon as it reads */
  for (guint i = 0; i < 2000; i++)
    g_assert_true (client_read (slow));
  thole_fake_run (fake, read_given, &given);
  g_assert_cmpint (given, >, last);
  thole_fake_free (fake);
}

static void
test_ping (void)
{
  TholeFake *fake = thole_fake_new ();
  g_autoptr(Client) client = NULL;

  /* who is asked may be kept from answering for nearly so long */
  fake->options.ping = 1;
  thole_fake_start (fake);
  client = client_new (fake, TRUE, "/v1/things/echo/attach", "execbox.v1", NULL);
  for (guint i = 0; i < 3; i++)
    {
      expect (client, 0x89, "", 0);
      client_frame (client, 0x8a, "", 0);
    }
  /* from here on it is silent */
  g_assert_true (fake_is_closed (client->fd, FAKE_PATIENCE));
  await_none (fake);
  thole_fake_free (fake);
}

static void
read_shut (TholeFake *fake, gpointer data)
{
  *(gboolean *) data = fake->shut;
}

static void
test_shutdown (void)
{
  gboolean shut = FALSE;
  TholeFake *fake = start ();
  g_autoptr(Client) client = client_new (fake, TRUE, "/v1/things/echo/attach", "thole.v1", NULL);
  g_autoptr(Client) tty = client_new (fake, FALSE, "/v1/things/echo/attach", "tty", NULL);

  thole_fake_shut (fake);
  expect_close (client, 1001, "{\"code\":\"restarting\"");
  expect_close (tty, 1001, "{\"code\":\"restarting\"");
  for (guint i = 0; i < 6000 && !shut; i++)
    {
      g_usleep (10000);
      thole_fake_run (fake, read_shut, &shut);
    }
  g_assert_true (fake->shut_cleanly);
  thole_fake_free (fake);
}

/* freed with all of it open */
static void
test_free (void)
{
  TholeFake *fake = start ();
  g_autoptr(Client) client = client_new (fake, TRUE, "/v1/things/flood/attach", "execbox.v1", NULL);
  g_autoptr(Client) tty = client_new (fake, FALSE, "/v1/things/echo/attach", "tty", NULL);

  g_assert_nonnull (tty);
  g_assert_true (client_read (client));
  thole_fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/attach/echo", test_echo);
  g_test_add_func ("/attach/large", test_large);
  g_test_add_func ("/attach/handshake", test_handshake);
  g_test_add_func ("/attach/origin", test_origin);
  g_test_add_func ("/attach/refusal", test_refusal);
  g_test_add_func ("/attach/ticket", test_ticket);
  g_test_add_func ("/attach/faults", test_faults);
  g_test_add_func ("/attach/peer-closes", test_peer_closes);
  g_test_add_func ("/attach/slow", test_slow);
  g_test_add_func ("/attach/ping", test_ping);
  g_test_add_func ("/attach/shutdown", test_shutdown);
  g_test_add_func ("/attach/free", test_free);
  return g_test_run ();
}
