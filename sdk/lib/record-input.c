/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The headers of what is written to a session.
 */
#include "thole-dict.h"

#include <string.h>

#include "thole-error.h"

/* Checks the header that is complete now, and begins its body. */
static gboolean
begin_body (TholeRecordInput *self, GError **error)
{
  guint32 size;

  self->have = 0;
  memcpy (&size, self->header + 1, sizeof size);
  size = GUINT32_FROM_BE (size);
  if (self->header[0] != THOLE_RECORD_STDIN || size > THOLE_RECORD_MAX)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not an input record");
      return FALSE;
    }
  if (size > 0 && (self->ended || self->refuses))
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_CONFLICT, "the program's input is not open");
      return FALSE;
    }
  self->left = size;
  self->ended |= size == 0;
  return TRUE;
}

gboolean
thole_record_input_take (TholeRecordInput *self, const guint8 *data, gsize length, gsize *taken, GError **error)
{
  gsize at = 0;

  while (self->left == 0 && at < length)
    {
      gsize n = MIN (length - at, THOLE_RECORD_HEADER - self->have);

      memcpy (self->header + self->have, data + at, n);
      self->have += (guint) n;
      at += n;
      if (self->have == THOLE_RECORD_HEADER && !begin_body (self, error))
        return FALSE;
    }
  *taken += at;
  return TRUE;
}
