/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state of a backend: probing, losing and finding the engine, closing.
 */
#include "backend/backend-class.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define PROBE_SECONDS 15.0
#define CLOSE_SECONDS 10.0
#define RETRY_FIRST G_USEC_PER_SEC
#define RETRY_LONGEST (60 * G_USEC_PER_SEC)

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (TholeBackend, thole_backend, G_TYPE_OBJECT)

enum { STATE_CHANGED, EVENT, N_SIGNALS };

/* ids of the signals; written once by class_init */
static guint signals[N_SIGNALS];

static const char *const state_names[] = {
  [THOLE_BACKEND_OPENING] = "opening",         [THOLE_BACKEND_PROBING] = "probing",
  [THOLE_BACKEND_READY] = "ready",             [THOLE_BACKEND_UNAVAILABLE] = "unavailable",
  [THOLE_BACKEND_UNSUPPORTED] = "unsupported", [THOLE_BACKEND_STUCK] = "stuck",
  [THOLE_BACKEND_CLOSED] = "closed",
};

static void begin_probe (TholeBackend *self);

TholeBackendPrivate *
thole_backend_private (TholeBackend *self)
{
  return thole_backend_get_instance_private (self);
}

static void
set_state (TholeBackend *self, TholeBackendState state, const char *reason)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  if (private->state == state && strcmp (private->reason, reason) == 0)
    return;
  g_free (private->reason);
  private->reason = g_utf8_make_valid (reason, -1);
  private->state = state;
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "THOLE_BACKEND", private->name, "THOLE_STATE", state_names[state],
                    "MESSAGE", "backend %s is %s%s%s", private->name, state_names[state], reason[0] != '\0' ? ": " : "",
                    private->reason);
  g_signal_emit (self, signals[STATE_CHANGED], 0);
}

static gboolean
on_retry (gpointer user_data)
{
  TholeBackend *self = user_data;

  thole_source_clear (&thole_backend_private (self)->retry);
  begin_probe (self);
  return G_SOURCE_REMOVE;
}

static void
plan_probe (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  if (private->retry != NULL || private->probing || private->closing)
    return;
  private->retry
    = thole_clock_timer (private->clock,
                         thole_backoff (private->clock, RETRY_FIRST, RETRY_LONGEST, private->failures),
                         on_retry, self);
}

void
thole_backend_lost (TholeBackend *self, const char *reason)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  /* told twice, or too late */
  if (private->state != THOLE_BACKEND_READY)
    return;
  private->failures = 0;
  set_state (self, THOLE_BACKEND_UNAVAILABLE, reason);
  plan_probe (self);
}

static void
set_facts (TholeBackend *self, GVariant *facts)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  g_clear_pointer (&private->facts, g_variant_unref);
  if (facts != NULL && g_variant_is_of_type (facts, G_VARIANT_TYPE_VARDICT))
    private->facts = g_variant_ref (facts);
}

static void
become_ready (TholeBackend *self, GVariant *facts)
{
  g_autoptr(GVariant) resync = g_variant_ref_sink (g_variant_new_parsed ("{'kind': <'resync'>}"));

  thole_backend_private (self)->failures = 0;
  set_facts (self, facts);
  set_state (self, THOLE_BACKEND_READY, "");
  /* what happened at the engine while nobody listened */
  if (thole_backend_private (self)->state == THOLE_BACKEND_READY)
    g_signal_emit (self, signals[EVENT], 0, resync);
}

