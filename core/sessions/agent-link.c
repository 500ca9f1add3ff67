/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-link.h"

#include <string.h>

#include "sessions/agent-calls.h"
#include "sessions/agent-connection.h"
#include "sessions/agent-frames.h"
#include "sessions/agent-views.h"
#include "thole-error.h"

#define LOST_AFTER (60 * G_USEC_PER_SEC)
#define TICK (5 * G_USEC_PER_SEC)
#define RETRY_BASE (50 * 1000)
#define RETRY_CAP (2 * G_USEC_PER_SEC)
/* how often an epoch may be too low at the very beginning: the clock went back since another daemon was here */
#define STALE_MOST 3

struct _TholeAgentLink
{
  GObject parent;
  TholeClock *clock;
  TholeAgentWay *way;
  TholeAgentState state;
  TholeAgentViews *views;
  TholeAgentCalls *calls;
  TholeAgentConnection *connection;
  GCancellable *connecting;
  guint64 epoch;
  gboolean met; /* an agent was here before: @instance is its name */
  guint8 instance[16];
  GVariant *facts;
  GError *error;
  gboolean greeted, ping_due, frozen;
  guint failures, stale;
  gint64 heard_at, sent_at, broken_at;
  GSource *retry, *tick;
};

G_DEFINE_FINAL_TYPE (TholeAgentLink, thole_agent_link, G_TYPE_OBJECT)

