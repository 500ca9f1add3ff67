/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last bytes of a program's output, each with its number and its channel.
 */
#pragma once

#include "sessions/viewer.h"

typedef struct _TholeOutputRing TholeOutputRing;

/* What stands at a number: bytes, or a hole. */
typedef struct
{
  TholeChannel channel;
  const guint8 *data;  /* NULL = a hole up to, without, @to */
  gsize length;
  guint64 to;
  guint64 lines;       /* of the hole */
} TholeOutputPiece;

/* @base: the number of the first byte */
TholeOutputRing *thole_output_ring_new    (gsize size, guint64 base);
void             thole_output_ring_free   (TholeOutputRing *self);
guint64          thole_output_ring_head   (const TholeOutputRing *self); /* of the byte after the newest */
guint64          thole_output_ring_tail   (const TholeOutputRing *self); /* of the oldest that is held */
/* Old bytes fall out. */
void             thole_output_ring_append (TholeOutputRing *self, TholeChannel channel, const guint8 *data, gsize length);
/* Bytes that are counted but not held: a hole, or more of the one at the end. */
void             thole_output_ring_skip   (TholeOutputRing *self, guint64 bytes, guint64 lines);
/* Where the hole at the very end begins; its head when there is none. */
guint64          thole_output_ring_solid  (const TholeOutputRing *self);
/* The next hole is one of its own. */
void             thole_output_ring_close_hole (TholeOutputRing *self);
/* What stands at @seq, which is held: as many bytes of one channel as lie together, at most @most. */
void             thole_output_ring_look   (const TholeOutputRing *self, guint64 seq, gsize most, TholeOutputPiece *piece);
/* How many of the first bytes of @data are the last ones of it already. */
gsize            thole_output_ring_overlap (const TholeOutputRing *self, const guint8 *data, gsize length);