static void
end_probe (TholeWatch *watch, GAsyncResult *result)
{
  TholeBackend *self = watch->backend;
  TholeBackendPrivate *private = thole_backend_private (self);
  g_autoptr(GError) error = NULL;
  g_autofree char *late = g_strdup_printf ("it did not answer within %g s", PROBE_SECONDS);
  g_autoptr(GVariant) facts = NULL;
  TholeProbe probe = THOLE_PROBE_DEFER;

  private->probing = FALSE;
  if (result != NULL)
    probe = THOLE_BACKEND_GET_CLASS (self)->probe_finish (self, result, &facts, &error);
  if (facts != NULL)
    g_variant_take_ref (facts);
  /* while calls are stuck its word does not count */
  if (result == NULL || thole_watch_late (watch) || private->closing || private->stuck > 0)
    return;
  if (probe == THOLE_PROBE_READY)
    {
      become_ready (self, facts);
      return;
    }
  if (probe == THOLE_PROBE_UNSUPPORTED)
    {
      set_state (self, THOLE_BACKEND_UNSUPPORTED, error != NULL ? error->message : "the engine is not supported");
      return;
    }
  private->failures++;
  set_state (self, THOLE_BACKEND_UNAVAILABLE,
             watch->expired ? late : error != NULL ? error->message : "the engine does not answer yet");
  plan_probe (self);
}

static void
begin_probe (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  TholeWatch *watch;

  private->probing = TRUE;
  watch = thole_watch_begin (&(TholeWatch) { .backend = self, .list = &private->calls, .name = "probe",
                                             .slot = THOLE_N_SLOTS, .end = end_probe,
                                             .news = thole_backend_news, .clock = private->clock,
                                             .seconds = PROBE_SECONDS }, NULL);
  THOLE_BACKEND_GET_CLASS (self)->probe_async (self, watch->cancellable, thole_watch_back, watch);
  thole_watch_begun (watch);
}

void
thole_backend_start (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  if (private->state != THOLE_BACKEND_OPENING || private->closing)
    return;
  set_state (self, THOLE_BACKEND_PROBING, "");
  begin_probe (self);
}

void
thole_backend_probe_now (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  if (private->state != THOLE_BACKEND_UNAVAILABLE || private->probing || private->closing)
    return;
  thole_source_clear (&private->retry);
  begin_probe (self);
}

void
thole_backend_deliver (TholeBackend *self, GVariant *event)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  const char *kind = thole_dict_string (event, "kind", "");
  g_autoptr(GVariant) facts = NULL;

  if (private->state != THOLE_BACKEND_READY || private->closing)
    return;
  if (strcmp (kind, "unavailable") == 0)
    thole_backend_lost (self, thole_dict_string (event, "reason", "the engine went away"));
  else if (strcmp (kind, "facts") == 0)
    {
      facts = thole_dict_value (event, "facts", "a{sv}");
      if (facts == NULL)
        return;
      set_facts (self, facts);
      g_signal_emit (self, signals[STATE_CHANGED], 0);
    }
  else
    g_signal_emit (self, signals[EVENT], 0, event);
}

/* Returns: (transfer full): "workload.start, probe" */
static char *
name_calls (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  g_autoptr(GString) names = g_string_new (NULL);
  guint count = 0;

  for (GList *link = private->calls.head; link != NULL && count < 10; link = link->next, count++)
    g_string_append_printf (names, "%s%s", count > 0 ? ", " : "", ((TholeWatch *) link->data)->name);
  if (private->calls.length > count)
    g_string_append_printf (names, " and %u more", private->calls.length - count);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

static void
end_closing (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  g_autoptr(GPtrArray) closers = g_steal_pointer (&private->closers);
  g_autofree char *names = name_calls (self);
  gboolean clean = private->stuck == 0;
  g_autofree char *reason = clean ? g_strdup ("") : g_strdup_printf ("these never came back: %s", names);

  set_state (self, THOLE_BACKEND_CLOSED, reason);
  for (guint i = 0; closers != NULL && i < closers->len; i++)
    if (clean)
      g_task_return_boolean (closers->pdata[i], TRUE);
    else
      g_task_return_new_error (closers->pdata[i], THOLE_ERROR, THOLE_ERROR_TIMEOUT,
                               "the backend %s could not be closed: %s", private->name, reason);
}

static void
end_close (TholeWatch *watch, GAsyncResult *result)
{
  if (result != NULL)
    THOLE_BACKEND_GET_CLASS (watch->backend)->close_finish (watch->backend, result);
}

static void
close_driver (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  TholeWatch *watch;

  private->driver_closing = TRUE;
  watch = thole_watch_begin (&(TholeWatch) { .backend = self, .list = &private->calls, .name = "close",
                                             .slot = THOLE_N_SLOTS, .end = end_close,
                                             .news = thole_backend_news, .clock = private->clock,
                                             .seconds = CLOSE_SECONDS }, NULL);
  THOLE_BACKEND_GET_CLASS (self)->close_async (self, thole_watch_back, watch);
  thole_watch_begun (watch);
}

/* Step by step: the calls come back or are stuck, then the driver is closed, then the callers hear of it. A driver that still
 * holds a call cannot be closed; that is made good should the call come back after all. */
static void
go_on_closing (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  if (private->calls.length > private->stuck)
    return;
  if (private->stuck == 0 && !private->driver_closing)
    close_driver (self);
  else if (private->state != THOLE_BACKEND_CLOSED)
    end_closing (self);
}

static void
become_stuck (TholeBackend *self, const char *name)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  g_autofree char *reason = g_strdup_printf ("%s did not come back after it was cancelled", name);

  thole_source_clear (&private->retry);
  set_state (self, THOLE_BACKEND_STUCK, reason);
}

