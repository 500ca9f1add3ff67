/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is written is what GDBus reads: the same as by way of GVariant.
 */
#include "bus/wire.h"

#include <string.h>

#include "bus/value.h"
#include "thole-json.h"

/* the whole message, read by GDBus */
static GDBusMessage *
read_back (GByteArray *body, const char *signature)
{
  const TholeWireHeader header = { .type = G_DBUS_MESSAGE_TYPE_METHOD_RETURN, .serial = 0x80000001u, .reply_serial = 77,
                                   .destination = ":1.42", .signature = signature };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  GDBusMessage *message;

  thole_wire_header (bytes, &header, 0);
  g_assert_cmpuint (bytes->len % 8, ==, 0);
  g_byte_array_append (bytes, body->data, body->len);
  thole_wire_resize (bytes, 0, body->len);
  message = g_dbus_message_new_from_blob (bytes->data, bytes->len, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_dbus_message_get_serial (message), ==, 0x80000001u);
  g_assert_cmpuint (g_dbus_message_get_reply_serial (message), ==, 77);
  g_assert_cmpstr (g_dbus_message_get_destination (message), ==, ":1.42");
  return message;
}

static void
assert_body (GByteArray *body, const char *signature, GVariant *wanted)
{
  g_autoptr (GDBusMessage) message = read_back (body, signature);
  g_autoptr (GVariant) child = g_variant_get_child_value (g_dbus_message_get_body (message), 0);

  if (!g_variant_equal (child, wanted))
    g_error ("%s\nis not\n%s", g_variant_print (child, TRUE), g_variant_print (wanted, TRUE));
}

static void
test_header (void)
{
  const TholeWireHeader header = { .type = G_DBUS_MESSAGE_TYPE_SIGNAL, .serial = 5, .path = "/org/thole", .interface = "org.thole.One",
                                   .member = "Done", .destination = ":1.1" };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GDBusMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  thole_wire_header (bytes, &header, 0);
  message = g_dbus_message_new_from_blob (bytes->data, bytes->len, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_dbus_message_get_message_type (message), ==, G_DBUS_MESSAGE_TYPE_SIGNAL);
  g_assert_cmpint (g_dbus_message_get_flags (message), ==, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_assert_cmpstr (g_dbus_message_get_path (message), ==, "/org/thole");
  g_assert_cmpstr (g_dbus_message_get_interface (message), ==, "org.thole.One");
  g_assert_cmpstr (g_dbus_message_get_member (message), ==, "Done");
  g_assert_null (g_dbus_message_get_body (message));
}

static void
test_values (void)
{
  static const char *const texts[] = {
    "true", "byte 7", "int16 -3", "uint16 9", "int32 -70000", "uint32 70000", "int64 -5000000000", "uint64 18446744073709551615",
    "1.5", "'text'", "''", "objectpath '/a/b'", "signature 'a{sv}'", "<'x'>", "<<int64 4>>", "@as []", "['a', '', 'ccc']", "@ax [1, 2]",
    "[byte 1, 2, 3]", "@a{sv} {}", "{'a': <true>, 'bb': <@as ['x']>, 'ccc': <{'d': <int64 1>}>}", "@aa{sv} []",
    "[{'a': <byte 1>}, {'b': <int64 2>}]", "[(byte 1, 'a', int64 2)]", "@a(yx) []", "@aax [[], [1], [2, 3]]", "{'a': 'b', 'cc': 'dd'}",
    "(byte 1, (true, 'x'), [<byte 2>, <int64 3>])", "[<@ax [7]>]",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    for (guint before = 0; before < 9; before++)
      {
        g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (texts[i]));
        g_autoptr (GByteArray) body = g_byte_array_new ();
        g_autofree char *signature = g_strdup_printf ("(s%s)", g_variant_get_type_string (value));
        g_autofree char *text = g_strnfill (before, 'p');
        g_autoptr (GVariant) tuple = g_variant_ref_sink (g_variant_new ("(s@*)", text, value));

        /* wherever it begins */
        thole_wire_value (body, tuple);
        assert_body (body, signature, tuple);
      }
}

static guint
deepest (const char *text)
{
  guint depth = 0, most = 0;

  for (; text != NULL && *text != '\0'; text++)
    {
      depth += *text == '{' || *text == '[';
      depth -= *text == '}' || *text == ']';
      most = MAX (most, depth);
    }
  return most;
}

static void
assert_json (const char *text, const char *type)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) json = text != NULL ? thole_json_parse (text, strlen (text), &error) : NULL;
  g_autoptr (GVariant) wanted = NULL;
  g_autoptr (GByteArray) body = g_byte_array_new ();

  g_assert_no_error (error);
  wanted = g_variant_ref_sink (thole_bus_value_as (json, type));
  thole_wire_json (body, json, type);
  assert_body (body, type, wanted);
  if (strcmp (type, "a{sv}") != 0)
    return;
  g_byte_array_set_size (body, 0);
  thole_wire_object (body, json);
  /* deeper ones are text a level earlier */
  if (deepest (text) < THOLE_BUS_MAX_DEPTH - 1)
    assert_body (body, type, wanted);
}

