/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring.h"

#include <string.h>

size_t
ring_bytes (size_t size)
{
  return size + size / 8;
}

void
ring_init (Ring *self, void *memory, size_t size)
{
  *self = (Ring) { .data = memory, .tags = (uint8_t *) memory + size, .size = size };
}

static int
pieces_at (const Ring *self, uint64_t seq, size_t length, struct iovec pieces[2])
{
  size_t at = (size_t) (seq & (self->size - 1));
  size_t first = length < self->size - at ? length : self->size - at;

  pieces[0] = (struct iovec) { self->data + at, first };
  pieces[1] = (struct iovec) { self->data, length - first };
  return length > first ? 2 : 1;
}

int
ring_room (Ring *self, size_t most, struct iovec pieces[2])
{
  return pieces_at (self, self->head, most < self->size ? most : self->size, pieces);
}

static bool
tag_at (const Ring *self, size_t at)
{
  return self->tags[at / 8] >> (at % 8) & 1;
}

/* one stretch without a wrap */
static void
set_tags (Ring *self, size_t at, size_t length, bool value)
{
  size_t end = at + length;

  for (; at < end && at % 8 != 0; at++)
    self->tags[at / 8] = (uint8_t) ((self->tags[at / 8] & ~(1u << (at % 8))) | (unsigned) value << (at % 8));
  memset (self->tags + at / 8, value ? 0xff : 0, (end - at) / 8);
  for (at += (end - at) / 8 * 8; at < end; at++)
    self->tags[at / 8] = (uint8_t) ((self->tags[at / 8] & ~(1u << (at % 8))) | (unsigned) value << (at % 8));
}

void
ring_commit (Ring *self, size_t length, bool is_stderr)
{
  self->tagged |= is_stderr;
  if (self->tagged)
    {
      struct iovec pieces[2] = { 0 };
      int count = pieces_at (self, self->head, length, pieces);

      for (int i = 0; i < count; i++)
        set_tags (self, (size_t) ((uint8_t *) pieces[i].iov_base - self->data), pieces[i].iov_len, is_stderr);
    }
  self->head += length;
  if (self->head - self->tail > self->size)
    self->tail = self->head - self->size;
}

/* how many of @length bytes from @at on, without a wrap, have the tag @value */
static size_t
run_of (const Ring *self, size_t at, size_t length, bool value)
{
  uint8_t whole = value ? 0xff : 0;
  size_t end = at + length, begin = at;

  while (at < end && tag_at (self, at) == value)
    {
      if (at % 8 == 0 && end - at >= 8 && self->tags[at / 8] == whole)
        at += 8;
      else
        at++;
    }
  return at - begin;
}

int
ring_peek (const Ring *self, uint64_t seq, size_t most, struct iovec pieces[2], bool *is_stderr)
{
  size_t length = self->head - seq < most ? (size_t) (self->head - seq) : most;
  int count = pieces_at (self, seq, length, pieces);
  size_t first;

  *is_stderr = self->tagged && tag_at (self, (size_t) (seq & (self->size - 1)));
  if (!self->tagged)
    return count;
  first = run_of (self, (size_t) ((uint8_t *) pieces[0].iov_base - self->data), pieces[0].iov_len, *is_stderr);
  if (first < pieces[0].iov_len)
    {
      pieces[0].iov_len = first;
      return 1;
    }
  if (count == 2)
    pieces[1].iov_len = run_of (self, 0, pieces[1].iov_len, *is_stderr);
  return count == 2 && pieces[1].iov_len > 0 ? 2 : 1;
}
