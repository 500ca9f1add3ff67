/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: API-03 API-08
 */
#include "thole-json.h"
#include "thole-dict.h"
#include "thole-error.h"

#include <math.h>
#include <string.h>

static GVariant *
parse (const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_json_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  g_assert_nonnull (value);
  g_assert_false (g_variant_is_floating (value));
  g_assert_true (g_variant_is_normal_form (value));
  return value;
}

static void
assert_refused_len (const char *text, gsize length, const char *message)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_json_parse (text, length, &error);

  g_assert_null (value);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_MALFORMED);
  if (message != NULL)
    g_assert_cmpstr (error->message, ==, message);
}

static void
assert_refused (const char *text, const char *message)
{
  assert_refused_len (text, strlen (text), message);
}

/* what is written is what GVariant reads back, and writing it again gives the same text */
static void
assert_same (const char *text, const char *type, const char *print)
{
  g_autoptr(GVariant) value = parse (text);
  g_autofree char *printed = g_variant_print (value, TRUE);

  g_assert_cmpstr (g_variant_get_type_string (value), ==, type);
  g_assert_cmpstr (printed, ==, print);
}

static void
test_types (void)
{
  assert_same ("null", "()", "()");
  assert_same (" true ", "b", "true");
  assert_same ("false", "b", "false");
  assert_same ("\"a\"", "s", "'a'");
  assert_same ("\"\"", "s", "''");
  assert_same ("0", "x", "int64 0");
  assert_same ("-0", "x", "int64 0");
  assert_same ("-1", "x", "int64 -1");
  assert_same ("9223372036854775807", "x", "int64 9223372036854775807");
  assert_same ("9223372036854775808", "t", "uint64 9223372036854775808");
  assert_same ("18446744073709551615", "t", "uint64 18446744073709551615");
  assert_same ("-9223372036854775808", "x", "int64 -9223372036854775808");
  assert_same ("1.5", "d", "1.5");
  assert_same ("1e3", "d", "1000.0");
  assert_same ("1E+2", "d", "100.0");
  assert_same ("-0.0", "d", "-0.0");
  assert_same ("1e-400", "d", "0.0");
  assert_same ("[]", "av", "@av []");
  assert_same ("{}", "a{sv}", "@a{sv} {}");
  assert_same ("[1,\"x\",[],{}]", "av", "[<int64 1>, <'x'>, <@av []>, <@a{sv} {}>]");
  assert_same ("\t{\"a\" :\r\n[ true , null ] , \"b\":{\"c\":-7}}\n", "a{sv}",
               "{'a': <[<true>, <()>]>, 'b': <{'c': <int64 -7>}>}");
}

static void
test_strings (void)
{
  assert_same ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "s", "'\"\\\\/\\b\\f\\n\\r\\t'");
  assert_same ("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "s", "'Aé€😀'");
  assert_same ("\"é€😀\xef\xbf\xbf\xf4\x8f\xbf\xbf\"", "s", "'é€😀\\uffff\\U0010ffff'");
  assert_same ("\"\x7f\"", "s", "'\\u007f'");
  assert_refused ("\"a", "string without end at byte 0");
  assert_refused ("\"a\\", "string without end at byte 2");
  assert_refused ("\"a\\\"", "string without end at byte 0");
  assert_refused ("\"a\nb\"", "control character in a string at byte 2");
  assert_refused ("\"\\x41\"", "bad escape at byte 1");
  assert_refused ("\"\\u12\"", "bad escape at byte 1");
  assert_refused ("\"\\u12g4\"", "bad escape at byte 1");
  assert_refused ("\"a\\u0000b\"", "NUL in a string at byte 2");
  assert_refused ("\"\\ud800\"", "lone surrogate at byte 1");
  assert_refused ("\"\\ud800x\"", "lone surrogate at byte 1");
  assert_refused ("\"\\ud800\\u0041\"", "lone surrogate at byte 1");
  assert_refused ("\"\\udc00\"", "lone surrogate at byte 1");
  assert_refused_len ("\"a\0b\"", 5, "control character in a string at byte 2");
  assert_refused_len ("\"\\\0\"", 4, "bad escape at byte 1");
}

