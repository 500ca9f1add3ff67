/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "net.h"

#include <glib/gstdio.h>
#include <string.h>

#include "cni.h"
#include "net-ports.h"
#include "net-rules.h"
#include "place.h"
#include "thing.h"

#define PLAN "network"  /* what is asked for at each start */
#define GIVEN "net"     /* what was given out */
#define FILE_MAX 65536
#define TRIES 4
#define TRY_PAUSE_MS 250

/* What a container has. */
typedef struct
{
  char **addresses;
  GVariant *ports; /* aa{sv} */
  GArray *held;    /* of int: descriptors that keep the ports ours */
} Given;

struct _CtrNets
{
  GHashTable *given; /* container -> Given */
  GHashTable *ways;  /* container -> GQueue of GTask: the first is under way */
};

static void
given_free (gpointer data)
{
  Given *self = data;

  g_strfreev (self->addresses);
  g_clear_pointer (&self->ports, g_variant_unref);
  ctr_ports_give (self->held);
  g_array_unref (self->held);
  g_free (self);
}

static Given *
given_new (void)
{
  Given *self = g_new0 (Given, 1);

  self->addresses = g_new0 (char *, 1);
  self->held = g_array_new (FALSE, FALSE, sizeof (int));
  return self;
}

CtrNets *
ctr_nets_new (void)
{
  CtrNets *self = g_new0 (CtrNets, 1);

  self->given = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, given_free);
  self->ways = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_queue_free);
  return self;
}

void
ctr_nets_free (CtrNets *self)
{
  g_hash_table_unref (self->given);
  g_hash_table_unref (self->ways);
  g_free (self);
}

/* files ----------------------------------------------------------------------------------------------- */

/* Returns: (transfer full) (nullable) */
static GVariant *
read_json (TholeDriver *driver, const char *container, const char *name)
{
  g_autofree char *path = ctr_place_path (driver, container, name), *text = NULL;
  g_autoptr(GVariant) json = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, NULL) || length > FILE_MAX)
    return NULL;
  json = thole_json_parse (text, length, NULL);
  return json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT) ? g_steal_pointer (&json) : NULL;
}

static char *
to_json (char *const *addresses, GVariant *ports)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) whole = NULL;

  g_variant_dict_insert_value (&dict, "addresses", g_variant_new_strv ((const char *const *) addresses, -1));
  if (ports != NULL)
    g_variant_dict_insert_value (&dict, "ports", ports);
  whole = g_variant_ref_sink (g_variant_dict_end (&dict));
  return thole_json_to_string (whole);
}

/* Of a file that was not there: one that is replaced is waited for until it is on the disk. */
static gboolean
write_json (TholeDriver *driver, const char *container, const char *name, char *const *addresses, GVariant *ports, GError **error)
{
  g_autofree char *path = ctr_place_path (driver, container, name), *text = to_json (addresses, ports);
  g_autoptr(GError) wrong = NULL;

  if (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &wrong))
    return TRUE;
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, wrong->message);
  return FALSE;
}

gboolean
ctr_net_is_bridged (const CtrConfig *config, GVariant *spec)
{
  const char *network = thole_dict_string (spec, "network", "default");

  if (strcmp (network, "bridge") == 0)
    return TRUE;
  if ((network[0] != '\0' && strcmp (network, "default") != 0) || strcmp (config->default_network, "none") == 0)
    return FALSE;
  return strcmp (config->default_network, "bridge") == 0
         || (ctr_cni_has (config->cni_path, "bridge") && ctr_cni_has (config->cni_path, "host-local")
             && ctr_cni_has (config->cni_path, "portmap"));
}

gboolean
ctr_net_plan (TholeDriver *driver, const char *container, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) ports = thole_dict_value (spec, "ports", "aa{sv}");
  char *none[] = { NULL };

  return !ctr_net_is_bridged (driver->config, spec) || write_json (driver, container, PLAN, none, ports, error);
}

/* configurations -------------------------------------------------------------------------------------- */

static GString *
config_begin (TholeDriver *driver, const char *plugin)
{
  GString *out = g_string_new ("{\"cniVersion\":\"" CTR_CNI_VERSION "\",\"name\":");

  thole_json_append_string (out, driver->config->cni_bridge);
  g_string_append_printf (out, ",\"type\":\"%s\"", plugin);
  return out;
}