static void
test_json (void)
{
  static const char *const texts[] = {
    "{}", "[]", "{\"a\":1}", "{\"a\":null}", "{\"a\":\"\",\"b\":null,\"c\":\"x\"}", "{\"a\":true,\"b\":false,\"c\":-1.25,\"d\":18446744073709551615}",
    "{\"a\":[],\"b\":[null],\"c\":[1,2],\"d\":[\"x\",\"y\"],\"e\":[{},{\"f\":[]}],\"g\":[\"x\",1,null,{}]}",
    "[\"a\",\"\",\"ccc\"]", "[\"a\",1,null,{},[]]", "[{\"a\":1},{\"b\":{\"c\":{\"d\":[[[1]]]}}}]", "[[],[[]],[\"x\"]]",
    "{\"spec\":{\"image\":\"demo\",\"command\":[\"sh\",\"-c\",\"x\"],\"env\":{\"A\":\"1\"},\"tty\":false,\"cpu\":0.5,\"ports\":[{\"host\":1}]}}",
    "1", "\"x\"", "true",
  };
  static const char *const types[] = { "a{sv}", "a{ss}", "as", "av", "aa{sv}" };

  for (guint type = 0; type < G_N_ELEMENTS (types); type++)
    {
      assert_json (NULL, types[type]);
      for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
        assert_json (texts[i], types[type]);
    }
}

/* offsets get wider where a container passes 255 and 65535 bytes */
static void
test_sizes (void)
{
  static const guint sizes[] = { 200, 240, 250, 251, 252, 253, 254, 255, 256, 257, 300, 65500, 65530, 65535, 65536, 70000, 200000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *filler = g_strnfill (sizes[i], 'x');
      g_autofree char *key = g_strdup_printf ("{\"%s\":[1,\"a\"],\"b\":{\"%s\":\"c\"}}", filler, filler);
      g_autofree char *value = g_strdup_printf ("{\"a\":\"%s\",\"b\":[\"%s\",{\"c\":\"%s\"}]}", filler, filler, filler);
      g_autofree char *list = g_strdup_printf ("[\"%s\",\"a\",\"%s\"]", filler, filler);

      assert_json (key, "a{sv}");
      assert_json (value, "a{sv}");
      assert_json (value, "a{ss}");
      assert_json (list, "as");
      assert_json (list, "av");
    }
}

/* deeper than the bus goes: read_back() fails where a message is not what GDBus takes */
static void
test_depth (void)
{
  static const char *const kinds[][2] = { { "{\"a\":", "}" }, { "[", "]" }, { "[{\"a\":", "}]" }, { "{\"a\":[", "]}" } };

  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint depth = 1; depth < (kind < 2 ? 30 : 15); depth++)
      {
        g_autoptr (GString) text = g_string_new ("{\"it\":");

        for (guint i = 0; i < depth; i++)
          g_string_append (text, kinds[kind][0]);
        g_string_append (text, "[]");
        for (guint i = 0; i < depth; i++)
          g_string_append (text, kinds[kind][1]);
        g_string_append_c (text, '}');
        assert_json (text->str, "a{sv}");
      }
}

static void
append_random (GString *out, guint depth)
{
  guint what = (guint) g_test_rand_int_range (0, depth < 6 ? 9 : 6), n = (guint) g_test_rand_int_range (0, 6);

  if (what < 2)
    g_string_append_printf (out, "%d", g_test_rand_int ());
  else if (what == 2)
    g_string_append (out, n < 2 ? "null" : "true");
  else if (what == 3)
    g_string_append_printf (out, "%g", g_test_rand_double ());
  else if (what < 6)
    g_string_append_printf (out, "\"%.*s\"", (int) g_test_rand_int_range (0, 40), "Grüße, a text with up to forty characters");
  else
    {
      g_string_append_c (out, what == 6 ? '[' : '{');
      for (guint i = 0; i < n; i++)
        {
          g_string_append (out, i > 0 ? "," : "");
          if (what != 6)
            g_string_append_printf (out, "\"%.*s%u\":", (int) g_test_rand_int_range (0, 12), "aaaaaaaaaaaa", i);
          append_random (out, depth + 1);
        }
      g_string_append_c (out, what == 6 ? ']' : '}');
    }
}

static void
test_random (void)
{
  for (guint i = 0; i < 3000; i++)
    {
      g_autoptr (GString) text = g_string_new ("{\"it\":");

      append_random (text, 0);
      g_string_append_c (text, '}');
      if (!g_utf8_validate (text->str, -1, NULL))
        continue;
      assert_json (text->str, "a{sv}");
      assert_json (text->str, "a{ss}");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/header", test_header);
  g_test_add_func ("/wire/values", test_values);
  g_test_add_func ("/wire/json", test_json);
  g_test_add_func ("/wire/sizes", test_sizes);
  g_test_add_func ("/wire/depth", test_depth);
  g_test_add_func ("/wire/random", test_random);
  return g_test_run ();
}
