/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "agent/1": the program is mounted into each sandbox, and the first `connect` starts it in there. Its socket is in the sandbox's own
 * memory: the first process in there connects, and hands over the connection.
 */
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "plan.h"
#include "slots.h"
#include "talk.h"
#include "watch.h"

#define START_TIMEOUT 15.0

static void
agent_install_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (LocalJob), NULL, options, cancellable, callback, user_data);
  const char *binary = thole_dict_string (options, "binary", "");
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  if (task == NULL)
    return;
  if (binary[0] != '/' || access (binary, R_OK) < 0)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "binary: \"%s\" is no program", binary);
      return;
    }
  g_variant_dict_insert (&out, "agent", "s", binary);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

/* connect: the socket; where nobody listens one is started, which goes into the background ---------------- */

typedef struct
{
  LocalJob job;
  gboolean started;
} Connect;

static void open_socket (GTask *task);

static void
on_ran (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) ended = thole_finish_value (self->job.driver, result, &error);
  g_autoptr(GVariant) said = ended != NULL ? thole_dict_value (ended, "stderr", "ay") : NULL;
  gsize length = 0;
  const char *text = said != NULL ? g_variant_get_fixed_array (said, &length, 1) : "";
  g_autofree char *words = length > 0 ? g_utf8_make_valid (text, (gssize) MIN (length, 400)) : g_strdup ("");

  self->started = TRUE;
  if (ended == NULL)
    g_task_return_error (task, error);
  else if (thole_dict_int (ended, "exit_code", -1) != 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "thole-agent does not start: %s", g_strstrip (words));
  else
    open_socket (task);
}

static void
start_agent (GTask *task)
{
  Connect *self = g_task_get_task_data (task);
  static const char *const words[] = { LOCAL_AGENT_PROGRAM, "hold", "--dir", LOCAL_AGENT_FOLDER };
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) command = NULL, options = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));

  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv (words, G_N_ELEMENTS (words)));
  g_variant_dict_insert (&dict, "timeout", "d", START_TIMEOUT);
  command = g_variant_ref_sink (g_variant_dict_end (&dict));
  local_run_async (self->job.driver, self->job.id, command, options, g_task_get_cancellable (task), on_ran, g_object_ref (task));
}

static void
return_stream (GTask *task, int fd)
{
  GError *error = NULL;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, &error);

  if (socket != NULL)
    g_task_return_pointer (task, g_socket_connection_factory_create_connection (socket), g_object_unref);
  else
    {
      close (fd);
      g_task_return_error (task, error);
    }
}

static void
on_socket (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  int fd = -1;

  if (local_ask_finish (result, &fd, &error) && fd >= 0)
    return_stream (task, fd);
  else if (error == NULL || !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND))
    g_task_return_error (task, error != NULL ? g_steal_pointer (&error)
                                             : g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "there is no connection"));
  else if (self->started)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "thole-agent does not answer");
  else
    start_agent (task);
}

static void
open_socket (GTask *task)
{
  LocalJob *job = g_task_get_task_data (task);

  local_ask_async (job->driver, job->id, THOLE_SANDBOX_CONNECT, 0, 0, 0, g_task_get_cancellable (task), on_socket, g_object_ref (task));
}

static void
agent_connect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, id, sizeof (Connect), NULL, options, cancellable, callback, user_data);
  GError *error = NULL;
  g_autoptr(GVariant) record = task != NULL ? local_box_record (self, id, &error) : NULL;

  if (task == NULL)
    return;
  if (record == NULL)
    g_task_return_error (task, error);
  else if (!local_watch (self, id))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  else if (!thole_dict_boolean (record, "agent", FALSE))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "it was made without an agent");
  else
    open_socket (task);
}

const TholeAgentOps local_agent_ops = {
  .struct_size = sizeof local_agent_ops,
  .install_async = agent_install_async,
  .install_finish = thole_finish_value,
  .connect_async = agent_connect_async,
  .connect_finish = thole_finish_stream,
};
