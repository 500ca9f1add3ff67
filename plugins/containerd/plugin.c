/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver for containerd: open, probe, close. README.md tells what Thole's words become.
 */
#include "driver.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "call.h"
#include "events.h"
#include "health.h"
#include "net.h"
#include "remains.h"

/* life ------------------------------------------------------------------------------------------------ */

TholeDriver *
ctr_driver_ref (TholeDriver *self)
{
  return g_rc_box_acquire (self);
}

static void
driver_clear (gpointer box)
{
  TholeDriver *self = box;

  g_clear_pointer (&self->events, ctr_events_free);
  g_clear_pointer (&self->channel, ctr_channel_free);
  g_clear_pointer (&self->config, ctr_config_free);
  g_clear_pointer (&self->reaping, g_hash_table_unref);
  g_clear_pointer (&self->starting, g_hash_table_unref);
  g_clear_pointer (&self->ends, g_hash_table_unref);
  g_clear_pointer (&self->oom, g_hash_table_unref);
  g_clear_pointer (&self->creating, g_hash_table_unref);
  g_clear_pointer (&self->execs, g_hash_table_unref);
  g_clear_pointer (&self->roots, g_hash_table_unref);
  g_clear_pointer (&self->inside, g_ptr_array_unref);
  g_clear_pointer (&self->transfers, g_ptr_array_unref);
  g_clear_pointer (&self->health, g_hash_table_unref);
  g_clear_pointer (&self->nets, ctr_nets_free);
  g_free (self->subnet);
  g_clear_pointer (&self->names, g_hash_table_unref);
}

void
ctr_driver_unref (TholeDriver *self)
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
  TholeDriver *driver = ((CtrJob *) data)->driver;

  if (head->clear != NULL)
    head->clear (data);
  ctr_driver_unref (driver);
  g_free (head);
}

GTask *
ctr_job_new (TholeDriver *self, gsize size, GDestroyNotify clear, GVariant *options, GCancellable *cancellable,
             GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  JobHead *head = g_malloc0 (sizeof (JobHead) + size);
  CtrJob *job = (CtrJob *) (head + 1);
  GError *error = NULL;

  head->clear = clear;
  job->driver = ctr_driver_ref (self);
  g_task_set_task_data (task, job, job_free);
  if (options == NULL || thole_options_check (options, NULL, &error))
    return g_steal_pointer (&task);
  g_task_return_error (task, error);
  return NULL;
}

/* open and close -------------------------------------------------------------------------------------- */

static void
name_free (gpointer data)
{
  CtrName *self = data;

  g_free (self->id);
  g_free (self->role);
  g_free (self);
}

static TholeDriver *
ctr_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  g_autoptr(CtrConfig) own = ctr_config_new (config, error);
  TholeDriver *self;

  if (own == NULL)
    return NULL;
  self = g_rc_box_new0 (TholeDriver);
  self->host = host;
  self->ops = ops;
  self->channel = ctr_channel_new (own->address, own->namespace);
  self->config = g_steal_pointer (&own);
  self->reaping = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  self->starting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->ends = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->oom = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->creating = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  self->health = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, ctr_health_free);
  self->nets = ctr_nets_new ();
  self->execs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->roots = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->inside = g_ptr_array_new ();
  self->transfers = g_ptr_array_new ();
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, name_free);
  self->events = ctr_events_new (self);
  return self;
}

static void
ctr_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (NULL, callback, user_data);
  g_autoptr(GError) closed = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the backend was closed");

  ctr_events_stop (self);
  ctr_remains_stop (self);
  g_hash_table_remove_all (self->health);
  ctr_channel_reset (self->channel, closed);
  self->host = NULL;
  g_task_return_boolean (task, TRUE);
}

static void
ctr_close_finish (TholeDriver *self, GAsyncResult *result)
{
  ctr_driver_unref (self);
}

/* probe ----------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  char *version;
} Probe;

static void
probe_clear (gpointer data)
{
  g_free (((Probe *) data)->version);
}

/* the kernel's word for it -> ours */
static const char *
architecture_of (const char *machine)
{
  if (strcmp (machine, "x86_64") == 0)
    return "amd64";
  return strcmp (machine, "aarch64") == 0 ? "arm64" : machine;
}

static void
on_events (GTask *task, gpointer value, GError *error)
{
  Probe *self = g_task_get_task_data (task);
  g_auto(GVariantDict) facts = G_VARIANT_DICT_INIT (NULL);
  struct utsname system;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  uname (&system);
  g_variant_dict_insert (&facts, "engine", "s", "containerd");
  g_variant_dict_insert (&facts, "version", "s", self->version);
  g_variant_dict_insert (&facts, "api_version", "s", "v1");
  g_variant_dict_insert (&facts, "os", "s", "linux");
  g_variant_dict_insert (&facts, "architecture", "s", architecture_of (system.machine));
  g_variant_dict_insert (&facts, "cpus", "d", (double) g_get_num_processors ());
  g_variant_dict_insert (&facts, "memory", "x", (gint64) sysconf (_SC_PHYS_PAGES) * sysconf (_SC_PAGESIZE));
  g_variant_dict_insert (&facts, "durable", "b", TRUE);
  g_variant_dict_insert (&facts, "logs_kept", "b", TRUE);
  g_variant_dict_insert (&facts, "remote", "b", FALSE);
  g_variant_dict_insert (&facts, "healthy", "b", TRUE);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&facts)), (GDestroyNotify) g_variant_unref);
}

static void
on_namespace (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_EXISTS))
    ctr_fail (task, error);
  else
    ctr_events_connect (task, on_events);
}

static void
on_version (GTask *task, gpointer value, GError *error)
{
  Probe *self = g_task_get_task_data (task);
  Ctr__VersionReply *reply = value;
  Ctr__Namespace namespace = CTR__NAMESPACE__INIT;
  Ctr__NamespaceRequest request = CTR__NAMESPACE_REQUEST__INIT;
  CtrCall call = { .method = "Namespaces/Create", .message = &request.base };

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  self->version = g_strdup (reply->version);
  namespace.name = self->job.driver->config->namespace;
  request.namespace_ = &namespace;
  ctr_call (task, &call, on_namespace);
}

static void
ctr_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Probe), probe_clear, NULL, cancellable, callback, user_data);
  Ctr__Empty nothing = CTR__EMPTY__INIT;
  CtrCall call = { .method = "Version/Version", .message = &nothing.base, .reply = &ctr__version_reply__descriptor, .seconds = 10 };

  ctr_call (task, &call, on_version);
}

static TholeProbe
ctr_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  GVariant *value = g_task_propagate_pointer (G_TASK (result), error);

  if (value == NULL)
    return THOLE_PROBE_DEFER;
  *facts = value;
  return THOLE_PROBE_READY;
}

static const TholeDriverOps driver_ops = {
  .struct_size = sizeof driver_ops,
  .open = ctr_open,
  .probe_async = ctr_probe_async,
  .probe_finish = ctr_probe_finish,
  .close_async = ctr_close_async,
  .close_finish = ctr_close_finish,
};

static const TholeInterface interfaces[] = {
  { "workload/1", &ctr_workload_ops }, { "exec/1", &ctr_exec_ops }, { "agent/1", &ctr_agent_ops },
  { "files/1", &ctr_files_ops },       { "image/1", &ctr_image_ops },   { "volume/1", &ctr_volume_ops },
  { NULL, NULL },
};

THOLE_DRIVER_DEFINE (containerd, THOLE_VERSION, &driver_ops, interfaces)
