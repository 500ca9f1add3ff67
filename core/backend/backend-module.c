/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/backend-module.h"

#include "backend/host.h"

struct _TholeBackendModule
{
  TholeBackend parent_instance;

  TholeTables *tables;
  TholeHost *host;
  TholeDriver *driver;
};

G_DEFINE_FINAL_TYPE (TholeBackendModule, thole_backend_module, THOLE_TYPE_BACKEND)

static gboolean
module_has (TholeBackend *backend, TholeSlot slot)
{
  return thole_tables_has (THOLE_BACKEND_MODULE (backend)->tables, slot);
}

static void
module_call_async (TholeBackend *backend, TholeSlot slot, const TholeSlotArgs *args, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);

  thole_tables_call (self->tables, self->driver, slot, args, cancellable, callback, user_data);
}

static gboolean
module_call_finish (TholeBackend *backend, TholeSlot slot, GAsyncResult *result, TholeSlotResult *out, GError **error)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);

  return thole_tables_finish (self->tables, self->driver, slot, result, out, error);
}

static void
module_probe_async (TholeBackend *backend, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);

  self->tables->driver.probe_async (self->driver, cancellable, callback, user_data);
}

static TholeProbe
module_probe_finish (TholeBackend *backend, GAsyncResult *result, GVariant **facts, GError **error)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);

  return self->tables->driver.probe_finish (self->driver, result, facts, error);
}

static void
module_close_async (TholeBackend *backend, GAsyncReadyCallback callback, gpointer user_data)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);

  self->tables->driver.close_async (self->driver, callback, user_data);
}

static void
module_close_finish (TholeBackend *backend, GAsyncResult *result)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);

  self->tables->driver.close_finish (self->driver, result);
  self->driver = NULL;
  g_clear_pointer (&self->host, thole_host_free);
}

static void
on_event (gpointer owner, GVariant *event)
{
  thole_backend_deliver (owner, event);
}

static void
thole_backend_module_finalize (GObject *object)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (object);

  /* a driver that was not closed may still use its host, which therefore stays, but reaches nobody */
  if (self->host != NULL && self->driver != NULL)
    thole_host_close (self->host);
  else
    g_clear_pointer (&self->host, thole_host_free);
  g_clear_pointer (&self->tables, thole_tables_unref);
  G_OBJECT_CLASS (thole_backend_module_parent_class)->finalize (object);
}

static void
thole_backend_module_init (TholeBackendModule *self)
{
}

static void
thole_backend_module_class_init (TholeBackendModuleClass *class)
{
  TholeBackendClass *backend_class = THOLE_BACKEND_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_backend_module_finalize;
  backend_class->has = module_has;
  backend_class->call_async = module_call_async;
  backend_class->call_finish = module_call_finish;
  backend_class->probe_async = module_probe_async;
  backend_class->probe_finish = module_probe_finish;
  backend_class->close_async = module_close_async;
  backend_class->close_finish = module_close_finish;
}

TholeBackend *
thole_backend_module_new (const TholeBackendModuleOptions *options, GError **error)
{
  g_autoptr(TholeBackendModule) self = g_object_new (THOLE_TYPE_BACKEND_MODULE, NULL);
  g_autoptr(GVariant) config = g_variant_ref_sink (options->config);
  g_autoptr(GError) theirs = NULL;

  thole_backend_set_up (THOLE_BACKEND (self), options->name, options->tables->id, options->shown, options->clock);
  self->tables = thole_tables_ref (options->tables);
  self->host = thole_host_new (options->name, options->clock, options->secrets, on_event, self);
  self->driver = self->tables->driver.open (self->host, thole_host_ops (), config, &theirs);
  if (self->driver != NULL)
    return THOLE_BACKEND (g_steal_pointer (&self));
  if (theirs != NULL && theirs->domain == THOLE_ERROR)
    g_propagate_error (error, g_steal_pointer (&theirs));
  else
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the driver %s cannot be opened: %s", options->tables->id,
                 theirs != NULL ? theirs->message : "it does not say why");
  return NULL;
}