enum { STATE_CHANGED, SESSION_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void begin (TholeAgentLink *self);

static gint64
now (TholeAgentLink *self)
{
  return thole_clock_monotonic (self->clock);
}

static void
set_state (TholeAgentLink *self, TholeAgentState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_signal_emit (self, signals[STATE_CHANGED], 0);
}

static void
wake (gpointer user_data)
{
  TholeAgentLink *self = user_data;

  if (self->connection != NULL && self->state == THOLE_AGENT_READY)
    thole_agent_connection_wake (self->connection);
}

static void
disconnect (TholeAgentLink *self)
{
  if (self->connecting != NULL)
    g_cancellable_cancel (self->connecting);
  g_clear_object (&self->connecting);
  g_clear_pointer (&self->connection, thole_agent_connection_drop);
  thole_source_clear (&self->retry);
  thole_agent_views_reset (self->views);
  thole_agent_calls_reset (self->calls);
}

static void
lose_for (TholeAgentLink *self, TholeViewerEnd end, TholeError code, const char *detail)
{
  if (self->state == THOLE_AGENT_LOST)
    return;
  g_object_ref (self);
  /* first, so that whoever is called finds it lost */
  self->state = THOLE_AGENT_LOST;
  self->error = g_error_new_literal (THOLE_ERROR, (int) code, detail);
  thole_source_clear (&self->tick);
  disconnect (self);
  thole_agent_calls_fail (self->calls, detail);
  thole_agent_views_end (self->views, NULL, end, detail);
  g_signal_emit (self, signals[STATE_CHANGED], 0);
  g_object_unref (self);
}

static void
lose (TholeAgentLink *self, TholeViewerEnd end, const char *detail)
{
  lose_for (self, end, THOLE_ERROR_UNAVAILABLE, detail);
}

static gboolean
on_retry (gpointer user_data)
{
  TholeAgentLink *self = user_data;

  thole_source_clear (&self->retry);
  begin (self);
  return G_SOURCE_REMOVE;
}

/* the connection broke, or could not be made */
static void
try_again (TholeAgentLink *self, const char *why)
{
  g_autofree char *detail = NULL;

  disconnect (self);
  if (self->state == THOLE_AGENT_READY || self->broken_at == 0 || self->frozen)
    self->broken_at = now (self);
  if (now (self) - self->broken_at >= LOST_AFTER)
    {
      detail = g_strdup_printf ("The agent cannot be reached: %s", why);
      lose (self, THOLE_VIEWER_LOST, detail);
      return;
    }
  g_debug ("agent: %s", why);
  self->retry = thole_clock_timer (self->clock, self->failures == 0 ? 0 : thole_backoff (self->clock, RETRY_BASE, RETRY_CAP,
                                                                                        MIN (self->failures, 16)),
                                   on_retry, self);
  self->failures++;
  set_state (self, THOLE_AGENT_CONNECTING);
}

static void
read_facts (TholeAgentLink *self, const guint8 *data, gsize length)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  static const struct { const char *key; guint16 tag; } texts[] = {
    { "version", THOLE_AGENT_TAG_VERSION }, { "architecture", THOLE_AGENT_TAG_ARCHITECTURE }, { "boot", THOLE_AGENT_TAG_BOOT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = thole_agent_find_text (data, length, texts[i].tag);

      g_variant_dict_insert (&dict, texts[i].key, "s", text != NULL ? text : "");
    }
  g_variant_dict_insert (&dict, "pid", "x", (gint64) thole_agent_find_number (data, length, THOLE_AGENT_TAG_PID, 0));
  g_clear_pointer (&self->facts, g_variant_unref);
  self->facts = g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* FALSE when it is another agent than before */
static gboolean
is_same (TholeAgentLink *self, const guint8 *data, gsize length)
{
  TholeAgentField field;

  while (thole_agent_next_field (&data, &length, &field))
    if (field.tag == THOLE_AGENT_TAG_INSTANCE && field.length == sizeof self->instance)
      {
        gboolean same = !self->met || memcmp (self->instance, field.data, sizeof self->instance) == 0;

        memcpy (self->instance, field.data, sizeof self->instance);
        self->met = TRUE;
        return same;
      }
  return TRUE;
}

static gboolean
on_welcome (TholeAgentLink *self, const guint8 *data, gsize length)
{
  if (self->state == THOLE_AGENT_READY ||
      thole_agent_find_number (data, length, THOLE_AGENT_TAG_PROTOCOL, 0) != THOLE_AGENT_PROTOCOL_MAX)
    return FALSE;
  if (!is_same (self, data, length))
    {
      lose (self, THOLE_VIEWER_LOST, "The agent was started anew: its sessions are gone");
      return TRUE;
    }
  read_facts (self, data, length);
  self->failures = self->stale = 0;
  self->broken_at = 0;
  self->state = THOLE_AGENT_READY;
  thole_agent_views_begin (self->views);
  thole_agent_calls_begin (self->calls);
  g_signal_emit (self, signals[STATE_CHANGED], 0);
  wake (self);
  return TRUE;
}

static gboolean
on_bye (TholeAgentLink *self, const guint8 *data, gsize length)
{
  guint code = length >= 2 ? (guint) thole_agent_get (data, 2) : THOLE_AGENT_PROTOCOL;
  g_autofree char *text = length >= 2 ? thole_agent_find_text (data + 2, length - 2, THOLE_AGENT_TAG_TEXT) : NULL;

  if (code == THOLE_AGENT_STALE && !self->met && self->stale++ < STALE_MOST)
    {
      self->epoch = thole_agent_find_number (data + 2, length - 2, THOLE_AGENT_TAG_EPOCH, self->epoch);
      try_again (self, "another daemon was here before");
    }
  else if (code == THOLE_AGENT_STALE || code == THOLE_AGENT_REPLACED)
    lose (self, THOLE_VIEWER_LOST, "Another daemon took over the agent");
  else if (code == THOLE_AGENT_STOPPING)
    lose (self, THOLE_VIEWER_LOST, "The agent ended");
  else if (code == THOLE_AGENT_VERSION)
    lose (self, THOLE_VIEWER_LOST, "The agent speaks another version of the protocol");
  else
    try_again (self, text != NULL ? text : "the agent closed the connection");
  return TRUE;
}

static gboolean
on_changed (TholeAgentLink *self, const guint8 *data, gsize length)
{
  g_autoptr(GVariant) session = thole_agent_decode (data, length);

  if (session != NULL)
    g_signal_emit (self, signals[SESSION_CHANGED], 0, session);
  return session != NULL;
}

static gboolean
on_frame (gpointer user_data, guint8 type, guint16 channel, const guint8 *data, gsize length)
{
  g_autoptr(TholeAgentLink) self = g_object_ref (user_data);

  self->heard_at = now (self);
  if (type == THOLE_AGENT_WELCOME && channel == 0)
    return on_welcome (self, data, length);
  if (type == THOLE_AGENT_BYE && channel == 0)
    return on_bye (self, data, length);
  if (self->state != THOLE_AGENT_READY)
    return FALSE;
  if (channel != 0)
    return thole_agent_views_frame (self->views, type, channel, data, length);
  if (type == THOLE_AGENT_ANSWER)
    return thole_agent_calls_answer (self->calls, data, length);
  return type != THOLE_AGENT_CHANGED || on_changed (self, data, length);
}

static void
put_hello (TholeAgentLink *self, GByteArray *out)
{
  guint frame = thole_agent_begin (out, THOLE_AGENT_HELLO, 0);

  thole_agent_field_number (out, THOLE_AGENT_TAG_PROTOCOL_MIN, THOLE_AGENT_PROTOCOL_MIN);
  thole_agent_field_number (out, THOLE_AGENT_TAG_PROTOCOL_MAX, THOLE_AGENT_PROTOCOL_MAX);
  thole_agent_field_number (out, THOLE_AGENT_TAG_EPOCH, self->epoch);
  thole_agent_end (out, frame);
}

static void
on_fill (gpointer user_data, GByteArray *out)
{
  TholeAgentLink *self = user_data;

  if (!self->greeted)
    put_hello (self, out);
  self->greeted = TRUE;
  if (self->state == THOLE_AGENT_READY)
    {
      thole_agent_calls_fill (self->calls, out);
      thole_agent_views_fill (self->views, out);
      if (self->ping_due && out->len == 0)
        thole_agent_end (out, thole_agent_begin (out, THOLE_AGENT_PING, 0));
      self->ping_due = FALSE;
    }
  if (out->len > 0)
    self->sent_at = now (self);
}

static void
on_broken (gpointer user_data, const char *why)
{
  g_autoptr(TholeAgentLink) self = g_object_ref (user_data);

  try_again (self, why);
}

static const TholeAgentConnectionEvents connection_events = { on_frame, on_fill, on_broken };

static gboolean
on_tick (gpointer user_data)
{
  g_autoptr(TholeAgentLink) self = g_object_ref (user_data);
  gint64 time = now (self);

  if (self->frozen)
    self->heard_at = self->broken_at = time;
  if (self->connection != NULL && time - self->heard_at >= THOLE_AGENT_SILENT_AFTER * G_USEC_PER_SEC)
    try_again (self, "nothing came from the agent for too long");
  else if (self->state == THOLE_AGENT_READY)
    {
      self->ping_due = time - MIN (self->sent_at, self->heard_at) >= THOLE_AGENT_PING_AFTER * G_USEC_PER_SEC - TICK;
      thole_agent_views_tick (self->views);
    }
  else if (self->connecting != NULL && self->broken_at != 0 && time - self->broken_at >= LOST_AFTER)
    lose (self, THOLE_VIEWER_LOST, "The agent cannot be reached");
  return self->state != THOLE_AGENT_LOST ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
connect_failed (TholeAgentLink *self, const GError *error)
{
  if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED))
    lose_for (self, THOLE_VIEWER_LOST, THOLE_ERROR_UNSUPPORTED, error->message);
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT) || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    lose_for (self, THOLE_VIEWER_WORKLOAD_GONE, THOLE_ERROR_CONFLICT, error->message);
  else
    try_again (self, error->message);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeAgentLink) self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) stream = self->way->connect_finish (self->way, result, &error);

  /* one that was given up */
  if (self->connecting == NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->connecting);
  if (stream == NULL)
    {
      connect_failed (self, error);
      return;
    }
  self->greeted = FALSE;
  self->heard_at = self->sent_at = now (self);
  self->connection = thole_agent_connection_new (stream, &connection_events, self);
}

