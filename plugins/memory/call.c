/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "driver.h"

#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "thole-dict.h"

gint64
mem_now (TholeDriver *driver)
{
  return driver->ops->now (driver->host);
}

GSource *
mem_timer (TholeDriver *driver, gint64 delay, GSourceFunc function, gpointer data)
{
  return driver->ops->timer (driver->host, (guint64) MAX (delay, 0), function, data, NULL);
}

gpointer
mem_finish_pointer (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

MemCall *
mem_call_new (TholeDriver *driver, const char *slot, const char *id, const char *text, GVariant *dict,
              GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  MemCall *call = g_new0 (MemCall, 1);

  call->driver = driver;
  call->task = thole_task_new (cancellable, callback, user_data);
  call->slot = slot;
  call->id = g_strdup (id);
  call->text = g_strdup (text);
  call->dict = dict != NULL ? g_variant_ref (dict) : NULL;
  call->options = options != NULL ? g_variant_ref (options) : NULL;
  call->link.data = call;
  g_queue_push_tail_link (&driver->calls, &call->link);
  return call;
}

static void
drop_data (MemCall *call)
{
  gpointer data = g_steal_pointer (&call->data);

  if (data != NULL && call->data_free != NULL)
    call->data_free (data);
}

static void
mem_call_free (MemCall *call)
{
  if (call->gone != NULL)
    *call->gone = TRUE;
  g_queue_unlink (&call->driver->calls, &call->link);
  drop_data (call);
  if (call->kept != NULL && call->kept_free != NULL)
    call->kept_free (call->kept);
  thole_timer_clear (&call->delay);
  thole_timer_clear (&call->cancelled);
  g_object_unref (call->task);
  g_free (call->id);
  g_free (call->text);
  g_free (call->signal);
  g_clear_pointer (&call->dict, g_variant_unref);
  g_clear_pointer (&call->options, g_variant_unref);
  g_clear_object (&call->tar);
  g_free (call);
}

static void
answer_error (MemCall *call, GError *error)
{
  g_task_return_error (call->task, error);
  mem_call_free (call);
}

static void
crash (MemCall *call)
{
  const char *when = call->code == 1 ? "after" : "before";

  g_printerr ("the memory driver crashes on demand, %s %s of %s\n", when, call->slot, call->id);
  abort ();
}

static void
run (MemCall *call)
{
  call->runs++;
  call->work (call);
}

/* What the rule wants done with the answer. TRUE = the answer must not be given (now). */
static gboolean
answer_is_bent (MemCall *call)
{
  switch (call->action)
    {
    case MEM_FAULT_REPEAT:
      if (call->runs >= 2)
        return FALSE;
      drop_data (call);
      run (call);
      return TRUE;
    case MEM_FAULT_LOSE_ANSWER:
      if (call->code >= 0)
        answer_error (call, g_error_new (THOLE_ERROR, call->code, "the answer to %s was lost", call->slot));
      else
        call->waiting = TRUE;
      return TRUE;
    case MEM_FAULT_CRASH:
      crash (call);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
answer_kept (gpointer data)
{
  MemCall *call = data;

  thole_timer_clear (&call->delay);
  g_task_return_pointer (call->task, g_steal_pointer (&call->kept), call->kept_free);
  mem_call_free (call);
  return G_SOURCE_REMOVE;
}

void
mem_call_return (MemCall *call, gpointer value, GDestroyNotify free_value)
{
  if (call->action == MEM_FAULT_STALE)
    {
      call->kept = value;
      call->kept_free = free_value;
      call->delay = mem_timer (call->driver, call->late, answer_kept, call);
      return;
    }
  if (answer_is_bent (call))
    {
      if (free_value != NULL)
        free_value (value);
      return;
    }
  g_task_return_pointer (call->task, value, free_value);
  mem_call_free (call);
}

void
mem_call_done (MemCall *call)
{
  mem_call_return (call, GINT_TO_POINTER (TRUE), NULL);
}

void
mem_call_value (MemCall *call, GVariant *value)
{
  mem_call_return (call, g_variant_ref_sink (value), (GDestroyNotify) g_variant_unref);
}

void
mem_call_error (MemCall *call, GError *error)
{
  if (answer_is_bent (call))
    g_error_free (error);
  else
    answer_error (call, error);
}

void
mem_call_fail (MemCall *call, int code, const char *format, ...)
{
  va_list args;
  GError *error;

  va_start (args, format);
  error = g_error_new_valist (THOLE_ERROR, code, format, args);
  va_end (args);
  mem_call_error (call, error);
}

MemWorkload *
mem_call_workload (MemCall *call)
{
  MemWorkload *workload = mem_world_workload (call->driver->world, call->id);

  if (workload != NULL && strcmp (workload->instance, call->driver->instance) == 0)
    return workload;
  mem_call_fail (call, THOLE_ERROR_NOT_FOUND, "no such workload: %s", call->id);
  return NULL;
}

void
mem_calls_fail (TholeDriver *driver, int code, const char *reason)
{
  GList *next;

  for (GList *link = driver->calls.head; link != NULL; link = next)
    {
      MemCall *call = link->data;

      next = link->next;
      if (!call->unruly)
        answer_error (call, g_error_new_literal (THOLE_ERROR, code, reason));
    }
}

static gboolean
work_late (gpointer data)
{
  MemCall *call = data;

  thole_timer_clear (&call->delay);
  call->action = MEM_FAULT_NONE;
  run (call);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  MemCall *call = data;

  thole_timer_clear (&call->cancelled);
  /* it may not have begun yet */
  thole_timer_clear (&call->delay);
  if (call->action == MEM_FAULT_LATE)
    call->delay = mem_timer (call->driver, call->late, work_late, call);
  else
    answer_error (call, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s was cancelled", call->slot));
  return G_SOURCE_REMOVE;
}

static gboolean
begin_work (gpointer data)
{
  MemCall *call = data;

  thole_timer_clear (&call->delay);
  if (call->action == MEM_FAULT_FAIL)
    answer_error (call, g_error_new (THOLE_ERROR, call->code, "%s fails on demand", call->slot));
  else if (call->action == MEM_FAULT_HANG || call->action == MEM_FAULT_LATE)
    call->waiting = TRUE;
  else if (call->action == MEM_FAULT_CRASH && call->code == 0)
    crash (call);
  else
    run (call);
  return G_SOURCE_REMOVE;
}

/* Returns the delay of the call, µs. */
static gint64
take_fault (MemCall *call)
{
  TholeDriver *driver = call->driver;
  const MemFault *fault = mem_faults_match (driver->faults, call->slot, call->id);
  gint64 delay = driver->delay + (gint64) mem_faults_random (driver->faults, (guint64) driver->jitter + 1);

  if (fault == NULL)
    return delay;
  call->action = fault->action;
  call->code = fault->code;
  call->late = fault->late;
  if (fault->action == MEM_FAULT_CRASH && driver->world != NULL)
    mem_journal_crash (driver->world, fault->text);
  return delay + fault->delay;
}

static void
count_call (MemCall *call)
{
  GHashTable *calls = call->driver->world->calls;
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (calls, call->slot));

  g_hash_table_insert (calls, (gpointer) call->slot, GUINT_TO_POINTER (count + 1));
}

static gboolean
may_begin (MemCall *call, GError **error)
{
  TholeDriver *driver = call->driver;

  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (call->task), error))
    return FALSE;
  if (call->options != NULL && !thole_options_check (call->options, NULL, error))
    return FALSE;
  if (driver->world == NULL || (driver->world->down && !call->unruly))
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine is down");
      return FALSE;
    }
  return TRUE;
}

static void
listen_for_cancel (MemCall *call)
{
  GCancellable *cancellable = g_task_get_cancellable (call->task);

  if (cancellable == NULL)
    return;
  call->cancelled = g_cancellable_source_new (cancellable);
  g_source_set_callback (call->cancelled, G_SOURCE_FUNC (on_cancelled), call, NULL);
  g_source_attach (call->cancelled, g_main_context_get_thread_default ());
}

void
mem_call_begin (MemCall *call, MemWork work)
{
  GError *error = NULL;
  gboolean gone = FALSE;
  gint64 delay;

  call->work = work;
  if (!may_begin (call, &error))
    {
      answer_error (call, error);
      return;
    }
  count_call (call);
  delay = call->unruly ? 0 : take_fault (call);
  call->gone = &gone;
  if (delay > 0)
    call->delay = mem_timer (call->driver, delay, begin_work, call);
  else
    begin_work (call);
  if (gone)
    return;
  call->gone = NULL;
  listen_for_cancel (call);
}