static char *
bridge_config (TholeDriver *driver)
{
  g_autoptr(GString) out = config_begin (driver, "bridge");
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "cni", NULL);

  g_string_append (out, ",\"bridge\":");
  thole_json_append_string (out, driver->config->cni_bridge);
  g_string_append (out, ",\"isGateway\":true,\"hairpinMode\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":");
  thole_json_append_string (out, folder);
  g_string_append_printf (out, ",\"ranges\":[[{\"subnet\":\"%s\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}", ctr_net_subnet (driver));
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* @before (nullable): what the bridge gave */
static char *
portmap_config (TholeDriver *driver, GVariant *ports, GVariant *before)
{
  g_autoptr(GString) out = config_begin (driver, "portmap");

  g_string_append (out, ",\"snat\":true,\"capabilities\":{\"portMappings\":true},\"runtimeConfig\":{\"portMappings\":[");
  for (gsize i = 0; i < g_variant_n_children (ports); i++)
    {
      g_autoptr(GVariant) port = g_variant_get_child_value (ports, i);

      g_string_append_printf (out, "%s{\"hostPort\":%" G_GINT64_FORMAT ",\"containerPort\":%" G_GINT64_FORMAT ",\"protocol\":",
                              i > 0 ? "," : "", thole_dict_int (port, "host", 0), thole_dict_int (port, "container", 0));
      thole_json_append_string (out, thole_dict_string (port, "protocol", "tcp"));
      g_string_append (out, ",\"hostIP\":");
      thole_json_append_string (out, thole_dict_string (port, "address", ""));
      g_string_append_c (out, '}');
    }
  g_string_append (out, "]}");
  if (before != NULL)
    {
      g_string_append (out, ",\"prevResult\":");
      thole_json_append (out, before);
    }
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static char **
addresses_of (GVariant *result)
{
  g_autoptr(GVariant) list = thole_dict_value (result, "ips", "aa{sv}");
  g_autoptr(GStrvBuilder) out = g_strv_builder_new ();

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);
      const char *address = thole_dict_string (one, "address", "");
      g_autofree char *bare = g_strndup (address, strcspn (address, "/"));

      if (bare[0] != '\0')
        g_strv_builder_add (out, bare);
    }
  return g_strv_builder_end (out);
}

/* up and down ----------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  CtrWait *wait;
  char *container;
  guint pid;        /* whose namespace it is */
  char *netns;      /* once it is its turn */
  GVariant *wanted; /* ports */
  GVariant *ports;  /* those that it has */
  GError *failure;
  guint tries;      /* to give back */
  gboolean again;   /* it failed once already */
} Way;

static void
way_clear (gpointer data)
{
  Way *self = data;

  g_free (self->container);
  g_free (self->netns);
  g_clear_pointer (&self->wanted, g_variant_unref);
  g_clear_pointer (&self->ports, g_variant_unref);
  g_clear_error (&self->failure);
}

static void begin_down (GTask *task);

static GTask *
way_new (GTask *task, const char *container, CtrNext next)
{
  /* not the caller's cancellable: what has begun comes to its end, or is undone */
  GTask *inner = ctr_job_new (ctr_driver_of (task), sizeof (Way), way_clear, NULL, NULL, NULL, NULL);
  Way *self = g_task_get_task_data (inner);

  self->wait = ctr_wait_new (task, next);
  self->container = g_strdup (container);
  return inner;
}

/* One at a time for each container: one whose caller has gone may still be under way. */
static void
way_begin (GTask *task)
{
  Way *self = g_task_get_task_data (task);
  GHashTable *ways = self->job.driver->nets->ways;
  GQueue *queue = g_hash_table_lookup (ways, self->container);

  if (queue == NULL)
    {
      queue = g_queue_new ();
      g_hash_table_insert (ways, g_strdup (self->container), queue);
    }
  g_queue_push_tail (queue, g_object_ref (task));
  if (queue->length == 1)
    begin_down (task);
}

static void
way_end (GTask *task, GError *error)
{
  Way *self = g_task_get_task_data (task);
  g_autoptr(TholeDriver) driver = ctr_driver_ref (self->job.driver);
  GQueue *queue = g_hash_table_lookup (driver->nets->ways, self->container);
  g_autoptr(GTask) first = g_queue_pop_head (queue), waiting = NULL;

  if (queue->length == 0)
    g_hash_table_remove (driver->nets->ways, self->container);
  else
    waiting = g_object_ref (queue->head->data);
  ctr_wait_end (g_steal_pointer (&self->wait), NULL, error);
  g_task_return_boolean (first, TRUE);
  if (waiting != NULL)
    begin_down (waiting);
}

static void
call_plugin (GTask *task, const char *command, const char *plugin, const char *config, CtrNext next)
{
  Way *self = g_task_get_task_data (task);
  const CtrCni call = { command, plugin, self->container, self->netns != NULL ? self->netns : "", config };

  ctr_cni_call (task, &call, next);
}

static void take_down (GTask *task);
static void on_rules (GTask *task, gpointer value, GError *error);

static gboolean
on_time (gpointer user_data)
{
  GTask *task = user_data;

  take_down (task);
  return G_SOURCE_REMOVE;
}

