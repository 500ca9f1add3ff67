/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the engine tells -> "workload", "stats", "image", "volume", "event".
 */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

static GVariant *
sub_dict (GVariant *dict, const char *key)
{
  GVariant *value = thole_dict_value (dict, key, "a{sv}");

  return value != NULL ? value : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

/* Go's zero time is the year 1. */
static gint64
time_of (GVariant *dict, const char *key)
{
  const char *text = thole_dict_string (dict, key, "");

  return text[0] == '\0' || g_str_has_prefix (text, "0001-") ? 0 : thole_time_parse (text);
}

static const char *
state_of (GVariant *state)
{
  static const struct { const char *theirs, *ours; } words[] = {
    { "created", "created" }, { "running", "running" }, { "paused", "paused" }, { "restarting", "running" },
    { "removing", "removing" }, { "exited", "exited" }, { "dead", "failed" },
  };
  const char *status = thole_dict_string (state, "Status", "");

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].theirs, status) == 0)
      return words[i].ours;
  return "failed";
}

static void
put_exit (GVariantDict *out, GVariant *state)
{
  gint64 code = thole_dict_int (state, "ExitCode", 0);
  gboolean oom = thole_dict_boolean (state, "OOMKilled", FALSE) && code != 0;
  const char *signal = code > 128 && code <= 128 + 64 ? thole_signal_name ((int) code - 128) : NULL;

  g_variant_dict_insert (out, "exit_code", "x", code);
  g_variant_dict_insert (out, "exit_signal", "s", signal != NULL ? signal : "");
  g_variant_dict_insert (out, "oom", "b", oom);
}

static void
put_reason (GVariantDict *out, GVariant *state)
{
  const char *error = thole_dict_string (state, "Error", "");

  if (error[0] != '\0')
    g_variant_dict_insert (out, "reason", "s", error);
  else if (thole_dict_boolean (state, "OOMKilled", FALSE) && thole_dict_int (state, "ExitCode", 0) != 0)
    g_variant_dict_insert (out, "reason", "s", "out of memory");
}

static void
put_port (GVariantBuilder *list, const char *name, GVariant *binding)
{
  g_auto(GVariantDict) port = G_VARIANT_DICT_INIT (NULL);
  const char *slash = strchr (name, '/');
  const char *address = thole_dict_string (binding, "HostIp", "");

  g_variant_dict_insert (&port, "container", "x", (gint64) g_ascii_strtoll (name, NULL, 10));
  g_variant_dict_insert (&port, "host", "x", (gint64) g_ascii_strtoll (thole_dict_string (binding, "HostPort", "0"), NULL, 10));
  g_variant_dict_insert (&port, "protocol", "s", slash != NULL ? slash + 1 : "tcp");
  g_variant_dict_insert (&port, "address", "s", address);
  g_variant_builder_add_value (list, g_variant_dict_end (&port));
}

static void
put_ports (GVariantDict *out, GVariant *network)
{
  g_autoptr(GVariant) ports = sub_dict (network, "Ports");
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  const char *name;
  GVariant *member;

  g_variant_iter_init (&iter, ports);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &member))
    {
      g_autoptr(GVariant) owned = member;
      g_autoptr(GVariant) bindings = thole_dict_value (ports, name, "aa{sv}");

      for (gsize i = 0; bindings != NULL && i < g_variant_n_children (bindings); i++)
        {
          g_autoptr(GVariant) binding = g_variant_get_child_value (bindings, i);

          put_port (&list, name, binding);
        }
    }
  g_variant_dict_insert_value (out, "ports", g_variant_builder_end (&list));
}

static void
put_addresses (GVariantDict *out, GVariant *network)
{
  g_autoptr(GVariant) networks = sub_dict (network, "Networks");
  g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func (g_free);
  GVariantIter iter;
  const char *name;
  GVariant *member;

  g_variant_iter_init (&iter, networks);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &member))
    {
      g_autoptr(GVariant) owned = member;
      const char *v4 = g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT) ? thole_dict_string (owned, "IPAddress", "") : "";
      const char *v6 = v4[0] != '\0' ? thole_dict_string (owned, "GlobalIPv6Address", "") : "";

      if (v4[0] != '\0')
        g_ptr_array_add (list, g_strdup (v4));
      if (v6[0] != '\0')
        g_ptr_array_add (list, g_strdup (v6));
    }
  g_variant_dict_insert_value (out, "addresses", g_variant_new_strv ((const char *const *) list->pdata, list->len));
}

