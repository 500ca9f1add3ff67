/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thole-dict.h"
#include "thole-error.h"
#include "thole-json.h"

#include <string.h>

static GVariant *
from_text (const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return g_variant_take_ref (value);
}

static void
test_readers (void)
{
  g_autoptr(GVariant) dict = from_text ("{'s': <'text'>, 'x': <int64 -5>, 'u': <uint32 7>, 'y': <byte 3>, 'n': <int16 -2>,"
                                        " 't': <uint64 18446744073709551615>, 'd': <2.5>, 'b': <true>, 'q': <uint16 9>, 'i': <4>}");
  const char *text = thole_dict_string (dict, "s", NULL);

  g_assert_cmpstr (text, ==, "text");
  g_assert_cmpstr (thole_dict_string (dict, "none", "other"), ==, "other");
  g_assert_cmpstr (thole_dict_string (dict, "x", "other"), ==, "other");
  g_assert_cmpint (thole_dict_int (dict, "x", 0), ==, -5);
  g_assert_cmpint (thole_dict_int (dict, "u", 0), ==, 7);
  g_assert_cmpint (thole_dict_int (dict, "y", 0), ==, 3);
  g_assert_cmpint (thole_dict_int (dict, "n", 0), ==, -2);
  g_assert_cmpint (thole_dict_int (dict, "q", 0), ==, 9);
  g_assert_cmpint (thole_dict_int (dict, "i", 0), ==, 4);
  g_assert_cmpint (thole_dict_int (dict, "t", -1), ==, -1);
  g_assert_cmpint (thole_dict_int (dict, "d", -1), ==, -1);
  g_assert_cmpint (thole_dict_int (dict, "s", -1), ==, -1);
  g_assert_true (thole_dict_double (dict, "d", 0) == 2.5);
  g_assert_true (thole_dict_double (dict, "x", 0) == -5);
  g_assert_true (thole_dict_double (dict, "t", 0) > 1.8e19);
  g_assert_true (thole_dict_double (dict, "s", 1.25) == 1.25);
  g_assert_true (thole_dict_boolean (dict, "b", FALSE));
  g_assert_true (thole_dict_boolean (dict, "s", TRUE));
  g_assert_false (thole_dict_boolean (dict, "none", FALSE));
}

static void
test_nothing (void)
{
  g_autoptr(GVariant) empty = from_text ("{}");
  g_autoptr(GVariant) other = g_variant_ref_sink (g_variant_new_string ("x"));
  g_auto(GStrv) list = thole_dict_strv (empty, "a");

  g_assert_cmpint (thole_dict_int (empty, "a", 3), ==, 3);
  g_assert_cmpint (thole_dict_int (NULL, "a", 3), ==, 3);
  g_assert_cmpint (thole_dict_int (other, "a", 3), ==, 3);
  g_assert_null (thole_dict_value (empty, "a", "as"));
  g_assert_cmpuint (g_strv_length (list), ==, 0);
}

/* bytes that are no dictionary are looked at without harm */
static void
test_damaged (void)
{
  g_autoptr(GVariant) whole = from_text ("{'abc': <'text'>, 'def': <uint32 1>, 'ghi': <@as ['x']>}");
  gsize size = g_variant_get_size (whole);

  for (gsize at = 0; at < size; at++)
    for (guint byte = 0; byte < 256; byte += 5)
      {
        g_autofree guint8 *bytes = g_memdup2 (g_variant_get_data (whole), size);
        g_autoptr(GBytes) data = NULL;
        g_autoptr(GVariant) dict = NULL;

        bytes[at] = (guint8) byte;
        data = g_bytes_new (bytes, size);
        dict = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, data, FALSE));
        thole_dict_string (dict, "abc", NULL);
        thole_dict_int (dict, "ghi", 0);
        thole_dict_int (dict, "missing", 0);
      }
}

