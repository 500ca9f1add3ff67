/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/flood.h"

#include <string.h>

typedef struct
{
  gsize length;   /* of the line that has begun; 0 = none has */
  gboolean shown;
} Line;

struct _TholeFlood
{
  guint lines, next;
  Line begun[3];   /* by channel */
  gint64 times[];  /* when the last lines were shown; @next is the oldest */
};

TholeFlood *
thole_flood_new (guint lines)
{
  TholeFlood *self = g_malloc0 (sizeof *self + lines * sizeof (gint64));

  self->lines = lines;
  for (guint i = 0; i < lines; i++)
    self->times[i] = G_MININT64 / 2;
  return self;
}

void
thole_flood_free (TholeFlood *self)
{
  g_free (self);
}

static gboolean
may_show (TholeFlood *self, gint64 now)
{
  if (now - self->times[self->next] < G_USEC_PER_SEC)
    return FALSE;
  self->times[self->next] = now;
  self->next = (self->next + 1) % self->lines;
  return TRUE;
}

gsize
thole_flood_take (TholeFlood *self, gint64 now, TholeChannel channel, const guint8 *data, gsize length, gboolean *shown, gboolean *ends)
{
  Line *line = &self->begun[MIN ((guint) channel, 2)];
  gsize most = MIN (length, THOLE_FLOOD_LINE - line->length);
  const guint8 *end = memchr (data, '\n', most);
  gsize taken = end != NULL ? (gsize) (end - data) + 1 : most;

  if (line->length == 0)
    line->shown = may_show (self, now);
  line->length += taken;
  *shown = line->shown;
  *ends = end != NULL || line->length >= THOLE_FLOOD_LINE;
  if (*ends)
    line->length = 0;
  return taken;
}
