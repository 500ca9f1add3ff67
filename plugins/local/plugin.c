/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver for sandboxes of this machine: open, probe, close. README.md tells what Thole's words become.
 */
#include "driver.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "box.h"
#include "etc.h"
#include "filter.h"
#include "settle.h"
#include "watch.h"

#define VERSION_WORDS "bubblewrap "

/* life ------------------------------------------------------------------------------------------------ */

TholeDriver *
local_driver_ref (TholeDriver *self)
{
  return g_rc_box_acquire (self);
}

static void
driver_clear (gpointer box)
{
  TholeDriver *self = box;

  g_clear_pointer (&self->watches, g_hash_table_unref);
  g_clear_pointer (&self->unsettled, g_ptr_array_unref);
  g_clear_pointer (&self->making, g_hash_table_unref);
  g_clear_pointer (&self->execs, g_hash_table_unref);
  g_clear_pointer (&self->config, local_config_free);
  local_groups_clear (&self->groups);
}

void
local_driver_unref (TholeDriver *self)
{
  g_rc_box_release_full (self, driver_clear);
}

/* jobs ------------------------------------------------------------------------------------------------ */

/* stands before the data of each task */
typedef struct
{
  GDestroyNotify clear;
  gpointer padding;
} JobHead;

static void
job_free (gpointer data)
{
  JobHead *head = (JobHead *) data - 1;
  LocalJob *job = data;

  if (head->clear != NULL)
    head->clear (data);
  g_free (job->id);
  local_driver_unref (job->driver);
  g_free (head);
}

GTask *
local_job_new (TholeDriver *self, const char *id, gsize size, GDestroyNotify clear, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  JobHead *head = g_malloc0 (sizeof (JobHead) + size);
  LocalJob *job = (LocalJob *) (head + 1);
  GError *error = NULL;

  job->driver = local_driver_ref (self);
  job->id = g_strdup (id);
  g_task_set_task_data (task, job, job_free);
  if (options != NULL && !thole_options_check (options, NULL, &error))
    {
      g_task_return_error (task, error);
      return NULL;
    }
  /* who is given the task says what its members begin with: a descriptor is not 0 */
  head->clear = clear;
  return g_steal_pointer (&task);
}

/* open and close -------------------------------------------------------------------------------------- */

static TholeDriver *
local_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  g_autoptr(LocalConfig) own = local_config_new (config, error);
  TholeDriver *self;

  if (own == NULL)
    return NULL;
  self = g_rc_box_new0 (TholeDriver);
  self->host = host;
  self->ops = ops;
  self->config = g_steal_pointer (&own);
  self->watches = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) local_watch_free);
  self->making = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  self->unsettled = g_ptr_array_new_with_free_func (g_free);
  self->execs = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

static void
local_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (NULL, callback, user_data);

  g_hash_table_remove_all (self->watches);
  local_settle_now (self);
  self->host = NULL;
  if (self->aside > 0)
    self->closing = g_steal_pointer (&task);
  else
    g_task_return_boolean (task, TRUE);
}

static void
local_close_finish (TholeDriver *self, GAsyncResult *result)
{
  local_driver_unref (self);
}

/* probe ----------------------------------------------------------------------------------------------- */

static const char *
architecture_of (const char *machine)
{
  if (strcmp (machine, "x86_64") == 0)
    return "amd64";
  return strcmp (machine, "aarch64") == 0 ? "arm64" : machine;
}

static GVariant *
make_facts (TholeDriver *self, const char *version)
{
  g_auto(GVariantDict) facts = G_VARIANT_DICT_INIT (NULL);
  struct utsname system;

  uname (&system);
  g_variant_dict_insert (&facts, "engine", "s", "bubblewrap");
  g_variant_dict_insert (&facts, "version", "s", version);
  g_variant_dict_insert (&facts, "os", "s", "linux");
  g_variant_dict_insert (&facts, "architecture", "s", architecture_of (system.machine));
  g_variant_dict_insert (&facts, "cpus", "d", (double) g_get_num_processors ());
  g_variant_dict_insert (&facts, "memory", "x", (gint64) sysconf (_SC_PHYS_PAGES) * sysconf (_SC_PAGESIZE));
  g_variant_dict_insert (&facts, "durable", "b", TRUE);
  g_variant_dict_insert (&facts, "logs_kept", "b", TRUE);
  g_variant_dict_insert (&facts, "remote", "b", FALSE);
  g_variant_dict_insert (&facts, "healthy", "b", TRUE);
  return g_variant_ref_sink (g_variant_dict_end (&facts));
}

