/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "chunks.h"

#define SIZE_DIGITS_MAX 8

enum
{
  SIZE,      /* hexadecimal digits */
  EXTENSION, /* what else is on that line */
  DATA,
  DATA_END,  /* the line end behind the data */
  TRAILER,   /* lines behind the last chunk; an empty one ends it */
  TRAILER_LINE,
};

void
docker_body_init (DockerBody *self, gboolean chunked, guint64 length)
{
  *self = (DockerBody) { .chunked = chunked, .left = chunked ? 0 : length, .state = SIZE };
  self->whole = !chunked && length == 0;
}

gboolean
docker_body_is_whole (const DockerBody *self)
{
  return self->whole || (!self->chunked && self->left == G_MAXUINT64);
}

static gboolean
end_size_line (DockerBody *self)
{
  if (self->digits == 0)
    return FALSE;
  self->digits = 0;
  self->state = self->left > 0 ? DATA : TRAILER;
  return TRUE;
}

/* One byte of the framing. */
static gboolean
take_byte (DockerBody *self, guint8 byte)
{
  switch (self->state)
    {
    case SIZE:
      if (byte == '\n')
        return end_size_line (self);
      if (g_ascii_isxdigit (byte) && self->digits++ < SIZE_DIGITS_MAX)
        self->left = self->left * 16 + (guint64) g_ascii_xdigit_value ((char) byte);
      else if (byte == ';' || byte == ' ')
        self->state = EXTENSION;
      else
        return byte == '\r';
      return TRUE;
    case EXTENSION:
      return byte != '\n' || end_size_line (self);
    case DATA_END:
      if (byte == '\n')
        self->state = SIZE;
      return byte == '\n' || byte == '\r';
    case TRAILER:
      self->whole = byte == '\n';
      if (byte != '\n' && byte != '\r')
        self->state = TRAILER_LINE;
      return TRUE;
    default:
      if (byte == '\n')
        self->state = TRAILER;
      return TRUE;
    }
}

gboolean
docker_body_feed (DockerBody *self, const guint8 *data, gsize length, GByteArray *out)
{
  gsize at = 0;

  while (at < length && !self->whole)
    {
      gsize n;

      if (self->chunked && self->state != DATA)
        {
          if (!take_byte (self, data[at++]))
            return FALSE;
          continue;
        }
      n = (gsize) MIN (length - at, self->left);
      g_byte_array_append (out, data + at, (guint) n);
      at += n;
      if (self->left != G_MAXUINT64)
        self->left -= n;
      if (self->left == 0 && self->chunked)
        self->state = DATA_END;
      else if (self->left == 0)
        self->whole = TRUE;
    }
  return TRUE;
}