/* Not the host's timer: what was begun is brought to its end after `close`, too. */
static void
pause_way (GTask *task)
{
  g_autoptr(GSource) timer = g_timeout_source_new (TRY_PAUSE_MS);

  g_source_set_callback (timer, on_time, g_object_ref (task), g_object_unref);
  g_source_attach (timer, g_task_get_context (task));
}

/* What was there is gone, or is as good as that. */
static void
end_down (GTask *task, GError *error)
{
  Way *self = g_task_get_task_data (task);

  self->tries = 0;
  if (self->failure != NULL || self->wanted == NULL)
    way_end (task, self->failure != NULL ? self->failure : error);
  else
    ctr_net_rules (task, on_rules);
}

static void
on_bridge_gone (GTask *task, gpointer value, GError *error)
{
  Way *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  g_autofree char *path = ctr_place_path (driver, self->container, GIVEN);

  /* others who change the same tables at the same time make iptables fail */
  if (error != NULL && self->tries++ < TRIES)
    {
      pause_way (task);
      return;
    }

  /* kept with its file and its ports, for another try */
  if (error != NULL)
    ctr_log (driver, G_LOG_LEVEL_WARNING, "the network of %s is still to be given back: %s", self->container, error->message);
  else
    {
      g_unlink (path);
      g_hash_table_remove (driver->nets->given, self->container);
    }
  if (error == NULL && !self->again && !ctr_wait_is_over (self->wait) && ctr_is (self->failure, THOLE_ERROR_FAILED))
    {
      self->again = TRUE;
      g_clear_error (&self->failure);
    }
  end_down (task, error);
}

static void
on_ports_gone (GTask *task, gpointer value, GError *error)
{
  Way *self = g_task_get_task_data (task);
  g_autofree char *config = bridge_config (self->job.driver);

  if (error != NULL)
    on_bridge_gone (task, NULL, error);
  else
    call_plugin (task, "DEL", "bridge", config, on_bridge_gone);
}

static void
take_down (GTask *task)
{
  Way *self = g_task_get_task_data (task);
  g_autofree char *config = NULL;

  if (self->ports == NULL || g_variant_n_children (self->ports) == 0)
    {
      on_ports_gone (task, NULL, NULL);
      return;
    }
  config = portmap_config (self->job.driver, self->ports, NULL);
  call_plugin (task, "DEL", "portmap", config, on_ports_gone);
}

/* The first step of both ways: of a task whose end nobody saw. */
static void
begin_down (GTask *task)
{
  Way *self = g_task_get_task_data (task);
  g_autoptr(GVariant) file = read_json (self->job.driver, self->container, GIVEN);

  if (file == NULL)
    {
      end_down (task, NULL);
      return;
    }
  self->ports = thole_dict_value (file, "ports", "aa{sv}");
  take_down (task);
}

void
ctr_net_down (GTask *task, const char *container, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autofree char *path = ctr_place_path (driver, container, GIVEN);

  if (!g_hash_table_contains (driver->nets->ways, container) && !g_file_test (path, G_FILE_TEST_EXISTS))
    next (task, NULL, NULL);
  else
    {
      g_autoptr(GTask) inner = way_new (task, container, next);

      way_begin (inner);
    }
}

static void
fail_up (GTask *task, GError *error)
{
  Way *self = g_task_get_task_data (task);

  self->failure = g_error_copy (error);
  take_down (task);
}

/* Nobody waits for it any more: nothing is left of it. */
static void
give_up (GTask *task)
{
  g_autoptr(GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");

  fail_up (task, error);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  Way *self = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL, own = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      own = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, error->message);
      fail_up (task, own);
    }
  else if (ctr_wait_is_over (self->wait))
    give_up (task);
  else
    way_end (task, NULL);
}

