/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "schedule/reconcile.h"

#include "operations/compare.h"

struct _TholeReconcile
{
  TholeOperations *operations;
  GSource *timer;
};

static gboolean
compare_all (gpointer user_data)
{
  TholeReconcile *self = user_data;
  GPtrArray *backends = thole_registry_backends (self->operations->registry);

  for (guint i = 0; i < backends->len && !self->operations->draining; i++)
    if (thole_backend_get_state (backends->pdata[i]) == THOLE_BACKEND_READY)
      thole_compare (self->operations, backends->pdata[i], FALSE, NULL, NULL);
  return G_SOURCE_CONTINUE;
}

TholeReconcile *
thole_reconcile_new (TholeOperations *operations, gint64 period)
{
  TholeReconcile *self = g_new0 (TholeReconcile, 1);

  self->operations = operations;
  if (period > 0)
    self->timer = thole_clock_timer (operations->clock, period, compare_all, self);
  return self;
}

void
thole_reconcile_free (TholeReconcile *self)
{
  thole_source_clear (&self->timer);
  g_free (self);
}
