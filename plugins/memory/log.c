/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "log.h"

#include "thole-dict.h"

struct _MemLog
{
  guint references;
  gsize limit;
  GByteArray *bytes; /* whole records */
  guint64 oldest;    /* position of the first byte */
};

MemLog *
mem_log_new (gsize limit)
{
  MemLog *self = g_new0 (MemLog, 1);

  self->references = 1;
  self->limit = limit;
  self->bytes = g_byte_array_new ();
  return self;
}

MemLog *
mem_log_ref (MemLog *self)
{
  self->references++;
  return self;
}

void
mem_log_unref (MemLog *self)
{
  if (--self->references > 0)
    return;
  g_byte_array_unref (self->bytes);
  g_free (self);
}

static gboolean
parse_at (MemLog *self, gsize offset, MemLogRecord *record, gsize *length)
{
  gssize whole;

  if (offset >= self->bytes->len)
    return FALSE;
  whole = thole_log_record_parse (self->bytes->data + offset, self->bytes->len - offset, &record->stream,
                                  &record->time, &record->data, &record->length);
  *length = whole > 0 ? (gsize) whole : 0;
  return whole > 0;
}

/* down to half, so that the cost of moving is paid rarely */
static void
forget_oldest (MemLog *self)
{
  MemLogRecord record;
  gsize offset = 0;
  gsize length;

  while (self->bytes->len - offset > self->limit / 2 && parse_at (self, offset, &record, &length))
    offset += length;
  g_byte_array_remove_range (self->bytes, 0, (guint) offset);
  self->oldest += offset;
}

void
mem_log_append (MemLog *self, guint8 stream, gint64 time, gconstpointer data, gsize length)
{
  thole_log_record_append (self->bytes, stream, time, data, length);
  if (self->bytes->len > self->limit)
    forget_oldest (self);
}

guint64
mem_log_end (MemLog *self)
{
  return self->oldest + self->bytes->len;
}

static gint64
count_records (MemLog *self, guint mask)
{
  MemLogRecord record;
  gsize offset = 0;
  gsize length;
  gint64 count = 0;

  while (parse_at (self, offset, &record, &length))
    {
      count += (mask >> record.stream) & 1;
      offset += length;
    }
  return count;
}

guint64
mem_log_tail (MemLog *self, gint64 lines, guint mask)
{
  gint64 skip = lines < 0 ? 0 : count_records (self, mask) - lines;
  MemLogRecord record;
  gsize offset = 0;
  gsize length;

  while (skip > 0 && parse_at (self, offset, &record, &length))
    {
      skip -= (mask >> record.stream) & 1;
      offset += length;
    }
  return lines == 0 ? mem_log_end (self) : self->oldest + offset;
}

gboolean
mem_log_read (MemLog *self, guint64 *position, MemLogRecord *record)
{
  gsize length;

  *position = MAX (*position, self->oldest);
  if (!parse_at (self, (gsize) (*position - self->oldest), record, &length))
    return FALSE;
  *position += length;
  return TRUE;
}
