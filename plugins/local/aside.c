/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "aside.h"

typedef struct
{
  LocalWork work;
  gpointer data;
  GDestroyNotify free;
  LocalDone done;
} Aside;

static void
aside_free (gpointer data)
{
  Aside *self = data;

  self->free (self->data);
  g_free (self);
}

static void
work (GTask *inner, gpointer source, gpointer data, GCancellable *cancellable)
{
  Aside *self = data;
  GError *error = NULL;

  if (self->work (self->data, &error))
    g_task_return_boolean (inner, TRUE);
  else
    g_task_return_error (inner, error);
}

static void
on_worked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Aside *self = g_task_get_task_data (G_TASK (result));
  TholeDriver *driver = ((LocalJob *) g_task_get_task_data (task))->driver;
  g_autoptr(GTask) closing = NULL;
  GError *error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  self->done (task, error);
  /* a driver is closed when all calls have come back */
  if (--driver->aside == 0 && (closing = g_steal_pointer (&driver->closing)) != NULL)
    g_task_return_boolean (closing, TRUE);
}

void
local_aside (GTask *task, LocalWork function, gpointer data, GDestroyNotify free, LocalDone done)
{
  g_autoptr(GTask) inner = g_task_new (NULL, NULL, on_worked, g_object_ref (task));
  Aside *self = g_new0 (Aside, 1);

  ((LocalJob *) g_task_get_task_data (task))->driver->aside++;
  *self = (Aside){ function, data, free, done };
  g_task_set_task_data (inner, self, aside_free);
  g_task_run_in_thread (inner, work);
}
