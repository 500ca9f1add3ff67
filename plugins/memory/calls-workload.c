/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slots of workload/1 but for logs. */

#include "driver.h"

#include <signal.h>
#include <string.h>

#include "calls-logs.h"
#include "convert.h"
#include "thole-dict.h"
#include "workload.h"

static GVariant *
finish_value (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error);
}

static gboolean
finish_done (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return mem_finish_pointer (result, error) != NULL;
}

static void
work_list (MemCall *call)
{
  MemWorld *world = call->driver->world;
  g_autoptr (GPtrArray) list = g_ptr_array_sized_new (g_queue_get_length (&world->order));

  for (GList *link = world->order.head; link != NULL; link = link->next)
    {
      MemWorkload *workload = link->data;

      if (strcmp (workload->instance, call->driver->instance) == 0)
        g_ptr_array_add (list, mem_convert_workload (workload));
    }
  mem_call_value (call, g_variant_new_array (G_VARIANT_TYPE_VARDICT, (GVariant **) list->pdata, list->len));
}

static void
list_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.list", "", NULL, NULL, options, cancellable, callback, user_data),
                  work_list);
}

static void
work_inspect (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);

  if (workload != NULL)
    mem_call_value (call, mem_convert_workload (workload));
}

static void
inspect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.inspect", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_inspect);
}

static GVariant *
created_value (MemWorkload *workload, gboolean adopted)
{
  char *engine_id = mem_engine_id (workload);
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&dict, "{sv}", "handle",
                         g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, engine_id, strlen (engine_id), 1));
  g_variant_builder_add (&dict, "{sv}", "engine_id", g_variant_new_take_string (engine_id));
  g_variant_builder_add (&dict, "{sv}", "adopted", g_variant_new_boolean (adopted));
  return g_variant_builder_end (&dict);
}

static void
work_create (MemCall *call)
{
  TholeDriver *driver = call->driver;
  g_autoptr (GVariant) secrets = thole_dict_value (call->options, "secrets", "a{say}");
  GError *error = NULL;
  gboolean adopted;
  MemWorkload *workload;

  if (driver->max_workloads > 0 && g_hash_table_size (driver->world->workloads) >= driver->max_workloads
      && mem_world_workload (driver->world, call->id) == NULL)
    {
      mem_call_fail (call, THOLE_ERROR_LIMIT, "the engine takes no more than %" G_GUINT64_FORMAT " workloads",
                     driver->max_workloads);
      return;
    }
  workload = mem_workload_create (driver->world, driver->instance, call->id, call->dict, secrets, mem_now (driver),
                                  &adopted, &error);
  if (workload != NULL)
    mem_call_value (call, created_value (workload, adopted));
  else
    mem_call_error (call, error);
}

/* the workload's own faults come with its spec */
static gboolean
take_faults (TholeDriver *self, const char *id, GVariant *spec, GError **error)
{
  g_autoptr (GVariant) options = thole_dict_value (spec, "backend_options", "a{sv}");
  const char *faults = options != NULL ? thole_dict_string (options, "faults", NULL) : NULL;

  if (faults == NULL || self->world == NULL || mem_faults_has (self->faults, id))
    return TRUE;
  return mem_faults_add (self->faults, faults, id, self->world->crashes, error);
}

static void
work_refuse (MemCall *call)
{
  mem_call_error (call, g_error_copy (call->data));
}

static void
create_async (TholeDriver *self, const char *id, GVariant *spec, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = mem_call_new (self, "workload.create", id, NULL, spec, options, cancellable, callback, user_data);
  GError *error = NULL;

  if (take_faults (self, id, spec, &error))
    {
      mem_call_begin (call, work_create);
      return;
    }
  call->data = error;
  call->data_free = (GDestroyNotify) g_error_free;
  mem_call_begin (call, work_refuse);
}

static void
work_start (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);
  GError *error = NULL;

  if (workload == NULL)
    return;
  if (mem_workload_start (workload, mem_now (call->driver), &error))
    mem_call_done (call);
  else
    mem_call_error (call, error);
}

static void
start_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
             GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.start", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_start);
}

/* a stop that waits for the end of its workload */
typedef struct
{
  MemWaiter waiter;
  MemCall *call;
  MemWorkload *workload; /* NULL once it has ended */
} Stop;

static void
stop_ended (gpointer data, MemWorkload *workload)
{
  Stop *stop = data;

  stop->workload = NULL;
  mem_call_done (stop->call);
}

static void
stop_free (gpointer data)
{
  Stop *stop = data;

  if (stop->workload != NULL)
    mem_workload_unwait (stop->workload, &stop->waiter);
  g_free (stop);
}

