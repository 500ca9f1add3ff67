/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as JSON, as a record and as a time: what is taken can be read whole, and what is written from it says the same.
 */
#include "thole-dict.h"
#include "thole-json.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_json (const char *text, gsize length)
{
  g_autoptr(GVariant) value = thole_json_parse (text, length, NULL);
  g_autoptr(GVariant) again = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  if (value == NULL)
    return;
  g_assert_true (g_variant_is_normal_form (value));
  first = thole_json_to_string (value);
  again = thole_json_parse (first, strlen (first), NULL);
  g_assert_nonnull (again);
  second = thole_json_to_string (again);
  g_assert_cmpstr (first, ==, second);
  thole_dict_string (value, "a", NULL);
  thole_dict_int (value, "a", 0);
}

/* the same bytes as a dictionary that nobody has vouched for */
static void
check_dict (const guint8 *data, gsize size)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data, size);
  g_autoptr(GVariant) dict = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  g_auto(GStrv) list = thole_dict_strv (dict, "a");

  thole_dict_string (dict, "a", NULL);
}

static void
check_records (const guint8 *data, gsize size)
{
  TholeRecordKind kind;
  const guint8 *body;
  gsize length;
  guint8 stream;
  gint64 time;
  gssize used = thole_record_parse (data, size, &kind, &body, &length);

  g_assert_true (used <= 0 || (body + length == data + used && (gsize) used <= size));
  used = thole_log_record_parse (data, size, &stream, &time, &body, &length);
  g_assert_true (used <= 0 || (body + length == data + used && (gsize) used <= size));
}

static void
check_text (const char *text)
{
  char buffer[THOLE_TIME_LENGTH];
  gint64 time = thole_time_parse (text);

  /* the text has milliseconds */
  if (time > 0)
    g_assert_cmpint (thole_time_parse (thole_time_format (time, buffer)) / 1000, ==, time / 1000);
  thole_signal_number (text);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);

  check_json ((const char *) data, size);
  check_dict (data, size);
  check_records (data, size);
  check_text (text);
  return 0;
}
