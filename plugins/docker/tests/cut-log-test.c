/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An engine of our own that ends the following of a log before its end, as dockerd does under load: each line still comes once.
 */
#include "bench.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE "00000000-0000-4000-8000-00000000c07a"
#define BASE G_GINT64_CONSTANT (1795247999000000000) /* ns */
#define SAME 3                                       /* messages of one time */

typedef struct
{
  char *folder, *path, *url;
  GSocketService *service;
  GMutex mutex; /* of all below: each connection has a thread */
  guint total;  /* messages of the log */
  guint cut;    /* at most so many in one reading that follows */
  guint empty;  /* so many readings have none */
  gboolean runs_on, restarts;
  gboolean seen; /* the last message was sent */
  guint followed, read, inspected;
} Engine;

static void
send_text (GOutputStream *out, const char *text)
{
  g_output_stream_write_all (out, text, strlen (text), NULL, NULL, NULL);
}

static void
answer_json (GOutputStream *out, const char *json)
{
  g_autofree char *text = g_strdup_printf ("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n"
                                           "Content-Length: %zu\r\n\r\n%s", strlen (json), json);

  send_text (out, text);
}

static void
answer_inspection (Engine *self, GOutputStream *out)
{
  g_autofree char *json = NULL;
  gboolean running;

  g_mutex_lock (&self->mutex);
  running = self->runs_on || (self->restarts && self->inspected > 0) || (self->total > 0 && !self->seen && !self->restarts);
  json = g_strdup_printf ("{\"Id\":\"0123456789abcdef\",\"State\":{\"Running\":%s,\"StartedAt\":\"2026-11-21T08:00:0%uZ\"},"
                          "\"Config\":{\"Tty\":false,\"Labels\":{\"org.thole.id\":\"wl-1\",\"org.thole.instance\":\"" INSTANCE "\"}}}",
                          running ? "true" : "false", self->restarts && self->inspected > 0 ? 1 : 0);
  self->inspected++;
  g_mutex_unlock (&self->mutex);
  answer_json (out, json);
}

static gint64
time_of (guint message)
{
  return BASE + message / SAME;
}

static gint64
since_of (const char *target)
{
  const char *since = strstr (target, "&since=");
  char *dot = NULL;
  gint64 seconds = since != NULL ? (gint64) strtoull (since + strlen ("&since="), &dot, 10) : 0;

  return seconds * 1000000000 + (dot != NULL && *dot == '.' ? (gint64) strtoull (dot + 1, NULL, 10) : 0);
}

