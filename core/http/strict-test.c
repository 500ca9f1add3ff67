/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/strict.h"

#include <string.h>

static const char *const good[] = {
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nhost:[::1]:80\r\n\r\n",
  "POST /a?b=%20 HTTP/1.1\r\nHost: \t x \t\r\nContent-Length: 0012\r\nX-Odd_Name~1: a\tb\xff\r\n\r\nbody\n\0body",
  "POST /a HTTP/1.1\r\nHost:\r\nTransfer-Encoding: Chunked\r\nAccept: a\r\nAccept: b\r\n\r\n",
};

static TholeStrictResult
feed_at_once (const char *text, gsize length, gboolean *unknown)
{
  TholeStrict strict = { 0 };
  TholeStrictResult result = thole_strict_feed (&strict, text, length);

  g_assert_true ((result == THOLE_STRICT_BAD) == (strict.head.fault != NULL));
  *unknown = strict.head.unknown;
  return result;
}

/* the verdict must not depend on the pieces in which a head comes */
static TholeStrictResult
feed_in_pieces (const char *text, gsize length)
{
  TholeStrict strict = { 0 };
  TholeStrictResult result = THOLE_STRICT_MORE;

  for (gsize i = 0; i <= length && result == THOLE_STRICT_MORE; i++)
    result = thole_strict_feed (&strict, text, i);
  return result;
}

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      gboolean unknown;

      g_assert_cmpint (feed_at_once (good[i], strlen (good[i]), &unknown), ==, THOLE_STRICT_GOOD);
      g_assert_cmpint (unknown, ==, i == 3);
      g_assert_cmpint (feed_in_pieces (good[i], strlen (good[i])), ==, THOLE_STRICT_GOOD);
    }
}

static void
test_not_whole (void)
{
  const char *end = strstr (good[0], "\r\n\r\n") + 4;

  for (const char *p = good[0]; p < end; p++)
    {
      gboolean unknown;

      g_assert_cmpint (feed_at_once (good[0], (gsize) (p - good[0]), &unknown), ==,
                       THOLE_STRICT_MORE);
    }
}

static void
test_bad (void)
{
  static const struct
  {
    const char *text, *fault;
  } cases[] = {
    { "GET / HTTP/1.1\nHost: x\n\n", "CR LF" },
    { "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "folded" },
    { "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "token" },
    { "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "two Host" },
    { "GET / HTTP/1.1\r\n\r\n", "no Host" },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "not a host" },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "together" },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "twice" },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1234567890123456789\r\n\r\n", "plain number" },
    { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", "plain number" },
    { "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "not understood" },
    { "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0" },
    { "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encodingchunked: x\r\n\r\n", "ambiguous" },
    { "GET / HTTP/1.1\r\nHost: \x01\r\n\r\n", "control" },
    { "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", "control" },
    { "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", "percent" },
    { "GET / HTTP/1.2\r\nHost: x\r\n\r\n", "version" },
    { "GET /\r\n", "METHOD TARGET" },
    { "\r\n", "method" },
    { "abc\r\r\n", "control" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TholeStrict strict = { 0 };

      g_assert_cmpint (thole_strict_feed (&strict, cases[i].text, strlen (cases[i].text)), ==,
                       THOLE_STRICT_BAD);
      if (strstr (strict.head.fault, cases[i].fault) == NULL)
        g_error ("case %u: %s", i, strict.head.fault);
      g_assert_cmpint (feed_in_pieces (cases[i].text, strlen (cases[i].text)), ==,
                       THOLE_STRICT_BAD);
    }
}

/* a NUL is refused at once, not when its line ends */
static void
test_early (void)
{
  TholeStrict strict = { 0 };

  g_assert_cmpint (thole_strict_feed (&strict, "GET \0", 5), ==, THOLE_STRICT_BAD);
}

static void
test_many_fields (void)
{
  g_autoptr(GString) text = g_string_new ("GET / HTTP/1.1\r\nHost: x\r\n");
  gboolean unknown;

  for (guint i = 1; i < THOLE_HEAD_MAX_FIELDS; i++)
    g_string_append (text, "Accept: a\r\n");
  g_string_append (text, "\r\n");
  g_assert_cmpint (feed_at_once (text->str, text->len, &unknown), ==, THOLE_STRICT_GOOD);
  g_string_insert (text, (gssize) text->len - 2, "Accept: a\r\n");
  g_assert_cmpint (feed_at_once (text->str, text->len, &unknown), ==, THOLE_STRICT_BAD);
}

/* any change of one byte gives the same verdict whole and in pieces */
static void
test_mutations (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      gsize length = strlen (good[i]);
      g_autofree char *text = g_memdup2 (good[i], length + 1);

      for (int n = 0; n < 2000; n++)
        {
          gsize place = (gsize) g_test_rand_int_range (0, (gint32) length);
          gboolean unknown;

          text[place] = (char) g_test_rand_int_range (0, 256);
          g_assert_cmpint (feed_at_once (text, length, &unknown), ==,
                           feed_in_pieces (text, length));
          text[place] = good[i][place];
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/strict/good", test_good);
  g_test_add_func ("/strict/not-whole", test_not_whole);
  g_test_add_func ("/strict/bad", test_bad);
  g_test_add_func ("/strict/early", test_early);
  g_test_add_func ("/strict/many-fields", test_many_fields);
  g_test_add_func ("/strict/mutations", test_mutations);
  return g_test_run ();
}
