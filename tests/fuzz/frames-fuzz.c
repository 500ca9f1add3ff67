/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fields of an agent's frames: they cover the bytes without a hole, texts are UTF-8, and an error is always made. */
#include "sessions/agent-frames.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
check_fields (const guint8 *data, gsize size)
{
  const guint8 *at = data;
  gsize left = size;
  TholeAgentField field;

  while (thole_agent_next_field (&at, &left, &field))
    {
      g_autofree char *text = thole_agent_field_text (&field);

      g_assert_true (field.length == 0 || (field.data >= data && field.data + field.length <= data + size));
      g_assert_true (g_utf8_validate (text, -1, NULL));
      g_assert_true (at + left == data + size);
      thole_agent_field_value (&field);
      thole_agent_find_number (data, size, field.tag, 0);
      g_free (thole_agent_find_text (data, size, field.tag));
    }
}

/* what is written is read as it was */
static void
check_round (const guint8 *data, gsize size)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  const guint8 *at;
  gsize left;
  TholeAgentField field;

  thole_agent_field (out, 7, data, size);
  thole_agent_field_number (out, 8, size);
  at = out->data;
  left = out->len;
  g_assert_true (thole_agent_next_field (&at, &left, &field));
  g_assert_cmpuint (field.tag, ==, 7);
  g_assert_cmpmem (field.data, field.length, data, size);
  g_assert_true (thole_agent_next_field (&at, &left, &field));
  g_assert_cmpuint (thole_agent_field_value (&field), ==, size);
  g_assert_cmpuint (left, ==, 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr(GVariant) session = thole_agent_decode (data, size);
  g_autoptr(GError) error = NULL;
  g_autofree char *text = g_utf8_make_valid ((const char *) data, (gssize) size);

  g_assert_true (session == NULL || g_variant_is_of_type (session, G_VARIANT_TYPE_VARDICT));
  error = thole_agent_error (size > 0 ? data[0] : 0, text);
  g_assert_nonnull (error);
  check_fields (data, size);
  check_round (data, MIN (size, 65535));
  return 0;
}
