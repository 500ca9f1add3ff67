/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "exec/1": open, attach, resize. exec-run.c holds run, exec-signal.c signal.
 */
#include "exec.h"

#include <string.h>

#include "exec-signal.h"
#include "launch.h"
#include "lookup.h"

/* Nobody types this 16 times: a terminal's bytes are the program's, not the engine's. */
#define DETACH_KEY "ctrl-^"
#define DETACH_KEYS \
  DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY \
  "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY "," DETACH_KEY
#define RESIZE_TRIES 10
#define RESIZE_PAUSE 0.02

void
docker_exec_free (DockerExec *self)
{
  g_clear_object (&self->stream);
  g_free (self->exec_id);
  g_free (self->engine_id);
  g_free (self->mark);
  g_free (self);
}

/* starting -------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  GVariant *body; /* of /containers/ID/exec */
  gboolean tty, takes_input;
  gint64 rows, cols;
  guint resizes;
  GSource *timer;
  DockerExec *exec;
} Start;

static void
start_free (Start *self)
{
  thole_timer_clear (&self->timer);
  docker_driver_unref (self->driver);
  g_clear_pointer (&self->body, g_variant_unref);
  g_clear_pointer (&self->exec, docker_exec_free);
  g_free (self);
}

static void resize_at_start (GTask *task);

static gboolean
resize_again (gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Start *self = g_task_get_task_data (task);

  thole_timer_clear (&self->timer);
  resize_at_start (task);
  return G_SOURCE_REMOVE;
}

static void
succeed (GTask *task)
{
  Start *self = g_task_get_task_data (task);

  g_task_return_pointer (task, g_steal_pointer (&self->exec), (GDestroyNotify) docker_exec_free);
}

static void
on_resized_at_start (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Start *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);

  /* the stream is there before the terminal is */
  if (reply == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) && ++self->resizes < RESIZE_TRIES)
    self->timer = docker_timer (self->driver, RESIZE_PAUSE, resize_again, task);
  if (self->timer != NULL)
    g_steal_pointer (&task);
  else
    succeed (task);
}

static void
resize_at_start (GTask *task)
{
  Start *self = g_task_get_task_data (task);
  g_autofree char *path = g_strdup_printf ("/exec/%s/resize?h=%" G_GINT64_FORMAT "&w=%" G_GINT64_FORMAT,
                                           self->exec->exec_id, self->rows, self->cols);
  DockerRequest request = { .method = "POST", .path = path };

  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_resized_at_start, g_object_ref (task));
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Start *self = g_task_get_task_data (task);
  GError *error = NULL;
  DockerWire *wire = docker_launch_finish (self->driver, result, &self->exec->exec_id, &error);

  if (wire == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->exec->stream = docker_session_new (self->driver, wire, self->tty, self->takes_input, self->exec->engine_id,
                                           self->exec->exec_id);
  if (self->tty && self->rows > 0 && self->cols > 0)
    resize_at_start (task);
  else
    succeed (task);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Start *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->exec->engine_id = docker_resolve_finish (self->driver, result, &error);
  if (self->exec->engine_id == NULL)
    g_task_return_error (task, error);
  else
    docker_launch_async (self->driver, self->exec->engine_id, self->body, g_task_get_cancellable (task), on_started,
                         g_object_ref (task));
}

static GVariant *
make_body (GVariant *command, gboolean tty, gboolean takes_input, const char *mark, GError **error)
{
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_auto(GStrv) argv = thole_dict_strv (command, "command");
  g_autoptr(GVariant) env = thole_dict_value (command, "env", "a{ss}");
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  GVariantIter iter;
  const char *key, *value;

  if (argv[0] == NULL || argv[0][0] == '\0')
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "command: is empty");
      return NULL;
    }
  if (env != NULL)
    g_variant_iter_init (&iter, env);
  while (env != NULL && g_variant_iter_next (&iter, "{&s&s}", &key, &value))
    g_ptr_array_add (lines, g_strconcat (key, "=", value, NULL));
  if (mark != NULL)
    g_ptr_array_add (lines, g_strconcat (DOCKER_EXEC_MARK "=", mark, NULL));
  g_variant_dict_insert (&body, "AttachStdin", "b", takes_input);
  g_variant_dict_insert (&body, "AttachStdout", "b", TRUE);
  g_variant_dict_insert (&body, "AttachStderr", "b", TRUE);
  g_variant_dict_insert (&body, "Tty", "b", tty);
  g_variant_dict_insert (&body, "DetachKeys", "s", DETACH_KEYS);
  g_variant_dict_insert_value (&body, "Cmd", g_variant_new_strv ((const char *const *) argv, -1));
  if (lines->len > 0)
    g_variant_dict_insert_value (&body, "Env", g_variant_new_strv ((const char *const *) lines->pdata, lines->len));
  if (thole_dict_string (command, "working_dir", "")[0] != '\0')
    g_variant_dict_insert (&body, "WorkingDir", "s", thole_dict_string (command, "working_dir", ""));
  if (thole_dict_string (command, "user", "")[0] != '\0')
    g_variant_dict_insert (&body, "User", "s", thole_dict_string (command, "user", ""));
  return g_variant_ref_sink (g_variant_dict_end (&body));
}

