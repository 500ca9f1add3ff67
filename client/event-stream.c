/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events in their order, each once: a connection that broke is made anew after the last number that was read.
 */
#include "private.h"

#include "thole-dict.h"

#define PATIENCE (60 * G_USEC_PER_SEC)
#define FIRST_PAUSE 50 /* ms; then twice as long each time */
#define LAST_PAUSE 2000

struct _TholeEventStream
{
  GObject parent;
  TholeClient *client;
  GVariant *options;  /* (nullable) */
  gint64 cursor;      /* or THOLE_EVENTS_OLDEST, _NEW */
  TholeFeed *feed;    /* (nullable) */
  gint64 away;        /* since when it cannot be reached, 0 = it can */
  guint pause;
  gboolean connected;
};

enum { PROP_CURSOR = 1, PROP_CONNECTED };

G_DEFINE_TYPE (TholeEventStream, thole_event_stream, G_TYPE_OBJECT)

TholeEventStream *
thole_event_stream_new (TholeClient *client, gint64 after, GVariant *options)
{
  TholeEventStream *self = g_object_new (THOLE_TYPE_EVENT_STREAM, NULL);

  self->client = g_object_ref (client);
  self->cursor = after;
  self->options = options != NULL ? g_variant_ref_sink (options) : NULL;
  return self;
}

gint64
thole_event_stream_get_cursor (TholeEventStream *self)
{
  g_return_val_if_fail (THOLE_IS_EVENT_STREAM (self), 0);
  return self->cursor;
}

gboolean
thole_event_stream_get_connected (TholeEventStream *self)
{
  g_return_val_if_fail (THOLE_IS_EVENT_STREAM (self), FALSE);
  return self->connected;
}

/* what both forms share --------------------------------------------------------------------------------- */

static TholeCall *
make_call (TholeEventStream *self, GError **error)
{
  g_autoptr(GVariant) options = NULL;

  if (self->options != NULL && !g_variant_is_of_type (self->options, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INVALID, "options must be of the type a{sv}");
      return NULL;
    }
  if (self->cursor >= 0)
    options = thole_options_with (self->options, "after", g_variant_new_int64 (self->cursor));
  else if (self->cursor == THOLE_EVENTS_NEW)
    options = thole_options_with (self->options, "tail", g_variant_new_boolean (TRUE));
  else if (self->options != NULL)
    options = g_variant_ref (self->options);
  return thole_call_new (thole_client_operation ("event.list"), NULL, options);
}

/* what comes after the begin is not lost any more when the connection breaks before the first of it is read */
static void
take_begin (TholeEventStream *self)
{
  if (self->cursor != THOLE_EVENTS_NEW || self->feed->begin < 0)
    return;
  self->cursor = self->feed->begin;
  g_object_notify (G_OBJECT (self), "cursor");
}

static void
set_connected (TholeEventStream *self, gboolean connected)
{
  if (connected)
    self->away = 0;
  if (self->connected == connected)
    return;
  self->connected = connected;
  g_object_notify (G_OBJECT (self), "connected");
}

/* The daemon is away or has too much to do: may it be tried again, and after which pause (ms)? */
static gboolean
may_retry (TholeEventStream *self, const GError *error)
{
  gint64 now = g_get_monotonic_time ();

  if (!g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE)
      && !g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INTERRUPTED)
      && !g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_OVERLOADED))
    return FALSE;
  if (self->away == 0)
    {
      self->away = now;
      self->pause = FIRST_PAUSE;
    }
  else
    {
      self->pause = MIN (self->pause * 2, LAST_PAUSE);
    }
  if (now - self->away < PATIENCE)
    return TRUE;
  self->away = 0;
  return FALSE;
}

static void
drop_feed (TholeEventStream *self)
{
  if (self->feed == NULL)
    return;
  /* over HTTP it is only known once something was read */
  take_begin (self);
  self->feed->class->free (self->feed);
  self->feed = NULL;
  set_connected (self, FALSE);
}

/* Returns: (transfer full) */
static TholeEvent *
take (TholeEventStream *self, GVariant *fields)
{
  g_autoptr(GVariant) owned = fields;

  self->away = 0;
  self->cursor = MAX (thole_dict_int (owned, "seq", 0), 0);
  g_object_notify (G_OBJECT (self), "cursor");
  return thole_event_new (owned);
}

/* the form that blocks ---------------------------------------------------------------------------------- */

static gboolean
sleep_for (guint pause, GCancellable *cancellable, GError **error)
{
  GPollFD poll;

  if (!g_cancellable_make_pollfd (cancellable, &poll))
    {
      g_usleep (pause * 1000);
      return TRUE;
    }
  g_poll (&poll, 1, (int) pause);
  g_cancellable_release_fd (cancellable);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

/* One try. NULL with no error: it is to be tried again at once. */
static GVariant *
try_next (TholeEventStream *self, GCancellable *cancellable, GError **error)
{
  TholeTransport *transport = thole_client_transport (self->client);
  g_autoptr(GError) fault = NULL;
  GVariant *fields;

  if (self->feed == NULL)
    {
      g_autoptr(TholeCall) call = make_call (self, error);

      if (call != NULL)
        self->feed = transport->class->feed (transport, call, cancellable, error);
      if (self->feed != NULL)
        {
          take_begin (self);
          set_connected (self, TRUE);
        }
      return NULL;
    }
  fields = self->feed->class->next (self->feed, cancellable, &fault);
  if (fields != NULL)
    return fields;
  drop_feed (self);
  g_propagate_error (error, g_steal_pointer (&fault));
  return NULL;
}

TholeEvent *
thole_event_stream_next (TholeEventStream *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (THOLE_IS_EVENT_STREAM (self), NULL);

  while (TRUE)
    {
      g_autoptr(GError) fault = NULL;
      GVariant *fields = try_next (self, cancellable, &fault);

      if (fields != NULL)
        return take (self, fields);
      if (fault == NULL)
        continue;
      if (!may_retry (self, fault))
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return NULL;
        }
      if (!sleep_for (self->pause, cancellable, error))
        return NULL;
    }
}

