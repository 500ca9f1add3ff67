/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/server.h"

#include <string.h>
#include <sys/socket.h>

#define BODIES 16           /* bodies of the largest size that may be held at once */
#define MIN_TICK 20000      /* µs */
#define MAX_TICK 500000

static const TholeMetricDef requests_metric = {
  "thole_http_requests",          THOLE_METRIC_COUNTER,     NULL,
  "Requests that were answered.", { "operation", "class" },
};
static const double bounds[] = { 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60 };
static const TholeMetricDef duration_metric = {
  "thole_http_request_duration_seconds",
  THOLE_METRIC_HISTOGRAM,
  "seconds",
  "Time from the head of a request to its answer.",
  { "operation", NULL },
  bounds,
  G_N_ELEMENTS (bounds),
};
static const TholeMetricDef connections_metric = {
  "thole_http_connections", THOLE_METRIC_GAUGE, NULL, "Open connections.",
};
static const TholeMetricDef waiting_metric = {
  "thole_http_waiting_requests",
  THOLE_METRIC_GAUGE,
  NULL,
  "Requests whose operation has not ended.",
};
static const TholeMetricDef streams_metric = {
  "thole_http_streams", THOLE_METRIC_GAUGE, NULL, "Responses that go on: logs, statistics, events.",
};
static const TholeMetricDef sockets_metric = {
  "thole_http_websockets", THOLE_METRIC_GAUGE, NULL, "Open WebSockets.",
};
static const TholeMetricDef bodies_metric = {
  "thole_http_body_bytes", THOLE_METRIC_GAUGE, "bytes", "Request bodies held in memory.",
};

static void
collect (TholeMetrics *metrics, gpointer user_data)
{
  TholeHttp *self = user_data;

  thole_metric_set (thole_metrics_get (metrics, &connections_metric, NULL, NULL), self->n_conns);
  thole_metric_set (thole_metrics_get (metrics, &waiting_metric, NULL, NULL), self->n_waiting);
  thole_metric_set (thole_metrics_get (metrics, &streams_metric, NULL, NULL), self->n_streams);
  thole_metric_set (thole_metrics_get (metrics, &sockets_metric, NULL, NULL), self->n_sockets);
  thole_metric_set (thole_metrics_get (metrics, &bodies_metric, NULL, NULL),
                    (double) self->body_bytes);
}

void
thole_http_measure (TholeHttp *self, const TholeOperationDef *def, guint status, gint64 begun)
{
  static const char *const classes[THOLE_HTTP_CLASSES] = {
    "0xx", "1xx", "2xx", "3xx", "4xx", "5xx"
  };
  guint class = MIN (status / 100, THOLE_HTTP_CLASSES - 1);
  TholeHttpMetrics *series = &self->metrics[def != NULL ? (guint) (def - self->options.operations)
                                                        : self->options.n_operations];
  const char *name = def != NULL ? def->name : "none";

  if (series->classes[class] == NULL)
    series->classes[class] =
      thole_metrics_get (self->options.metrics, &requests_metric, name, classes[class]);
  thole_metric_add (series->classes[class], 1);
  if (begun == 0)
    return;
  if (series->duration == NULL)
    series->duration = thole_metrics_get (self->options.metrics, &duration_metric, name, NULL);
  thole_metric_observe (series->duration,
                        (double) (thole_clock_monotonic (self->options.clock) - begun) /
                          G_USEC_PER_SEC);
}

void
thole_http_request_id (TholeHttp *self, char *buffer, gsize size)
{
  static const char digits[] = "0123456789abcdef";
  gsize length = g_strlcpy (buffer, self->id_prefix, size);
  guint64 number = self->last_id++;

  g_return_if_fail (length + 11 <= size);
  for (int i = 9; i >= 0; i--, number >>= 4)
    buffer[length + (gsize) i] = digits[number & 15];
  buffer[length + 10] = '\0';
}

/* connections ---------------------------------------------------------------------------- */

TholeConn *
thole_http_conn (TholeHttp *self, int fd)
{
  return fd >= 0 && (guint) fd < self->conns->len ? g_ptr_array_index (self->conns, fd) : NULL;
}

static void
expire (TholeHttp *self, TholeConn *conn)
{
  switch (conn->phase)
    {
    case THOLE_CONN_HEAD:
    case THOLE_CONN_LINGER:
      thole_door_expire (self->door, conn);
      return;
    case THOLE_CONN_LATER:
    case THOLE_CONN_BODY:
      thole_conn_refuse (conn, THOLE_ERROR_REQUEST_TIMEOUT, "The request took too long");
      break;
    case THOLE_CONN_IDLE:
    case THOLE_CONN_WORK:
    case THOLE_CONN_WRITE:
    case THOLE_CONN_STREAM:
    default:
      break;
    }
  /* the library sees the end of the connection and lets it go */
  conn->deadline = 0;
  shutdown (conn->fd, SHUT_RDWR);
}