static void
test_utf8 (void)
{
  /* a lone continuation, overlong forms, surrogates, above U+10FFFF, cut off, bytes that never occur */
  static const char *const bad[] = {
    "\"\x80\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x80\x80\"", "\"\xe0\x9f\xbf\"", "\"\xed\xa0\x80\"",
    "\"\xf0\x80\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"",
    "\"\xff\"", "\"\xfe\"", "\"12345678\xc3\"", "{\"\xff\":1}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (bad[i], NULL);
  assert_refused ("\"12345678\xc3\"", "bad UTF-8 at byte 9");
  assert_refused_len ("\"\xe2\x82\xac", 3, "bad UTF-8 at byte 1");
  assert_refused ("\xef\xbb\xbf{}", "expected a value at byte 0");
}

static void
test_not_json (void)
{
  static const char *const bad[] = {
    "", " ", "[0123]", "[+1]", "[.5]", "[1.]", "[1.e2]", "[1e]", "[1e+]", "[-]", "[--1]", "[0x10]", "[1a]", "[NaN]", "[Infinity]",
    "{'a':1}", "/*x*/1", "[1]//x", "#", "[1,]", "[,1]", "[,]", "{,}", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{a:1}",
    "{1:1}", "[1 2]", "[1", "[", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "[}", "{]", "[1}", "{\"a\":1]", "]", "}", "1 2", "{}{}",
    "tru", "True", "nul", "nulll", "truefalse", "[true1]", "[1]]", "\"a\" \"b\"", "\v1", "\f1", "[1\xc2\xa0]", "-", "-a", "01",
    "-01", "00",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (bad[i], NULL);
  assert_refused ("", "unexpected end at byte 0");
  assert_refused ("[1,]", "expected a value at byte 3");
  assert_refused ("{} x", "text after the value at byte 3");
  assert_refused_len ("1\0", 2, "text after the value at byte 1");
}

static void
test_numbers (void)
{
  static const char *const exact[] = { "0.1", "1.7976931348623157e308", "5e-324", "123456789.123456789", "1e22", "0.30000000000000004" };

  for (guint i = 0; i < G_N_ELEMENTS (exact); i++)
    {
      g_autoptr(GVariant) value = parse (exact[i]);

      g_assert_true (g_variant_get_double (value) == g_ascii_strtod (exact[i], NULL));
    }
  assert_refused ("18446744073709551616", "integer out of range at byte 0");
  assert_refused ("[1180591620717411303424]", "integer out of range at byte 1");
  assert_refused ("-9223372036854775809", "integer out of range at byte 0");
  assert_refused ("-18446744073709551616", "integer out of range at byte 0");
  assert_refused ("1e400", "number out of range at byte 0");
  assert_refused ("-1e400", "number out of range at byte 0");
}

static void
test_long_number (void)
{
  g_autoptr(GString) text = g_string_new ("0.");
  g_autoptr(GVariant) value = NULL;

  for (guint i = 0; i < 5000; i++)
    g_string_append_c (text, '3');
  value = parse (text->str);
  g_assert_cmpfloat_with_epsilon (g_variant_get_double (value), 1.0 / 3, 1e-15);
}

static void
test_duplicate_keys (void)
{
  g_autoptr(GString) text = g_string_new ("{");

  assert_refused ("{\"a\":1,\"a\":2}", "duplicate key at byte 7");
  assert_refused ("{\"a\":1,\"b\":2,\"\\u0061\":3}", "duplicate key at byte 13");
  assert_refused ("[{\"x\":{\"a\":1,\"b\":1,\"a\":1}}]", "duplicate key at byte 19");
  assert_same ("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":2}}", "a{sv}",
               "{'a': <{'a': <{'a': <int64 1>}>}>, 'b': <{'a': <int64 2>}>}");
  for (guint i = 0; i < 20000; i++)
    g_string_append_printf (text, "\"key%u\":%u,", i, i);
  g_string_append (text, "\"key77\":0}");
  assert_refused (text->str, NULL);
  g_string_truncate (text, text->len - strlen (",\"key77\":0}"));
  g_string_append_c (text, '}');
  g_autoptr(GVariant) value = parse (text->str);
  g_assert_cmpuint (g_variant_n_children (value), ==, 20000);
  g_assert_cmpint (thole_dict_int (value, "key19999", -1), ==, 19999);
}

static char *
nested (const char *open, const char *middle, const char *close, guint depth)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append (text, open);
  g_string_append (text, middle);
  for (guint i = 0; i < depth; i++)
    g_string_append (text, close);
  return g_string_free (text, FALSE);
}

