/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "kit.h"

#include <string.h>

#include "host.h"
#include "stall.h"

#define MAX_FAULTS 2000

/* what a case says --------------------------------------------------------------------------------------- */

static void G_GNUC_PRINTF (2, 0)
say (GString *to, const char *format, va_list arguments)
{
  if (to->len > MAX_FAULTS)
    return;
  if (to->len > 0)
    g_string_append (to, "; ");
  g_string_append_vprintf (to, format, arguments);
}

void
kit_fault (Kit *self, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  say (self->faults, format, arguments);
  va_end (arguments);
}

void
kit_note (Kit *self, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  say (self->notes, format, arguments);
  va_end (arguments);
}

void
kit_skip (Kit *self, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_free (self->skip);
  self->skip = g_strdup_vprintf (format, arguments);
  va_end (arguments);
}

gboolean
kit_failed (Kit *self)
{
  return self->faults->len > 0;
}

gboolean
kit_has (Kit *self, TholeSlot slot)
{
  return thole_tables_has (self->tables, slot);
}

/* the loop ----------------------------------------------------------------------------------------------- */

static void
iterate (gboolean may_wait)
{
  kit_stall_begin ();
  g_main_context_iteration (NULL, may_wait);
  kit_stall_end ();
}

void
kit_turn (Kit *self)
{
  for (guint i = 0; i < 100 && g_main_context_pending (NULL); i++)
    iterate (FALSE);
}

static gboolean
wake (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_CONTINUE;
}

gboolean
kit_until (Kit *self, KitDone done, gpointer data)
{
  gint64 end = g_get_monotonic_time () + (gint64) (self->settings->deadline * G_USEC_PER_SEC);
  gboolean woken = FALSE, is_done;
  GSource *tick = g_timeout_source_new (20);

  g_source_set_callback (tick, wake, &woken, NULL);
  g_source_attach (tick, NULL);
  while (!(is_done = done (self, data)) && g_get_monotonic_time () < end)
    iterate (TRUE);
  g_source_destroy (tick);
  g_source_unref (tick);
  return is_done;
}

void
kit_pause (Kit *self, guint milliseconds)
{
  gboolean woken = FALSE;
  GSource *tick = g_timeout_source_new (milliseconds);

  g_source_set_callback (tick, wake, &woken, NULL);
  g_source_attach (tick, NULL);
  while (!woken)
    iterate (TRUE);
  g_source_destroy (tick);
  g_source_unref (tick);
}

/* calls -------------------------------------------------------------------------------------------------- */

static void
call_free (gpointer data)
{
  KitCall *self = data;

  thole_slot_result_clear (&self->out);
  g_clear_error (&self->error);
  g_clear_object (&self->cancellable);
  g_free (self);
}

static void
check_error (KitCall *call)
{
  const GError *error = call->error;
  gboolean cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (error == NULL)
    kit_fault (call->kit, "%s failed and does not say why", call->name);
  else if (cancelled && !g_cancellable_is_cancelled (call->cancellable))
    kit_fault (call->kit, "%s was cancelled by nobody, and says that it was", call->name);
  else if (!cancelled && error->domain != THOLE_ERROR)
    kit_fault (call->kit, "%s gives an error of the foreign domain %s: %s", call->name, g_quark_to_string (error->domain),
               error->message);
  else if (!cancelled && (error->code < 0 || error->code >= THOLE_N_ERRORS || !thole_error_from_driver (error->code)))
    kit_fault (call->kit, "%s gives the error %d, which no driver may give: %s", call->name, error->code, error->message);
  else if (error->message == NULL || error->message[0] == '\0' || !g_utf8_validate (error->message, -1, NULL))
    kit_fault (call->kit, "%s gives an error without a readable message", call->name);
}

static void
finish (KitCall *call, GAsyncResult *result)
{
  Kit *kit = call->kit;
  GVariant *facts = NULL;
  guint depth;

  if (strcmp (call->name, "probe") == 0)
    {
      call->probe = kit->tables->driver.probe_finish (kit->driver, result, &facts, &call->error);
      call->out.value = facts;
      call->good = call->probe == THOLE_PROBE_READY;
    }
  else if (strcmp (call->name, "close") == 0)
    {
      kit->tables->driver.close_finish (kit->driver, result);
      call->good = TRUE;
      return;
    }
  else
    call->good = thole_tables_finish (kit->tables, kit->driver, call->slot, result, &call->out, &call->error);
  depth = kit_stall_pause ();
  if (!call->good)
    check_error (call);
  else if (call->error != NULL)
    kit_fault (kit, "%s succeeds with an error: %s", call->name, call->error->message);
  else
    kit_check_answer (call);
  kit_stall_resume (depth);
}