/* What a sandbox needs; and who runs already is looked at. */
static gboolean
prepare (TholeDriver *self, GError **error)
{
  g_autofree char *boxes = g_build_filename (self->config->state_dir, "boxes", NULL);
  g_autoptr(GPtrArray) records = NULL;

  if (access (self->config->runner, X_OK) < 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "%s is not there, or cannot be run", self->config->runner);
      return FALSE;
    }
  if (g_mkdir_with_parents (boxes, 0700) < 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s cannot be made", boxes);
      return FALSE;
    }
  local_groups_find (&self->groups, self->config->cgroup_parent);
  records = local_box_list (self);
  for (guint i = 0; i < records->len; i++)
    local_watch (self, thole_dict_string (g_ptr_array_index (records, i), "id", ""));
  return TRUE;
}

typedef struct
{
  char *folder, *version;
  gboolean copy, idle;
  LocalSweep *sweep;
} Files;

static void
files_free (gpointer data)
{
  Files *self = data;

  g_free (self->folder);
  g_free (self->version);
  local_sweep_free (self->sweep);
  g_free (self);
}

/* The files that all sandboxes share, and what is left of others; in a thread. */
static void
make_files (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Files *self = data;
  g_autofree char *filter = g_build_filename (self->folder, "filter", NULL);
  GError *error = NULL;

  local_sweep_run (self->sweep);
  if (self->idle)
    local_etc_sweep (self->folder);
  if (local_filter_write (filter, &error) && (!self->copy || local_etc_copy (self->folder, &error)))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
tell_broken (TholeDriver *self, LocalSweep *sweep)
{
  const GPtrArray *names = local_sweep_broken (sweep);

  for (guint i = 0; i < names->len && self->host != NULL; i++)
    local_log (self, G_LOG_LEVEL_WARNING, "sandbox %s was not whole on the disk, as a machine that goes off may leave it: it was removed",
               (const char *) names->pdata[i]);
}

static void
on_files (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  LocalJob *job = g_task_get_task_data (task);
  Files *files = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;

  tell_broken (job->driver, files->sweep);
  if (g_task_propagate_boolean (G_TASK (result), &error))
    {
      job->driver->ready = TRUE;
      g_task_return_pointer (task, make_facts (job->driver, files->version), (GDestroyNotify) g_variant_unref);
    }
  else
    g_task_return_error (task, error);
}

static void
share_files (GTask *task, const char *version)
{
  TholeDriver *self = ((LocalJob *) g_task_get_task_data (task))->driver;
  g_autofree char *etc = g_build_filename (self->config->state_dir, LOCAL_ETC, NULL);
  g_autoptr(GTask) work = g_task_new (NULL, NULL, on_files, g_object_ref (task));
  Files *files = g_new0 (Files, 1);

  files->folder = g_strdup (self->config->state_dir);
  files->version = g_strdup (version);
  files->sweep = local_sweep_new (self, !self->ready);
  /* no more copies than there must be: each stays for those that look at it */
  files->idle = g_hash_table_size (self->watches) == 0;
  files->copy = (files->idle || !g_file_test (etc, G_FILE_TEST_IS_DIR)) && !local_etc_is_fresh (self->config->state_dir);
  g_task_set_task_data (work, files, files_free);
  g_task_run_in_thread (work, make_files);
}

static void
on_version (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  LocalJob *job = g_task_get_task_data (task);
  g_autofree char *said = NULL;
  GError *error = NULL;

  if (!g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, &said, NULL, &error)
      || said == NULL || !g_str_has_prefix (said, VERSION_WORDS))
    {
      if (error == NULL)
        error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "bwrap does not say its version");
      g_task_return_error (task, error);
    }
  else if (!prepare (job->driver, &error))
    g_task_return_error (task, error);
  else
    share_files (task, g_strstrip (said) + strlen (VERSION_WORDS));
}

static void
local_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = local_job_new (self, "", sizeof (LocalJob), NULL, NULL, cancellable, callback, user_data);
  g_autoptr(GSubprocess) bwrap = NULL;
  g_autoptr(GError) error = NULL;

  bwrap = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error, "bwrap", "--version", NULL);
  if (bwrap == NULL)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "bwrap (package bubblewrap): %s", error->message);
  else
    g_subprocess_communicate_utf8_async (bwrap, NULL, cancellable, on_version, g_steal_pointer (&task));
}

static TholeProbe
local_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  GVariant *value = g_task_propagate_pointer (G_TASK (result), error);

  if (value == NULL)
    return THOLE_PROBE_DEFER;
  *facts = value;
  return THOLE_PROBE_READY;
}

static const TholeDriverOps driver_ops = {
  .struct_size = sizeof driver_ops,
  .open = local_open,
  .probe_async = local_probe_async,
  .probe_finish = local_probe_finish,
  .close_async = local_close_async,
  .close_finish = local_close_finish,
};

static const TholeInterface interfaces[] = {
  { "workload/1", &local_workload_ops }, { "exec/1", &local_exec_ops }, { "agent/1", &local_agent_ops }, { NULL, NULL },
};

THOLE_DRIVER_DEFINE (local, THOLE_VERSION, &driver_ops, interfaces)
