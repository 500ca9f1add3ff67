/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "events.h"

#include <string.h>

#include "exec.h"
#include "health.h"
#include "net.h"
#include "proto/events.pb-c.h"
#include "reap.h"
#include "remains.h"
#include "thing.h"
#include "volume.h"

#define OWN_TOPIC "/thole/listening"
#define KNOCK_PAUSE 0.1
#define CONNECT_SECONDS 10.0
#define PING_PAUSE 30.0
#define PING_SECONDS 10.0

struct _CtrEvents
{
  TholeDriver *driver;  /* not owned */
  CtrStream *stream;    /* NULL = there is no subscription */
  gboolean listening;   /* our own event came back */
  gboolean told;        /* probe has answered ready: breaks are told */
  GPtrArray *waiting;   /* GTask with its CtrNext, as Waiting */
  GSource *knock;       /* the next event of our own */
  GSource *ping;
  gint64 deadline;
};

typedef struct
{
  GTask *task;
  CtrNext next;
} Waiting;

static void
waiting_free (gpointer data)
{
  Waiting *self = data;

  g_object_unref (self->task);
  g_free (self);
}

CtrEvents *
ctr_events_new (TholeDriver *driver)
{
  CtrEvents *self = g_new0 (CtrEvents, 1);

  self->driver = driver;
  self->waiting = g_ptr_array_new_with_free_func (waiting_free);
  return self;
}

static void
drop_stream (CtrEvents *self)
{
  thole_timer_clear (&self->knock);
  thole_timer_clear (&self->ping);
  g_clear_pointer (&self->stream, ctr_stream_free);
  self->listening = FALSE;
}

void
ctr_events_free (CtrEvents *self)
{
  drop_stream (self);
  g_ptr_array_unref (self->waiting);
  g_free (self);
}

static void
answer (CtrEvents *self, GError *error)
{
  g_autoptr(GPtrArray) waiting = g_steal_pointer (&self->waiting);

  self->waiting = g_ptr_array_new_with_free_func (waiting_free);
  for (guint i = 0; i < waiting->len; i++)
    {
      Waiting *one = g_ptr_array_index (waiting, i);

      one->next (one->task, NULL, error);
    }
}

void
ctr_events_stop (TholeDriver *driver)
{
  g_autoptr(GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the backend is closed");

  drop_stream (driver->events);
  answer (driver->events, error);
}

static void
tell (CtrEvents *self, const char *kind, const char *reason)
{
  g_auto(GVariantDict) event = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&event, "kind", "s", kind);
  if (reason != NULL)
    g_variant_dict_insert (&event, "reason", "s", reason);
  ctr_event (self->driver, g_variant_dict_end (&event));
}

/* what comes ------------------------------------------------------------------------------------------ */

static const char *
action_of (const char *topic)
{
  static const struct { const char *topic, *action; } words[] = {
    { "/tasks/start", "start" }, { "/tasks/exit", "exit" }, { "/tasks/oom", "oom" }, { "/tasks/paused", "pause" },
    { "/tasks/resumed", "unpause" }, { "/containers/create", "create" }, { "/containers/delete", "remove" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].topic, topic) == 0)
      return words[i].action;
  return NULL;
}

static void
take_exit (CtrEvents *self, const ProtobufCBinaryData *body)
{
  Ctr__EventOfExit *event = (Ctr__EventOfExit *) protobuf_c_message_unpack (&ctr__event_of_exit__descriptor, NULL, body->len, body->data);

  if (event == NULL)
    return;
  /* an exec's end has an id of its own; the container's is written down first, so that an inspection finds it */
  if (strcmp (event->id, event->container_id) == 0 && ctr_thing_is_ours (self->driver, event->container_id))
    {
      const CtrEnd end = { event->exit_status, MAX (ctr_time_of (event->exited_at), 1) };

      ctr_reap_and_tell (self->driver, event->container_id, &end);
    }
  ctr_message_free (&event->base);
}

/* All others have the container's id in the same place. */
static void
take_other (CtrEvents *self, const char *action, const ProtobufCBinaryData *body)
{
  Ctr__EventOfTask *event = (Ctr__EventOfTask *) protobuf_c_message_unpack (&ctr__event_of_task__descriptor, NULL, body->len, body->data);

  if (event == NULL)
    return;
  if (ctr_thing_is_ours (self->driver, event->container_id))
    {
      if (strcmp (action, "oom") == 0)
        g_hash_table_add (self->driver->oom, g_strdup (event->container_id));
      ctr_thing_tell (self->driver, event->container_id, action);
    }
  ctr_message_free (&event->base);
}

static void arm_ping (CtrEvents *self);

static void
on_heard (CtrEvents *self)
{
  gboolean again = self->told;

  thole_timer_clear (&self->knock);
  self->listening = self->told = TRUE;
  arm_ping (self);
  /* what somebody of ours left behind before this */
  ctr_exec_sweep (self->driver);
  ctr_net_sweep (self->driver);
  ctr_health_sweep (self->driver);
  ctr_volumes_sweep (self->driver);
  ctr_remains_sweep (self->driver);
  if (again)
    tell (self, "resync", NULL);
  answer (self, NULL);
}