static void
assert_converted (const char *json, const char *type, const char *expected)
{
  g_autoptr(GVariant) dict = thole_json_parse (json, strlen (json), NULL);
  g_autoptr(GVariant) value = thole_dict_value (dict, "a", type);
  g_autofree char *text = NULL;

  if (expected == NULL)
    {
      g_assert_null (value);
      return;
    }
  g_assert_nonnull (value);
  g_assert_false (g_variant_is_floating (value));
  g_assert_cmpstr (g_variant_get_type_string (value), ==, type);
  text = thole_json_to_string (value);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_conversion (void)
{
  assert_converted ("{\"a\":[\"x\",\"y\"]}", "as", "[\"x\",\"y\"]");
  assert_converted ("{\"a\":[]}", "as", "[]");
  assert_converted ("{\"a\":[\"x\",1]}", "as", NULL);
  assert_converted ("{\"a\":[{},{\"b\":1}]}", "aa{sv}", "[{},{\"b\":1}]");
  assert_converted ("{\"a\":[]}", "aa{sv}", "[]");
  assert_converted ("{\"a\":{}}", "a{ss}", "{}");
  assert_converted ("{\"a\":{\"b\":\"c\"}}", "a{ss}", "{\"b\":\"c\"}");
  assert_converted ("{\"a\":{\"b\":1}}", "a{ss}", NULL);
  assert_converted ("{\"a\":{\"b\":[\"c\"]}}", "a{sas}", "{\"b\":[\"c\"]}");
  assert_converted ("{\"a\":[[\"x\"],[]]}", "aas", "[[\"x\"],[]]");
  assert_converted ("{\"a\":[1]}", "av", "[1]");
  assert_converted ("{\"a\":{}}", "a{sv}", "{}");
  assert_converted ("{\"a\":null}", "as", NULL);
  assert_converted ("{\"a\":\"x\"}", "as", NULL);
}

static void
test_options (void)
{
  static const char *const understood[] = { "!known", NULL };
  g_autoptr(GVariant) plain = from_text ("{'unknown': <1>}");
  g_autoptr(GVariant) known = from_text ("{'a': <1>, '!known': <1>}");
  g_autoptr(GError) error = NULL;

  g_assert_true (thole_options_check (plain, NULL, NULL));
  g_assert_true (thole_options_check (known, understood, NULL));
  g_assert_false (thole_options_check (known, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "!known"));
}

static void
test_signals (void)
{
  g_assert_cmpint (thole_signal_number ("SIGKILL"), ==, 9);
  g_assert_cmpint (thole_signal_number ("KILL"), ==, 9);
  g_assert_cmpint (thole_signal_number ("15"), ==, 15);
  g_assert_cmpint (thole_signal_number ("SIGRTMIN+3"), ==, 37);
  g_assert_cmpint (thole_signal_number ("SIGRTMAX"), ==, 64);
  g_assert_cmpint (thole_signal_number (NULL), ==, 0);
  g_assert_cmpint (thole_signal_number (""), ==, 0);
  g_assert_cmpint (thole_signal_number ("0"), ==, 0);
  g_assert_cmpint (thole_signal_number ("65"), ==, 0);
  g_assert_cmpint (thole_signal_number ("9x"), ==, 0);
  g_assert_cmpint (thole_signal_number ("SIG"), ==, 0);
  g_assert_cmpint (thole_signal_number ("sigkill"), ==, 0);
  g_assert_cmpstr (thole_signal_name (15), ==, "SIGTERM");
  g_assert_cmpstr (thole_signal_name (31), ==, "SIGSYS");
  g_assert_null (thole_signal_name (0));
  g_assert_null (thole_signal_name (32));
  g_assert_null (thole_signal_name (65));
  g_assert_null (thole_signal_name (-1));
}

static void
assert_time (const char *text, gint64 expected)
{
  g_assert_cmpint (thole_time_parse (text), ==, expected);
}

static void
test_time (void)
{
  static const char *const bad[] = {
    "", "2026", "2026-11-21", "2026-11-21T08:00:00", "2026-11-21T08:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-11-21T24:00:00Z",
    "2026-11-21T08:60:00Z", "2026-11-21T08:00:61Z", "2026-11-21T08:00:00.Z", "2026-11-21T08:00:00.0000000001Z",
    "2026-11-21T08:00:00+1:00", "2026-11-21T08:00:00+24:00", "2026-11-21T08:00:00Zx", " 2026-11-21T08:00:00Z", "now",
    "0001-01-01T00:00:00Z", "2026-11-21T08:00:00+01:60",
  };

  assert_time ("1970-01-01T00:00:01Z", 1000000);
  assert_time ("2026-11-21T08:00:00.123Z", G_GINT64_CONSTANT (1795248000123000));
  assert_time ("2026-11-21T09:30:00.123456789+01:30", G_GINT64_CONSTANT (1795248000123456));
  assert_time ("2026-11-21 07:00:00-01:00", G_GINT64_CONSTANT (1795248000000000));
  assert_time ("2026-11-21t08:00:00z", G_GINT64_CONSTANT (1795248000000000));
  assert_time ("2016-12-31T23:59:60Z", G_GINT64_CONSTANT (1483228800000000));
  assert_time ("2000-02-29T00:00:00Z", G_GINT64_CONSTANT (951782400000000));
  assert_time (NULL, 0);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_time (bad[i], 0);
}

static void
test_time_format (void)
{
  char buffer[THOLE_TIME_LENGTH];

  g_assert_cmpstr (thole_time_format (0, buffer), ==, "1970-01-01T00:00:00.000Z");
  g_assert_cmpstr (thole_time_format (-1, buffer), ==, "1969-12-31T23:59:59.999Z");
  g_assert_cmpstr (thole_time_format (G_GINT64_CONSTANT (1795248000123999), buffer), ==, "2026-11-21T08:00:00.123Z");
  g_assert_cmpstr (thole_time_format (G_MAXINT64, buffer), ==, "9999-12-31T23:59:59.999Z");
  g_assert_cmpstr (thole_time_format (G_MININT64, buffer), ==, "0001-01-01T00:00:00.000Z");
  /* against GDateTime, all over the calendar */
  for (gint64 seconds = G_GINT64_CONSTANT (-62135596800); seconds < G_GINT64_CONSTANT (253402300800); seconds += 86400 * 97 + 12345)
    {
      g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc (seconds);
      g_autofree char *expected = g_date_time_format (date, "%Y-%m-%dT%H:%M:%S.000Z");

      thole_time_format (seconds * 1000000, buffer);
      g_assert_cmpstr (buffer + 4, ==, strchr (expected, '-'));
      if (g_date_time_get_year (date) > 1 && seconds != 0)
        g_assert_cmpint (thole_time_parse (buffer), ==, seconds * 1000000);
    }
}

static void
task_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gboolean *done = user_data;

  g_assert_null (source);
  *done = g_task_propagate_boolean (G_TASK (result), NULL);
}