void
docker_exec_start_async (TholeDriver *self, const char *id, GVariant *command, gboolean takes_input, const char *mark,
                         GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Start *start = g_new0 (Start, 1);
  GError *error = NULL;

  start->driver = docker_driver_ref (self);
  start->exec = g_new0 (DockerExec, 1);
  start->tty = thole_dict_boolean (command, "tty", FALSE);
  start->takes_input = takes_input;
  start->exec->mark = g_strdup (mark);
  start->rows = thole_dict_int (command, "rows", 0);
  start->cols = thole_dict_int (command, "cols", 0);
  g_task_set_task_data (task, start, (GDestroyNotify) start_free);
  if (thole_options_check (options, NULL, &error))
    start->body = make_body (command, start->tty, takes_input, start->exec->mark, &error);
  if (start->body == NULL)
    g_task_return_error (task, error);
  else
    docker_resolve_async (self, id, options, cancellable, on_resolved, g_steal_pointer (&task));
}

DockerExec *
docker_exec_start_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* open ------------------------------------------------------------------------------------------------ */

static void
docker_open_async (TholeDriver *self, const char *id, GVariant *command, GVariant *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer user_data)
{
  g_autofree char *mark = docker_exec_mark_new (thole_dict_string (command, "mark", ""));

  docker_exec_start_async (self, id, command, thole_dict_boolean (command, "stdin", FALSE), mark, options, cancellable,
                           callback, user_data);
}

static GIOStream *
docker_open_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error)
{
  g_autoptr(DockerExec) exec = docker_exec_start_finish (self, result, error);

  if (exec == NULL)
    return NULL;
  *exec_id = g_strconcat (exec->exec_id, ".", exec->mark, NULL);
  return g_steal_pointer (&exec->stream);
}

/* attach ---------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  char *engine_id;
  gboolean tty, takes_input;
} Attach;

static void
attach_free (Attach *self)
{
  docker_driver_unref (self->driver);
  g_free (self->engine_id);
  g_free (self);
}

static void
on_attached (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Attach *self = g_task_get_task_data (task);
  GError *error = NULL;
  DockerWire *wire = docker_wire_finish (self->driver, result, &error);

  if (wire == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, docker_session_new (self->driver, wire, self->tty, self->takes_input, self->engine_id, NULL),
                           g_object_unref);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Attach *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);
  g_autoptr(GVariant) config = inspection != NULL ? thole_dict_value (inspection, "Config", "a{sv}") : NULL;
  g_autoptr(GVariant) state = inspection != NULL ? thole_dict_value (inspection, "State", "a{sv}") : NULL;
  const char *status = state != NULL ? thole_dict_string (state, "Status", "") : "";
  g_autofree char *keys = g_uri_escape_string (DETACH_KEYS, NULL, FALSE);
  g_autofree char *path = NULL;

  if (inspection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* also before the start, so that no output is missed */
  if (!g_strv_contains ((const char *const[]){ "created", "running", "paused", NULL }, status))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  self->engine_id = g_strdup (thole_dict_string (inspection, "Id", "-"));
  self->tty = config != NULL && thole_dict_boolean (config, "Tty", FALSE);
  self->takes_input = config != NULL && thole_dict_boolean (config, "OpenStdin", FALSE);
  path = g_strdup_printf ("/containers/%s/attach?stream=1&stdin=%d&stdout=1&stderr=1&detachKeys=%s", self->engine_id,
                          self->takes_input, keys);
  docker_hijack_async (self->driver, path, NULL, g_task_get_cancellable (task), on_attached, g_object_ref (task));
}

static void
docker_attach_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Attach *attach = g_new0 (Attach, 1);
  GError *error = NULL;

  attach->driver = docker_driver_ref (self);
  g_task_set_task_data (task, attach, (GDestroyNotify) attach_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else
    docker_find_async (self, id, options, cancellable, on_found, g_steal_pointer (&task));
}

/* resize ---------------------------------------------------------------------------------------------- */

static void
on_exec_resized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (NULL, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_main_resized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_act_finish (NULL, result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
docker_resize_async (TholeDriver *self, const char *id, const char *exec_id, guint rows, guint cols,
                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  g_autofree char *path = NULL, *own = g_strndup (exec_id, strcspn (exec_id, "."));
  DockerRequest request = { .method = "POST" };

  if (rows == 0 || cols == 0 || rows > 65535 || cols > 65535)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "not a legal size: %u rows, %u columns", rows, cols);
      return;
    }
  if (strspn (own, "0123456789abcdef") != strlen (own))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "no such exec: %s", exec_id);
      return;
    }
  if (exec_id[0] == '\0')
    {
      request.path = path = g_strdup_printf ("/resize?h=%u&w=%u", rows, cols);
      docker_act_async (self, id, NULL, &request, cancellable, on_main_resized, g_steal_pointer (&task));
      return;
    }
  request.path = path = g_strdup_printf ("/exec/%s/resize?h=%u&w=%u", own, rows, cols);
  docker_call_async (self, &request, cancellable, on_exec_resized, g_steal_pointer (&task));
}

const TholeExecOps docker_exec_ops = {
  .struct_size = sizeof docker_exec_ops,
  .run_async = docker_run_async,
  .run_finish = thole_finish_value,
  .open_async = docker_open_async,
  .open_finish = docker_open_finish,
  .attach_async = docker_attach_async,
  .attach_finish = thole_finish_stream,
  .resize_async = docker_resize_async,
  .resize_finish = thole_finish_boolean,
  .signal_async = docker_exec_signal_async,
  .signal_finish = thole_finish_boolean,
};
