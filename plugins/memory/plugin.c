/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A complete engine in memory, with faults on demand: opening, probing, closing. */

#include "driver.h"

#include "agents.h"
#include "calls-logs.h"
#include "config.h"
#include "session.h"
#include "journal.h"
#include "thole-dict.h"

static void
driver_free (TholeDriver *self)
{
  g_clear_pointer (&self->faults, mem_faults_free);
  g_free (self->instance);
  g_free (self->name);
  g_free (self->state_file);
  g_free (self->runtime_dir);
  g_free (self->engine);
  g_free (self->faults_text);
  g_strfreev (self->images);
  g_free (self);
}

static gboolean
on_due (gpointer data)
{
  TholeDriver *self = data;

  thole_timer_clear (&self->timer);
  self->advancing = TRUE;
  mem_world_advance (self->world, mem_now (self));
  self->advancing = FALSE;
  self->watcher.arm (&self->watcher, mem_world_next (self->world));
  return G_SOURCE_REMOVE;
}

static TholeDriver *
driver_of (MemWatcher *watcher)
{
  return (TholeDriver *) ((char *) watcher - G_STRUCT_OFFSET (TholeDriver, watcher));
}

static void
watcher_arm (MemWatcher *watcher, gint64 at)
{
  TholeDriver *self = driver_of (watcher);

  if (self->advancing)
    return;
  thole_timer_clear (&self->timer);
  if (at != G_MAXINT64)
    self->timer = mem_timer (self, at - mem_now (self), on_due, self);
}

static void
watcher_event (MemWatcher *watcher, GVariant *event)
{
  TholeDriver *self = driver_of (watcher);

  self->ops->event (self->host, event);
}

static void
watcher_down (MemWatcher *watcher, const char *reason)
{
  TholeDriver *self = driver_of (watcher);
  GVariantBuilder event;

  mem_calls_fail (self, THOLE_ERROR_UNAVAILABLE, reason);
  mem_sessions_lose (self);
  mem_logs_lose (self);
  g_variant_builder_init (&event, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&event, "{sv}", "kind", g_variant_new_string ("unavailable"));
  g_variant_builder_add (&event, "{sv}", "reason", g_variant_new_string (reason));
  self->ops->event (self->host, g_variant_builder_end (&event));
}

static TholeDriver *
memory_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  TholeDriver *self = g_new0 (TholeDriver, 1);

  self->host = host;
  self->ops = ops;
  self->seed = 1;
  self->log_bytes = 1u << 18;
  self->pull_time = 50 * 1000;
  self->watcher.event = watcher_event;
  self->watcher.down = watcher_down;
  self->watcher.arm = watcher_arm;
  if (mem_config_read (self, config, error))
    {
      self->watcher.instance = self->instance;
      self->faults = mem_faults_new (self->seed);
      if (self->faults_text == NULL || mem_faults_add (self->faults, self->faults_text, NULL, NULL, error))
        return self;
    }
  driver_free (self);
  return NULL;
}

static gboolean
enter_world (TholeDriver *self, GError **error)
{
  MemWorld *world = mem_world_acquire (self->engine, self->log_bytes);
  gint64 now = mem_now (self);

  if (self->state_file != NULL && world->journal == NULL)
    {
      world->journal = mem_journal_open (world, self->state_file, error);
      if (world->journal == NULL)
        {
          mem_world_forget (world);
          mem_world_release (world);
          return FALSE;
        }
    }
  world->durable = self->durable;
  for (guint i = 0; self->images != NULL && self->images[i] != NULL; i++)
    if (*g_strstrip (self->images[i]) != '\0')
      mem_world_add_image (world, self->images[i], now);
  while (mem_world_advance (world, now))
    ;
  mem_faults_remove (self->faults, NULL);
  self->world = world;
  mem_world_watch (world, &self->watcher);
  return self->faults_text == NULL || mem_faults_add (self->faults, self->faults_text, NULL, world->crashes, error);
}

static void
work_probe (MemCall *call)
{
  TholeDriver *self = call->driver;
  GVariantDict facts;

  g_variant_dict_init (&facts, NULL);
  g_variant_dict_insert (&facts, "engine", "s", "Memory");
  g_variant_dict_insert (&facts, "version", "s", "1.0");
  g_variant_dict_insert (&facts, "api_version", "s", "1");
  g_variant_dict_insert (&facts, "os", "s", "linux");
  g_variant_dict_insert (&facts, "architecture", "s", "amd64");
  g_variant_dict_insert (&facts, "cpus", "d", 4.0);
  g_variant_dict_insert (&facts, "memory", "x", G_GINT64_CONSTANT (8) << 30);
  g_variant_dict_insert (&facts, "durable", "b", self->durable);
  g_variant_dict_insert (&facts, "logs_kept", "b", TRUE);
  g_variant_dict_insert (&facts, "remote", "b", FALSE);
  if (self->max_workloads > 0)
    {
      GVariantDict limits;

      g_variant_dict_init (&limits, NULL);
      g_variant_dict_insert (&limits, "workloads", "x", (gint64) self->max_workloads);
      g_variant_dict_insert_value (&facts, "limits", g_variant_dict_end (&limits));
    }
  mem_call_value (call, g_variant_dict_end (&facts));
}

static void
memory_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = mem_call_new (self, "probe", "", NULL, NULL, NULL, cancellable, callback, user_data);
  GError *error = NULL;

  if (self->world == NULL && !enter_world (self, &error))
    mem_call_error (call, error);
  else
    mem_call_begin (call, work_probe);
}

static TholeProbe
memory_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  g_autoptr (GError) reason = NULL;
  GVariant *value = mem_finish_pointer (result, &reason);
  gboolean never = g_error_matches (reason, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);

  if (value == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return never ? THOLE_PROBE_UNSUPPORTED : THOLE_PROBE_DEFER;
    }
  if (facts != NULL)
    *facts = value;
  else
    g_variant_unref (value);
  return THOLE_PROBE_READY;
}

static void
memory_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = thole_task_new (NULL, callback, user_data);

  mem_calls_fail (self, THOLE_ERROR_UNAVAILABLE, "the backend is being closed");
  mem_sessions_lose (self);
  mem_logs_lose (self);
  mem_agents_leave (self);
  if (self->world != NULL)
    {
      mem_world_unwatch (self->world, &self->watcher);
      mem_world_release (g_steal_pointer (&self->world));
    }
  thole_timer_clear (&self->timer);
  g_task_return_boolean (task, TRUE);
}

static void
memory_close_finish (TholeDriver *self, GAsyncResult *result)
{
  driver_free (self);
}

static const TholeDriverOps driver_ops = {
  .struct_size = sizeof (TholeDriverOps),
  .open = memory_open,
  .probe_async = memory_probe_async,
  .probe_finish = memory_probe_finish,
  .close_async = memory_close_async,
  .close_finish = memory_close_finish,
};

static const TholeInterface interfaces[] = {
  { "workload/1", &mem_workload_ops }, { "exec/1", &mem_exec_ops },   { "agent/1", &mem_agent_ops },
  { "files/1", &mem_files_ops },       { "image/1", &mem_image_ops }, { "volume/1", &mem_volume_ops },
  { NULL, NULL },
};

THOLE_DRIVER_DEFINE (memory, "1.0", &driver_ops, interfaces)
