/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TCP with TLS, where client and engine show certificates: the calls, the streams and the hijack.
 */
#include "cases.h"

#include <string.h>

#include "relay.h"

/* A driver on the relay with the client certificate @name; NULL after a skip. */
static Bench *
open_tls (Relay *relay, const char *name)
{
  g_autofree char *ca = relay_file (relay, "ca.pem");
  g_autofree char *file = g_strconcat (name, ".pem", NULL);
  g_autofree char *key_file = g_strconcat (name, ".key", NULL);
  g_autofree char *certificate = relay_file (relay, file);
  g_autofree char *key = relay_file (relay, key_file);

  return bench_open (relay_url (relay), INSTANCE, "tls_ca", ca, "tls_cert", certificate, "tls_key", key, NULL);
}

static Relay *
need_relay (void)
{
  Relay *relay = NULL;

  if (g_str_has_prefix (g_getenv ("THOLE_TEST_DOCKER"), "unix://"))
    relay = relay_new_tls ();
  if (relay == NULL)
    g_test_skip ("needs openssl and an engine on a unix socket");
  return relay;
}

static void
test_all (Bench *b)
{
  Relay *relay = need_relay ();
  g_autofree char *id = fresh_id ("tls");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) facts = NULL;
  g_autoptr(GVariant) answer = NULL;
  g_autoptr(GVariant) command = dict ("{'command': <['/bin/wc', '-c']>, 'stdin': <@ay [1, 2, 3]>}");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *log = NULL;
  g_autofree char *out = NULL;
  Bench *c;

  if (relay == NULL)
    return;
  c = open_tls (relay, "client");
  bench_probe (c, &facts, &error);
  g_assert_no_error (error);
  g_assert_false (thole_dict_boolean (facts, "remote", TRUE));
  run_ok (c, id, "echo over tls; sleep 60", NULL);
  g_assert_true (bench_wait_event (c, "workload", id, "start", 1, 60));
  log = log_text (c, id, none, 1);
  g_assert_cmpstr (log, ==, "over tls\n");
  /* the end of input goes through TLS, too */
  result = AWAIT (c->exec->run_async, c->driver, id, command, none, NULL);
  answer = c->exec->run_finish (c->driver, result, &error);
  g_assert_no_error (error);
  out = bytes_text (answer, "stdout");
  g_assert_cmpstr (g_strstrip (out), ==, "3");
  g_assert_true (remove_it (c, id, TRUE, &error));
  bench_close (c);
  relay_free (relay);
}

static void
test_wrong_client (Bench *b)
{
  Relay *relay = need_relay ();
  g_autoptr(GError) error = NULL;
  Bench *c;

  if (relay == NULL)
    return;
  c = open_tls (relay, "other");
  g_assert_cmpint (bench_probe (c, NULL, &error), ==, THOLE_PROBE_DEFER);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  bench_close (c);
  relay_free (relay);
}

/* An engine of another authority is not believed. */
static void
test_wrong_engine (Bench *b)
{
  Relay *relay = need_relay ();
  g_autofree char *foreign = NULL;
  g_autoptr(GError) error = NULL;
  Bench *c;

  if (relay == NULL)
    return;
  foreign = relay_file (relay, "foreign.pem");
  c = bench_open (relay_url (relay), INSTANCE, "tls_ca", foreign, NULL);
  g_assert_cmpint (bench_probe (c, NULL, &error), ==, THOLE_PROBE_DEFER);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
  g_test_message ("%s", error->message);
  bench_close (c);
  relay_free (relay);
}

static void
test_missing_files (Bench *b)
{
  g_autoptr(GError) error = NULL;
  Bench *c = bench_open ("tcp://127.0.0.1:1", INSTANCE, "tls_ca", "/no/such/file", NULL);

  g_assert_cmpint (bench_probe (c, NULL, &error), ==, THOLE_PROBE_DEFER);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  bench_close (c);
}

void
add_tls_cases (void)
{
  add_case ("tls/all", test_all);
  add_case ("tls/wrong-client", test_wrong_client);
  add_case ("tls/wrong-engine", test_wrong_engine);
  add_case ("tls/missing-files", test_missing_files);
}
