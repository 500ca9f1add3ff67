/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * logs: a stream of log records. The engine is read only as fast as the stream is. It may end the following of a log before that
 * has ended (20.10 does under load), so an end counts only when another reading brings nothing behind it.
 */
#include "workload.h"

#include <string.h>

#include "decoded-input.h"
#include "frames.h"
#include "lookup.h"

/* readings in a row of a program that runs which bring nothing and end all the same */
#define IDLE_MOST 5
#define IDLE_PAUSE 0.1 /* seconds, then twice as long each time */
#define IDLE_PAUSE_MOST 1.5

typedef struct
{
  TholeDriver *driver;
  char *id;
  GVariant *options;
  gboolean follow;     /* to an end that the engine chooses */
  char *started_at;    /* of the run that is followed */
  char *engine_id;
  DockerLogReader *reader;
  guint64 count;       /* of the reader's messages when the present reading began */
  guint idle;
  gboolean last;       /* the program has ended, and what is read is all there is */
  GSource *pause;      /* (nullable) */
} Logs;

static void
logs_clear (gpointer data)
{
  Logs *self = data;

  g_clear_pointer (&self->reader, docker_log_reader_free);
  docker_driver_unref (self->driver);
  g_variant_unref (self->options);
  g_free (self->id);
  g_free (self->started_at);
  g_free (self->engine_id);
}

/* the task that opens it has one, and then what is read */
static void
logs_unref (gpointer data)
{
  g_rc_box_release_full (data, logs_clear);
}

static void
append_time (GString *query, const char *key, gint64 nanoseconds)
{
  if (nanoseconds > 0)
    g_string_append_printf (query, "&%s=%" G_GINT64_FORMAT ".%09" G_GINT64_FORMAT, key, nanoseconds / 1000000000,
                            nanoseconds % 1000000000);
}

/* from the beginning, or behind what came already */
static char *
make_path (const Logs *self)
{
  g_autoptr(GString) path = g_string_new (NULL);
  GVariant *options = self->options;
  gint64 tail = thole_dict_int (options, "tail", -1), since = docker_log_reader_since (self->reader);

  g_string_printf (path, "/containers/%s/logs?timestamps=1&stdout=%d&stderr=%d&follow=%d", self->engine_id,
                   thole_dict_boolean (options, "stdout", TRUE), thole_dict_boolean (options, "stderr", TRUE),
                   thole_dict_boolean (options, "follow", FALSE) && !self->last);
  if (tail >= 0 && since == 0)
    g_string_append_printf (path, "&tail=%" G_GINT64_FORMAT, tail);
  append_time (path, "since", since != 0 ? since : thole_dict_int (options, "since", 0) * 1000);
  append_time (path, "until", thole_dict_int (options, "until", 0) * 1000);
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static void
read_log (GTask *task, Logs *self, GAsyncReadyCallback callback)
{
  g_autofree char *path = make_path (self);
  DockerRequest request = { .method = "GET", .path = path };

  self->count = docker_log_reader_count (self->reader);
  docker_stream_async (self->driver, &request, g_task_get_cancellable (task), callback, g_object_ref (task));
}

/* what the inspection says of the run that is followed */
static gboolean
runs_on (const Logs *self, GVariant *inspection)
{
  g_autoptr(GVariant) state = thole_dict_value (inspection, "State", "a{sv}");

  return state != NULL && thole_dict_boolean (state, "Running", FALSE)
         && strcmp (thole_dict_string (state, "StartedAt", ""), self->started_at) == 0;
}

/* again ----------------------------------------------------------------------------------------------- */

static void
on_opened_again (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Logs *self = g_task_get_task_data (task);
  GError *error = NULL;
  GInputStream *body = docker_stream_finish (self->driver, result, &error);

  if (body == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, body, g_object_unref);
}

static gboolean
on_pause (gpointer user_data)
{
  GTask *task = user_data;
  Logs *self = g_task_get_task_data (task);

  thole_timer_clear (&self->pause);
  read_log (task, self, on_opened_again);
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

static void
on_found_again (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Logs *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);
  gboolean nothing = docker_log_reader_count (self->reader) == self->count, was_last = self->last;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_task_return_error (task, error);
      return;
    }
  g_clear_error (&error);

  self->idle = nothing ? self->idle + 1 : 0;
  self->last = inspection != NULL && !runs_on (self, inspection);
  if (inspection == NULL || (nothing && was_last) || self->idle > IDLE_MOST)
    {
      g_task_return_pointer (task, NULL, NULL);
      return;
    }
  docker_log_reader_again (self->reader);
  if (!self->last && self->idle > 0)
    self->pause = docker_timer (self->driver, MIN (IDLE_PAUSE * (1u << self->idle), IDLE_PAUSE_MOST), on_pause, task);
  if (self->pause == NULL)
    read_log (task, self, on_opened_again);
  else
    g_object_ref (task); /* that of the timer */
}

static void
again_async (gpointer logs, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Logs *self = logs;

  g_task_set_task_data (task, self, NULL);
  if (!self->follow || !docker_log_reader_is_between (self->reader))
    g_task_return_pointer (task, NULL, NULL);
  else
    docker_find_async (self->driver, self->id, self->options, cancellable, on_found_again, g_steal_pointer (&task));
}

static GInputStream *
again_finish (gpointer logs, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* the first time -------------------------------------------------------------------------------------- */

static gboolean
decode (gpointer logs, const guint8 *data, gsize length, GByteArray *out)
{
  return docker_log_reader_feed (((Logs *) logs)->reader, data, length, out);
}

static const DockerDecoder decoder = { .decode = decode, .again_async = again_async, .again_finish = again_finish, .free = logs_unref };

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
  records = docker_decoded_input_new (body, &decoder, g_rc_box_acquire (self));
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
  g_autoptr(GVariant) state = inspection != NULL ? thole_dict_value (inspection, "State", "a{sv}") : NULL;

  if (inspection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->engine_id = g_strdup (thole_dict_string (inspection, "Id", "-"));
  self->started_at = g_strdup (state != NULL ? thole_dict_string (state, "StartedAt", "") : "");
  /* only the inspection tells whether the stream will have frames */
  self->reader = docker_log_reader_new (config != NULL && thole_dict_boolean (config, "Tty", FALSE));
  read_log (task, self, on_opened);
}

void
docker_logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Logs *logs = g_rc_box_new0 (Logs);
  GError *error = NULL;

  logs->driver = docker_driver_ref (self);
  logs->id = g_strdup (id);
  logs->options = g_variant_ref (options);
  /* one that has a time to end at may end while its program runs */
  logs->follow = thole_dict_boolean (options, "follow", FALSE) && thole_dict_int (options, "until", 0) == 0;
  g_task_set_task_data (task, logs, logs_unref);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_find_async (self, id, options, cancellable, on_found, g_steal_pointer (&task));
}