/* @data: path and text */
static void
write_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  char **words = data;
  GError *error = NULL;

  if (g_file_set_contents_full (words[0], words[1], -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
finish_up (GTask *task, GVariant *result)
{
  Way *self = g_task_get_task_data (task);
  Given *given = g_hash_table_lookup (self->job.driver->nets->given, self->container);
  g_autoptr(GTask) writing = NULL;
  char *words[3] = { 0 };

  if (given == NULL || ctr_wait_is_over (self->wait))
    {
      give_up (task);
      return;
    }
  g_strfreev (given->addresses);
  given->addresses = addresses_of (result);
  words[0] = ctr_place_path (self->job.driver, self->container, GIVEN);
  words[1] = to_json (given->addresses, given->ports);
  writing = g_task_new (NULL, NULL, on_written, g_object_ref (task));
  g_task_set_task_data (writing, g_memdup2 (words, sizeof words), (GDestroyNotify) g_strfreev);
  g_task_run_in_thread (writing, write_in_thread);
}

static void
on_mapped (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    fail_up (task, error);
  else
    finish_up (task, value);
}

static void
on_bridged (GTask *task, gpointer value, GError *error)
{
  Way *self = g_task_get_task_data (task);
  g_autofree char *config = NULL;

  if (error == NULL && ctr_wait_is_over (self->wait))
    give_up (task);
  else if (error == NULL && value != NULL && g_variant_n_children (self->ports) > 0)
    {
      config = portmap_config (self->job.driver, self->ports, value);
      call_plugin (task, "ADD", "portmap", config, on_mapped);
    }
  else if (error == NULL && value != NULL)
    finish_up (task, value);
  else
    {
      g_autoptr(GError) own = error != NULL ? g_error_copy (error)
                                            : g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "CNI plugin bridge: no answer");

      fail_up (task, own);
    }
}

static void
on_rules (GTask *task, gpointer value, GError *error)
{
  Way *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  g_autoptr(GError) wrong = NULL;
  g_autofree char *config = NULL;
  Given *given;

  if (ctr_wait_is_over (self->wait))
    {
      way_end (task, NULL);
      return;
    }
  g_free (self->netns);
  self->netns = g_strdup_printf ("/proc/%u/ns/net", self->pid);
  given = given_new ();
  g_hash_table_insert (driver->nets->given, g_strdup (self->container), given);
  if (error == NULL)
    {
      given->ports = ctr_ports_take (self->wanted, given->held, &wrong);
      g_clear_pointer (&self->ports, g_variant_unref);
    }
  /* before: what was given out is found whatever comes */
  if (given->ports == NULL || !write_json (driver, self->container, GIVEN, given->addresses, given->ports, &wrong))
    {
      g_hash_table_remove (driver->nets->given, self->container);
      way_end (task, error != NULL ? error : wrong);
      return;
    }
  self->ports = g_variant_ref (given->ports);
  config = bridge_config (driver);
  call_plugin (task, "ADD", "bridge", config, on_bridged);
}

void
ctr_net_up (GTask *task, const char *container, guint pid, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autoptr(GVariant) plan = read_json (driver, container, PLAN);
  g_autoptr(GTask) inner = NULL;
  Way *self;

  if (plan == NULL)
    {
      next (task, NULL, NULL);
      return;
    }
  inner = way_new (task, container, next);
  self = g_task_get_task_data (inner);
  self->pid = pid;
  self->wanted = thole_dict_value (plan, "ports", "aa{sv}");
  if (self->wanted == NULL)
    self->wanted = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
  way_begin (inner);
}

void
ctr_net_show (TholeDriver *driver, const char *container, gboolean runs, GVariantDict *out)
{
  const Given *given = runs ? g_hash_table_lookup (driver->nets->given, container) : NULL;
  gboolean ports = given != NULL && given->ports != NULL;

  g_variant_dict_insert_value (out, "addresses", g_variant_new_strv (given != NULL ? (const char *const *) given->addresses : NULL,
                                                                     given != NULL ? -1 : 0));
  g_variant_dict_insert_value (out, "ports", ports ? given->ports : g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
}

/* what another daemon left ---------------------------------------------------------------------------- */

static void
on_swept (GTask *task, gpointer value, GError *error)
{
  g_task_return_boolean (task, TRUE);
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Way *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  gboolean ended = ctr_is (error, THOLE_ERROR_NOT_FOUND) || (got != NULL && got->process != NULL && got->process->status == CTR_TASK_STOPPED);

  if (ended && !g_hash_table_contains (self->job.driver->starting, self->container))
    ctr_net_down (task, self->container, on_swept);
  else
    g_task_return_boolean (task, TRUE);
}

static void
take_over (TholeDriver *driver, const char *container, GVariant *file)
{
  Given *given;
  g_autoptr(GVariant) ports = thole_dict_value (file, "ports", "aa{sv}"), bound = NULL;

  if (g_hash_table_contains (driver->nets->given, container))
    return;
  given = given_new ();
  g_strfreev (given->addresses);
  given->addresses = thole_dict_strv (file, "addresses");
  given->ports = ports != NULL ? g_variant_ref (ports) : NULL;
  /* they are mapped in any case */
  bound = ctr_ports_take (ports, given->held, NULL);
  g_hash_table_insert (driver->nets->given, g_strdup (container), given);
}

void
ctr_net_sweep (TholeDriver *driver)
{
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "containers", NULL);
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autoptr(GVariant) file = read_json (driver, name, GIVEN);
      g_autoptr(GTask) task = NULL;

      if (file == NULL || !ctr_thing_is_ours (driver, name))
        continue;
      take_over (driver, name, file);
      task = ctr_job_new (driver, sizeof (Way), way_clear, NULL, NULL, NULL, NULL);
      ((Way *) g_task_get_task_data (task))->container = g_strdup (name);
      ctr_task_get (task, name, on_task);
    }
}
