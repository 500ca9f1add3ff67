/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver for the Docker Engine: open, probe, close. README.md tells what Thole's words become.
 */
#include "driver.h"

#include "api.h"
#include "events.h"

/* life ------------------------------------------------------------------------------------------------ */

TholeDriver *
docker_driver_ref (TholeDriver *self)
{
  return g_rc_box_acquire (self);
}

static void
driver_clear (gpointer box)
{
  TholeDriver *self = box;

  g_clear_pointer (&self->events, docker_events_free);
  g_clear_pointer (&self->config, docker_config_free);
  g_clear_pointer (&self->architecture, g_free);
  g_clear_object (&self->calls);
  g_clear_object (&self->address);
  g_clear_object (&self->certificate);
  g_clear_object (&self->authorities);
  g_clear_object (&self->closing);
}

void
docker_driver_unref (TholeDriver *self)
{
  g_rc_box_release_full (self, driver_clear);
}

static TholeDriver *
docker_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  g_autoptr(DockerConfig) own = docker_config_new (config, error);
  TholeDriver *self;

  if (own == NULL)
    return NULL;
  self = g_rc_box_new0 (TholeDriver);
  self->host = host;
  self->ops = ops;
  self->config = g_steal_pointer (&own);
  self->closing = g_cancellable_new ();
  self->events = docker_events_new (self);
  return self;
}

static void
docker_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (NULL, callback, user_data);

  docker_events_stop (self);
  g_cancellable_cancel (self->closing);
  if (self->calls != NULL)
    soup_session_abort (self->calls);
  self->host = NULL;
  g_task_return_boolean (task, TRUE);
}

static void
docker_close_finish (TholeDriver *self, GAsyncResult *result)
{
  docker_driver_unref (self);
}

/* probe ----------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeDriver *driver;
  GVariant *version;
  GVariant *info;
} Probe;

static void
probe_free (Probe *self)
{
  docker_driver_unref (self->driver);
  g_clear_pointer (&self->version, g_variant_unref);
  g_clear_pointer (&self->info, g_variant_unref);
  g_free (self);
}

/* Go's word for it -> ours */
static const char *
architecture_of (GVariant *info)
{
  const char *word = thole_dict_string (info, "Architecture", "");

  if (g_str_equal (word, "x86_64"))
    return "amd64";
  return g_str_equal (word, "aarch64") ? "arm64" : word;
}

static GVariant *
make_facts (Probe *self)
{
  TholeDriver *driver = self->driver;
  g_auto(GVariantDict) facts = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *api = g_strdup_printf ("1.%u", driver->api_minor);

  g_variant_dict_insert (&facts, "engine", "s", "Docker Engine");
  g_variant_dict_insert (&facts, "version", "s", thole_dict_string (self->version, "Version", ""));
  g_variant_dict_insert (&facts, "api_version", "s", api);
  g_variant_dict_insert (&facts, "os", "s", thole_dict_string (self->info, "OSType", "linux"));
  g_variant_dict_insert (&facts, "architecture", "s", architecture_of (self->info));
  g_variant_dict_insert (&facts, "cpus", "d", driver->cpus);
  g_variant_dict_insert (&facts, "memory", "x", thole_dict_int (self->info, "MemTotal", 0));
  g_variant_dict_insert (&facts, "durable", "b", thole_dict_boolean (self->info, "LiveRestoreEnabled", FALSE));
  g_variant_dict_insert (&facts, "logs_kept", "b", TRUE);
  g_variant_dict_insert (&facts, "remote", "b", docker_config_is_remote (driver->config));
  g_variant_dict_insert (&facts, "healthy", "b", TRUE);
  return g_variant_ref_sink (g_variant_dict_end (&facts));
}

static void
on_events (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Probe *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!docker_events_connect_finish (self->driver, result, &error))
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, make_facts (self), (GDestroyNotify) g_variant_unref);
}

static void
on_info (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Probe *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  const char *os = reply != NULL ? thole_dict_string (reply->json, "OSType", "linux") : "";

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (!g_str_equal (os, "linux"))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "the engine runs %s containers, not linux", os);
      return;
    }
  self->info = g_variant_ref (reply->json);
  g_free (self->driver->architecture);
  self->driver->architecture = g_strdup (architecture_of (reply->json));
  self->driver->cpus = thole_dict_double (reply->json, "NCPU", 1);
  docker_events_connect_async (self->driver, g_task_get_cancellable (task), on_events, g_object_ref (task));
}

static void
on_version (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Probe *self = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(DockerReply) reply = docker_call_finish (self->driver, result, &error);
  DockerRequest request = { .method = "GET", .path = "/info" };

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  self->version = g_variant_ref (reply->json);
  docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_info, g_object_ref (task));
}

static void
on_pinged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Probe *self = g_task_get_task_data (task);
  GError *error = NULL;
  DockerRequest request = { .method = "GET", .path = "/version" };

  if (docker_ping_finish (self->driver, result, &error) < 0)
    g_task_return_error (task, error);
  else
    docker_call_async (self->driver, &request, g_task_get_cancellable (task), on_version, g_object_ref (task));
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Probe *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!docker_connect_finish (self->driver, result, &error))
    g_task_return_error (task, error);
  else
    docker_ping_async (self->driver, g_task_get_cancellable (task), on_pinged, g_object_ref (task));
}

static void
docker_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = thole_task_new (cancellable, callback, user_data);
  Probe *probe = g_new0 (Probe, 1);

  probe->driver = docker_driver_ref (self);
  g_task_set_task_data (task, probe, (GDestroyNotify) probe_free);
  docker_connect_async (self, cancellable, on_connected, task);
}

static TholeProbe
docker_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  GError *local = NULL;
  GVariant *value = g_task_propagate_pointer (G_TASK (result), &local);
  gboolean never = g_error_matches (local, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED);

  if (value == NULL)
    {
      g_propagate_error (error, local);
      return never ? THOLE_PROBE_UNSUPPORTED : THOLE_PROBE_DEFER;
    }
  *facts = value;
  return THOLE_PROBE_READY;
}

static const TholeDriverOps driver_ops = {
  .struct_size = sizeof driver_ops,
  .open = docker_open,
  .probe_async = docker_probe_async,
  .probe_finish = docker_probe_finish,
  .close_async = docker_close_async,
  .close_finish = docker_close_finish,
};

static const TholeInterface interfaces[] = {
  { "workload/1", &docker_workload_ops }, { "exec/1", &docker_exec_ops },   { "agent/1", &docker_agent_ops },
  { "files/1", &docker_files_ops },       { "image/1", &docker_image_ops }, { "volume/1", &docker_volume_ops },
  { NULL, NULL },
};

THOLE_DRIVER_DEFINE (docker, THOLE_VERSION, &driver_ops, interfaces)
