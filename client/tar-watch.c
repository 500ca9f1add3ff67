/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tar-watch.h"

#include <string.h>

#define BLOCK THOLE_TAR_WATCH_BLOCK
#define SIZE_AT 124
#define SIZE_LENGTH 12
#define SUM_AT 148
#define SUM_LENGTH 8
#define KIND_AT 156

void
thole_tar_watch_init (TholeTarWatch *self)
{
  *self = (TholeTarWatch) { .size = -1 };
}

void
thole_tar_watch_clear (TholeTarWatch *self)
{
  if (self->records != NULL)
    g_string_free (self->records, TRUE);
  self->records = NULL;
}

gboolean
thole_tar_watch_whole (const TholeTarWatch *self)
{
  return self->ended || self->odd;
}

/* octal digits, or with the highest bit a number as it is */
static guint64
number (const guint8 *at, gsize length)
{
  guint64 value = 0;
  gsize i = 0;

  if (at[0] & 0x80)
    {
      for (i = length - 8; i < length; i++)
        value = value << 8 | at[i];
      return value;
    }
  while (i < length && at[i] == ' ')
    i++;
  for (; i < length && at[i] >= '0' && at[i] <= '7'; i++)
    value = value << 3 | (guint64) (at[i] - '0');
  return value;
}

static gboolean
is_header (const guint8 *block)
{
  guint64 sum = 0;

  for (gsize i = 0; i < BLOCK; i++)
    sum += i >= SUM_AT && i < SUM_AT + SUM_LENGTH ? ' ' : block[i];
  return sum == number (block + SUM_AT, SUM_LENGTH);
}

static gboolean
is_zero (const guint8 *block)
{
  for (gsize i = 0; i < BLOCK; i++)
    if (block[i] != 0)
      return FALSE;
  return TRUE;
}

/* records of the form "20 size=12345678901\n" */
static void
read_records (TholeTarWatch *self)
{
  const char *at = self->records->str, *end = at + self->records->len;

  while (at < end)
    {
      char *rest;
      guint64 length = g_ascii_strtoull (at, &rest, 10);

      if (length == 0 || length > (guint64) (end - at) || *rest != ' ')
        break;
      if (g_str_has_prefix (rest + 1, "size="))
        self->size = g_ascii_strtoll (rest + strlen (" size="), NULL, 10);
      at += length;
    }
  g_string_free (self->records, TRUE);
  self->records = NULL;
}

static void
take_header (TholeTarWatch *self)
{
  char kind = (char) self->block[KIND_AT];
  guint64 size = self->size >= 0 ? (guint64) self->size : number (self->block + SIZE_AT, SIZE_LENGTH);

  self->zeros = is_zero (self->block) ? self->zeros + 1 : 0;
  if (self->zeros > 0)
    {
      self->ended = self->zeros == 2;
      return;
    }
  if (!is_header (self->block))
    {
      self->odd = TRUE;
      return;
    }
  /* names of the same content, links, devices and folders have none */
  if (kind >= '1' && kind <= '6')
    size = 0;
  self->left = (size + BLOCK - 1) / BLOCK * BLOCK;
  if (kind == 'x' && size > 0)
    {
      self->records = g_string_new (NULL);
      self->records_left = size;
    }
  /* long names of GNU come between the records and what they are about */
  else if (kind != 'L' && kind != 'K' && kind != 'g')
    self->size = -1;
}

static void
take_content (TholeTarWatch *self, const guint8 *data, gsize length)
{
  self->left -= length;
  if (self->records == NULL)
    return;
  length = (gsize) MIN ((guint64) length, self->records_left);
  self->records_left -= length;
  g_string_append_len (self->records, (const char *) data, (gssize) MIN (length, THOLE_TAR_WATCH_RECORDS - self->records->len));
  if (self->records_left == 0)
    read_records (self);
}

void
thole_tar_watch_feed (TholeTarWatch *self, const guint8 *data, gsize length)
{
  while (length > 0 && !self->ended && !self->odd)
    {
      gsize part = self->left > 0 ? (gsize) MIN ((guint64) length, self->left) : MIN (length, BLOCK - self->filled);

      if (self->left > 0)
        take_content (self, data, part);
      else
        {
          memcpy (self->block + self->filled, data, part);
          self->filled = (self->filled + part) % BLOCK;
          if (self->filled == 0)
            take_header (self);
        }
      data += part;
      length -= part;
    }
}