void
thole_backend_news (TholeWatch *watch, gboolean back)
{
  TholeBackend *self = watch->backend;
  TholeBackendPrivate *private = thole_backend_private (self);

  if (watch->stuck)
    private->stuck += back ? -1 : 1;
  if (private->closing)
    go_on_closing (self);
  else if (!back)
    become_stuck (self, watch->name);
  else if (private->stuck == 0 && private->state == THOLE_BACKEND_STUCK)
    {
      set_state (self, THOLE_BACKEND_UNAVAILABLE, "all calls came back; the engine is asked again");
      plan_probe (self);
    }
}

/* A cancelled call may end at once and leave the list, so each turn looks anew. */
static TholeWatch *
find_running (TholeBackend *self)
{
  for (GList *link = thole_backend_private (self)->calls.head; link != NULL; link = link->next)
    if (!((TholeWatch *) link->data)->cancelled)
      return link->data;
  return NULL;
}

void
thole_backend_close_async (TholeBackend *self, GAsyncReadyCallback callback, gpointer user_data)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  g_autoptr(GTask) task = g_task_new (self, NULL, callback, user_data);
  TholeWatch *watch;

  g_task_set_source_tag (task, thole_backend_close_async);
  if (private->state == THOLE_BACKEND_CLOSED)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  if (private->closers == NULL)
    private->closers = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (private->closers, g_steal_pointer (&task));
  if (private->closing)
    return;
  private->closing = TRUE;
  thole_source_clear (&private->retry);
  g_object_ref (self);
  while (!private->driver_closing && (watch = find_running (self)) != NULL)
    thole_watch_cancel (watch);
  if (!private->driver_closing)
    go_on_closing (self);
  g_object_unref (self);
}

gboolean
thole_backend_close_finish (TholeBackend *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* configuration and rendering */

static gboolean
is_shown (const char *key)
{
  static const char *const hidden[] = { "secret", "password", "token", "key" };
  g_autofree char *small = g_ascii_strdown (key, -1);

  for (guint i = 0; i < G_N_ELEMENTS (hidden); i++)
    if (strstr (small, hidden[i]) != NULL)
      return FALSE;
  return strcmp (key, "driver") != 0 && strcmp (key, "default") != 0;
}

/* "https://user:word@host/" may hold a password, too. Returns: (transfer full) */
static char *
hide_user_info (const char *text)
{
  const char *scheme = strstr (text, "://");
  const char *at = scheme != NULL ? memchr (scheme + 3, '@', strcspn (scheme + 3, "/?#")) : NULL;

  if (at == NULL)
    return g_strdup (text);
  return g_strdup_printf ("%.*s...%s", (int) (scheme + 3 - text), text, at);
}

static void
render_config (GVariant *config, GString *out)
{
  GVariantIter iter;
  const char *key, *comma = "";
  GVariant *value;

  g_variant_iter_init (&iter, config);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (is_shown (key) && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
      {
        g_autofree char *text = hide_user_info (g_variant_get_string (value, NULL));

        g_string_append (out, comma);
        thole_json_append_string (out, key);
        g_string_append_c (out, ':');
        thole_json_append_string (out, text);
        comma = ",";
      }
}

GBytes *
thole_backend_json (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);
  GString *out = g_string_new ("{\"name\":");
  const char *comma = "";

  thole_json_append_string (out, private->name);
  g_string_append (out, ",\"driver\":");
  thole_json_append_string (out, private->driver);
  g_string_append_printf (out, ",\"state\":\"%s\",\"reason\":", state_names[private->state]);
  thole_json_append_string (out, private->reason);
  g_string_append (out, ",\"capabilities\":[");
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    if (thole_backend_has (self, i))
      {
        g_string_append_printf (out, "%s\"%s\"", comma, thole_slot_name (i));
        comma = ",";
      }
  g_string_append (out, "],\"config\":{");
  render_config (private->config, out);
  g_string_append (out, "},\"facts\":");
  if (private->facts != NULL)
    thole_json_append (out, private->facts);
  else
    g_string_append (out, "{}");
  g_string_append_printf (out, ",\"default\":%s}", private->is_default ? "true" : "false");
  return g_string_free_to_bytes (out);
}

void
thole_backend_set_up (TholeBackend *self, const char *name, const char *driver, GVariant *config,
                      TholeClock *clock)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  private->name = g_strdup (name);
  private->driver = g_strdup (driver);
  private->config = g_variant_ref_sink (config);
  private->clock = clock;
}

