/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"

#include <string.h>

uint64_t
wire_get (const uint8_t *from, unsigned bytes)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < bytes; i++)
    value = value << 8 | from[i];
  return value;
}

void
wire_set (uint8_t *to, uint64_t value, unsigned bytes)
{
  for (unsigned i = bytes; i > 0; i--, value >>= 8)
    to[i - 1] = (uint8_t) value;
}

void
wire_put (Buffer *out, const void *data, size_t length)
{
  if (length > out->size - out->length)
    {
      out->overflow = true;
      return;
    }
  if (length > 0)
    memcpy (out->data + out->length, data, length);
  out->length += length;
}

void
wire_put_number (Buffer *out, uint64_t value, unsigned bytes)
{
  uint8_t text[8];

  wire_set (text, value, bytes);
  wire_put (out, text, bytes);
}

size_t
wire_begin (Buffer *out, uint8_t type, uint16_t channel)
{
  size_t frame = out->length;

  wire_put_number (out, 0, 4);
  wire_put_number (out, type, 1);
  wire_put_number (out, 0, 1);
  wire_put_number (out, channel, 2);
  return frame;
}

void
wire_end (Buffer *out, size_t frame)
{
  if (!out->overflow)
    wire_set (out->data + frame, out->length - frame - THOLE_AGENT_HEADER, 4);
}

void
wire_field (Buffer *out, uint16_t tag, const void *data, size_t length)
{
  wire_put_number (out, tag, 2);
  wire_put_number (out, length, 2);
  wire_put (out, data, length);
}

void
wire_field_number (Buffer *out, uint16_t tag, uint64_t value)
{
  uint8_t text[8];
  unsigned skip = 0;

  wire_set (text, value, 8);
  while (skip < 7 && text[skip] == 0)
    skip++;
  wire_field (out, tag, text + skip, 8 - skip);
}

void
wire_field_text (Buffer *out, uint16_t tag, const char *text)
{
  wire_field (out, tag, text, strlen (text));
}

bool
fields_next (Fields *self, Field *field)
{
  size_t left = (size_t) (self->end - self->at);

  if (left == 0)
    return false;
  if (left < 4 || wire_get (self->at + 2, 2) > left - 4)
    {
      self->bad = true;
      self->at = self->end;
      return false;
    }
  field->tag = (uint16_t) wire_get (self->at, 2);
  field->length = (size_t) wire_get (self->at + 2, 2);
  field->data = self->at + 4;
  self->at = field->data + field->length;
  return true;
}

bool
field_number (const Field *field, uint64_t most, uint64_t *value)
{
  uint64_t number;

  if (field->length == 0 || field->length > 8)
    return false;
  number = wire_get (field->data, (unsigned) field->length);
  if (number > most)
    return false;
  *value = number;
  return true;
}

bool
field_text (const Field *field, char *text, size_t size)
{
  if (field->length >= size || memchr (field->data, 0, field->length) != NULL)
    return false;
  memcpy (text, field->data, field->length);
  text[field->length] = '\0';
  return true;
}