static void
on_message (CtrStream *stream, const guint8 *data, gsize length, gpointer user_data)
{
  CtrEvents *self = user_data;
  Ctr__Envelope *envelope = (Ctr__Envelope *) protobuf_c_message_unpack (&ctr__envelope__descriptor, NULL, length, data);
  const char *action = envelope != NULL ? action_of (envelope->topic) : NULL;

  if (envelope == NULL)
    return;
  if (!self->listening && strcmp (envelope->topic, OWN_TOPIC) == 0)
    on_heard (self);
  else if (action != NULL && envelope->event != NULL && strcmp (action, "exit") == 0)
    take_exit (self, &envelope->event->value);
  else if (action != NULL && envelope->event != NULL)
    take_other (self, action, &envelope->event->value);
  ctr_message_free (&envelope->base);
}

/* the subscription ------------------------------------------------------------------------------------ */

static void subscribe (CtrEvents *self);

static void
give_up (CtrEvents *self, const GError *error)
{
  g_autoptr(GError) copy = g_error_copy (error);
  gboolean told = self->told;

  drop_stream (self);
  self->told = FALSE;
  if (told)
    tell (self, "unavailable", copy->message);
  answer (self, copy);
}

static void
on_ended (CtrStream *stream, const GError *error, gpointer user_data)
{
  CtrEvents *self = user_data;
  g_autoptr(GError) reason = error != NULL ? g_error_copy (error)
                                           : g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine's events ended");
  gboolean was_listening = self->listening;

  drop_stream (self);
  ctr_log (self->driver, G_LOG_LEVEL_INFO, "events: %s", reason->message);
  /* at once a second time: an engine that was started anew may be back already */
  if (was_listening && self->driver->host != NULL)
    subscribe (self);
  else
    give_up (self, reason);
}

static const CtrStreamHandler handler = { on_message, on_ended };

static void
on_knocked (GTask *task, gpointer value, GError *error)
{
  g_task_return_boolean (task, TRUE);
}

static gboolean
knock (gpointer user_data)
{
  CtrEvents *self = user_data;
  g_autoptr(GTask) task = NULL;
  Ctr__Any nothing = CTR__ANY__INIT;
  Ctr__EventPublish request = CTR__EVENT_PUBLISH__INIT;
  CtrCall call = { .method = "Events/Publish", .message = &request.base };

  thole_timer_clear (&self->knock);
  if (ctr_now (self->driver) > self->deadline)
    {
      g_autoptr(GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "the engine tells no events");

      give_up (self, error);
      return G_SOURCE_REMOVE;
    }
  nothing.type_url = (char *) "thole/listening";
  request.topic = (char *) OWN_TOPIC;
  request.event = &nothing;
  task = ctr_job_new (self->driver, sizeof (CtrJob), NULL, NULL, NULL, NULL, NULL);
  ctr_call (task, &call, on_knocked);
  self->knock = ctr_timer (self->driver, KNOCK_PAUSE, knock, self);
  return G_SOURCE_REMOVE;
}

static void
subscribe (CtrEvents *self)
{
  const char *namespace = self->driver->config->namespace;
  g_autofree char *tasks = g_strdup_printf ("namespace==\"%s\",topic~=\"^/tasks/\"", namespace);
  g_autofree char *containers = g_strdup_printf ("namespace==\"%s\",topic~=\"^/containers/\"", namespace);
  g_autofree char *own = g_strdup_printf ("namespace==\"%s\",topic==\"%s\"", namespace, OWN_TOPIC);
  char *filters[] = { tasks, containers, own };
  Ctr__EventFilter filter = CTR__EVENT_FILTER__INIT;

  filter.filters = filters;
  filter.n_filters = G_N_ELEMENTS (filters);
  self->deadline = ctr_now (self->driver) + (gint64) (CONNECT_SECONDS * G_USEC_PER_SEC);
  self->stream = ctr_stream_new (self->driver->channel, "/containerd.services.events.v1.Events/Subscribe", NULL, 0, &handler, self);
  ctr_stream_send (self->stream, &filter.base, TRUE);
  knock (self);
}

void
ctr_events_connect (GTask *task, CtrNext next)
{
  CtrEvents *self = ctr_driver_of (task)->events;
  Waiting *one;

  if (self->listening)
    {
      next (task, NULL, NULL);
      return;
    }
  one = g_new0 (Waiting, 1);
  one->task = g_object_ref (task);
  one->next = next;
  g_ptr_array_add (self->waiting, one);
  if (self->stream == NULL)
    subscribe (self);
}

/* does it still live? --------------------------------------------------------------------------------- */

static void
on_pong (GTask *task, gpointer value, GError *error)
{
  CtrEvents *self = ctr_driver_of (task)->events;

  if (self->stream != NULL && (ctr_is (error, THOLE_ERROR_TIMEOUT) || ctr_is (error, THOLE_ERROR_UNAVAILABLE)))
    {
      give_up (self, error);
      ctr_channel_reset (self->driver->channel, error);
    }
  else if (self->stream != NULL)
    arm_ping (self);
  g_task_return_boolean (task, TRUE);
}

static gboolean
on_ping (gpointer user_data)
{
  CtrEvents *self = user_data;
  g_autoptr(GTask) task = ctr_job_new (self->driver, sizeof (CtrJob), NULL, NULL, NULL, NULL, NULL);
  Ctr__Empty nothing = CTR__EMPTY__INIT;
  CtrCall call = { .method = "Version/Version", .message = &nothing.base, .seconds = PING_SECONDS };

  thole_timer_clear (&self->ping);
  ctr_call (task, &call, on_pong);
  return G_SOURCE_REMOVE;
}

static void
arm_ping (CtrEvents *self)
{
  thole_timer_clear (&self->ping);
  self->ping = ctr_timer (self->driver, PING_PAUSE, on_ping, self);
}
