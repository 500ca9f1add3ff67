/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: API-03
 */
#include "model/schema-format.h"

#include <string.h>

static void
test_sizes (void)
{
  static const struct { const char *text; gint64 size; } good[] = {
    { "0", 0 }, { "4096", 4096 }, { "1B", 1 }, { "512MiB", 536870912 }, { "512 MiB", 536870912 }, { "1.5 GB", 1500000000 },
    { "1.5GiB", 1610612736 }, { "1kb", 1000 }, { "1KiB", 1024 }, { "2Gi", G_GINT64_CONSTANT (2147483648) }, { "1TB", G_GINT64_CONSTANT (1000000000000) },
    { "0.5KiB", 512 }, { "0.1kB", 100 }, { "9223372036854775807", G_MAXINT64 }, { "7EiB", G_GINT64_CONSTANT (8070450532247928832) },
  };
  static const char *const bad[] = {
    "", "-1", "+1", " 1", "1 ", "1M", "1m", "1k", "1 X", "MiB", "1.MiB", ".5MiB", "1.5", "1.5B", "8EiB", "9223372036854775808",
    "99999999999999999999", "1MiBx", "1iB", "0x10", "1e3", "1,5GB", "10000000000000000000000000000000MiB", "NaN", "inf",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_cmpint (thole_size_parse (good[i].text), ==, good[i].size);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpint (thole_size_parse (bad[i]), ==, -1);
}

static void
test_names (void)
{
  g_autofree char *longest = g_strnfill (63, 'a');
  g_autofree char *too_long = g_strnfill (64, 'a');

  g_assert_true (thole_name_valid ("a"));
  g_assert_true (thole_name_valid ("web-1"));
  g_assert_true (thole_name_valid ("0"));
  g_assert_true (thole_name_valid (longest));
  g_assert_false (thole_name_valid (too_long));
  g_assert_false (thole_name_valid (""));
  g_assert_false (thole_name_valid ("-a"));
  g_assert_false (thole_name_valid ("a-"));
  g_assert_false (thole_name_valid ("A"));
  g_assert_false (thole_name_valid ("a.b"));
  g_assert_false (thole_name_valid ("a_b"));
  g_assert_false (thole_name_valid ("é"));
}

static void
test_when (void)
{
  g_assert_cmpint (thole_when_parse ("0"), ==, 0);
  g_assert_cmpint (thole_when_parse ("1795248000"), ==, G_GINT64_CONSTANT (1795248000000000));
  g_assert_cmpint (thole_when_parse ("1795248000.123456789"), ==, G_GINT64_CONSTANT (1795248000123456));
  g_assert_cmpint (thole_when_parse ("2026-11-21T08:00:00Z"), ==, G_GINT64_CONSTANT (1795248000000000));
  g_assert_cmpint (thole_when_parse ("2026-11-21T08:00:00-01:00"), ==, G_GINT64_CONSTANT (1795251600000000));
  g_assert_cmpint (thole_when_parse (""), ==, -1);
  g_assert_cmpint (thole_when_parse ("-5"), ==, -1);
  g_assert_cmpint (thole_when_parse ("5."), ==, -1);
  g_assert_cmpint (thole_when_parse ("5s"), ==, -1);
  g_assert_cmpint (thole_when_parse ("now"), ==, -1);
  g_assert_cmpint (thole_when_parse ("99999999999999999999999"), ==, -1);
}

static void
assert_formats (const char *name, const char *const *good, const char *const *bad)
{
  for (; *good != NULL; good++)
    g_assert_cmpstr (thole_format_fault (name, *good), ==, NULL);
  for (; *bad != NULL; bad++)
    if (thole_format_fault (name, *bad) == NULL)
      g_error ("\"%s\" passed as %s", *bad, name);
}

#define LIST(...) (const char *const[]) { __VA_ARGS__, NULL }

static void
test_formats (void)
{
  assert_formats ("path", LIST ("/", "/a", "/a/b c", "/a..b", "/..a", "/é"), LIST ("a", "./a", "/..", "/a/../b", "/a/..", "/a\nb", "/a\x7f"));
  assert_formats ("image",
                  LIST ("a", "debian:12", "docker.io/library/debian:12", "localhost:5000/a/b:tag_1", "ghcr.io/a/b-c__d@sha256:0123456789abcdef",
                        "host", "/var/lib/images/a"),
                  LIST ("-a", ":a", "a b", "a//b", "a/", "a:", "a@", "../a", "/a/../b", "a\n", "é", "a;b", "$(a)"));
  assert_formats ("signal", LIST ("SIGTERM", "KILL", "9", "SIGRTMIN+3"), LIST ("SIG", "0", "99", "TERM ", "nonsense"));
  assert_formats ("address", LIST ("127.0.0.1", "::1", "0.0.0.0", "fe80::1"), LIST ("localhost", "127.0.0", "1.2.3.4.5", "::1/64", "256.1.1.1", " 1.2.3.4"));
  assert_formats ("base64", LIST ("aGVsbG8=", "aGVsbA==", "AAAA", "+/+/"), LIST ("a", "aGVsbG8", "a===", "====", "aGVs bG8=", "aG-_", "aG=s", "=AAA"));
  assert_formats ("when", LIST ("0", "2026-11-21T08:00:00Z"), LIST ("yesterday", "-1"));
  assert_formats ("streams", LIST ("stdout", "stderr", "stdout,stderr"), LIST ("both", "stdout,", "stdout,stdout", "STDOUT"));
}

static void
test_keys (void)
{
  g_autofree char *too_long = g_strnfill (254, 'a');

  g_assert_null (thole_label_fault ("app"));
  g_assert_null (thole_label_fault ("com.example/app-1"));
  g_assert_nonnull (thole_label_fault (""));
  g_assert_nonnull (thole_label_fault ("a=b"));
  g_assert_nonnull (thole_label_fault ("a b"));
  g_assert_nonnull (thole_label_fault ("org.thole.id"));
  g_assert_nonnull (thole_label_fault (too_long));
  g_assert_null (thole_env_fault ("PATH"));
  g_assert_null (thole_env_fault ("_a1"));
  g_assert_nonnull (thole_env_fault (""));
  g_assert_nonnull (thole_env_fault ("1A"));
  g_assert_nonnull (thole_env_fault ("A-B"));
  g_assert_nonnull (thole_env_fault ("A=B"));
  g_assert_nonnull (thole_env_fault ("É"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schema-format/sizes", test_sizes);
  g_test_add_func ("/schema-format/names", test_names);
  g_test_add_func ("/schema-format/when", test_when);
  g_test_add_func ("/schema-format/formats", test_formats);
  g_test_add_func ("/schema-format/keys", test_keys);
  return g_test_run ();
}
