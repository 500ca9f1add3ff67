/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Framing of the records on streams of sessions and logs.
 */
#include "thole-dict.h"

#include <string.h>

#define EXIT_BODY 5

static void
put_be32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, sizeof value);
}

static guint32
get_be32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_BE (value);
}

/* Appends @header, whose last four bytes become the length, and a piece of @data, until all is there. */
static void
append_pieces (GByteArray *out, guint8 *header, guint header_length, const guint8 *data, gsize length)
{
  do
    {
      guint piece = (guint) MIN (length, THOLE_RECORD_MAX);

      put_be32 (header + header_length - 4, piece);
      g_byte_array_append (out, header, header_length);
      if (piece > 0)
        g_byte_array_append (out, data, piece);
      data = piece > 0 ? data + piece : data;
      length -= piece;
    }
  while (length > 0);
}

void
thole_record_append (GByteArray *out, TholeRecordKind kind, gconstpointer data, gsize length)
{
  guint8 header[THOLE_RECORD_HEADER] = { (guint8) kind };

  append_pieces (out, header, sizeof header, data, length);
}

void
thole_record_append_exit (GByteArray *out, gint32 code, guint8 signal)
{
  guint8 body[EXIT_BODY];

  put_be32 (body, (guint32) code);
  body[4] = signal;
  thole_record_append (out, THOLE_RECORD_EXIT, body, sizeof body);
}

gssize
thole_record_parse (const guint8 *data, gsize length, TholeRecordKind *kind, const guint8 **body, gsize *body_length)
{
  guint32 size;

  if (length > 0 && data[0] > THOLE_RECORD_EXIT)
    return -1;
  if (length < THOLE_RECORD_HEADER)
    return 0;
  size = get_be32 (data + 1);
  if (size > THOLE_RECORD_MAX || (data[0] == THOLE_RECORD_EXIT && size != EXIT_BODY))
    return -1;
  if (length - THOLE_RECORD_HEADER < size)
    return 0;
  *kind = (TholeRecordKind) data[0];
  *body = data + THOLE_RECORD_HEADER;
  *body_length = size;
  return (gssize) (THOLE_RECORD_HEADER + size);
}

gboolean
thole_record_parse_exit (const guint8 *body, gsize length, gint32 *code, guint8 *signal)
{
  if (length != EXIT_BODY)
    return FALSE;
  *code = (gint32) get_be32 (body);
  *signal = body[4];
  return TRUE;
}

void
thole_log_record_append (GByteArray *out, guint8 stream, gint64 time, gconstpointer data, gsize length)
{
  guint8 header[THOLE_LOG_RECORD_HEADER] = { stream };

  put_be32 (header + 1, (guint32) ((guint64) time >> 32));
  put_be32 (header + 5, (guint32) time);
  append_pieces (out, header, sizeof header, data, length);
}

gssize
thole_log_record_parse (const guint8 *data, gsize length, guint8 *stream, gint64 *time, const guint8 **body,
                        gsize *body_length)
{
  guint32 size;

  if (length > 0 && data[0] != 1 && data[0] != 2)
    return -1;
  if (length < THOLE_LOG_RECORD_HEADER)
    return 0;
  size = get_be32 (data + 9);
  if (size > THOLE_RECORD_MAX)
    return -1;
  if (length - THOLE_LOG_RECORD_HEADER < size)
    return 0;
  *stream = data[0];
  *time = (gint64) ((guint64) get_be32 (data + 1) << 32 | get_be32 (data + 5));
  *body = data + THOLE_LOG_RECORD_HEADER;
  *body_length = size;
  return (gssize) (THOLE_LOG_RECORD_HEADER + size);
}
