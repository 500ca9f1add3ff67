/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls of slots: what may be called, how long it may take, and what its answer means.
 */
#include "backend/backend-class.h"

#include "thole-dict.h"

/* a year: longer is for ever, and would not fit a timer */
#define MAX_DEADLINE 31536000.0
#define DEFAULT_GRACE 10.0

void
thole_slot_result_clear (TholeSlotResult *result)
{
  g_clear_pointer (&result->value, g_variant_unref);
  g_clear_object (&result->stream);
  g_clear_pointer (&result->exec_id, g_free);
}

static void
free_result (gpointer data)
{
  thole_slot_result_clear (data);
  g_free (data);
}

/* The slot's own, and as long again as the call asks the engine to wait. */
static double
choose_deadline (TholeSlot slot, const TholeSlotArgs *args)
{
  double wait = 0;

  if (args->deadline > 0)
    return MIN (args->deadline, MAX_DEADLINE);
  if (slot == THOLE_SLOT_WORKLOAD_STOP)
    wait = args->options != NULL ? thole_dict_double (args->options, "grace", DEFAULT_GRACE) : DEFAULT_GRACE;
  if (slot == THOLE_SLOT_EXEC_RUN)
    wait = thole_dict_double (args->dict, "timeout", 0);
  /* a command without a time limit ends when it ends */
  if (slot == THOLE_SLOT_EXEC_RUN && wait <= 0)
    return MAX_DEADLINE;
  return thole_slot_info (slot)->deadline + CLAMP (wait, 0, MAX_DEADLINE);
}

static gboolean
check_args (const TholeSlotInfo *info, const TholeSlotArgs *args, GError **error)
{
  gboolean id = args->id != NULL, text = args->text != NULL, good = TRUE;

  switch (info->takes)
    {
    case THOLE_TAKES_OPTIONS:
      break;
    case THOLE_TAKES_ID:
      good = id;
      break;
    case THOLE_TAKES_ID_DICT:
      good = id && args->dict != NULL && g_variant_is_of_type (args->dict, G_VARIANT_TYPE_VARDICT);
      break;
    case THOLE_TAKES_ID_TEXT:
    case THOLE_TAKES_ID_TEXT_SIZE:
      good = id && text;
      break;
    case THOLE_TAKES_ID_TEXT_SIGNAL:
      good = id && text && args->signal != NULL;
      break;
    case THOLE_TAKES_TEXT:
      good = text;
      break;
    case THOLE_TAKES_ID_TEXT_TAR:
      good = id && text && args->tar != NULL;
      break;
    }
  if (good && (args->options == NULL || g_variant_is_of_type (args->options, G_VARIANT_TYPE_VARDICT)))
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INTERNAL, "%s was called without its arguments", info->name);
  return FALSE;
}

static gboolean
check_state (TholeBackend *self, GError **error)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  gboolean hopeless = private->state == THOLE_BACKEND_UNSUPPORTED;

  if (private->state == THOLE_BACKEND_READY && !private->closing)
    return TRUE;
  g_set_error (error, THOLE_ERROR, hopeless ? THOLE_ERROR_UNSUPPORTED : THOLE_ERROR_UNAVAILABLE,
               "the backend %s is %s%s%s", private->name,
               private->closing ? "closing" : thole_backend_state_name (private->state),
               private->reason[0] != '\0' ? ": " : "", private->reason);
  return FALSE;
}

static gboolean
check_call (TholeBackend *self, TholeSlot slot, const TholeSlotArgs *args, GCancellable *cancellable, GError **error)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  if (!thole_backend_has (self, slot))
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED,
                   "the driver %s of the backend %s has no capability %s", private->driver, private->name,
                   thole_slot_name (slot));
      return FALSE;
    }
  if (!check_args (thole_slot_info (slot), args, error) || !check_state (self, error)
      || g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (private->calls.length >= THOLE_BACKEND_MAX_CALLS)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_BUSY, "the backend %s has %u calls on their way already",
                   private->name, private->calls.length);
      return FALSE;
    }
  return TRUE;
}

