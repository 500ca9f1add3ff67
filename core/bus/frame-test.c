/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values are counted in what GDBus writes, and GDBus reads what has lost its body.
 */
#include "bus/frame.h"

#include <gio/gio.h>

static guint8 *
message_of (const char *body, gsize *head, gsize *length)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call ("org.example", "/one", "org.example.One", "Do");
  g_autoptr (GError) error = NULL;
  gsize size;
  guint8 *data;

  if (body != NULL)
    g_dbus_message_set_body (message, g_variant_new_parsed (body));
  g_dbus_message_set_serial (message, 7);
  data = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_assert_true (thole_frame_measure (data, head, length));
  g_assert_cmpuint (*head + *length, ==, size);
  return data;
}

static void
test_count (void)
{
  static const struct { const char *body; guint values; } cases[] = {
    { "('x',)", 1 },
    { "(byte 1, int16 2, uint32 3, int64 4, 5.0, true, objectpath '/', signature 'a{sv}')", 8 },
    { "([1, 2, 3],)", 4 },
    { "(b'a long text',)", 1 },
    { "(@as [], @a{sv} {}, @a(xx) [])", 3 },
    { "({'a': <1>, 'b': <'x'>},)", 1 + 2 * 4 },
    { "([(byte 1, [int64 5]), (byte 2, [])],)", 1 + 2 * 3 + 1 },
    { "(<[<<{'deep': <(1, 'x')>}>>]>,)", 11 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize head, body;
      g_autofree guint8 *data = message_of (cases[i].body, &head, &body);

      g_assert_true (thole_frame_is_small (data, head, body, cases[i].values));
      g_assert_false (thole_frame_is_small (data, head, body, cases[i].values - 1));
    }
}

/* whatever the bytes are, nothing beyond them is read */
static void
test_nonsense (void)
{
  gsize head, body;
  g_autofree guint8 *good = message_of ("({'a': <[(byte 1, 'x')]>, 'b': <{'c': <@as ['y']>}>}, signature 'ai')", &head, &body);

  for (gsize i = 0; i < head + body; i++)
    for (guint change = 1; change < 256; change = change * 2 + 1)
      {
        g_autofree guint8 *data = g_memdup2 (good, head + body);
        gsize new_head, new_body;

        data[i] ^= (guint8) change;
        if (!thole_frame_measure (data, &new_head, &new_body) || new_head + new_body > head + body)
          continue;
        thole_frame_is_small (data, new_head, new_body, 1000);
        thole_frame_cut (data, new_head);
      }
}

static void
test_cut (void)
{
  gsize head, body;
  g_autofree guint8 *data = message_of ("({'a': <1>},)", &head, &body);
  g_autoptr (GDBusMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (thole_frame_cut (data, head));
  message = g_dbus_message_new_from_blob (data, head, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  g_assert_null (g_dbus_message_get_body (message));
  g_assert_cmpstr (g_dbus_message_get_member (message), ==, "Do");
  g_assert_cmpstr (g_variant_get_string (g_dbus_message_get_header (message, THOLE_FRAME_NO_BODY), NULL), ==, "a{sv}");
  /* it has no signature any more */
  g_assert_false (thole_frame_cut (data, head));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/frame/count", test_count);
  g_test_add_func ("/bus/frame/nonsense", test_nonsense);
  g_test_add_func ("/bus/frame/cut", test_cut);
  return g_test_run ();
}