static void
append_message (GByteArray *out, guint message)
{
  char stamp[THOLE_TIME_LENGTH];
  gint64 time = time_of (message);
  g_autofree char *text = NULL;
  guint8 head[8] = { 1 + message % 2 };
  guint32 size;

  thole_time_format (time / 1000, stamp);
  stamp[strlen ("2026-11-21T08:00:00")] = '\0';
  text = g_strdup_printf ("%s.%09uZ %u\n", stamp, (guint) (time % 1000000000), message);
  size = GUINT32_TO_BE ((guint32) strlen (text));
  memcpy (head + 4, &size, 4);
  g_byte_array_append (out, head, sizeof head);
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

static void
answer_log (Engine *self, const char *target, GOutputStream *out)
{
  g_autoptr(GByteArray) body = g_byte_array_new ();
  gboolean follow = strstr (target, "follow=1") != NULL;
  gint64 since = since_of (target);
  g_autofree char *head = NULL;
  guint sent = 0;

  g_mutex_lock (&self->mutex);
  self->followed += follow;
  self->read += !follow;
  for (guint i = 0; i < self->total && (!follow || self->empty == 0); i++)
    if (time_of (i) >= since && (!follow || sent < self->cut))
      {
        append_message (body, i);
        sent++;
        self->seen |= i + 1 == self->total;
      }
  if (follow && self->empty > 0)
    self->empty--;
  g_mutex_unlock (&self->mutex);
  head = g_strdup_printf ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", body->len);
  if (body->len > 0)
    {
      send_text (out, head);
      g_output_stream_write_all (out, body->data, body->len, NULL, NULL, NULL);
      send_text (out, "\r\n0\r\n\r\n");
    }
  else
    send_text (out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

/* FALSE: the connection is over */
static gboolean
answer (Engine *self, const char *target, GOutputStream *out)
{
  if (strstr (target, "/logs?") != NULL)
    answer_log (self, target, out);
  else if (strstr (target, "/events") != NULL)
    send_text (out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  else if (strstr (target, "/containers/") != NULL)
    answer_inspection (self, out);
  else if (strstr (target, "/version") != NULL)
    answer_json (out, "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
  else if (strstr (target, "/info") != NULL)
    answer_json (out, "{\"OSType\":\"linux\",\"Architecture\":\"x86_64\",\"NCPU\":1,\"MemTotal\":1}");
  else
    answer_json (out, "[]");
  return strstr (target, "/logs?") == NULL;
}

static gboolean
on_connection (GThreadedSocketService *service, GSocketConnection *connection, GObject *source, gpointer user_data)
{
  g_autoptr(GDataInputStream) in = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  gboolean more = TRUE;

  g_data_input_stream_set_newline_type (in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  while (more)
    {
      g_autofree char *first = g_data_input_stream_read_line (in, NULL, NULL, NULL);
      char *line = g_strdup ("x");

      while (first != NULL && line != NULL && *line != '\0')
        {
          g_free (line);
          line = g_data_input_stream_read_line (in, NULL, NULL, NULL);
        }
      g_free (line);
      more = first != NULL && answer (user_data, first, out);
    }
  return TRUE;
}

static void
engine_begin (Engine *self)
{
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GError) error = NULL;

  self->folder = g_dir_make_tmp ("thole-cut-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "s", NULL);
  self->url = g_strconcat ("unix://", self->path, NULL);
  address = g_unix_socket_address_new (self->path);
  g_mutex_init (&self->mutex);
  self->service = g_threaded_socket_service_new (16);
  g_socket_listener_add_address (G_SOCKET_LISTENER (self->service), address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL,
                                 NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (self->service, "run", G_CALLBACK (on_connection), self);
}

static void
engine_end (Engine *self)
{
  g_socket_service_stop (self->service);
  g_socket_listener_close (G_SOCKET_LISTENER (self->service));
  g_object_unref (self->service);
  g_unlink (self->path);
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->path);
  g_free (self->url);
}

/* Follows the log; each line has to come once, in its order. */
static void
check (Engine *self)
{
  g_autoptr(GVariant) options = g_variant_ref_sink (g_variant_new_parsed ("{'follow': <true>}"));
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GByteArray) records = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GString) text = g_string_new (NULL), wanted = g_string_new (NULL);
  GVariant *facts = NULL;
  Bench *b;

  engine_begin (self);
  b = bench_open (self->url, INSTANCE, NULL);
  g_assert_cmpint (bench_probe (b, &facts, &error), ==, THOLE_PROBE_READY);
  g_assert_no_error (error);
  g_variant_unref (facts);
  result = AWAIT (b->workload->logs_async, b->driver, "wl-1", options, NULL);
  stream = b->workload->logs_finish (b->driver, result, &error);
  g_assert_no_error (error);
  records = bench_read (g_io_stream_get_input_stream (stream), G_MAXSIZE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < self->total; i++)
    g_string_append_printf (wanted, "%u\n", i);
  for (gsize at = 0; at < records->len;)
    {
      const guint8 *body;
      guint8 channel = 0;
      gint64 time = 0;
      gsize length;
      gssize size = thole_log_record_parse (records->data + at, records->len - at, &channel, &time, &body, &length);

      g_assert_cmpint (size, >, 0);
      g_string_append_len (text, (const char *) body, (gssize) length);
      at += (gsize) size;
    }
  g_assert_cmpstr (text->str, ==, wanted->str);
  bench_close (b);
  engine_end (self);
}

/* proves: LC-18 TE-28 */
static void
test_running (void)
{
  Engine engine = { .total = 20000, .cut = 3001 };

  check (&engine);
  g_assert_cmpuint (engine.followed, >=, 7);
}

static void
test_ended (void)
{
  Engine engine = { .total = 20000, .cut = 100, .seen = TRUE };

  check (&engine);
  g_assert_cmpuint (engine.followed, ==, 1);
  g_assert_cmpuint (engine.read, ==, 2);
}

/* few messages, which are all known again */
static void
test_short (void)
{
  Engine engine = { .total = 10, .cut = 4, .seen = TRUE };

  check (&engine);
}

static void
test_nothing_at_first (void)
{
  Engine engine = { .total = 3000, .cut = 2000, .empty = 2 };

  check (&engine);
}

/* it ends with the run that it was begun with */
static void
test_restarted (void)
{
  Engine engine = { .total = 100, .cut = 50, .restarts = TRUE };

  check (&engine);
  g_assert_cmpuint (engine.followed, ==, 1);
}

/* an engine that always ends it at once is not asked for ever */
static void
test_never (void)
{
  Engine engine = { .runs_on = TRUE };

  check (&engine);
  g_assert_cmpuint (engine.followed, <=, 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cut-log/running", test_running);
  g_test_add_func ("/cut-log/ended", test_ended);
  g_test_add_func ("/cut-log/short", test_short);
  g_test_add_func ("/cut-log/nothing-at-first", test_nothing_at_first);
  g_test_add_func ("/cut-log/restarted", test_restarted);
  g_test_add_func ("/cut-log/never", test_never);
  return g_test_run ();
}