/* the form that does not -------------------------------------------------------------------------------- */

static void step (GTask *task);

static gboolean
on_pause_over (gpointer user_data)
{
  step (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

/* also over when the task is cancelled: its next step then finds out */
static void
pause_then_step (GTask *task, guint pause)
{
  g_autoptr(GSource) timer = g_timeout_source_new (pause);

  if (g_task_get_cancellable (task) != NULL)
    {
      g_autoptr(GSource) cancelled = g_cancellable_source_new (g_task_get_cancellable (task));
      g_source_set_callback (cancelled, G_SOURCE_FUNC (on_cancelled), NULL, NULL);
      g_source_add_child_source (timer, cancelled);
    }
  g_source_set_callback (timer, on_pause_over, g_object_ref (task), g_object_unref);
  g_source_attach (timer, g_task_get_context (task));
}

static void
failed (GTask *task, GError *error)
{
  TholeEventStream *self = g_task_get_source_object (task);

  if (!may_retry (self, error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_error_free (error);
  pause_then_step (task, self->pause);
}

static void
on_feed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeEventStream *self = g_task_get_source_object (task);
  TholeTransport *transport = thole_client_transport (self->client);
  GError *error = NULL;

  self->feed = transport->class->feed_finish (transport, result, &error);
  if (self->feed == NULL)
    {
      failed (task, error);
      return;
    }
  take_begin (self);
  set_connected (self, TRUE);
  step (task);
}

static void
on_next (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeEventStream *self = g_task_get_source_object (task);
  GError *error = NULL;
  GVariant *fields = self->feed->class->next_finish (self->feed, result, &error);

  if (fields != NULL)
    {
      g_task_return_pointer (task, take (self, fields), g_object_unref);
      return;
    }
  /* also when it was cancelled: an event may be lost on its way back, and comes again after the cursor */
  drop_feed (self);
  failed (task, error);
}

static void
step (GTask *task)
{
  TholeEventStream *self = g_task_get_source_object (task);
  TholeTransport *transport = thole_client_transport (self->client);
  g_autoptr(TholeCall) call = NULL;
  GError *error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return;
  if (self->feed != NULL && g_task_get_source_tag (task) == thole_event_stream_open_async)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  if (self->feed != NULL)
    {
      self->feed->class->next_async (self->feed, g_task_get_cancellable (task), on_next, g_object_ref (task));
      return;
    }
  call = make_call (self, &error);
  if (call == NULL)
    g_task_return_error (task, error);
  else
    transport->class->feed_async (transport, call, g_task_get_cancellable (task), on_feed, g_object_ref (task));
}

void
thole_event_stream_next_async (TholeEventStream *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (THOLE_IS_EVENT_STREAM (self));
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, thole_event_stream_next_async);
  step (task);
}

TholeEvent *
thole_event_stream_next_finish (TholeEventStream *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
thole_event_stream_open_async (TholeEventStream *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, thole_event_stream_open_async);
  step (task);
}

gboolean
thole_event_stream_open_finish (TholeEventStream *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* the class --------------------------------------------------------------------------------------------- */

static void
thole_event_stream_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  if (id == PROP_CURSOR)
    g_value_set_int64 (value, THOLE_EVENT_STREAM (object)->cursor);
  else if (id == PROP_CONNECTED)
    g_value_set_boolean (value, THOLE_EVENT_STREAM (object)->connected);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
thole_event_stream_finalize (GObject *object)
{
  TholeEventStream *self = THOLE_EVENT_STREAM (object);

  if (self->feed != NULL)
    self->feed->class->free (self->feed);
  g_clear_object (&self->client);
  g_clear_pointer (&self->options, g_variant_unref);
  G_OBJECT_CLASS (thole_event_stream_parent_class)->finalize (object);
}

static void
thole_event_stream_class_init (TholeEventStreamClass *class)
{
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_event_stream_get_property;
  object->finalize = thole_event_stream_finalize;
  g_object_class_install_property (object, PROP_CURSOR,
                                   g_param_spec_int64 ("cursor", NULL, "Number of the last event that was read", THOLE_EVENTS_NEW,
                                                       G_MAXINT64, THOLE_EVENTS_OLDEST, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  g_object_class_install_property (object, PROP_CONNECTED, g_param_spec_boolean ("connected", NULL, "The daemon is there", FALSE,
                                                                                 G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
thole_event_stream_init (TholeEventStream *self)
{
  self->cursor = THOLE_EVENTS_OLDEST;
}