void
thole_backend_set_default (TholeBackend *self, gboolean is_default)
{
  thole_backend_private (self)->is_default = is_default;
}

const char *
thole_backend_get_name (TholeBackend *self)
{
  return thole_backend_private (self)->name;
}

const char *
thole_backend_get_driver (TholeBackend *self)
{
  return thole_backend_private (self)->driver;
}

TholeBackendState
thole_backend_get_state (TholeBackend *self)
{
  return thole_backend_private (self)->state;
}

const char *
thole_backend_state_name (TholeBackendState state)
{
  return (guint) state < G_N_ELEMENTS (state_names) ? state_names[state] : "?";
}

const char *
thole_backend_get_reason (TholeBackend *self)
{
  return thole_backend_private (self)->reason;
}

GVariant *
thole_backend_get_facts (TholeBackend *self)
{
  return thole_backend_private (self)->facts;
}

gboolean
thole_backend_has (TholeBackend *self, TholeSlot slot)
{
  return slot < THOLE_N_SLOTS && THOLE_BACKEND_GET_CLASS (self)->has (self, slot);
}

gboolean
thole_backend_is_default (TholeBackend *self)
{
  return thole_backend_private (self)->is_default;
}

guint
thole_backend_pending (TholeBackend *self)
{
  return thole_backend_private (self)->calls.length;
}

static void
thole_backend_finalize (GObject *object)
{
  TholeBackendPrivate *private = thole_backend_private (THOLE_BACKEND (object));

  /* a call that is on its way holds a reference, so there is none; those that are over are their own links */
  while (private->past.head != NULL)
    {
      TholeWatch *watch = private->past.head->data;

      g_queue_unlink (&private->past, private->past.head);
      g_free (watch);
    }
  thole_source_clear (&private->retry);
  g_free (private->name);
  g_free (private->driver);
  g_free (private->reason);
  g_clear_pointer (&private->config, g_variant_unref);
  g_clear_pointer (&private->facts, g_variant_unref);
  g_clear_pointer (&private->closers, g_ptr_array_unref);
  G_OBJECT_CLASS (thole_backend_parent_class)->finalize (object);
}

static void
thole_backend_init (TholeBackend *self)
{
  TholeBackendPrivate *private = thole_backend_private (self);

  private->state = THOLE_BACKEND_OPENING;
  private->reason = g_strdup ("");
  g_queue_init (&private->calls);
  g_queue_init (&private->past);
}

static void
thole_backend_class_init (TholeBackendClass *class)
{
  G_OBJECT_CLASS (class)->finalize = thole_backend_finalize;
  signals[STATE_CHANGED] = g_signal_new ("state-changed", G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 0);
  signals[EVENT] = g_signal_new ("event", G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_VARIANT);
}