static void
on_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KitCall *call = user_data;
  GSource *from = g_main_current_source ();

  if (++call->callbacks > 1)
    {
      kit_fault (call->kit, "%s called back %s", call->name, call->callbacks == 2 ? "twice" : "again and again");
      return;
    }
  if (!call->returned)
    kit_fault (call->kit, "%s called back from inside of its own call", call->name);
  if (!g_main_context_is_owner (g_main_context_default ()) || from == NULL || g_source_get_context (from) != g_main_context_default ())
    kit_fault (call->kit, "%s called back in another main context than that of the call", call->name);
  if (source != NULL)
    kit_fault (call->kit, "%s called back with a source object, a %s", call->name, G_OBJECT_TYPE_NAME (source));
  finish (call, result);
}

static KitCall *
prepare (Kit *self, TholeSlot slot, const char *name, GCancellable *cancellable)
{
  KitCall *call = g_new0 (KitCall, 1);

  call->kit = self;
  call->slot = slot;
  call->name = name;
  call->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  g_strlcpy (self->board->slot, name, sizeof self->board->slot);
  g_ptr_array_add (self->calls, call);
  return call;
}

KitCall *
kit_begin (Kit *self, TholeSlot slot, const TholeSlotArgs *args, GCancellable *cancellable)
{
  KitCall *call = prepare (self, slot, thole_slot_name (slot), cancellable);

  kit_stall_begin ();
  thole_tables_call (self->tables, self->driver, slot, args, cancellable, on_back, call);
  kit_stall_end ();
  call->returned = TRUE;
  return call;
}

static gboolean
came_back (Kit *self, gpointer data)
{
  return ((KitCall *) data)->callbacks > 0;
}

gboolean
kit_wait (KitCall *call)
{
  Kit *kit = call->kit;

  if (kit_until (kit, came_back, call))
    return TRUE;
  kit_fault (kit, "%s never called back (waited for %g s)", call->name, kit->settings->deadline);
  kit->lost = TRUE;
  return FALSE;
}

KitCall *
kit_call (Kit *self, TholeSlot slot, const TholeSlotArgs *args)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  KitCall *call = kit_begin (self, slot, args, cancellable);

  kit_wait (call);
  return call;
}

/* The calls themselves stay, for what calls back a second time. */
void
kit_forget (Kit *self)
{
  for (guint i = 0; i < self->calls->len; i++)
    {
      KitCall *call = self->calls->pdata[i];

      if (call->callbacks == 0)
        continue;
      thole_slot_result_clear (&call->out);
      g_clear_error (&call->error);
      g_clear_object (&call->cancellable);
    }
}

void
kit_drop (Kit *self, guint calls, guint events)
{
  while (self->calls->len > calls)
    call_free (g_ptr_array_steal_index (self->calls, self->calls->len - 1));
  if (self->events->len > events)
    g_ptr_array_set_size (self->events, (gint) events);
}