static void
work_stop (MemCall *call)
{
  int signal = thole_signal_number (thole_dict_string (call->options, "signal", "SIGTERM"));
  double grace = thole_dict_double (call->options, "grace", 10);
  MemWorkload *workload = mem_call_workload (call);
  Stop *stop;

  if (workload == NULL)
    return;
  if (signal <= 0 || !(grace >= 0 && grace <= 1e9))
    {
      mem_call_fail (call, THOLE_ERROR_INVALID, "no such signal or grace");
      return;
    }
  mem_workload_stop (workload, signal, (gint64) (grace * G_USEC_PER_SEC), mem_now (call->driver));
  if (!mem_workload_is_alive (workload))
    {
      mem_call_done (call);
      return;
    }
  stop = g_new0 (Stop, 1);
  stop->waiter.ended = stop_ended;
  stop->waiter.data = stop;
  stop->call = call;
  stop->workload = workload;
  call->data = stop;
  call->data_free = stop_free;
  mem_workload_wait (workload, &stop->waiter);
}

static void
stop_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.stop", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_stop);
}

static gboolean
is_running (MemCall *call, MemWorkload *workload)
{
  if (mem_workload_is_alive (workload))
    return TRUE;
  mem_call_fail (call, THOLE_ERROR_CONFLICT, "%s does not run", workload->id);
  return FALSE;
}

static void
work_kill (MemCall *call)
{
  int signal = thole_signal_number (call->text);
  MemWorkload *workload = mem_call_workload (call);

  if (workload == NULL)
    return;
  if (signal <= 0)
    {
      mem_call_fail (call, THOLE_ERROR_INVALID, "no such signal: %s", call->text);
      return;
    }
  if (!is_running (call, workload))
    return;
  mem_workload_signal (workload, signal, mem_now (call->driver));
  mem_call_done (call);
}

static void
kill_async (TholeDriver *self, const char *id, const char *signal, GVariant *options, GCancellable *cancellable,
            GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.kill", id, signal, NULL, options, cancellable, callback, user_data),
                  work_kill);
}

static void
work_pause (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);

  if (workload == NULL || !is_running (call, workload))
    return;
  mem_workload_pause (workload, mem_now (call->driver));
  mem_call_done (call);
}

static void
pause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
             GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.pause", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_pause);
}

static void
work_unpause (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);

  if (workload == NULL || !is_running (call, workload))
    return;
  mem_workload_unpause (workload, mem_now (call->driver));
  mem_call_done (call);
}

static void
unpause_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.unpause", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_unpause);
}

static void
work_remove (MemCall *call)
{
  TholeDriver *driver = call->driver;
  MemWorkload *workload = mem_world_workload (driver->world, call->id);

  if (workload == NULL || strcmp (workload->instance, driver->instance) != 0)
    {
      mem_call_done (call);
      return;
    }
  if (mem_workload_is_alive (workload) && !thole_dict_boolean (call->options, "force", FALSE))
    {
      mem_call_fail (call, THOLE_ERROR_CONFLICT, "%s runs", workload->id);
      return;
    }
  mem_workload_remove (workload, FALSE, mem_now (driver));
  if (call->action != MEM_FAULT_REPEAT)
    mem_faults_remove (driver->faults, call->id);
  mem_call_done (call);
}

static void
remove_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.remove", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_remove);
}

static void
work_update (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);

  if (workload == NULL)
    return;
  mem_workload_update (workload, call->dict);
  mem_call_done (call);
}

static void
update_async (TholeDriver *self, const char *id, GVariant *changes, GVariant *options, GCancellable *cancellable,
              GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.update", id, NULL, changes, options, cancellable, callback, user_data),
                  work_update);
}

static void
work_recover (MemCall *call)
{
  TholeDriver *driver = call->driver;
  MemWorkload *workload = mem_world_workload (driver->world, call->id);

  if (workload != NULL && strcmp (workload->instance, driver->instance) == 0)
    mem_call_value (call, mem_convert_workload (workload));
  else
    mem_call_value (call, mem_convert_gone (call->id, driver->instance));
}

static void
recover_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.recover", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_recover);
}

static void
work_stats (MemCall *call)
{
  MemWorkload *workload = mem_call_workload (call);

  if (workload != NULL && is_running (call, workload))
    mem_call_value (call, mem_convert_stats (workload, mem_now (call->driver)));
}

static void
stats_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
             GAsyncReadyCallback callback, gpointer user_data)
{
  mem_call_begin (mem_call_new (self, "workload.stats", id, NULL, NULL, options, cancellable, callback, user_data),
                  work_stats);
}

const TholeWorkloadOps mem_workload_ops = {
  .struct_size = sizeof (TholeWorkloadOps),
  .list_async = list_async,
  .list_finish = finish_value,
  .inspect_async = inspect_async,
  .inspect_finish = finish_value,
  .create_async = create_async,
  .create_finish = finish_value,
  .start_async = start_async,
  .start_finish = finish_done,
  .stop_async = stop_async,
  .stop_finish = finish_done,
  .kill_async = kill_async,
  .kill_finish = finish_done,
  .pause_async = pause_async,
  .pause_finish = finish_done,
  .unpause_async = unpause_async,
  .unpause_finish = finish_done,
  .remove_async = remove_async,
  .remove_finish = finish_done,
  .update_async = update_async,
  .update_finish = finish_done,
  .recover_async = recover_async,
  .recover_finish = finish_value,
  .logs_async = mem_logs_async,
  .logs_finish = mem_logs_finish,
  .stats_async = stats_async,
  .stats_finish = finish_value,
};
