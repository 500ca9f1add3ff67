/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "agent/1" connect: the agent's socket in the folder of this machine; where nobody listens an exec starts one that goes into the
 * background, and the socket is asked again; where that is no way, an exec of the bridge, whose streams are the connection.
 */
#include "agent-connect.h"

#include <string.h>

#include "agent.h"
#include "decoded-input.h"
#include "exec.h"
#include "frames.h"
#include "launch.h"
#include "lookup.h"

#define START_TIMEOUT 15.0

typedef struct
{
  TholeDriver *driver;
  char *id;
  char *engine_id;
  gboolean root;    /* the workload's programs are root's, else all are one user's, who gets no capability from the engine */
  char *socket;    /* (nullable): of this machine */
  gboolean started; /* the exec was done */
} Connect;

static void
connect_free (Connect *self)
{
  docker_driver_unref (self->driver);
  g_free (self->id);
  g_free (self->engine_id);
  g_free (self->socket);
  g_free (self);
}

/* as the workload's own user: for others than root an exec of root would have no capabilities, and so could not become the user */
static GVariant *
command_of (const char *verb)
{
  return g_variant_new_strv ((const char *const[]){ DOCKER_AGENT_PROGRAM, verb, "--dir", DOCKER_AGENT_FOLDER }, 4);
}

/* the bridge ------------------------------------------------------------------------------------------ */

typedef struct
{
  TholeDriver *driver;
  GIOStream *connection;
  DockerFrames frames;
  GByteArray *out; /* during decode */
} Bridge;

static void
on_piece (guint8 stream, const guint8 *data, gsize length, gboolean begins, gpointer user_data)
{
  Bridge *self = user_data;

  if (stream != 2)
    g_byte_array_append (self->out, data, (guint) length);
  else if (length > 0)
    docker_log (self->driver, G_LOG_LEVEL_WARNING, "%.*s", (int) MIN (length, 200), (const char *) data);
}

static gboolean
decode (gpointer data, const guint8 *bytes, gsize length, GByteArray *out)
{
  Bridge *self = data;

  self->out = out;
  return docker_frames_feed (&self->frames, bytes, length, on_piece, self);
}

static void
bridge_close (gpointer data)
{
  g_io_stream_close_async (((Bridge *) data)->connection, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
bridge_free (gpointer data)
{
  Bridge *self = data;

  docker_driver_unref (self->driver);
  g_object_unref (self->connection);
  g_free (self);
}

static const DockerDecoder decoder = { .decode = decode, .close = bridge_close, .free = bridge_free, .loss_is_end = TRUE };

static GIOStream *
bridge_new (TholeDriver *driver, DockerWire *wire)
{
  Bridge *self = g_new0 (Bridge, 1);
  g_autoptr(GInputStream) input = NULL;

  self->driver = docker_driver_ref (driver);
  self->connection = g_object_ref (wire->connection);
  input = docker_decoded_input_new (g_io_stream_get_input_stream (wire->connection), &decoder, self);
  if (wire->surplus->len > 0)
    docker_decoded_input_push (input, wire->surplus->data, wire->surplus->len);
  return thole_stream_new (input, g_io_stream_get_output_stream (wire->connection));
}

static void
on_bridged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerWire) wire = docker_launch_finish (self->driver, result, NULL, &error);

  if (wire == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, bridge_new (self->driver, wire), g_object_unref);
}

static void
open_bridge (GTask *task)
{
  Connect *self = g_task_get_task_data (task);
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&body, "AttachStdin", "b", TRUE);
  g_variant_dict_insert (&body, "AttachStdout", "b", TRUE);
  g_variant_dict_insert (&body, "AttachStderr", "b", TRUE);
  g_variant_dict_insert (&body, "Tty", "b", FALSE);
  g_variant_dict_insert_value (&body, "Cmd", command_of ("bridge"));
  docker_launch_async (self->driver, self->engine_id, g_variant_dict_end (&body), g_task_get_cancellable (task), on_bridged,
                       g_object_ref (task));
}

/* the start ------------------------------------------------------------------------------------------- */

static void open_socket (GTask *task);

static char *
first_line (GVariant *dict, const char *key)
{
  g_autoptr(GVariant) bytes = thole_dict_value (dict, key, "ay");
  gsize length = 0;
  const char *data = bytes != NULL ? g_variant_get_fixed_array (bytes, &length, 1) : "";

  return length > 0 ? g_strstrip (g_utf8_make_valid (data, (gssize) MIN (length, 400))) : g_strdup ("");
}

/* not there, or for another processor; what does not name it is about a container that is going down */
static gboolean
cannot_run (const char *message)
{
  return strstr (message, DOCKER_AGENT_PROGRAM) != NULL || strstr (message, "exec format error") != NULL;
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) ended = thole_finish_value (self->driver, result, &error);
  g_autofree char *said = ended != NULL ? first_line (ended, "stderr") : NULL;

  self->started = TRUE;
  if (ended != NULL && thole_dict_int (ended, "exit_code", -1) == 0 && self->socket != NULL)
    open_socket (task);
  else if (ended != NULL && thole_dict_int (ended, "exit_code", -1) == 0)
    open_bridge (task);
  else if (ended != NULL)
    g_task_return_new_error (task, THOLE_ERROR, cannot_run (said) ? THOLE_ERROR_UNSUPPORTED : THOLE_ERROR_FAILED,
                             "thole-agent does not start: %s", said);
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID))
    {
      g_task_return_new_error (task, THOLE_ERROR, cannot_run (error->message) ? THOLE_ERROR_UNSUPPORTED : THOLE_ERROR_UNAVAILABLE,
                               "thole-agent cannot run here: %s", error->message);
      g_error_free (error);
    }
  else
    g_task_return_error (task, error);
}

