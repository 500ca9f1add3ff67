/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last bytes of a session's output, each with a number (its place in all output) and the stream that it came from.
 *
 * The stream is one bit a byte beside the ring, so that however finely a program mixes its two streams, nothing but the ring's size
 * bounds what is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct
{
  uint8_t *data, *tags;
  size_t size;          /* a power of two */
  uint64_t head, tail;  /* numbers of the byte after the newest, and of the oldest */
  bool tagged;          /* something of stderr came */
} Ring;

/* Bytes that a ring of @size needs. */
size_t ring_bytes (size_t size);
/* @memory: zeroed, ring_bytes() long */
void   ring_init (Ring *self, void *memory, size_t size);
/* Room for the next bytes, at most @most, in one or two pieces; what they overwrite goes with ring_commit(). Returns the pieces. */
int    ring_room (Ring *self, size_t most, struct iovec pieces[2]);
void   ring_commit (Ring *self, size_t length, bool is_stderr);
/* The bytes from @seq on (tail <= seq < head) of one stream, at most @most, in one or two pieces. Returns the pieces. */
int    ring_peek (const Ring *self, uint64_t seq, size_t most, struct iovec pieces[2], bool *is_stderr);
