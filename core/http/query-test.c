/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include <string.h>

#include "thole-json.h"

static void
test_decode (void)
{
  static const struct
  {
    const char *text, *plain;
  } cases[] = {
    { "", "" },           { "a+b", "a b" },      { "%41%62", "Ab" }, { "%c3%A4", "ä" },
    { "%", NULL },        { "%4", NULL },        { "a%4", NULL },    { "%4g", NULL },
    { "%g4", NULL },      { "%00", NULL },       { "%0a", NULL },    { "%7f", NULL },
    { "%c3", NULL },      { "%ed%a0%80", NULL }, { "%%41", NULL },   { "%2541", "%41" },
    { "100%25", "100%" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *plain = thole_query_decode (cases[i].text, strlen (cases[i].text), TRUE);

      g_assert_cmpstr (plain, ==, cases[i].plain);
    }
  {
    g_autofree char *path = thole_query_decode ("a+b%41", 5, FALSE);
    g_autofree char *short_one = thole_query_decode ("a+b%41", 3, FALSE);

    g_assert_null (path);
    g_assert_cmpstr (short_one, ==, "a+b");
  }
}

static void
test_parse (void)
{
  static const struct { const char *text, *json; gboolean secret; } cases[] = {
    { NULL, NULL },
    { "", NULL },
    { "&&", NULL },
    { "a=1&b=2", "{\"a\":\"1\",\"b\":\"2\"}" },
    { "a=1&b=2&a=3", "{\"a\":[\"1\",\"3\"],\"b\":\"2\"}" },
    { "a", "{\"a\":\"\"}" },
    { "=a", "{\"\":\"a\"}" },
    { "a==b=", "{\"a\":\"=b=\"}" },
    { "%61=%3d%26", "{\"a\":\"=&\"}" },
    { "token=x", "{\"token\":\"x\"}", TRUE },
    { "a=token", "{\"a\":\"token\"}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gboolean secret = FALSE;
      TholeProblem *problem = NULL;
      g_autoptr(GVariant) query = thole_query_parse (cases[i].text, &secret, &problem);
      g_autofree char *json = query != NULL ? thole_json_to_string (query) : NULL;

      g_assert_null (problem);
      g_assert_cmpstr (json, ==, cases[i].json);
      g_assert_cmpint (secret, ==, cases[i].secret);
    }
}

static void
test_accept (void)
{
  static const struct { const char *accept; gboolean yes; } cases[] = {
    { "text/event-stream", TRUE },
    { "application/json, text/event-stream", TRUE },
    { "Text/Event-Stream ; q=0.5", TRUE },
    { " text/event-stream;charset=utf-8 ,x/y", TRUE },
    { "text/event-stream;q=0", FALSE },
    { "text/event-stream;Q=0.000, a/b", FALSE },
    { "text/event-streams", FALSE },
    { "*/*", FALSE },
    { "", FALSE },
    { ",,,", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (
      thole_accepts ((TholeSpan){ cases[i].accept, strlen (cases[i].accept) }, "text/event-stream"),
      ==, cases[i].yes);
}

static void
test_tags (void)
{
  static const struct
  {
    const char *tags;
    gboolean weak;
    const char *bare;
  } cases[] = {
    { "\"5\"", FALSE, "5" },
    { "5", FALSE, "5" },
    { "*", FALSE, "*" },
    { "W/\"5\"", TRUE, "5" },
    { "W/\"5\"", FALSE, "W/\"5\"" },
    { "\"5\" , \"6\"", FALSE, "5,6" },
    { "\"", FALSE, "\"" },
    { "", FALSE, "" },
    { "\"\"", FALSE, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *bare =
        thole_tags_bare ((TholeSpan){ cases[i].tags, strlen (cases[i].tags) }, cases[i].weak);

      g_assert_cmpstr (bare, ==, cases[i].bare);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query/decode", test_decode);
  g_test_add_func ("/query/parse", test_parse);
  g_test_add_func ("/query/accept", test_accept);
  g_test_add_func ("/query/tags", test_tags);
  return g_test_run ();
}