static void
begin (TholeAgentLink *self)
{
  self->epoch = MAX (self->epoch + 1, (guint64) thole_clock_now (self->clock));
  self->connecting = g_cancellable_new ();
  if (self->broken_at == 0)
    self->broken_at = now (self);
  self->way->connect_async (self->way, self->connecting, on_connected, g_object_ref (self));
}

static void
thole_agent_link_dispose (GObject *object)
{
  TholeAgentLink *self = THOLE_AGENT_LINK (object);

  lose (self, THOLE_VIEWER_LOST, "The link to the agent was given up");
  G_OBJECT_CLASS (thole_agent_link_parent_class)->dispose (object);
}

static void
thole_agent_link_finalize (GObject *object)
{
  TholeAgentLink *self = THOLE_AGENT_LINK (object);

  thole_agent_calls_free (self->calls);
  thole_agent_views_free (self->views);
  g_clear_pointer (&self->facts, g_variant_unref);
  g_clear_error (&self->error);
  self->way->free (self->way);
  G_OBJECT_CLASS (thole_agent_link_parent_class)->finalize (object);
}

static void
thole_agent_link_class_init (TholeAgentLinkClass *class)
{
  G_OBJECT_CLASS (class)->dispose = thole_agent_link_dispose;
  G_OBJECT_CLASS (class)->finalize = thole_agent_link_finalize;
  signals[STATE_CHANGED] = g_signal_new ("state-changed", THOLE_TYPE_AGENT_LINK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                         G_TYPE_NONE, 0);
  signals[SESSION_CHANGED] = g_signal_new ("session-changed", THOLE_TYPE_AGENT_LINK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                           G_TYPE_NONE, 1, G_TYPE_VARIANT);
}

