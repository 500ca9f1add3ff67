/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "schedule/health.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

struct _TholeHealth
{
  TholeOperations *operations;
};

/* the checks of one workload as long as it runs */
typedef struct
{
  TholeSubject *subject;
  GSource *timer;
  GCancellable *cancel;   /* of the check under way */
  GSource *limit;
  GSocketClient *client;
  guint port;
  char *request;          /* (nullable): HTTP request text; NULL = a TCP connection is enough */
  double interval, timeout, start_period;
  guint retries, failures;
  char answer[16];
  gboolean checking, over;
  int verdict;            /* health to be stored */
} Check;

static gboolean run_check (gpointer user_data);

static void
check_free (Check *self)
{
  thole_source_clear (&self->timer);
  thole_source_clear (&self->limit);
  g_clear_object (&self->cancel);
  g_object_unref (self->client);
  thole_subject_unref (self->subject);
  g_free (self->request);
  g_free (self);
}

static void
check_stop (Check *self)
{
  self->over = TRUE;
  thole_source_clear (&self->timer);
  if (self->checking)
    g_cancellable_cancel (self->cancel);
  else
    check_free (self);
}

/* the slot is held */
static void
store_verdict (TholeSubject *subject, gpointer user_data)
{
  int verdict = GPOINTER_TO_INT (user_data);
  TholeChange *change;

  if (subject->gone || subject->now->state != THOLE_WORKLOAD_STATE_RUNNING || subject->now->health == verdict)
    {
      thole_subject_release (subject);
      return;
    }
  change = thole_change_begin (subject, "daemon");
  change->next->health = verdict;
  thole_change_commit (change, NULL, NULL);
}

static void
check_done (Check *self, gboolean good)
{
  TholeClock *clock = self->subject->operations->clock;
  gint64 ran = thole_clock_now (clock) - self->subject->now->started_at;
  int verdict;

  self->checking = FALSE;
  thole_source_clear (&self->limit);
  g_clear_object (&self->cancel);
  if (self->over)
    {
      check_free (self);
      return;
    }
  if (good)
    self->failures = 0;
  else if (ran > (gint64) (self->start_period * G_USEC_PER_SEC))
    self->failures++;
  verdict = good ? THOLE_WORKLOAD_HEALTH_HEALTHY
            : self->failures >= self->retries ? THOLE_WORKLOAD_HEALTH_UNHEALTHY : self->subject->now->health;
  self->timer = thole_clock_timer (clock, (gint64) (self->interval * G_USEC_PER_SEC), run_check, self);
  if (verdict != self->subject->now->health)
    thole_subject_acquire (self->subject, TRUE, store_verdict, GINT_TO_POINTER (verdict));
}

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Check *self = user_data;
  gsize length = 0;
  gboolean good = g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &length, NULL) && length >= 12
                  && memcmp (self->answer, "HTTP/1.", 7) == 0 && (self->answer[9] == '2' || self->answer[9] == '3');

  check_done (self, good);
}

static void
asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Check *self = user_data;
  GIOStream *connection = g_object_get_data (source, "connection");

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL))
    g_input_stream_read_all_async (g_io_stream_get_input_stream (connection), self->answer, 12, G_PRIORITY_DEFAULT, self->cancel,
                                   answered, self);
  else
    check_done (self, FALSE);
}

static void
connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Check *self = user_data;
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, NULL);
  GOutputStream *output;

  if (connection == NULL || self->request == NULL)
    {
      check_done (self, connection != NULL);
      return;
    }
  output = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  /* the streams live as long as the check has them in use */
  g_object_set_data (G_OBJECT (output), "connection", connection);
  g_object_set_data_full (G_OBJECT (self->cancel), "connection", g_steal_pointer (&connection), g_object_unref);
  g_output_stream_write_all_async (output, self->request, strlen (self->request), G_PRIORITY_DEFAULT, self->cancel, asked, self);
}

static gboolean
too_late (gpointer user_data)
{
  Check *self = user_data;

  thole_source_clear (&self->limit);
  g_cancellable_cancel (self->cancel);
  return G_SOURCE_REMOVE;
}

