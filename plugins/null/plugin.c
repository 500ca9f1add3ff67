/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The smallest driver there can be: an engine that is always ready and never holds anything.
 */
#include "thole-dict.h"
#include "thole-driver.h"

struct _TholeDriver
{
  TholeHost *host;
  const TholeHostOps *ops;
};

static TholeDriver *
null_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  TholeDriver *self = g_new0 (TholeDriver, 1);

  self->host = host;
  self->ops = ops;
  return self;
}

static void
null_probe_async (TholeDriver *self, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_return_int (task, THOLE_PROBE_READY);
}

static TholeProbe
null_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  gssize probe = g_task_propagate_int (G_TASK (result), error);

  if (probe < 0)
    return THOLE_PROBE_DEFER;
  *facts = g_variant_ref_sink (g_variant_new_parsed ("{'engine': <'null'>, 'version': <'1.0'>}"));
  return (TholeProbe) probe;
}

static void
null_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static void
null_close_finish (TholeDriver *self, GAsyncResult *result)
{
  g_free (self);
}

static void
null_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GVariant *none;
  GError *error = NULL;

  if (!thole_options_check (options, NULL, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  none = g_variant_new_array (G_VARIANT_TYPE ("a{sv}"), NULL, 0);
  g_task_return_pointer (task, g_variant_ref_sink (none), (GDestroyNotify) g_variant_unref);
}

static GVariant *
null_list_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static const TholeDriverOps driver = {
  .struct_size = sizeof driver,
  .open = null_open,
  .probe_async = null_probe_async,
  .probe_finish = null_probe_finish,
  .close_async = null_close_async,
  .close_finish = null_close_finish,
};

static const TholeWorkloadOps workload = {
  .struct_size = sizeof workload,
  .list_async = null_list_async,
  .list_finish = null_list_finish,
};

static const TholeInterface interfaces[] = { { "workload/1", &workload }, { NULL, NULL } };

THOLE_DRIVER_DEFINE (null, "1.0", &driver, interfaces)
