/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "agent.h"

bool
batch_has_room (const Batch *self)
{
  return self->frames < BATCH_FRAMES && self->bytes + THOLE_AGENT_MAX_DATA + sizeof self->heads[0] <= BATCH;
}

static uint8_t *
head_of (Batch *self, uint8_t type, uint16_t channel, size_t payload, size_t head)
{
  uint8_t *bytes = self->heads[self->frames++];

  wire_set (bytes, payload, 4);
  bytes[4] = type;
  bytes[5] = 0;
  wire_set (bytes + 6, channel, 2);
  self->pieces[self->count++] = (struct iovec) { bytes, THOLE_AGENT_HEADER + head };
  self->bytes += THOLE_AGENT_HEADER + payload;
  return bytes + THOLE_AGENT_HEADER;
}

void
batch_add (Batch *self, uint8_t type, uint16_t channel, const void *data, size_t length)
{
  memcpy (head_of (self, type, channel, length, length), data, length);
}

void
batch_add_output (Batch *self, uint16_t channel, uint64_t seq, const struct iovec *pieces, int count, bool is_stderr)
{
  size_t length = pieces[0].iov_len + (count > 1 ? pieces[1].iov_len : 0);
  uint8_t *head = head_of (self, THOLE_AGENT_OUTPUT, channel, 9 + length, 9);

  head[0] = is_stderr ? THOLE_AGENT_STREAM_STDERR : THOLE_AGENT_STREAM_STDOUT;
  wire_set (head + 1, seq, 8);
  for (int i = 0; i < count; i++)
    self->pieces[self->count++] = pieces[i];
}