/* the first address of the workload, else this machine (host network) */
static char *
address_of (TholeSubject *subject)
{
  const char *text = subject->now->addresses != NULL ? subject->now->addresses : "[]";
  g_autoptr (GVariant) parsed = thole_json_parse (text, strlen (text), NULL);
  g_autoptr (GVariant) first = NULL;

  if (parsed == NULL || g_variant_n_children (parsed) == 0)
    return g_strdup ("127.0.0.1");
  g_variant_get_child (parsed, 0, "v", &first);
  return g_variant_is_of_type (first, G_VARIANT_TYPE_STRING) ? g_variant_dup_string (first, NULL) : g_strdup ("127.0.0.1");
}

static gboolean
run_check (gpointer user_data)
{
  Check *self = user_data;
  g_autofree char *host = address_of (self->subject);
  g_autoptr (GSocketConnectable) address = g_network_address_new (host, (guint16) self->port);

  thole_source_clear (&self->timer);
  self->checking = TRUE;
  self->cancel = g_cancellable_new ();
  self->limit = thole_clock_timer (self->subject->operations->clock, (gint64) (self->timeout * G_USEC_PER_SEC), too_late, self);
  g_socket_client_connect_async (self->client, address, self->cancel, connected, self);
  return G_SOURCE_REMOVE;
}

static Check *
check_new (TholeSubject *subject, GVariant *health)
{
  g_autoptr (GVariant) http = thole_dict_value (health, "http", "a{sv}");
  g_autoptr (GVariant) tcp = thole_dict_value (health, "tcp", "a{sv}");
  Check *self;

  if (http == NULL && tcp == NULL)
    return NULL;
  self = g_new0 (Check, 1);
  self->subject = thole_subject_ref (subject);
  self->client = g_socket_client_new ();
  /* a workload is never reached through a proxy of the daemon's environment */
  g_socket_client_set_enable_proxy (self->client, FALSE);
  self->port = (guint) thole_dict_int (http != NULL ? http : tcp, "port", 80);
  if (http != NULL)
    self->request = g_strdup_printf ("GET %s HTTP/1.0\r\nHost: localhost:%u\r\nUser-Agent: thole-health\r\nConnection: close\r\n\r\n",
                                     thole_dict_string (http, "path", "/"), self->port);
  self->interval = thole_dict_double (health, "interval", 30);
  self->timeout = thole_dict_double (health, "timeout", 10);
  self->start_period = thole_dict_double (health, "start_period", 0);
  self->retries = (guint) thole_dict_int (health, "retries", 3);
  self->timer = thole_clock_timer (subject->operations->clock, (gint64) (MIN (self->interval, 1) * G_USEC_PER_SEC), run_check, self);
  return self;
}

/* a workload changed: checks run exactly while it does */
static void
changed (TholeSubject *subject, gpointer user_data)
{
  gboolean wanted = !subject->gone && subject->now->state == THOLE_WORKLOAD_STATE_RUNNING;

  if (wanted && subject->checks == NULL && subject->now->spec != NULL && strstr (subject->now->spec, "\"health\":{") != NULL)
    {
      g_autoptr (GVariant) health = thole_dict_value (thole_subject_spec (subject), "health", "a{sv}");

      if (health != NULL)
        subject->checks = check_new (subject, health);
    }
  else if (!wanted && subject->checks != NULL)
    check_stop (g_steal_pointer (&subject->checks));
}

TholeHealth *
thole_health_new (TholeOperations *operations)
{
  TholeHealth *self = g_new0 (TholeHealth, 1);

  self->operations = operations;
  operations->changed = changed;
  operations->changed_data = self;
  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    changed (thole_collection_index (operations->workloads, i), self);
  return self;
}

void
thole_health_free (TholeHealth *self)
{
  TholeOperations *operations = self->operations;

  operations->changed = NULL;
  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (subject->checks != NULL)
        check_stop (g_steal_pointer (&subject->checks));
    }
  g_free (self);
}
