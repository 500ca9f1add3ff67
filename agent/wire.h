/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames and fields in buffers of fixed size. A buffer that is too small is marked, never overrun.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thole-agent-protocol.h"

typedef struct
{
  uint8_t *data;
  size_t size, length;
  bool overflow;
} Buffer;

typedef struct
{
  const uint8_t *at, *end;
  bool bad;
} Fields;

typedef struct
{
  uint16_t tag;
  const uint8_t *data;
  size_t length;
} Field;

uint64_t wire_get (const uint8_t *from, unsigned bytes);
void     wire_set (uint8_t *to, uint64_t value, unsigned bytes);

void     wire_put (Buffer *out, const void *data, size_t length);
void     wire_put_number (Buffer *out, uint64_t value, unsigned bytes);
/* Begins a frame; the result is for wire_end(), which fills in its length. */
size_t   wire_begin (Buffer *out, uint8_t type, uint16_t channel);
void     wire_end (Buffer *out, size_t frame);
void     wire_field (Buffer *out, uint16_t tag, const void *data, size_t length);
void     wire_field_number (Buffer *out, uint16_t tag, uint64_t value);
void     wire_field_text (Buffer *out, uint16_t tag, const char *text);

/* Goes to the next field; false at the end, and with @bad set when what is there is no field. */
bool     fields_next (Fields *self, Field *field);
/* Reads a number; false when it is none or above @most. */
bool     field_number (const Field *field, uint64_t most, uint64_t *value);
/* Copies a text without NUL bytes; false when it does not fit. */
bool     field_text (const Field *field, char *text, size_t size);
