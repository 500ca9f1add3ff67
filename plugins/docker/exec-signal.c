/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "exec-signal.h"

#include <signal.h>
#include <string.h>

#include "exec.h"
#include "lookup.h"

#define KILL_TIMEOUT 10.0
#define HEXADECIMAL "0123456789abcdef"
#define MARK_MAX 64
/* Who shall be killed is stopped first: a shell would go on when its program dies before it. Killed twice, for what was born
 * meanwhile; 3 = none of it was there */
#define SCRIPT                                                                                                     \
  "n=3; l=$2; [ $2 != KILL ] || l='STOP KILL KILL'; for s in $l; do for d in /proc/[0-9]*; do "                     \
  "{ tr '\\0' '\\n' <$d/environ | grep -qx \"" DOCKER_EXEC_MARK "=$1\" && kill -s $s ${d#/proc/} && n=0; } 2>/dev/null; " \
  "done; done; exit $n"

typedef struct
{
  TholeDriver *driver;
  char *id;        /* of the workload */
  char *engine_id;
  char *exec_id;   /* the engine's */
  char *mark;
  char *signal;
} Signal;

static void
signal_free (Signal *self)
{
  docker_driver_unref (self->driver);
  g_free (self->id);
  g_free (self->engine_id);
  g_free (self->exec_id);
  g_free (self->mark);
  g_free (self->signal);
  g_free (self);
}

char *
docker_exec_mark_new (const char *wanted)
{
  if (wanted[0] != '\0' && strlen (wanted) <= MARK_MAX && strspn (wanted, HEXADECIMAL) == strlen (wanted))
    return g_strdup (wanted);
  return g_strdup_printf ("%08x%08x%08x%08x", g_random_int (), g_random_int (), g_random_int (), g_random_int ());
}

static void
on_killed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Signal *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) ended = thole_finish_value (self->driver, result, &error);
  gint64 code = ended != NULL ? thole_dict_int (ended, "exit_code", -1) : -1;

  if (code == 0)
    g_task_return_boolean (task, TRUE);
  else if (code == 3 && self->exec_id[0] == '\0')
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "nothing in there carries its mark");
  else if (ended == NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "it goes on: the engine has no way to signal it, and %s",
                             code == 3 ? "no process in there carries its mark" : "there is no shell with kill, tr and grep in there");
}

/* as the user that the program has */
static void
kill_inside (GTask *task, const char *user)
{
  Signal *self = g_task_get_task_data (task);
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) command = NULL, options = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  const char *words[] = { "/bin/sh", "-c", SCRIPT, "sh", self->mark, self->signal + strlen ("SIG") };

  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv (words, G_N_ELEMENTS (words)));
  g_variant_dict_insert (&dict, "timeout", "d", KILL_TIMEOUT);
  if (user[0] != '\0')
    g_variant_dict_insert (&dict, "user", "s", user);
  command = g_variant_ref_sink (g_variant_dict_end (&dict));
  docker_run_async (self->driver, self->id, command, options, g_task_get_cancellable (task), on_killed, g_object_ref (task));
}

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Signal *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  g_autoptr(GVariant) process = reply != NULL ? thole_dict_value (reply->json, "ProcessConfig", "a{sv}") : NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (strcmp (thole_dict_string (reply->json, "ContainerID", ""), self->engine_id) != 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "no such exec in it");
  else if (!thole_dict_boolean (reply->json, "Running", FALSE))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "it has ended");
  else if (self->driver->config->socket_path != NULL
           && thole_process_signal ((pid_t) thole_dict_int (reply->json, "Pid", 0), self->engine_id, thole_signal_number (self->signal)))
    g_task_return_boolean (task, TRUE);
  else
    kill_inside (task, process != NULL ? thole_dict_string (process, "user", "") : "");
}

static gboolean
carries (const char *pid, const char *mark)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/environ", pid), *wanted = g_strconcat (DOCKER_EXEC_MARK "=", mark, NULL);
  g_autofree char *text = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return FALSE;
  for (gsize at = 0; at < length; at += strlen (text + at) + 1)
    if (strcmp (text + at, wanted) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
signal_all_marked (Signal *self, int signal)
{
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  gboolean found = FALSE;
  const char *pid;

  while (proc != NULL && (pid = g_dir_read_name (proc)) != NULL)
    if (g_ascii_isdigit (pid[0]) && carries (pid, self->mark))
      found |= thole_process_signal ((pid_t) g_ascii_strtoll (pid, NULL, 10), self->engine_id, signal);
  return found;
}

/* where the engine is on this machine; stopped first as in SCRIPT. FALSE: none was found */
static gboolean
signal_marked (Signal *self)
{
  int signal = thole_signal_number (self->signal);

  return (signal != SIGKILL || signal_all_marked (self, SIGSTOP)) && signal_all_marked (self, signal);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Signal *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *path = g_strdup_printf ("/exec/%s/json", self->exec_id);
  DockerRequest request = { .method = "GET", .path = path };

  self->engine_id = docker_resolve_finish (self->driver, result, &error);
  if (self->engine_id == NULL)
    g_task_return_error (task, error);
  else if (self->exec_id[0] != '\0')
    docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_inspected, g_object_ref (task));
  else if (self->driver->config->socket_path != NULL && signal_marked (self))
    g_task_return_boolean (task, TRUE);
  else
    kill_inside (task, "0");
}

/* ID.MARK or .MARK, all hexadecimal */
static gboolean
is_exec_id (const char *text)
{
  const char *dot = strchr (text, '.');

  return dot != NULL && dot[1] != '\0' && strspn (text, HEXADECIMAL) == (gsize) (dot - text)
         && strspn (dot + 1, HEXADECIMAL) == strlen (dot + 1);
}

void
docker_exec_signal_async (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  Signal *data = g_new0 (Signal, 1);
  GError *error = NULL;

  data->driver = docker_driver_ref (self);
  data->id = g_strdup (id);
  data->exec_id = g_strndup (exec_id, strcspn (exec_id, "."));
  data->mark = g_strdup (exec_id + MIN (strlen (exec_id), strlen (data->exec_id) + 1));
  data->signal = g_strdup (signal);
  g_task_set_task_data (task, data, (GDestroyNotify) signal_free);
  if (!thole_options_check (options, NULL, &error))
    g_task_return_error (task, error);
  else if (!g_str_has_prefix (signal, "SIG") || thole_signal_number (signal) == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "%s is not a signal", signal);
  else if (!is_exec_id (exec_id))
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "no such exec: %s", exec_id);
  else
    docker_resolve_async (self, id, options, cancellable, on_resolved, g_steal_pointer (&task));
}
