/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * logs: a stream of log records. The engine is read only as fast as the stream is.
 */
#include "workload.h"

#include "decoded-input.h"
#include "frames.h"
#include "lookup.h"

typedef struct
{
  TholeDriver *driver;
  char *query;
  gboolean tty;
} Logs;

static void
logs_free (Logs *self)
{
  docker_driver_unref (self->driver);
  g_free (self->query);
  g_free (self);
}

static gboolean
decode (gpointer reader, const guint8 *data, gsize length, GByteArray *out)
{
  return docker_log_reader_feed (reader, data, length, out);
}

static void
reader_free (gpointer reader)
{
  docker_log_reader_free (reader);
}

static const DockerDecoder decoder = { .decode = decode, .free = reader_free };

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Logs *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GInputStream) body = docker_stream_finish (self->driver, result, &error);
  g_autoptr(GInputStream) records = NULL;

  if (body == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  records = docker_decoded_input_new (body, &decoder, docker_log_reader_new (self->tty));
  g_task_return_pointer (task, thole_stream_new (records, NULL), g_object_unref);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Logs *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);
  g_autoptr(GVariant) config = inspection != NULL ? thole_dict_value (inspection, "Config", "a{sv}") : NULL;
  g_autofree char *path = NULL;
  DockerRequest request = { .method = "GET" };

  if (inspection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* only the inspection tells whether the stream will have frames */
  self->tty = config != NULL && thole_dict_boolean (config, "Tty", FALSE);
  request.path = path = g_strdup_printf ("/containers/%s/logs?%s", thole_dict_string (inspection, "Id", "-"), self->query);
  docker_stream_async (self->driver, &request, g_task_get_cancellable (task), on_opened, g_object_ref (task));
}

static void
append_time (GString *query, const char *key, gint64 time)
{
  if (time > 0)
    g_string_append_printf (query, "&%s=%" G_GINT64_FORMAT ".%06" G_GINT64_FORMAT, key, time / G_USEC_PER_SEC,
                            time % G_USEC_PER_SEC);
}

static char *
make_query (GVariant *options)
{
  GString *query = g_string_new ("timestamps=1");
  gint64 tail = thole_dict_int (options, "tail", -1);

  g_string_append_printf (query, "&stdout=%d&stderr=%d&follow=%d", thole_dict_boolean (options, "stdout", TRUE),
                          thole_dict_boolean (options, "stderr", TRUE), thole_dict_boolean (options, "follow", FALSE));
  if (tail >= 0)
    g_string_append_printf (query, "&tail=%" G_GINT64_FORMAT, tail);
  append_time (query, "since", thole_dict_int (options, "since", 0));
  append_time (query, "until", thole_dict_int (options, "until", 0));
  return g_string_free (query, FALSE);
}

void
docker_logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Logs *logs = g_new0 (Logs, 1);
  GError *error = NULL;

  logs->driver = docker_driver_ref (self);
  logs->query = make_query (options);
  g_task_set_task_data (task, logs, (GDestroyNotify) logs_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_find_async (self, id, options, cancellable, on_found, g_steal_pointer (&task));
}