static void
thole_agent_link_init (TholeAgentLink *self)
{
  self->views = thole_agent_views_new (wake, self);
}

TholeAgentLink *
thole_agent_link_new (TholeClock *clock, TholeAgentWay *way)
{
  TholeAgentLink *self = g_object_new (THOLE_TYPE_AGENT_LINK, NULL);

  self->clock = clock;
  self->way = way;
  self->calls = thole_agent_calls_new (clock, wake, self);
  self->tick = thole_clock_timer (clock, TICK, on_tick, self);
  begin (self);
  return self;
}

TholeAgentState
thole_agent_link_get_state (TholeAgentLink *self)
{
  return self->state;
}

const GError *
thole_agent_link_get_error (TholeAgentLink *self)
{
  return self->error;
}

void
thole_agent_link_set_frozen (TholeAgentLink *self, gboolean frozen)
{
  self->frozen = frozen;
  self->heard_at = now (self);
}

GVariant *
thole_agent_link_get_facts (TholeAgentLink *self)
{
  return self->facts;
}

guint
thole_agent_link_viewers (TholeAgentLink *self)
{
  return thole_agent_views_count (self->views);
}

void
thole_agent_link_call_async (TholeAgentLink *self, TholeAgentCall call, GVariant *arguments, gint64 deadline,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_check_cancellable (task, FALSE);
  thole_agent_calls_add (self->calls, task, call, arguments, deadline);
}

GVariant *
thole_agent_link_call_finish (TholeAgentLink *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

TholeSession *
thole_agent_link_session (TholeAgentLink *self, const char *id, gboolean tty)
{
  return thole_agent_views_session (self->views, id, tty);
}

void
thole_agent_link_end (TholeAgentLink *self, const char *id, TholeViewerEnd end, const char *detail)
{
  if (id == NULL)
    lose (self, end, detail);
  else
    thole_agent_views_end (self->views, id, end, detail);
}