static void
start_agent (GTask *task)
{
  Connect *self = g_task_get_task_data (task);
  g_auto(GVariantDict) command = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) options = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) words = NULL, handle = NULL;

  g_variant_dict_insert_value (&command, "command", command_of ("hold"));
  g_variant_dict_insert (&command, "timeout", "d", START_TIMEOUT);
  g_variant_dict_insert_value (&options, "handle", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, self->engine_id,
                                                                              strlen (self->engine_id), 1));
  words = g_variant_ref_sink (g_variant_dict_end (&command));
  handle = g_variant_ref_sink (g_variant_dict_end (&options));
  docker_run_async (self->driver, self->id, words, handle, g_task_get_cancellable (task), on_started, g_object_ref (task));
}

/* another user than root ------------------------------------------------------------------------------ */

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (docker_upload_finish (self->driver, result, &error))
    start_agent (task);
  else
    g_task_return_error (task, error);
}

/* All programs of such a workload are this user's, who has to be let into the socket's folder. On this machine its parent keeps
 * everybody else out. */
static void
open_folder (GTask *task)
{
  Connect *self = g_task_get_task_data (task);
  g_autofree char *path = NULL;
  g_autoptr(GBytes) archive = NULL;
  g_autoptr(GInputStream) input = NULL;

  if (self->socket != NULL)
    {
      docker_agent_open_folder (self->driver, self->id);
      start_agent (task);
      return;
    }
  path = g_strdup_printf ("/containers/%s/archive?path=" DOCKER_AGENT_PLACE, self->engine_id);
  archive = docker_agent_opening (docker_now (self->driver) / G_USEC_PER_SEC);
  input = g_memory_input_stream_new_from_bytes (archive);
  docker_upload_async (self->driver, "PUT", path, input, g_task_get_cancellable (task), on_opened, g_object_ref (task));
}

static void
begin_start (GTask *task)
{
  if (((Connect *) g_task_get_task_data (task))->root)
    start_agent (task);
  else
    open_folder (task);
}

/* the socket ------------------------------------------------------------------------------------------ */

static void
on_socket (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  GError *error = NULL;
  GIOStream *stream = thole_unix_connect_finish (result, &error);

  if (stream != NULL)
    g_task_return_pointer (task, stream, g_object_unref);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_error (task, g_steal_pointer (&error));
  else if (!self->started)
    begin_start (task);
  else
    {
      /* it listens, but its socket does not reach here: the engine lives elsewhere, whatever its own socket says */
      docker_log (self->driver, G_LOG_LEVEL_DEBUG, "%s: %s", self->socket, error->message);
      open_bridge (task);
    }
  g_clear_error (&error);
}

static void
open_socket (GTask *task)
{
  Connect *self = g_task_get_task_data (task);

  thole_unix_connect_async (self->socket, g_task_get_cancellable (task), on_socket, g_object_ref (task));
}

/* where it is ----------------------------------------------------------------------------------------- */

/* FALSE: it was made without an agent. @socket (out) (nullable) */
static gboolean
find_place (GVariant *inspection, char **socket)
{
  g_autoptr(GVariant) mounts = thole_dict_value (inspection, "Mounts", "aa{sv}");

  for (gsize i = 0; mounts != NULL && i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *target = thole_dict_string (mount, "Destination", "");
      gboolean bound = strcmp (thole_dict_string (mount, "Type", ""), "bind") == 0;

      if (bound && strcmp (target, DOCKER_AGENT_FOLDER) == 0)
        {
          *socket = g_build_filename (thole_dict_string (mount, "Source", "/"), "agent.sock", NULL);
          return TRUE;
        }
      if (!bound && strcmp (target, DOCKER_AGENT_PLACE) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_root (const char *user)
{
  g_autofree char *name = g_strndup (user, strcspn (user, ":"));

  return name[0] == '\0' || strcmp (name, "0") == 0 || strcmp (name, "root") == 0;
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Connect *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GVariant) inspection = docker_find_finish (self->driver, result, &error);
  g_autoptr(GVariant) config = inspection != NULL ? thole_dict_value (inspection, "Config", "a{sv}") : NULL;
  g_autoptr(GVariant) state = inspection != NULL ? thole_dict_value (inspection, "State", "a{sv}") : NULL;

  if (inspection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (state == NULL || !thole_dict_boolean (state, "Running", FALSE))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
      return;
    }
  if (!find_place (inspection, &self->socket))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "it was made without an agent");
      return;
    }
  self->engine_id = g_strdup (thole_dict_string (inspection, "Id", "-"));
  self->root = is_root (config != NULL ? thole_dict_string (config, "User", "") : "");
  if (self->socket != NULL)
    open_socket (task);
  else
    begin_start (task);
}

void
docker_agent_connect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Connect *connect = g_new0 (Connect, 1);
  GError *error = NULL;

  connect->driver = docker_driver_ref (self);
  connect->id = g_strdup (id);
  g_task_set_task_data (task, connect, (GDestroyNotify) connect_free);
  if (thole_options_check (options, NULL, &error))
    docker_find_async (self, id, options, cancellable, on_found, g_steal_pointer (&task));
  else
    g_task_return_error (task, error);
}