static void
beat (TholeHttp *self, TholeConn *conn)
{
  thole_conn_phase (conn, THOLE_CONN_STREAM, self->options.heartbeat);
  if (!conn->request->suspended)
    return;
  thole_flow_beat (conn->request->flow);
  thole_listener_resume (self->listener, conn->request);
}

/* a suspended connection is not looked at by the library, so the door watches over it */
static void
watch (TholeHttp *self, TholeConn *conn)
{
  if (conn->request != NULL && conn->request->suspended && !conn->watched)
    thole_door_watch (self->door, conn);
  else if (conn->request != NULL && conn->request->suspended && conn->gone)
    thole_request_gone (conn->request, conn->gone_wholly);
}

static gboolean
on_tick (gpointer user_data)
{
  TholeHttp *self = user_data;
  gint64 now = thole_clock_monotonic (self->options.clock);

  for (guint fd = 0; fd < self->conns->len; fd++)
    {
      TholeConn *conn = g_ptr_array_index (self->conns, fd);

      if (conn == NULL)
        continue;
      if (conn->phase == THOLE_CONN_SOCKET)
        {
          thole_attach_tick (conn->attach);
          continue;
        }
      watch (self, conn);
      if (conn->request != NULL && conn->phase == THOLE_CONN_STREAM)
        thole_request_look_again (conn->request);
      if (conn->deadline == 0 || now < conn->deadline)
        continue;
      if (conn->phase == THOLE_CONN_STREAM)
        beat (self, conn);
      else
        expire (self, conn);
    }
  if (self->n_conns > 0)
    return G_SOURCE_CONTINUE;
  /* nobody there: nothing wakes an idle daemon */
  thole_source_clear (&self->tick);
  return G_SOURCE_REMOVE;
}

void
thole_http_conn_added (TholeHttp *self, TholeConn *conn)
{
  if ((guint) conn->fd >= self->conns->len)
    g_ptr_array_set_size (self->conns, conn->fd + 1);
  g_ptr_array_index (self->conns, conn->fd) = conn;
  conn->serial = ++self->last_serial;
  self->n_conns++;
  if (self->tick == NULL)
    self->tick = thole_clock_timer (self->options.clock, self->tick_pause, on_tick, self);
}

void
thole_http_conn_gone (TholeHttp *self, TholeConn *conn)
{
  g_ptr_array_index (self->conns, conn->fd) = NULL;
  self->n_conns--;
  thole_http_settle (self);
}

/* shutdown ---------------------------------------------------------------------------- */

/* from the loop, since a connection may have ended deep inside the library */
static gboolean
on_finish (gpointer user_data)
{
  TholeHttp *self = user_data;
  g_autoptr(GTask) task = g_steal_pointer (&self->shutdown);

  thole_source_clear (&self->finish);
  thole_source_clear (&self->cancelled);
  if (self->n_conns + self->n_waiting == 0)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                             "%u connections and %u requests were left when the time was over",
                             self->n_conns, self->n_waiting);
  return G_SOURCE_REMOVE;
}

static void
finish (TholeHttp *self)
{
  if (self->finish != NULL)
    return;
  self->finish = g_idle_source_new ();
  g_source_set_callback (self->finish, on_finish, self, NULL);
  g_source_attach (self->finish, self->context);
}

void
thole_http_settle (TholeHttp *self)
{
  if (self->shutdown != NULL && self->n_conns == 0 && self->n_waiting == 0)
    finish (self);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  finish (user_data);
  return G_SOURCE_CONTINUE;
}

void
thole_http_shutdown_async (TholeHttp *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_return_if_fail (self->shutdown == NULL);
  self->shutdown = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (self->shutdown, thole_http_shutdown_async);
  self->draining = TRUE;
  thole_door_shut (self->door);
  for (guint fd = 0; fd < self->conns->len; fd++)
    {
      TholeConn *conn = g_ptr_array_index (self->conns, fd);

      if (conn != NULL && conn->phase == THOLE_CONN_IDLE)
        shutdown (conn->fd, SHUT_RD);
      else if (conn != NULL && conn->attach != NULL)
        thole_attach_hurry (conn->attach);
      else if (conn != NULL && conn->request != NULL)
        thole_request_hurry (conn->request);
    }
  if (cancellable != NULL)
    {
      self->cancelled = g_cancellable_source_new (cancellable);
      g_source_set_callback (self->cancelled, (GSourceFunc) (GCallback) on_cancelled, self, NULL);
      g_source_attach (self->cancelled, self->context);
    }
  thole_http_settle (self);
}

