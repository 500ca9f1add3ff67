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

#define REST GCancellable *, GAsyncReadyCallback, gpointer
typedef void (*TakesOptions) (TholeDriver *, GVariant *, REST);
typedef void (*TakesText) (TholeDriver *, const char *, GVariant *, REST);
typedef void (*TakesIdDict) (TholeDriver *, const char *, GVariant *, GVariant *, REST);
typedef void (*TakesIdText) (TholeDriver *, const char *, const char *, GVariant *, REST);
typedef void (*TakesIdTextTar) (TholeDriver *, const char *, const char *, GInputStream *, GVariant *, REST);
typedef void (*TakesIdTextSize) (TholeDriver *, const char *, const char *, guint, guint, REST);
typedef void (*TakesIdTextSignal) (TholeDriver *, const char *, const char *, const char *, GVariant *, REST);

typedef gboolean (*GivesNothing) (TholeDriver *, GAsyncResult *, GError **);
typedef GVariant *(*GivesValue) (TholeDriver *, GAsyncResult *, GError **);
typedef GIOStream *(*GivesStream) (TholeDriver *, GAsyncResult *, GError **);
typedef GIOStream *(*GivesStreamAndId) (TholeDriver *, GAsyncResult *, char **, GError **);

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
  const TholeSlotInfo *info = thole_slot_info (slot);
  GCallback start = thole_tables_slot (self->tables, info->start);
  g_autoptr(GVariant) options
    = g_variant_ref_sink (args->options != NULL ? args->options : g_variant_new ("a{sv}", NULL));

  switch (info->takes)
    {
    case THOLE_TAKES_OPTIONS:
      ((TakesOptions) start) (self->driver, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID:
      ((TakesText) start) (self->driver, args->id, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_TEXT:
      ((TakesText) start) (self->driver, args->text, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_DICT:
      ((TakesIdDict) start) (self->driver, args->id, args->dict, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT:
      ((TakesIdText) start) (self->driver, args->id, args->text, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT_TAR:
      ((TakesIdTextTar) start) (self->driver, args->id, args->text, args->tar, options, cancellable, callback,
                                user_data);
      break;
    case THOLE_TAKES_ID_TEXT_SIZE:
      ((TakesIdTextSize) start) (self->driver, args->id, args->text, args->rows, args->cols, cancellable,
                                 callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT_SIGNAL:
      ((TakesIdTextSignal) start) (self->driver, args->id, args->text, args->signal, options, cancellable, callback,
                                   user_data);
      break;
    }
}

static gboolean
module_call_finish (TholeBackend *backend, TholeSlot slot, GAsyncResult *result, TholeSlotResult *out, GError **error)
{
  TholeBackendModule *self = THOLE_BACKEND_MODULE (backend);
  const TholeSlotInfo *info = thole_slot_info (slot);
  GCallback finish = thole_tables_slot (self->tables, info->finish);

  switch (info->gives)
    {
    case THOLE_GIVES_NOTHING:
      return ((GivesNothing) finish) (self->driver, result, error);
    case THOLE_GIVES_DICT:
    case THOLE_GIVES_DICTS:
      out->value = ((GivesValue) finish) (self->driver, result, error);
      return out->value != NULL;
    case THOLE_GIVES_STREAM:
      out->stream = ((GivesStream) finish) (self->driver, result, error);
      return out->stream != NULL;
    case THOLE_GIVES_STREAM_AND_ID:
      out->stream = ((GivesStreamAndId) finish) (self->driver, result, &out->exec_id, error);
      return out->stream != NULL;
    }
  return FALSE;
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