static void
test_depth (void)
{
  g_autofree char *objects = nested ("{\"a\":", "7", "}", THOLE_JSON_MAX_DEPTH);
  g_autofree char *arrays = nested ("[", "", "]", THOLE_JSON_MAX_DEPTH);
  g_autofree char *too_deep = nested ("[", "", "]", THOLE_JSON_MAX_DEPTH + 1);
  g_autofree char *hostile = nested ("[", "", "]", 100000);
  g_autofree char *open = nested ("{\"a\":", "", "", 100000);
  g_autoptr(GVariant) value = parse (objects);
  g_autoptr(GVariant) list = parse (arrays);
  g_autofree char *again = thole_json_to_string (value);

  g_assert_cmpstr (again, ==, objects);
  /* all of it can be read through GVariant, down to the last */
  for (guint i = 0; i < THOLE_JSON_MAX_DEPTH; i++)
    {
      GVariant *inner = g_variant_lookup_value (value, "a", NULL);

      g_assert_nonnull (inner);
      g_variant_unref (value);
      value = inner;
    }
  g_assert_cmpint (g_variant_get_int64 (value), ==, 7);
  assert_refused (too_deep, "nested too deep at byte 32");
  assert_refused (hostile, NULL);
  assert_refused (open, NULL);
}

/* all widths of framing offsets: containers of less than 256 bytes, 64 KiB and more */
static void
test_sizes (void)
{
  for (guint count = 0; count < 9000; count = count < 40 ? count + 1 : count * 2 + 1)
    {
      g_autoptr(GString) text = g_string_new ("{\"list\":[");
      g_autoptr(GVariant) value = NULL;
      g_autoptr(GVariant) list = NULL;
      g_autofree char *again = NULL;

      for (guint i = 0; i < count; i++)
        g_string_append_printf (text, "%s{\"number\":%u,\"text\":\"%u\"}", i > 0 ? "," : "", i, i);
      g_string_append (text, "],\"after\":true}");
      value = parse (text->str);
      list = thole_dict_value (value, "list", "aa{sv}");
      g_assert_cmpuint (g_variant_n_children (list), ==, count);
      g_assert_true (thole_dict_boolean (value, "after", FALSE));
      again = thole_json_to_string (value);
      g_assert_cmpstr (again, ==, text->str);
    }
}

static void
test_long_strings (void)
{
  static const gsize lengths[] = { 0, 1, 7, 8, 9, 15, 250, 251, 252, 253, 254, 255, 256, 65530, 65535, 65536, 3000000 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *filler = g_strnfill (lengths[i], 'x');
      g_autofree char *text = g_strdup_printf ("{\"%s\":\"%s\"}", filler, filler);
      g_autoptr(GVariant) value = parse (text);
      g_autofree char *again = thole_json_to_string (value);

      g_assert_cmpstr (again, ==, text);
      g_assert_cmpstr (thole_dict_string (value, filler, NULL), ==, filler);
    }
}

/* every truncation and every changed byte of a text ends in a value or in an error, never in anything else */
static void
test_damage (void)
{
  static const char whole[] = "{\"a\":[1,-2.5e3,true,false,null,\"x\\n\\u20ac\\ud83d\\ude00é\"],\"b\":{\"c\":{}},\"d\":18446744073709551615}";

  for (gsize length = 0; length < sizeof whole - 1; length++)
    {
      g_autofree char *cut = g_memdup2 (whole, length + 1);

      assert_refused_len (cut, length, NULL);
    }
  for (gsize at = 0; at < sizeof whole - 1; at++)
    for (guint byte = 0; byte < 256; byte++)
      {
        g_autofree char *changed = g_memdup2 (whole, sizeof whole - 1);
        g_autoptr(GVariant) value = NULL;

        changed[at] = (char) byte;
        value = thole_json_parse (changed, sizeof whole - 1, NULL);
        g_assert_true (value == NULL || g_variant_is_normal_form (value));
      }
}

static void
assert_written (const char *variant, const char *json)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) value = g_variant_parse (NULL, variant, NULL, NULL, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = thole_json_to_string (value);
  g_assert_cmpstr (text, ==, json);
}