gboolean
thole_http_shutdown_finish (TholeHttp *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* ---------------------------------------------------------------------------- */

/* often enough that every limit is kept within an eighth of the shortest */
static gint64
tick_pause (const TholeHttpOptions *options)
{
  double shortest = MIN (MIN (MIN (options->head_timeout, options->body_timeout), options->ping),
                         MIN (options->idle_timeout, options->heartbeat));

  return CLAMP ((gint64) (shortest * G_USEC_PER_SEC / 8), MIN_TICK, MAX_TICK);
}

static void
make_id_prefix (TholeHttp *self)
{
  guint32 random;

  self->options.clock->random (self->options.clock, &random, sizeof random);
  g_snprintf (self->id_prefix, sizeof self->id_prefix, "%08x-", random);
}

/* where anybody may be anybody, nobody else may be near */
static gboolean
check_development (TholeHttp *self, GError **error)
{
  const TholeHttpOptions *options = &self->options;

  if (!options->development)
    return TRUE;
  if (options->behind_proxy || (options->trusted_proxies != NULL && options->trusted_proxies->len > 0))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "auth.mode=dev goes neither with daemon.behind_proxy nor with http.trusted_proxies");
      return FALSE;
    }
  g_warning ("auth.mode=dev: whoever can connect may be any user with the header X-Dev-User; never use it where others are");
  return TRUE;
}

static gboolean
open_tls (TholeHttp *self, GError **error)
{
  const TholeHttpOptions *options = &self->options;

  if (options->tls_certificate == NULL && options->tls_key == NULL && options->tls_client_authority == NULL)
    return TRUE;
  if (options->tls_certificate == NULL || options->tls_key == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "TLS needs both, daemon.tls_certificate and daemon.tls_key");
      return FALSE;
    }
  self->tls = thole_tls_new (options->tls_certificate, options->tls_key, options->tls_client_authority, error);
  return self->tls != NULL;
}

TholeHttp *
thole_http_new (const TholeHttpOptions *options, GError **error)
{
  TholeHttp *self = g_new0 (TholeHttp, 1);

  self->options = *options;
  self->context = g_main_context_ref_thread_default ();
  self->conns = g_ptr_array_new ();
  self->spare = g_ptr_array_new_with_free_func (g_free);
  self->waiting = g_hash_table_new (NULL, NULL);
  self->routes = thole_routes_new (options->operations, options->n_operations);
  self->metrics = g_new0 (TholeHttpMetrics, options->n_operations + 1);
  self->body_budget = BODIES * options->max_body;
  self->tick_pause = tick_pause (options);
  make_id_prefix (self);
  thole_metrics_collector (options->metrics, collect, self);
  if (check_development (self, error) && open_tls (self, error))
    self->door = thole_door_new (self, error);
  self->listener = self->door != NULL ? thole_listener_new (self, error) : NULL;
  if (self->listener != NULL)
    return self;
  thole_http_free (self);
  return NULL;
}

gboolean
thole_http_listen (TholeHttp *self, const char *address, GError **error)
{
  return thole_door_open (self->door, address, error);
}

gboolean
thole_http_adopt (TholeHttp *self, int fd, const char *name, GError **error)
{
  return thole_door_adopt (self->door, fd, name, error);
}

void
thole_http_reconfigure (TholeHttp *self, const TholeHttpOptions *options)
{
  TholeHttpOptions *own = &self->options;

  own->trusted_proxies = options->trusted_proxies;
  own->origins = options->origins;
  own->max_body = options->max_body;
  own->max_message = options->max_message;
  own->head_timeout = options->head_timeout;
  own->body_timeout = options->body_timeout;
  own->idle_timeout = options->idle_timeout;
  own->heartbeat = options->heartbeat;
  own->ping = options->ping;
  self->body_budget = BODIES * own->max_body;
  self->tick_pause = tick_pause (own);
}

char **
thole_http_addresses (TholeHttp *self)
{
  return thole_door_addresses (self->door);
}

void
thole_http_free (TholeHttp *self)
{
  GHashTableIter iter;
  gpointer request;

  thole_metrics_uncollect (self->options.metrics, self);
  thole_source_clear (&self->tick);
  thole_source_clear (&self->finish);
  thole_source_clear (&self->cancelled);
  g_clear_object (&self->shutdown);
  for (guint fd = 0; fd < self->conns->len; fd++)
    {
      TholeConn *conn = thole_http_conn (self, (int) fd);

      if (conn != NULL && conn->attach != NULL)
        thole_attach_free (conn->attach);
    }
  g_clear_pointer (&self->door, thole_door_free);
  g_clear_pointer (&self->listener, thole_listener_free);
  g_clear_pointer (&self->tls, thole_tls_free);
  g_hash_table_iter_init (&iter, self->waiting);
  while (g_hash_table_iter_next (&iter, &request, NULL))
    thole_request_orphan (request);
  g_hash_table_unref (self->waiting);
  g_ptr_array_unref (self->conns);
  g_ptr_array_unref (self->spare);
  thole_routes_free (self->routes);
  g_clear_pointer (&self->openapi, g_bytes_unref);
  g_free (self->metrics);
  g_main_context_unref (self->context);
  g_free (self);
}

void
thole_http_counts (TholeHttp *self, TholeHttpCounts *counts)
{
  *counts = (TholeHttpCounts) { self->n_conns, self->n_waiting, self->n_streams, self->n_sockets,
                                self->body_bytes };
}