KitOutcomes
kit_outcome (KitCall *call)
{
  if (call->callbacks == 0)
    return 0;
  if (call->good)
    return KIT_OK;
  if (g_error_matches (call->error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return KIT_CANCELLED;
  return call->error != NULL && call->error->domain == THOLE_ERROR && call->error->code >= 0 && call->error->code < THOLE_N_ERRORS
           ? (KitOutcomes) 1 << call->error->code
           : 0;
}

static char *
name_outcomes (KitOutcomes outcomes)
{
  g_autoptr(GString) out = g_string_new (NULL);

  if ((outcomes & KIT_OK) != 0)
    g_string_append (out, " or success");
  if ((outcomes & KIT_CANCELLED) != 0)
    g_string_append (out, " or cancelled");
  for (int i = 0; i < THOLE_N_ERRORS; i++)
    if ((outcomes & ((KitOutcomes) 1 << i)) != 0)
      g_string_append_printf (out, " or %s", thole_error_word (i));
  return g_strdup (out->len > 4 ? out->str + 4 : "nothing");
}

gboolean
kit_expect (KitCall *call, KitOutcomes outcomes)
{
  KitOutcomes outcome = kit_outcome (call);
  g_autofree char *expected = NULL, *found = NULL;

  if (call->callbacks == 0 || (outcome & outcomes) != 0)
    return call->callbacks > 0;
  expected = name_outcomes (outcomes);
  found = name_outcomes (outcome);
  kit_fault (call->kit, "%s: expected %s, got %s%s%s", call->name, expected, outcome != 0 ? found : "an unknown error",
             call->error != NULL ? ": " : "", call->error != NULL ? call->error->message : "");
  return FALSE;
}

/* the driver --------------------------------------------------------------------------------------------- */

TholeDriver *
kit_open_raw (Kit *self, GVariant *more, GError **error)
{
  g_auto(GVariantDict) config = G_VARIANT_DICT_INIT (self->settings->keys);
  g_autofree char *runtime = g_build_filename (self->folder, "run", NULL);
  g_autofree char *state = g_build_filename (self->folder, "state", NULL);
  g_autoptr(GVariant) value = NULL;
  GVariantIter iter;
  const char *key;
  GVariant *one;
  TholeDriver *driver;

  g_variant_dict_insert (&config, "instance", "s", self->instance);
  g_variant_dict_insert (&config, "name", "s", self->settings->name);
  g_variant_dict_insert (&config, "runtime_dir", "s", runtime);
  g_variant_dict_insert (&config, "state_dir", "s", state);
  if (more != NULL)
    {
      g_variant_iter_init (&iter, more);
      while (g_variant_iter_loop (&iter, "{&sv}", &key, &one))
        g_variant_dict_insert_value (&config, key, one);
    }
  value = g_variant_ref_sink (g_variant_dict_end (&config));
  self->host = kit_host_new (self);
  g_strlcpy (self->board->slot, "open", sizeof self->board->slot);
  kit_stall_begin ();
  driver = self->tables->driver.open (self->host, kit_host_ops (), value, error);
  kit_stall_end ();
  return driver;
}

KitCall *
kit_probe (Kit *self)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  KitCall *call = prepare (self, THOLE_N_SLOTS, "probe", cancellable);

  kit_stall_begin ();
  self->tables->driver.probe_async (self->driver, cancellable, on_back, call);
  kit_stall_end ();
  call->returned = TRUE;
  kit_wait (call);
  return call;
}

gboolean
kit_open (Kit *self)
{
  g_autoptr(GError) error = NULL;
  KitCall *call = NULL;

  self->driver = kit_open_raw (self, NULL, &error);
  if (self->driver == NULL)
    {
      kit_fault (self, "open refuses the configuration: %s", error != NULL ? error->message : "it does not say why");
      return FALSE;
    }
  /* an engine that has just been started is not there at once */
  for (guint i = 0; i < 100; i++)
    {
      call = kit_probe (self);
      if (self->lost || call->probe != THOLE_PROBE_DEFER)
        break;
      kit_pause (self, 50);
    }
  if (!self->lost && call->probe != THOLE_PROBE_READY)
    kit_fault (self, "probe does not become ready: %s", call->error != NULL ? call->error->message : "it does not say why");
  if (self->lost || call->probe != THOLE_PROBE_READY)
    return FALSE;
  g_clear_pointer (&self->facts, g_variant_unref);
  self->facts = call->out.value != NULL ? g_variant_ref (call->out.value) : NULL;
  return TRUE;
}

KitCall *
kit_begin_close (Kit *self)
{
  KitCall *call = prepare (self, THOLE_N_SLOTS, "close", NULL);

  kit_stall_begin ();
  self->tables->driver.close_async (self->driver, on_back, call);
  kit_stall_end ();
  call->returned = TRUE;
  return call;
}

void
kit_end_close (Kit *self, KitCall *call)
{
  gboolean came = kit_wait (call);

  kit_host_close (self->host);
  self->host = NULL;
  self->driver = NULL;
  if (!came)
    return;
  kit_turn (self);
  for (guint i = 0; i < self->calls->len; i++)
    {
      KitCall *one = self->calls->pdata[i];

      if (one->callbacks == 0)
        kit_fault (self, "%s had not called back when close had", one->name);
    }
  /* after a fault one of them may still call back, so they stay */
  if (self->faults->len == 0)
    kit_drop (self, 0, 0);
  g_ptr_array_set_size (self->calls, 0);
  g_ptr_array_set_size (self->events, 0);
  for (guint i = 0; i < KIT_N_STATES; i++)
    g_clear_pointer (&self->things[i], g_free);
}

void
kit_close (Kit *self)
{
  if (self->driver != NULL)
    kit_end_close (self, kit_begin_close (self));
}

/* events ------------------------------------------------------------------------------------------------- */

guint
kit_events (Kit *self, const char *kind, const char *id, const char *action)
{
  guint count = 0;

  for (guint i = 0; i < self->events->len; i++)
    {
      GVariant *event = self->events->pdata[i];

      count += strcmp (thole_dict_string (event, "kind", ""), kind) == 0
               && (id == NULL || strcmp (thole_dict_string (event, "id", ""), id) == 0)
               && (action == NULL || strcmp (thole_dict_string (event, "action", ""), action) == 0);
    }
  return count;
}

typedef struct
{
  const char *kind, *id, *action;
  guint count;
} Wanted;

static gboolean
has_events (Kit *self, gpointer data)
{
  const Wanted *wanted = data;

  return kit_events (self, wanted->kind, wanted->id, wanted->action) >= wanted->count;
}

gboolean
kit_wait_event (Kit *self, const char *kind, const char *id, const char *action, guint count)
{
  Wanted wanted = { kind, id, action, count };

  if (kit_until (self, has_events, &wanted))
    return TRUE;
  kit_fault (self, "no event %s%s%s came (waited for %g s)", kind, action != NULL ? " " : "", action != NULL ? action : "",
             self->settings->deadline);
  return FALSE;
}
