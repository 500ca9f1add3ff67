/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "events.h"

#include <string.h>

#include "convert.h"
#include "lines.h"

#define PING_TIMEOUT 10.0
#define HEARTBEAT 30.0
#define BACKOFF_MIN 0.1
#define BACKOFF_MAX 30.0
/* a subscription that held this long was a good one: back-off begins anew */
#define GOOD_CONNECTION (10 * G_USEC_PER_SEC)
#define PIECE 16384

struct _DockerEvents
{
  TholeDriver *driver;   /* owns this; whatever is under way keeps it */
  GInputStream *stream;  /* while subscribed */
  GCancellable *reading; /* cancelled to drop the subscription */
  gboolean connecting;
  gboolean subscribed_once;
  gboolean away;         /* `unavailable` was reported */
  gboolean stopped;
  GPtrArray *waiting;    /* tasks of connect; the data of each is what watches its cancellable */
  GSource *timer;        /* the next try, or the next heart-beat */
  double backoff;
  gint64 subscribed_at;
  DockerLines lines;
  guint8 piece[PIECE];
};

static void connect_now (TholeDriver *self);

DockerEvents *
docker_events_new (TholeDriver *driver)
{
  DockerEvents *self = g_new0 (DockerEvents, 1);

  self->driver = driver;
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  self->backoff = BACKOFF_MIN;
  return self;
}

void
docker_events_free (DockerEvents *self)
{
  thole_timer_clear (&self->timer);
  docker_lines_clear (&self->lines);
  g_clear_object (&self->stream);
  g_clear_object (&self->reading);
  g_ptr_array_unref (self->waiting);
  g_free (self);
}

/* ping ------------------------------------------------------------------------------------------------ */

static void
on_pinged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeDriver *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self, result, &error);
  const char *version = reply != NULL && reply->api_version != NULL ? reply->api_version : "";
  guint64 minor = g_str_has_prefix (version, "1.") ? g_ascii_strtoull (version + 2, NULL, 10) : 0;

  if (reply == NULL)
    g_task_return_error (task, error);
  else if (version[0] == '\0')
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "what answers there is not a Docker Engine");
  else if (minor < DOCKER_API_FLOOR)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED,
                             "the engine speaks API %s, at least 1.%d is needed (Docker 20.10)", version, DOCKER_API_FLOOR);
  else
    {
      self->api_minor = (guint) MIN (minor, self->config->api_ceiling);
      g_task_return_int (task, reply->date);
    }
}

void
docker_ping_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = thole_task_new (cancellable, callback, user_data);
  DockerRequest request = { .method = "GET", .path = "/_ping", .timeout = PING_TIMEOUT, .unversioned = TRUE };

  g_task_set_task_data (task, docker_driver_ref (self), (GDestroyNotify) docker_driver_unref);
  docker_call_async (self, &request, cancellable, on_pinged, task);
}

gint64
docker_ping_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

/* reading --------------------------------------------------------------------------------------------- */

static void
report_unavailable (TholeDriver *self, const char *reason)
{
  docker_event (self, g_variant_new_parsed ("{'kind': <'unavailable'>, 'reason': <%s>}", reason));
}

static void
report_resync (TholeDriver *self, gboolean reconnected)
{
  docker_event (self, g_variant_new_parsed ("{'kind': <'resync'>, 'reconnected': <%b>}", reconnected));
}

static void
on_line (const char *line, gsize length, gpointer user_data)
{
  TholeDriver *self = user_data;
  g_autoptr(GVariant) event = line != NULL ? docker_event_convert (line, length) : NULL;

  if (line == NULL)
    report_resync (self, FALSE); /* what was it? */
  else if (event != NULL)
    docker_event (self, event);
}

static gboolean
try_again (gpointer user_data)
{
  TholeDriver *self = user_data;

  thole_timer_clear (&self->events->timer);
  connect_now (self);
  return G_SOURCE_REMOVE;
}

static void
try_later (TholeDriver *self)
{
  DockerEvents *events = self->events;

  thole_timer_clear (&events->timer);
  if (events->stopped)
    return;
  events->timer = docker_timer (self, events->backoff, try_again, self);
  events->backoff = MIN (events->backoff * 2, BACKOFF_MAX);
}

static void
lose (TholeDriver *self)
{
  DockerEvents *events = self->events;
  gboolean was_good = docker_now (self) - events->subscribed_at >= GOOD_CONNECTION;

  g_clear_object (&events->stream);
  g_clear_object (&events->reading);
  docker_lines_clear (&events->lines);
  thole_timer_clear (&events->timer);
  if (was_good)
    events->backoff = BACKOFF_MIN;
  if (events->stopped)
    return;
  docker_log (self, G_LOG_LEVEL_INFO, "the engine's event stream ended");
  if (was_good)
    connect_now (self);
  else
    try_later (self);
}

static void read_events (TholeDriver *self);

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeDriver) self = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n <= 0)
    {
      lose (self);
      return;
    }
  docker_lines_feed (&self->events->lines, self->events->piece, (gsize) n, on_line, self);
  read_events (self);
}

static void
read_events (TholeDriver *self)
{
  DockerEvents *events = self->events;

  g_input_stream_read_async (events->stream, events->piece, sizeof events->piece, G_PRIORITY_DEFAULT, events->reading,
                             on_read, docker_driver_ref (self));
}

/* heart-beat: a peer that vanished without a word is noticed ------------------------------------------- */

static gboolean beat (gpointer user_data);

