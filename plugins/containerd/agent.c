/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "agent/1".
 */
#include "agent.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "place.h"
#include "thing.h"

#define START_TIMEOUT 15.0

static void
add_mount (GVariantBuilder *list, const char *source, const char *target, gboolean read_only)
{
  g_auto(GVariantDict) one = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&one, "source", "s", source);
  g_variant_dict_insert (&one, "target", "s", target);
  g_variant_dict_insert (&one, "read_only", "b", read_only);
  g_variant_builder_add_value (list, g_variant_dict_end (&one));
}

GVariant *
ctr_agent_mounts (GVariant *agent)
{
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (agent == NULL)
    return NULL;
  add_mount (&list, thole_dict_string (agent, "binary", ""), CTR_AGENT_PROGRAM, TRUE);
  add_mount (&list, thole_dict_string (agent, "folder", ""), CTR_AGENT_FOLDER, FALSE);
  return g_variant_ref_sink (g_variant_builder_end (&list));
}

void
ctr_agent_open (GVariant *agent, guint uid, guint gid)
{
  const char *folder = agent != NULL ? thole_dict_string (agent, "folder", "") : "";

  if (folder[0] == '/' && lchown (folder, uid, gid) < 0)
    g_debug ("%s: %s", folder, g_strerror (errno));
}

/* install --------------------------------------------------------------------------------------------- */

static guint
own_machine (void)
{
  Elf32_Ehdr head = { .e_machine = EM_NONE };
  int fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  gssize n = fd >= 0 ? read (fd, &head, sizeof head) : 0;

  if (fd >= 0)
    close (fd);
  return n == sizeof head ? head.e_machine : EM_NONE;
}

/* A program for this machine's processor? Both classes begin alike. */
static gboolean
check_binary (const char *path, GError **error)
{
  Elf32_Ehdr head;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize n = fd >= 0 ? read (fd, &head, sizeof head) : 0;

  if (fd >= 0)
    close (fd);
  if (n != sizeof head || memcmp (head.e_ident, ELFMAG, SELFMAG) != 0)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "binary: \"%s\" is no program", path);
  else if (head.e_machine != own_machine ())
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "thole-agent is for another processor");
  else
    return TRUE;
  return FALSE;
}

static void
agent_install_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (CtrJob), NULL, options, cancellable, callback, user_data);
  g_autofree char *container = ctr_thing_name (self->config->instance, id);
  g_autofree char *folder = ctr_place_path (self, container, "agent");
  const char *binary = thole_dict_string (options, "binary", "");
  g_auto(GVariantDict) agent = G_VARIANT_DICT_INIT (NULL), out = G_VARIANT_DICT_INIT (NULL);
  GError *error = NULL;

  if (task == NULL)
    return;
  if (!self->config->agent)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "agent=no is set for this backend");
      return;
    }
  if (!check_binary (binary, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (g_mkdir_with_parents (folder, 0700) < 0)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", folder, g_strerror (errno));
      return;
    }
  g_variant_dict_insert (&agent, "binary", "s", binary);
  g_variant_dict_insert (&agent, "folder", "s", folder);
  g_variant_dict_insert_value (&out, "agent", g_variant_dict_end (&agent));
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

/* connect: the socket; where nobody listens an exec starts one, which goes into the background ---------- */

typedef struct
{
  CtrJob job;
  char *id, *socket;
  gboolean started;
} Connect;

static void
connect_clear (gpointer data)
{
  g_free (((Connect *) data)->id);
  g_free (((Connect *) data)->socket);
}

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
  if (ended == NULL && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID))
    error->code = THOLE_ERROR_UNSUPPORTED;
  if (ended == NULL)
    g_task_return_error (task, error);
  else if (thole_dict_int (ended, "exit_code", -1) != 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "thole-agent does not start: %s", g_strstrip (words));
  else
    open_socket (task);
}

/* As the workload's own user. */
static void
start_agent (GTask *task)
{
  Connect *self = g_task_get_task_data (task);
  static const char *const words[] = { CTR_AGENT_PROGRAM, "hold", "--dir", CTR_AGENT_FOLDER };
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) command = NULL, options = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));

  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv (words, G_N_ELEMENTS (words)));
  g_variant_dict_insert (&dict, "timeout", "d", START_TIMEOUT);
  command = g_variant_ref_sink (g_variant_dict_end (&dict));
  ctr_run_async (self->job.driver, self->id, command, options, g_task_get_cancellable (task), on_ran, g_object_ref (task));
}

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
  else if (self->started)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "thole-agent does not answer: %s", error->message);
  else
    start_agent (task);
  g_clear_error (&error);
}

static void
open_socket (GTask *task)
{
  Connect *self = g_task_get_task_data (task);

  thole_unix_connect_async (self->socket, g_task_get_cancellable (task), on_socket, g_object_ref (task));
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Connect *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  g_autofree char *folder = g_path_get_dirname (self->socket);

  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_fail (task, error);
  else if (error != NULL || got->process == NULL || got->process->status == CTR_TASK_STOPPED)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it does not run");
  else if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "it was made without an agent");
  else
    open_socket (task);
}

static void
on_found (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    ctr_fail (task, error);
  else
    ctr_task_get (task, ((Ctr__Container *) value)->id, on_task);
}

static void
agent_connect_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Connect), connect_clear, options, cancellable, callback, user_data);
  Connect *connect = task != NULL ? g_task_get_task_data (task) : NULL;
  g_autofree char *container = ctr_thing_name (self->config->instance, id);

  if (connect == NULL)
    return;
  connect->id = g_strdup (id);
  connect->socket = ctr_place_path (self, container, "agent/agent.sock");
  ctr_thing_find (task, id, on_found);
}

const TholeAgentOps ctr_agent_ops = {
  .struct_size = sizeof ctr_agent_ops,
  .install_async = agent_install_async,
  .install_finish = thole_finish_value,
  .connect_async = agent_connect_async,
  .connect_finish = thole_finish_stream,
};
