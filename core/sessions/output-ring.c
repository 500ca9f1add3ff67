/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/output-ring.h"

#include <string.h>

typedef struct
{
  guint64 from, to, lines;
  gboolean closed;
} Hole;

struct _TholeOutputRing
{
  gsize size;
  guint64 base, head;
  guint8 *bytes;    /* byte N is at N modulo size */
  guint8 *errors;   /* a bit a byte: it is of stderr */
  GArray *holes;    /* of Hole, in order, those that are held */
};

TholeOutputRing *
thole_output_ring_new (gsize size, guint64 base)
{
  TholeOutputRing *self = g_new0 (TholeOutputRing, 1);

  self->size = size;
  self->base = self->head = base;
  self->bytes = g_malloc (size);
  self->errors = g_malloc0 (size / 8 + 1);
  self->holes = g_array_new (FALSE, FALSE, sizeof (Hole));
  return self;
}

void
thole_output_ring_free (TholeOutputRing *self)
{
  g_free (self->bytes);
  g_free (self->errors);
  g_array_unref (self->holes);
  g_free (self);
}

guint64
thole_output_ring_head (const TholeOutputRing *self)
{
  return self->head;
}

guint64
thole_output_ring_tail (const TholeOutputRing *self)
{
  return self->head - self->base > self->size ? self->head - self->size : self->base;
}

static gsize
place_of (const TholeOutputRing *self, guint64 seq)
{
  return (gsize) ((seq - self->base) % self->size);
}

static gboolean
is_error (const TholeOutputRing *self, gsize place)
{
  return (self->errors[place / 8] >> (place % 8)) & 1;
}

static void
forget_holes (TholeOutputRing *self)
{
  guint64 tail = thole_output_ring_tail (self);
  guint n = 0;

  while (n < self->holes->len && g_array_index (self->holes, Hole, n).to <= tail)
    n++;
  if (n > 0)
    g_array_remove_range (self->holes, 0, n);
}

void
thole_output_ring_append (TholeOutputRing *self, TholeChannel channel, const guint8 *data, gsize length)
{
  if (length > self->size)
    {
      self->head += length - self->size;
      data += length - self->size;
      length = self->size;
    }
  while (length > 0)
    {
      gsize place = place_of (self, self->head), part = MIN (length, self->size - place);

      memcpy (self->bytes + place, data, part);
      for (gsize i = place; i < place + part; i++)
        if (channel == THOLE_CHANNEL_STDERR)
          self->errors[i / 8] |= (guint8) (1u << (i % 8));
        else
          self->errors[i / 8] &= (guint8) ~(1u << (i % 8));
      self->head += part;
      data += part;
      length -= part;
    }
  thole_output_ring_close_hole (self);
  forget_holes (self);
}

static Hole *
last_hole (const TholeOutputRing *self)
{
  Hole *last = self->holes->len > 0 ? &g_array_index (self->holes, Hole, self->holes->len - 1) : NULL;

  return last != NULL && last->to == self->head && !last->closed ? last : NULL;
}

void
thole_output_ring_skip (TholeOutputRing *self, guint64 bytes, guint64 lines)
{
  Hole *last = last_hole (self);

  if (last != NULL)
    {
      last->to += bytes;
      last->lines += lines;
    }
  else if (bytes > 0)
    {
      Hole hole = { self->head, self->head + bytes, lines, FALSE };

      g_array_append_val (self->holes, hole);
    }
  self->head += bytes;
  forget_holes (self);
}

guint64
thole_output_ring_solid (const TholeOutputRing *self)
{
  Hole *last = last_hole (self);

  return last != NULL ? last->from : self->head;
}

void
thole_output_ring_close_hole (TholeOutputRing *self)
{
  if (self->holes->len > 0)
    g_array_index (self->holes, Hole, self->holes->len - 1).closed = TRUE;
}

void
thole_output_ring_look (const TholeOutputRing *self, guint64 seq, gsize most, TholeOutputPiece *piece)
{
  guint64 end = MIN (self->head, seq + most);
  gsize place = place_of (self, seq), length = 0, whole;
  gboolean error = is_error (self, place);

  for (guint i = 0; i < self->holes->len; i++)
    {
      const Hole *hole = &g_array_index (self->holes, Hole, i);

      if (hole->from <= seq && seq < hole->to)
        {
          *piece = (TholeOutputPiece) { .to = hole->to, .lines = hole->lines };
          return;
        }
      if (hole->from > seq)
        {
          end = MIN (end, hole->from);
          break;
        }
    }
  whole = MIN ((gsize) (end - seq), self->size - place);
  while (length < whole && is_error (self, place + length) == error)
    length++;
  *piece = (TholeOutputPiece) { .channel = error ? THOLE_CHANNEL_STDERR : THOLE_CHANNEL_STDOUT, .data = self->bytes + place,
                                .length = length, .to = seq + length };
}

/* the longest beginning of @data that ends where the ring ends: one pass, as Knuth, Morris and Pratt do it */
gsize
thole_output_ring_overlap (const TholeOutputRing *self, const guint8 *data, gsize length)
{
  gsize held = MIN ((gsize) (self->head - thole_output_ring_tail (self)), length), seen = 0;
  g_autofree gsize *shorter = g_new0 (gsize, length + 1);

  for (gsize i = 1, n = 0; i < length; i++)
    {
      while (n > 0 && data[i] != data[n])
        n = shorter[n];
      n += data[i] == data[n];
      shorter[i + 1] = n;
    }
  for (guint64 seq = self->head - held; seq < self->head; seq++)
    {
      guint8 byte = self->bytes[place_of (self, seq)];

      while (seen > 0 && (seen == length || byte != data[seen]))
        seen = shorter[seen];
      seen += byte == data[seen];
    }
  return seen;
}