static void
on_beat (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeDriver) self = user_data;
  DockerEvents *events = self->events;
  g_autoptr(GError) error = NULL;

  if (docker_ping_finish (self, result, &error) < 0 && events->reading != NULL)
    {
      docker_log (self, G_LOG_LEVEL_WARNING, "the engine does not answer: %s", error->message);
      g_cancellable_cancel (events->reading);
    }
  else if (events->reading != NULL && events->timer == NULL)
    events->timer = docker_timer (self, HEARTBEAT, beat, self);
}

static gboolean
beat (gpointer user_data)
{
  TholeDriver *self = user_data;

  thole_timer_clear (&self->events->timer);
  docker_ping_async (self, self->events->reading, on_beat, docker_driver_ref (self));
  return G_SOURCE_REMOVE;
}

/* connecting ------------------------------------------------------------------------------------------ */

/* @error NULL = the subscription stands */
static void
connect_done (TholeDriver *self, const GError *error)
{
  DockerEvents *events = self->events;
  g_autoptr(GPtrArray) waiting = g_steal_pointer (&events->waiting);

  events->connecting = FALSE;
  events->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  if (error == NULL)
    {
      if (events->subscribed_once)
        report_resync (self, TRUE);
      events->subscribed_once = TRUE;
      events->away = FALSE;
      /* should it go again at once, that must not stay unnoticed for as long as the last waits were */
      events->backoff = BACKOFF_MIN;
    }
  else if (!events->stopped)
    {
      if (events->subscribed_once && !events->away)
        report_unavailable (self, error->message);
      events->away = TRUE;
      if (events->subscribed_once)
        try_later (self);
    }
  for (guint i = 0; i < waiting->len; i++)
    if (error == NULL)
      g_task_return_boolean (waiting->pdata[i], TRUE);
    else
      g_task_return_error (waiting->pdata[i], g_error_copy (error));
}

static void
on_subscribed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeDriver) self = user_data;
  DockerEvents *events = self->events;
  g_autoptr(GError) error = NULL;
  g_autoptr(GInputStream) stream = docker_stream_finish (self, result, &error);

  if (stream != NULL && !events->stopped)
    {
      events->stream = g_steal_pointer (&stream);
      events->reading = g_cancellable_new ();
      events->subscribed_at = docker_now (self);
      thole_timer_clear (&events->timer);
      events->timer = docker_timer (self, HEARTBEAT, beat, self);
      read_events (self);
    }
  else if (error == NULL)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the backend was closed");
  connect_done (self, error);
}

static char *
events_path (TholeDriver *self, gint64 since)
{
  g_autofree char *label = g_strconcat (DOCKER_LABEL_INSTANCE "=", self->config->instance, NULL);
  g_autoptr(GString) filters = g_string_new ("{\"type\":[\"container\"],\"event\":[\"create\",\"start\",\"die\",\"oom\",\"pause\","
                                             "\"unpause\",\"destroy\",\"update\",\"rename\",\"health_status\"],\"label\":[");
  g_autofree char *escaped = NULL;

  thole_json_append_string (filters, label);
  g_string_append (filters, "]}");
  escaped = g_uri_escape_string (filters->str, NULL, FALSE);
  return g_strdup_printf ("/events?since=%" G_GINT64_FORMAT "&filters=%s", since, escaped);
}

static void
on_first_ping (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(TholeDriver) self = user_data;
  g_autoptr(GError) error = NULL;
  gint64 date = docker_ping_finish (self, result, &error);
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "GET", .timeout = PING_TIMEOUT };

  if (date < 0)
    {
      connect_done (self, error);
      return;
    }
  /* the engine answers a moment before it subscribes us: what happens in between comes from its memory, because we
   * ask from a second ago by its own clock. An event told twice is only a hint told twice. */
  request.path = path = events_path (self, date - 1);
  docker_stream_async (self, &request, self->closing, on_subscribed, docker_driver_ref (self));
}

static void
connect_now (TholeDriver *self)
{
  DockerEvents *events = self->events;

  if (events->connecting || events->stream != NULL || events->stopped)
    return;
  events->connecting = TRUE;
  thole_timer_clear (&events->timer);
  docker_ping_async (self, self->closing, on_first_ping, docker_driver_ref (self));
}

static void
watch_free (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static gboolean
on_waiter_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr(GTask) task = g_object_ref (user_data);
  TholeDriver *self = g_object_get_data (G_OBJECT (task), "driver");

  if (g_ptr_array_remove (self->events->waiting, task))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

/* The connection is everybody's: one who waits for it no more does not end it. */
static void
watch_waiter (TholeDriver *self, GTask *task)
{
  GSource *watch;

  if (g_task_get_cancellable (task) == NULL)
    return;
  watch = g_cancellable_source_new (g_task_get_cancellable (task));
  g_object_set_data_full (G_OBJECT (task), "driver", docker_driver_ref (self), (GDestroyNotify) docker_driver_unref);
  g_source_set_callback (watch, G_SOURCE_FUNC (on_waiter_cancelled), task, NULL);
  g_source_attach (watch, g_task_get_context (task));
  g_task_set_task_data (task, watch, watch_free);
}

void
docker_events_connect_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  DockerEvents *events = self->events;

  if (events->stopped)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the backend was closed");
  else if (events->stream != NULL)
    g_task_return_boolean (task, TRUE);
  else
    {
      watch_waiter (self, task);
      g_ptr_array_add (events->waiting, g_steal_pointer (&task));
      connect_now (self);
    }
}

gboolean
docker_events_connect_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
docker_events_stop (TholeDriver *self)
{
  DockerEvents *events = self->events;

  events->stopped = TRUE;
  thole_timer_clear (&events->timer);
  if (events->reading != NULL)
    g_cancellable_cancel (events->reading);
}
