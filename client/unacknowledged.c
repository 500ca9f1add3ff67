/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unacknowledged.h"

#define MOST (256 * 1024)

void
thole_unacknowledged_init (TholeUnacknowledged *self)
{
  *self = (TholeUnacknowledged) { .bytes = g_byte_array_new () };
}

void
thole_unacknowledged_clear (TholeUnacknowledged *self)
{
  g_clear_pointer (&self->bytes, g_byte_array_unref);
}

gsize
thole_unacknowledged_room (const TholeUnacknowledged *self)
{
  return MOST - MIN (self->bytes->len, MOST);
}

void
thole_unacknowledged_add (TholeUnacknowledged *self, const guint8 *data, gsize length)
{
  g_byte_array_append (self->bytes, data, (guint) length);
}

void
thole_unacknowledged_drop (TholeUnacknowledged *self)
{
  g_byte_array_set_size (self->bytes, 0);
  self->sent = 0;
}

void
thole_unacknowledged_take (TholeUnacknowledged *self, guint64 taken)
{
  gsize gone;

  if (!self->counted)
    self->at = taken;
  self->counted = TRUE;
  if (taken <= self->at)
    return;
  gone = (gsize) MIN (taken - self->at, (guint64) self->bytes->len);
  if (gone > 0)
    g_byte_array_remove_range (self->bytes, 0, (guint) gone);
  self->sent -= MIN (gone, self->sent);
  self->at = taken;
}

void
thole_unacknowledged_resume (TholeUnacknowledged *self, guint64 taken)
{
  self->sent = 0;
  self->end_sent = FALSE;
  thole_unacknowledged_take (self, taken);
}

void
thole_unacknowledged_restart (TholeUnacknowledged *self, guint64 taken)
{
  if (!self->counted || taken >= self->at)
    return;
  if (self->sent > 0)
    g_byte_array_remove_range (self->bytes, 0, (guint) MIN (self->sent, (gsize) self->bytes->len));
  self->sent = 0;
  self->at = taken;
}

gboolean
thole_unacknowledged_next (TholeUnacknowledged *self, gsize most, const guint8 **data, gsize *length, guint64 *offset)
{
  if (self->sent >= self->bytes->len)
    return FALSE;
  *data = self->bytes->data + self->sent;
  *length = MIN (most, self->bytes->len - self->sent);
  *offset = self->at + self->sent;
  self->sent += *length;
  return TRUE;
}

gboolean
thole_unacknowledged_end (TholeUnacknowledged *self, guint64 *offset)
{
  if (!self->ended || self->end_sent)
    return FALSE;
  self->end_sent = TRUE;
  *offset = self->at + self->bytes->len;
  return TRUE;
}