static void
test_write (void)
{
  assert_written ("{'a': <1>, 'b': <@au [1, 2]>}", "{\"a\":1,\"b\":[1,2]}");
  assert_written ("@a{ss} {'x': 'y'}", "{\"x\":\"y\"}");
  assert_written ("@as ['a', 'b']", "[\"a\",\"b\"]");
  assert_written ("@aa{sv} [{'a': <byte 7>}, {}]", "[{\"a\":7},{}]");
  assert_written ("(@n -3, @q 3, @u 4000000000, @x -9223372036854775808, @t 18446744073709551615, @h 2)",
                  "[-3,3,4000000000,-9223372036854775808,18446744073709551615,2]");
  assert_written ("@ms nothing", "null");
  assert_written ("just 'a'", "\"a\"");
  assert_written ("()", "null");
  assert_written ("@v <<'a'>>", "\"a\"");
  assert_written ("b'hello'", "\"aGVsbG8A\"");
  assert_written ("@ay []", "\"\"");
  assert_written ("@a{us} {5: 'five'}", "{\"5\":\"five\"}");
  assert_written ("[0.5, 1.0, -2.0, 1e300, 0.1]", "[0.5,1,-2,1e+300,0.1]");
  assert_written ("(objectpath '/a', signature 'as')", "[\"/a\",\"as\"]");
}

static void
test_write_strings (void)
{
  g_autoptr(GString) out = g_string_new (NULL);

  thole_json_append_string (out, "a\"b\\c\n\t\r\b\f\x01\x1f/\x7fé😀");
  g_assert_cmpstr (out->str, ==, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f/\x7fé😀\"");
  g_string_truncate (out, 0);
  thole_json_append_string (out, "a\xff""b\xc3");
  g_assert_cmpstr (out->str, ==, "\"a\xef\xbf\xbd""b\xef\xbf\xbd\"");
  g_string_truncate (out, 0);
  thole_json_append_string_len (out, "a\0b", 3);
  g_assert_cmpstr (out->str, ==, "\"a\\u0000b\"");
  g_string_truncate (out, 0);
  thole_json_append_string (out, NULL);
  g_assert_cmpstr (out->str, ==, "\"\"");
}

static void
test_write_doubles (void)
{
  static const double values[] = { 0.0, -0.0, 1.0, -1.0, 0.1, 1.0 / 3, 1e15, 1e16, 123456789012345678.0, 5e-324, 1.7976931348623157e308,
                                   0.30000000000000004, -2.5, 999999999999999.0, 1e-7 };
  static const double not_finite[] = { INFINITY, -INFINITY, NAN };
  g_autoptr(GString) out = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr(GVariant) value = NULL;
      double back;

      g_string_truncate (out, 0);
      thole_json_append_double (out, values[i]);
      value = parse (out->str);
      back = g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE) ? g_variant_get_double (value)
                                                                 : (double) g_variant_get_int64 (value);
      g_assert_true (back == values[i] && !signbit (back) == !signbit (values[i]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (not_finite); i++)
    {
      g_string_truncate (out, 0);
      thole_json_append_double (out, not_finite[i]);
      g_assert_cmpstr (out->str, ==, "null");
    }
}

/* prints what reading costs; no limit, for machines differ */
static void
test_speed (void)
{
  g_autoptr(GString) text = g_string_new ("[");
  gint64 begin, parsed;
  g_autoptr(GVariant) value = NULL;

  for (guint i = 0; i < 2000; i++)
    g_string_append_printf (text, "%s{\"Id\":\"%064x\",\"Names\":[\"/name-%u\"],\"Created\":1767225600,\"State\":\"running\","
                            "\"Status\":\"Up 3 hours\",\"Labels\":{\"org.thole.id\":\"wl-%010u\"},\"HostConfig\":{\"NetworkMode\":"
                            "\"default\"},\"Mounts\":[],\"SizeRw\":1.5}", i > 0 ? "," : "", i, i, i);
  g_string_append_c (text, ']');
  begin = g_get_monotonic_time ();
  value = parse (text->str);
  parsed = g_get_monotonic_time ();
  g_test_message ("%" G_GSIZE_FORMAT " bytes read in %" G_GINT64_FORMAT " us", text->len, parsed - begin);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/types", test_types);
  g_test_add_func ("/json/strings", test_strings);
  g_test_add_func ("/json/utf8", test_utf8);
  g_test_add_func ("/json/not-json", test_not_json);
  g_test_add_func ("/json/numbers", test_numbers);
  g_test_add_func ("/json/long-number", test_long_number);
  g_test_add_func ("/json/duplicate-keys", test_duplicate_keys);
  g_test_add_func ("/json/depth", test_depth);
  g_test_add_func ("/json/sizes", test_sizes);
  g_test_add_func ("/json/long-strings", test_long_strings);
  g_test_add_func ("/json/damage", test_damage);
  g_test_add_func ("/json/write", test_write);
  g_test_add_func ("/json/write-strings", test_write_strings);
  g_test_add_func ("/json/write-doubles", test_write_doubles);
  g_test_add_func ("/json/speed", test_speed);
  return g_test_run ();
}