GVariant *
docker_workload_from_inspect (GVariant *inspect)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) state = sub_dict (inspect, "State");
  g_autoptr(GVariant) health = sub_dict (state, "Health");
  g_autoptr(GVariant) config = sub_dict (inspect, "Config");
  g_autoptr(GVariant) labels = sub_dict (config, "Labels");
  g_autoptr(GVariant) network = sub_dict (inspect, "NetworkSettings");
  const char *word = state_of (state);
  gint64 started = time_of (state, "StartedAt"), finished = time_of (state, "FinishedAt");
  const char *condition = thole_dict_string (health, "Status", "none");

  g_variant_dict_insert (&out, "id", "s", thole_dict_string (labels, DOCKER_LABEL_ID, ""));
  g_variant_dict_insert (&out, "instance", "s", thole_dict_string (labels, DOCKER_LABEL_INSTANCE, ""));
  g_variant_dict_insert (&out, "role", "s", thole_dict_string (labels, DOCKER_LABEL_ROLE, "main"));
  g_variant_dict_insert (&out, "engine_id", "s", thole_dict_string (inspect, "Id", ""));
  g_variant_dict_insert (&out, "state", "s", word);
  if (strcmp (word, "exited") == 0)
    put_exit (&out, state);
  put_reason (&out, state);
  /* the engine may note the end of a short run a moment before its start */
  if (strcmp (word, "exited") == 0 && finished > 0)
    finished = MAX (finished, started);
  g_variant_dict_insert (&out, "started_at", "x", started);
  g_variant_dict_insert (&out, "finished_at", "x", finished);
  g_variant_dict_insert (&out, "pid", "x", thole_dict_int (state, "Pid", 0));
  g_variant_dict_insert (&out, "health", "s", condition);
  g_variant_dict_insert (&out, "image", "s", thole_dict_string (config, "Image", ""));
  g_variant_dict_insert (&out, "restarts", "x", thole_dict_int (inspect, "RestartCount", 0));
  put_ports (&out, network);
  put_addresses (&out, network);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GVariant *
docker_workload_gone (const char *instance, const char *id)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "id", "s", id);
  g_variant_dict_insert (&out, "instance", "s", instance);
  g_variant_dict_insert (&out, "engine_id", "s", "");
  g_variant_dict_insert (&out, "state", "s", "gone");
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

static void
put_network_use (GVariantDict *out, GVariant *stats)
{
  g_autoptr(GVariant) networks = sub_dict (stats, "networks");
  gint64 received = 0, sent = 0;
  GVariantIter iter;
  GVariant *member;

  g_variant_iter_init (&iter, networks);
  while (g_variant_iter_next (&iter, "{&sv}", NULL, &member))
    {
      g_autoptr(GVariant) owned = member;

      if (!g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT))
        continue;
      received += thole_dict_int (owned, "rx_bytes", 0);
      sent += thole_dict_int (owned, "tx_bytes", 0);
    }
  g_variant_dict_insert (out, "net_rx", "x", received);
  g_variant_dict_insert (out, "net_tx", "x", sent);
}

static void
put_disk_use (GVariantDict *out, GVariant *stats)
{
  g_autoptr(GVariant) blocks = sub_dict (stats, "blkio_stats");
  g_autoptr(GVariant) bytes = thole_dict_value (blocks, "io_service_bytes_recursive", "aa{sv}");
  gint64 read = 0, written = 0;

  for (gsize i = 0; bytes != NULL && i < g_variant_n_children (bytes); i++)
    {
      g_autoptr(GVariant) entry = g_variant_get_child_value (bytes, i);
      const char *kind = thole_dict_string (entry, "op", "");

      if (g_ascii_strcasecmp (kind, "read") == 0)
        read += thole_dict_int (entry, "value", 0);
      else if (g_ascii_strcasecmp (kind, "write") == 0)
        written += thole_dict_int (entry, "value", 0);
    }
  g_variant_dict_insert (out, "disk_read", "x", read);
  g_variant_dict_insert (out, "disk_write", "x", written);
}

GVariant *
docker_stats_sample (GVariant *stats)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) cpu = sub_dict (stats, "cpu_stats");
  g_autoptr(GVariant) usage = sub_dict (cpu, "cpu_usage");
  g_autoptr(GVariant) memory = sub_dict (stats, "memory_stats");
  g_autoptr(GVariant) details = sub_dict (memory, "stats");
  g_autoptr(GVariant) pids = sub_dict (stats, "pids_stats");
  gint64 time = time_of (stats, "read"), used = thole_dict_int (memory, "usage", 0);
  /* pages that can be dropped at once are not use; the name depends on the cgroup version */
  gint64 cache = thole_dict_int (details, "total_inactive_file", thole_dict_int (details, "inactive_file", 0));

  if (time == 0)
    return NULL;
  g_variant_dict_insert (&out, "time", "x", time);
  g_variant_dict_insert (&out, "cpu_seconds", "d", (double) thole_dict_int (usage, "total_usage", 0) / 1e9);
  g_variant_dict_insert (&out, "memory", "x", MAX (used - cache, 0));
  g_variant_dict_insert (&out, "memory_limit", "x", thole_dict_int (memory, "limit", 0));
  g_variant_dict_insert (&out, "pids", "x", thole_dict_int (pids, "current", 0));
  put_network_use (&out, stats);
  put_disk_use (&out, stats);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GVariant *
