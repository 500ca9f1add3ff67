/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cni.h"

#include <string.h>

#define WORDS_MAX 400
#define PROGRAMS "/usr/sbin:/usr/bin:/sbin:/bin"

typedef struct
{
  CtrJob job;
  CtrWait *wait;
  char *what;
  GSubprocess *program;
  GSource *deadline, *stopped;
  gboolean late, given_up;
} Run;

static void
run_clear (gpointer data)
{
  Run *self = data;

  thole_timer_clear (&self->deadline);
  thole_timer_clear (&self->stopped);
  g_clear_object (&self->program);
  g_free (self->what);
}

static void
run_end (GTask *task, GVariant *value, GError *error)
{
  Run *self = g_task_get_task_data (task);

  ctr_wait_end (g_steal_pointer (&self->wait), value, error);
  g_task_return_boolean (task, TRUE);
}

/* What a plugin says about its failure: {"code", "msg", "details"}; others have words on their error output. */
static char *
words_of (const char *said, const char *complained)
{
  g_autoptr(GVariant) json = said[0] == '{' ? thole_json_parse (said, strlen (said), NULL) : NULL;
  gboolean whole = json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT);
  const char *message = whole ? thole_dict_string (json, "msg", "") : complained;
  const char *details = whole ? thole_dict_string (json, "details", "") : "";
  g_autofree char *both = g_strdup_printf ("%s%s%s", message, details[0] != '\0' ? ": " : "", details);
  g_autofree char *valid = g_utf8_make_valid (both, (gssize) MIN (strlen (both), WORDS_MAX));

  return g_strdup (g_strstrip (valid));
}

static void
on_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Run *self = g_task_get_task_data (task);
  g_autofree char *said = NULL, *complained = NULL;
  g_autoptr(GError) error = NULL, wrong = NULL;
  g_autoptr(GVariant) value = NULL;
  gboolean ended = g_subprocess_communicate_utf8_finish (self->program, result, &said, &complained, &error);

  thole_timer_clear (&self->deadline);
  thole_timer_clear (&self->stopped);
  if (self->given_up)
    wrong = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  else if (self->late)
    wrong = g_error_new (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "%s takes too long", self->what);
  else if (!ended)
    wrong = g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", self->what, error->message);
  else if (!g_subprocess_get_successful (self->program))
    {
      g_autofree char *words = words_of (said != NULL ? said : "", complained != NULL ? complained : "");

      wrong = g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", self->what, words);
    }
  else if (said != NULL && said[0] == '{')
    value = thole_json_parse (said, strlen (said), &wrong);
  run_end (task, value, wrong);
}

static gboolean
on_deadline (gpointer user_data)
{
  Run *self = g_task_get_task_data (user_data);

  thole_timer_clear (&self->deadline);
  self->late = TRUE;
  g_subprocess_force_exit (self->program);
  return G_SOURCE_REMOVE;
}

static gboolean
on_stopped (GCancellable *cancellable, gpointer user_data)
{
  Run *self = g_task_get_task_data (user_data);

  thole_timer_clear (&self->stopped);
  self->given_up = TRUE;
  g_subprocess_force_exit (self->program);
  return G_SOURCE_REMOVE;
}

/* A source of the task itself, for the program may outlive the backend. */
static GSource *
attach (GTask *task, GSource *source, GSourceFunc function)
{
  g_source_set_callback (source, function, task, NULL);
  g_source_attach (source, g_task_get_context (task));
  return source;
}

/* @stop (nullable) ends the program */
static void
run (GTask *task, GSubprocessLauncher *launcher, const char *const *words, const char *what, const char *input, double seconds,
     GCancellable *stop, CtrNext next)
{
  /* not the caller's cancellable: what has begun comes to its end without it */
  g_autoptr(GTask) inner = ctr_job_new (ctr_driver_of (task), sizeof (Run), run_clear, NULL, NULL, NULL, NULL);
  Run *self = g_task_get_task_data (inner);
  g_autoptr(GError) error = NULL, wrong = NULL;

  self->wait = ctr_wait_new (task, next);
  self->what = g_strdup (what);
  self->program = g_subprocess_launcher_spawnv (launcher, words, &error);
  if (self->program == NULL)
    {
      wrong = g_error_new (THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "%s: %s", what, error->message);
      run_end (inner, NULL, wrong);
      return;
    }
  self->deadline = attach (inner, g_timeout_source_new ((guint) (seconds * 1000)), on_deadline);
  if (stop != NULL)
    self->stopped = attach (inner, g_cancellable_source_new (stop), G_SOURCE_FUNC (on_stopped));
  g_subprocess_communicate_utf8_async (self->program, input, NULL, on_ended, g_object_ref (inner));
}

static GSubprocessLauncher *
launcher_new (gboolean input)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new ((input ? G_SUBPROCESS_FLAGS_STDIN_PIPE : 0) | G_SUBPROCESS_FLAGS_STDOUT_PIPE
                                                             | G_SUBPROCESS_FLAGS_STDERR_PIPE);

  /* of the daemon's own environment they get nothing: that may have secrets */
  g_subprocess_launcher_set_environ (launcher, (char *[]){ "PATH=" PROGRAMS, NULL });
  return launcher;
}

static char *
find (const char *path, const char *plugin)
{
  g_auto(GStrv) folders = g_strsplit (path, ":", 16);

  for (guint i = 0; folders[i] != NULL; i++)
    {
      g_autofree char *file = g_build_filename (folders[i], plugin, NULL);

      if (file[0] == '/' && g_file_test (file, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&file);
    }
  return NULL;
}

gboolean
ctr_cni_has (const char *path, const char *plugin)
{
  g_autofree char *file = find (path, plugin);

  return file != NULL;
}

void
ctr_cni_call (GTask *task, const CtrCni *call, CtrNext next)
{
  const char *path = ctr_driver_of (task)->config->cni_path;
  g_autofree char *program = find (path, call->plugin), *what = g_strdup_printf ("CNI plugin %s", call->plugin);
  g_autoptr(GSubprocessLauncher) launcher = launcher_new (TRUE);
  g_autoptr(GError) error = NULL;

  if (program == NULL)
    {
      error = g_error_new (THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "network: there is no CNI plugin \"%s\" in %s", call->plugin, path);
      next (task, NULL, error);
      return;
    }
  g_subprocess_launcher_setenv (launcher, "CNI_COMMAND", call->command, TRUE);
  g_subprocess_launcher_setenv (launcher, "CNI_CONTAINERID", call->container, TRUE);
  g_subprocess_launcher_setenv (launcher, "CNI_NETNS", call->netns, TRUE);
  g_subprocess_launcher_setenv (launcher, "CNI_IFNAME", CTR_CNI_INTERFACE, TRUE);
  g_subprocess_launcher_setenv (launcher, "CNI_PATH", path, TRUE);
  run (task, launcher, (const char *const[]){ program, NULL }, what, call->config, CTR_RUN_SECONDS, NULL, next);
}

void
ctr_cni_run (GTask *task, const char *const *words, double seconds, GCancellable *stop, CtrNext next)
{
  g_autoptr(GSubprocessLauncher) launcher = launcher_new (FALSE);

  run (task, launcher, words, words[0], NULL, seconds, stop, next);
}