/* The engine's text is kept, the code becomes one that a driver may give. */
static GError *
translate_error (const TholeWatch *watch, const GError *theirs)
{
  if (theirs == NULL)
    return g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "the driver gave neither a result nor an error for %s",
                        watch->name);
  if (g_error_matches (theirs, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      if (watch->expired)
        return g_error_new (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "%s did not end within %g s; its outcome is unknown",
                            watch->name, watch->seconds);
      return g_error_copy (theirs);
    }
  if (theirs->domain == THOLE_ERROR && theirs->code >= 0 && theirs->code < THOLE_N_ERRORS
      && thole_error_from_driver (theirs->code))
    return g_error_copy (theirs);
  g_debug ("%s: foreign error %s %d: %s", watch->name, g_quark_to_string (theirs->domain), theirs->code,
           theirs->message);
  return g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "%s", theirs->message);
}

/* FALSE when the driver gave something else than its slot says. */
static gboolean
check_result (const TholeSlotInfo *info, TholeSlotResult *out)
{
  if (out->value != NULL && g_variant_is_floating (out->value))
    g_variant_ref_sink (out->value);
  switch (info->gives)
    {
    case THOLE_GIVES_NOTHING:
      return TRUE;
    case THOLE_GIVES_DICT:
      return out->value != NULL && g_variant_is_of_type (out->value, G_VARIANT_TYPE_VARDICT);
    case THOLE_GIVES_DICTS:
      return out->value != NULL && g_variant_is_of_type (out->value, G_VARIANT_TYPE ("aa{sv}"));
    case THOLE_GIVES_STREAM:
      return G_IS_IO_STREAM (out->stream);
    case THOLE_GIVES_STREAM_AND_ID:
      return G_IS_IO_STREAM (out->stream) && out->exec_id != NULL;
    }
  return FALSE;
}

static void
answer_stuck (TholeWatch *watch)
{
  g_autoptr(GTask) task = g_steal_pointer (&watch->task);
  g_autoptr(GError) cancelled = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s was cancelled", watch->name);

  g_task_return_error (task, translate_error (watch, cancelled));
}

static void
end_call (TholeWatch *watch, GAsyncResult *result)
{
  const TholeSlotInfo *info = thole_slot_info (watch->slot);
  g_auto(TholeSlotResult) out = { 0 };
  g_autoptr(GError) theirs = NULL;
  g_autoptr(GTask) task = NULL;
  gboolean good;

  if (result == NULL)
    {
      answer_stuck (watch);
      return;
    }
  good = THOLE_BACKEND_GET_CLASS (watch->backend)->call_finish (watch->backend, watch->slot, result, &out, &theirs);
  if (thole_watch_late (watch))
    return;
  task = g_steal_pointer (&watch->task);
  if (good && check_result (info, &out))
    {
      g_task_return_pointer (task, g_memdup2 (&out, sizeof out), free_result);
      out = (TholeSlotResult) { 0 };
      return;
    }
  if (good)
    g_set_error (&theirs, THOLE_ERROR, THOLE_ERROR_FAILED, "the driver's answer to %s has a wrong type", info->name);
  if (!info->foreign && g_error_matches (theirs, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE))
    thole_backend_lost (watch->backend, theirs->message);
  g_task_return_error (task, translate_error (watch, theirs));
}

void
thole_backend_call_async (TholeBackend *self, TholeSlot slot, const TholeSlotArgs *args, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  /* without the cancellable: what the driver finished in spite of it stays finished */
  g_autoptr(GTask) task = g_task_new (self, NULL, callback, user_data);
  GError *error = NULL;
  TholeWatch *watch;

  g_task_set_source_tag (task, thole_backend_call_async);
  if (!check_call (self, slot, args, cancellable, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  watch = thole_watch_begin (&(TholeWatch) { .backend = self, .list = &private->calls,
                                             .name = thole_slot_name (slot), .slot = slot,
                                             .task = g_steal_pointer (&task), .end = end_call,
                                             .news = thole_backend_news, .clock = private->clock,
                                             .seconds = choose_deadline (slot, args) }, cancellable);
  THOLE_BACKEND_GET_CLASS (self)->call_async (self, slot, args, watch->cancellable, thole_watch_back, watch);
  thole_watch_begun (watch);
}

gboolean
thole_backend_call_finish (TholeBackend *self, GAsyncResult *result, TholeSlotResult *out, GError **error)
{
  TholeSlotResult *given = g_task_propagate_pointer (G_TASK (result), error);

  if (given == NULL)
    return FALSE;
  if (out == NULL)
    {
      free_result (given);
      return TRUE;
    }
  *out = *given;
  g_free (given);
  return TRUE;
}