docker_image_from_engine (GVariant *image)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  g_auto(GStrv) tags = thole_dict_strv (image, "RepoTags");
  g_auto(GStrv) digests = thole_dict_strv (image, "RepoDigests");
  g_autoptr(GPtrArray) references = g_ptr_array_new ();
  g_autoptr(GPtrArray) sums = g_ptr_array_new ();
  /* a number in the list, a text for a single one */
  gint64 created = thole_dict_int (image, "Created", 0) * G_USEC_PER_SEC;

  for (guint i = 0; tags[i] != NULL; i++)
    if (strcmp (tags[i], "<none>:<none>") != 0)
      g_ptr_array_add (references, tags[i]);
  for (guint i = 0; digests[i] != NULL; i++)
    if (!g_str_has_prefix (digests[i], "<none>"))
      g_ptr_array_add (sums, digests[i]);
  g_variant_dict_insert (&out, "id", "s", thole_dict_string (image, "Id", ""));
  g_variant_dict_insert_value (&out, "references", g_variant_new_strv ((const char *const *) references->pdata, references->len));
  g_variant_dict_insert_value (&out, "digests", g_variant_new_strv ((const char *const *) sums->pdata, sums->len));
  g_variant_dict_insert (&out, "size", "x", thole_dict_int (image, "Size", 0));
  g_variant_dict_insert (&out, "created_at", "x", created > 0 ? created : time_of (image, "Created"));
  if (thole_dict_string (image, "Architecture", NULL) != NULL)
    g_variant_dict_insert (&out, "architecture", "s", thole_dict_string (image, "Architecture", ""));
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GVariant *
docker_volume_from_engine (GVariant *volume, gboolean with_mountpoint)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) all = sub_dict (volume, "Labels");
  g_auto(GVariantBuilder) labels = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{ss}"));
  GVariantIter iter;
  const char *key;
  GVariant *member;

  g_variant_iter_init (&iter, all);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &member))
    {
      g_autoptr(GVariant) owned = member;

      if (!g_str_has_prefix (key, "org.thole.") && g_variant_is_of_type (owned, G_VARIANT_TYPE_STRING))
        g_variant_builder_add (&labels, "{ss}", key, g_variant_get_string (owned, NULL));
    }
  g_variant_dict_insert (&out, "id", "s", thole_dict_string (all, DOCKER_LABEL_ID, ""));
  g_variant_dict_insert (&out, "engine_id", "s", thole_dict_string (volume, "Name", ""));
  g_variant_dict_insert (&out, "name", "s", thole_dict_string (all, DOCKER_LABEL_NAME, ""));
  g_variant_dict_insert_value (&out, "labels", g_variant_builder_end (&labels));
  g_variant_dict_insert (&out, "created_at", "x", time_of (volume, "CreatedAt"));
  if (with_mountpoint)
    g_variant_dict_insert (&out, "mountpoint", "s", thole_dict_string (volume, "Mountpoint", ""));
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

static const char *
convert_action (const char *action)
{
  static const struct { const char *theirs, *ours; } words[] = {
    { "create", "create" }, { "start", "start" }, { "die", "exit" }, { "oom", "oom" }, { "pause", "pause" },
    { "unpause", "unpause" }, { "destroy", "remove" }, { "update", "update" }, { "rename", "update" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].theirs, action) == 0)
      return words[i].ours;
  return g_str_has_prefix (action, "health_status") ? "health" : NULL;
}

GVariant *
docker_event_convert (const char *line, gsize length)
{
  g_autoptr(GVariant) json = thole_json_parse (line, length, NULL);
  g_autoptr(GVariant) actor = thole_dict_value (json, "Actor", "a{sv}");
  g_autoptr(GVariant) attributes = actor != NULL ? thole_dict_value (actor, "Attributes", "a{sv}") : NULL;
  const char *action = json != NULL ? convert_action (thole_dict_string (json, "Action", "")) : NULL;
  const char *id = attributes != NULL ? thole_dict_string (attributes, DOCKER_LABEL_ID, "") : "";
  g_auto(GVariantDict) event = G_VARIANT_DICT_INIT (NULL);

  if (action == NULL || id[0] == '\0')
    return NULL;
  g_variant_dict_insert (&event, "kind", "s", "workload");
  g_variant_dict_insert (&event, "id", "s", id);
  g_variant_dict_insert (&event, "action", "s", action);
  g_variant_dict_insert (&event, "role", "s", thole_dict_string (attributes, DOCKER_LABEL_ROLE, "main"));
  return g_variant_ref_sink (g_variant_dict_end (&event));
}
