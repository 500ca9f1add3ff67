/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver of some release: built against the first header, today's and a later one. Its facts say what it was built against
 * and what it got from its host.
 */
#include DRIVER_HEADER

struct _TholeDriver
{
  TholeHost *host;
  const TholeHostOps *ops;
};

static TholeDriver *
skew_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  TholeDriver *self = g_new0 (TholeDriver, 1);

  self->host = host;
  self->ops = ops;
  return self;
}

static void
skew_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_return_int (task, THOLE_PROBE_READY);
}

static gint64
ask_uptime (TholeDriver *self)
{
#if THOLE_MINOR >= 1
  if (THOLE_HAS (self->ops, TholeHostOps, uptime))
    return self->ops->uptime (self->host);
#endif
  return -1;
}

static TholeProbe
skew_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  gssize probe = g_task_propagate_int (G_TASK (result), error);

  if (probe < 0)
    return THOLE_PROBE_DEFER;
  *facts = g_variant_ref_sink (g_variant_new_parsed ("{'minor': <%i>, 'uptime': <%x>, 'now': <%x>}", THOLE_MINOR,
                                                     ask_uptime (self), self->ops->now (self->host)));
  return (TholeProbe) probe;
}

static void
skew_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static void
skew_close_finish (TholeDriver *self, GAsyncResult *result)
{
  g_free (self);
}

static void
skew_list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                 gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GVariant *none = g_variant_new_array (G_VARIANT_TYPE ("a{sv}"), NULL, 0);

  g_task_return_pointer (task, g_variant_ref_sink (none), (GDestroyNotify) g_variant_unref);
}

static GVariant *
skew_list_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

#if THOLE_MINOR >= 1
static void
skew_hibernate_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static gboolean
skew_hibernate_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
#endif

static const TholeDriverOps driver = {
  .struct_size = sizeof driver,
  .open = skew_open,
  .probe_async = skew_probe_async,
  .probe_finish = skew_probe_finish,
  .close_async = skew_close_async,
  .close_finish = skew_close_finish,
};

static const TholeWorkloadOps workload = {
  .struct_size = sizeof workload,
  .list_async = skew_list_async,
  .list_finish = skew_list_finish,
#if THOLE_MINOR >= 1
  .hibernate_async = skew_hibernate_async,
  .hibernate_finish = skew_hibernate_finish,
#endif
};

static const TholeInterface interfaces[] = {
  { "workload/1", &workload },
#if THOLE_MINOR >= 1
  /* an interface that an older daemon has never heard of */
  { "dream/1", &workload },
#endif
  { NULL, NULL },
};

THOLE_DRIVER_DEFINE (skew, "1.0", &driver, interfaces)