static void
test_task (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  gboolean done = FALSE;
  g_autoptr(GTask) task = thole_task_new (cancellable, task_done, &done);

  /* what was done stays done, though it was cancelled meanwhile */
  g_cancellable_cancel (cancellable);
  g_task_return_boolean (task, TRUE);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
}

static void
stream_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gboolean *closed = user_data;

  *closed = g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
}

static void
test_stream (void)
{
  g_autoptr(GInputStream) input = g_memory_input_stream_new_from_data ("abc", 3, NULL);
  g_autoptr(GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr(GIOStream) both = thole_stream_new (input, output);
  gboolean closed = FALSE;
  char buffer[8];

  g_assert_cmpint (g_input_stream_read (g_io_stream_get_input_stream (both), buffer, sizeof buffer, NULL, NULL), ==, 3);
  g_assert_cmpint (g_output_stream_write (g_io_stream_get_output_stream (both), "xy", 2, NULL, NULL), ==, 2);
  g_io_stream_close_async (both, G_PRIORITY_DEFAULT, NULL, stream_closed, &closed);
  while (!closed)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_input_stream_is_closed (input));
  g_assert_true (g_output_stream_is_closed (output));
}

static void
test_stream_halves (void)
{
  g_autoptr(GIOStream) none = thole_stream_new (NULL, NULL);
  g_autoptr(GError) error = NULL;
  char buffer[8];

  g_assert_cmpint (g_input_stream_read (g_io_stream_get_input_stream (none), buffer, sizeof buffer, NULL, NULL), ==, 0);
  g_assert_cmpint (g_output_stream_write (g_io_stream_get_output_stream (none), "x", 1, NULL, &error), ==, -1);
  g_assert_nonnull (error);
  g_assert_true (g_io_stream_close (none, NULL, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dict/readers", test_readers);
  g_test_add_func ("/dict/nothing", test_nothing);
  g_test_add_func ("/dict/damaged", test_damaged);
  g_test_add_func ("/dict/conversion", test_conversion);
  g_test_add_func ("/dict/options", test_options);
  g_test_add_func ("/dict/signals", test_signals);
  g_test_add_func ("/dict/time", test_time);
  g_test_add_func ("/dict/time-format", test_time_format);
  g_test_add_func ("/dict/task", test_task);
  g_test_add_func ("/dict/stream", test_stream);
  g_test_add_func ("/dict/stream-halves", test_stream_halves);
  return g_test_run ();
}
