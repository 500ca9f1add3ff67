/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "spec" -> the body of POST /containers/create.
 */
#include "convert.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-error.h"

#define NANO 1e9
/* 20.10 loses records for a reader that lags when a file is rotated: few and large files */
#define LOG_MAX_SIZE "256m"
#define LOG_MAX_FILES 2

/* What programs in containers commonly need, without raw sockets, device nodes, chroot and file capabilities. */
static const char *const default_capabilities[] = { "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE",
                                                    "SETGID", "SETUID", NULL };

G_GNUC_PRINTF (2, 3)
static gboolean
invalid (GError **error, const char *format, ...)
{
  va_list arguments;
  g_autofree char *text = NULL;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, text);
  return FALSE;
}

static void
put_strv (GVariantDict *dict, const char *key, char **list)
{
  if (list[0] != NULL)
    g_variant_dict_insert_value (dict, key, g_variant_new_strv ((const char *const *) list, -1));
}

static void
put_string (GVariantDict *dict, const char *key, const char *value)
{
  if (value[0] != '\0')
    g_variant_dict_insert (dict, key, "s", value);
}

static GVariant *
sub_dict (GVariant *dict, const char *key)
{
  GVariant *value = thole_dict_value (dict, key, "a{sv}");

  return value != NULL ? value : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

/* Secrets whose name is not a path are environment variables. */
static gboolean
put_environment (GVariantDict *body, GVariant *spec, GVariant *secrets, GError **error)
{
  g_autoptr(GVariant) env = thole_dict_value (spec, "env", "a{ss}");
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  GVariantIter iter;
  const char *key, *value;
  GVariant *bytes;

  if (env != NULL)
    {
      g_variant_iter_init (&iter, env);
      while (g_variant_iter_next (&iter, "{&s&s}", &key, &value))
        {
          if (key[0] == '\0' || strchr (key, '=') != NULL)
            return invalid (error, "env: \"%s\" is not a name", key);
          g_ptr_array_add (lines, g_strconcat (key, "=", value, NULL));
        }
    }
  if (secrets != NULL)
    {
      g_variant_iter_init (&iter, secrets);
      while (g_variant_iter_next (&iter, "{&s@ay}", &key, &bytes))
        {
          g_autoptr(GVariant) owned = bytes;
          gsize length;
          const char *data = g_variant_get_fixed_array (owned, &length, 1);

          if (key[0] == '/')
            continue;
          if (key[0] == '\0' || strchr (key, '=') != NULL || !g_utf8_validate_len (data, length, NULL))
            return invalid (error, "secrets: \"%s\" cannot be an environment variable", key);
          g_ptr_array_add (lines, g_strdup_printf ("%s=%.*s", key, (int) length, data));
        }
    }
  if (lines->len > 0)
    g_variant_dict_insert_value (body, "Env", g_variant_new_strv ((const char *const *) lines->pdata, lines->len));
  return TRUE;
}

static gboolean
put_ports (GVariantDict *body, GVariantDict *host, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) ports = thole_dict_value (spec, "ports", "aa{sv}");
  g_autoptr(GHashTable) by_port = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  g_auto(GVariantDict) exposed = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) bindings = G_VARIANT_DICT_INIT (NULL);
  GHashTableIter iter;
  gpointer key, value;

  for (gsize i = 0; ports != NULL && i < g_variant_n_children (ports); i++)
    {
      g_autoptr(GVariant) port = g_variant_get_child_value (ports, i);
      const char *protocol = thole_dict_string (port, "protocol", "tcp");
      gint64 inside = thole_dict_int (port, "container", 0), outside = thole_dict_int (port, "host", 0);
      g_auto(GVariantDict) binding = G_VARIANT_DICT_INIT (NULL);
      g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, outside);
      g_autofree char *name = g_strdup_printf ("%" G_GINT64_FORMAT "/%s", inside, protocol);
      GPtrArray *list = g_hash_table_lookup (by_port, name);

      if (inside < 1 || inside > 65535 || outside < 0 || outside > 65535)
        return invalid (error, "ports: a port is a number from 1 to 65535");
      if (!g_strv_contains ((const char *const[]){ "tcp", "udp", "sctp", NULL }, protocol))
        return invalid (error, "ports: \"%s\" is not a protocol", protocol);
      g_variant_dict_insert (&binding, "HostIp", "s", thole_dict_string (port, "address", ""));
      g_variant_dict_insert (&binding, "HostPort", "s", outside > 0 ? text : "");
      if (list == NULL)
        {
          list = g_ptr_array_new ();
          g_variant_dict_insert_value (&exposed, name, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
          g_hash_table_insert (by_port, g_steal_pointer (&name), list);
        }
      g_ptr_array_add (list, g_variant_dict_end (&binding));
    }
  g_hash_table_iter_init (&iter, by_port);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      GPtrArray *list = value;

      g_variant_dict_insert_value (&bindings, key, g_variant_new_array (G_VARIANT_TYPE ("a{sv}"), (GVariant **) list->pdata,
                                                                        list->len));
    }
  if (g_hash_table_size (by_port) == 0)
    return TRUE;
  g_variant_dict_insert_value (body, "ExposedPorts", g_variant_dict_end (&exposed));
  g_variant_dict_insert_value (host, "PortBindings", g_variant_dict_end (&bindings));
  return TRUE;
}

static gboolean
put_mounts (const DockerConfig *config, GVariantDict *host, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  gsize n = mounts != NULL ? g_variant_n_children (mounts) : 0;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *source = thole_dict_string (mount, "source", ""), *volume = thole_dict_string (mount, "volume", "");
      const char *target = thole_dict_string (mount, "target", "");
      g_autofree char *name = docker_object_name (config->instance, volume);
      g_auto(GVariantDict) one = G_VARIANT_DICT_INIT (NULL);

      if (target[0] != '/' || (source[0] != '\0' && source[0] != '/'))
        return invalid (error, "mounts: \"%s\" is not an absolute path", target[0] != '/' ? target : source);
      if ((source[0] != '\0') == (volume[0] != '\0'))
        return invalid (error, "mounts: \"%s\" needs exactly one of source and volume", target);
      g_variant_dict_insert (&one, "Type", "s", source[0] != '\0' ? "bind" : "volume");
      g_variant_dict_insert (&one, "Source", "s", source[0] != '\0' ? source : name);
      g_variant_dict_insert (&one, "Target", "s", target);
      g_variant_dict_insert (&one, "ReadOnly", "b", thole_dict_boolean (mount, "read_only", FALSE));
      g_variant_builder_add_value (&list, g_variant_dict_end (&one));
    }
  if (n > 0)
    g_variant_dict_insert_value (host, "Mounts", g_variant_builder_end (&list));
  return TRUE;
}

static gboolean
put_privileges (GVariantDict *host, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) privileges = sub_dict (spec, "privileges");
  g_auto(GStrv) added = thole_dict_strv (privileges, "capabilities");
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GVariant) files = thole_dict_value (spec, "files", "aa{sv}");
  gboolean read_only = thole_dict_boolean (privileges, "read_only_root", FALSE);

  for (guint i = 0; default_capabilities[i] != NULL; i++)
    g_ptr_array_add (all, g_strdup (default_capabilities[i]));
  for (guint i = 0; added[i] != NULL; i++)
    {
      g_autofree char *upper = g_ascii_strup (added[i], -1);
      const char *name = g_str_has_prefix (upper, "CAP_") ? upper + 4 : upper;

      if (name[0] == '\0' || strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen (name))
        return invalid (error, "privileges.capabilities: \"%s\" is not a capability", added[i]);
      if (!g_ptr_array_find_with_equal_func (all, name, g_str_equal, NULL))
        g_ptr_array_add (all, g_strdup (name));
    }
  if (read_only && files != NULL && g_variant_n_children (files) > 0)
    return invalid (error, "files: Docker cannot write files into a read-only root; mount a volume or a folder there instead");
  g_variant_dict_insert_value (host, "CapDrop", g_variant_new_strv ((const char *const[]){ "ALL" }, 1));
  g_variant_dict_insert_value (host, "CapAdd", g_variant_new_strv ((const char *const *) all->pdata, all->len));
  if (thole_dict_boolean (privileges, "no_new_privileges", TRUE))
    g_variant_dict_insert_value (host, "SecurityOpt", g_variant_new_strv ((const char *const[]){ "no-new-privileges:true" }, 1));
  g_variant_dict_insert (host, "ReadonlyRootfs", "b", read_only);
  return TRUE;
}

static gboolean
put_resources (const DockerConfig *config, GVariantDict *host, GVariant *spec, GError **error)
{
  g_autoptr(GVariant) resources = sub_dict (spec, "resources");
  double cpu = thole_dict_double (resources, "cpu", 0);
  gint64 memory = thole_dict_int (resources, "memory", 0), pids = thole_dict_int (resources, "pids", 0);
  gint64 disk = thole_dict_int (resources, "disk", 0);

  if (!(cpu >= 0 && cpu <= 65536) || memory < 0 || pids < 0 || disk < 0)
    return invalid (error, "resources: a limit is not negative");
  if (cpu > 0)
    g_variant_dict_insert (host, "NanoCpus", "x", (gint64) (cpu * NANO + 0.5));
  if (memory > 0)
    {
      g_variant_dict_insert (host, "Memory", "x", memory);
      g_variant_dict_insert (host, "MemorySwap", "x", memory); /* no swap beside it */
    }
  if (pids > 0)
    g_variant_dict_insert (host, "PidsLimit", "x", pids);
  if (disk > 0 && config->disk_limit)
    {
      g_auto(GVariantDict) storage = G_VARIANT_DICT_INIT (NULL);
      g_autofree char *size = g_strdup_printf ("%" G_GINT64_FORMAT, disk);

      g_variant_dict_insert (&storage, "size", "s", size);
      g_variant_dict_insert_value (host, "StorageOpt", g_variant_dict_end (&storage));
    }
  return TRUE;
}

static void
put_health (GVariantDict *body, GVariant *spec)
{
  g_autoptr(GVariant) health = sub_dict (spec, "health");
  g_auto(GStrv) command = thole_dict_strv (health, "command");
  g_autoptr(GPtrArray) test = g_ptr_array_new ();
  g_auto(GVariantDict) check = G_VARIANT_DICT_INIT (NULL);
  struct { const char *ours, *theirs; } times[] = {
    { "interval", "Interval" }, { "timeout", "Timeout" }, { "start_period", "StartPeriod" },
  };

  if (command[0] == NULL)
    return; /* the image's own check, if it has one, stays */
  g_ptr_array_add (test, (gpointer) "CMD");
  for (guint i = 0; command[i] != NULL; i++)
    g_ptr_array_add (test, command[i]);
  g_variant_dict_insert_value (&check, "Test", g_variant_new_strv ((const char *const *) test->pdata, test->len));
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    {
      double seconds = thole_dict_double (health, times[i].ours, 0);

      /* the engine takes no time below a millisecond */
      if (seconds > 0)
        g_variant_dict_insert (&check, times[i].theirs, "x", (gint64) (CLAMP (seconds, 0.001, 1e9) * NANO));
    }
  g_variant_dict_insert (&check, "Retries", "x", MAX (thole_dict_int (health, "retries", 0), 0));
  g_variant_dict_insert_value (body, "Healthcheck", g_variant_dict_end (&check));
}

static void
put_logs (GVariantDict *host, GVariant *options)
{
  g_auto(GVariantDict) logs = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) bounds = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *files = g_strdup_printf ("%" G_GINT64_FORMAT, thole_dict_int (options, "log_max_files", LOG_MAX_FILES));

  g_variant_dict_insert (&bounds, "max-size", "s", thole_dict_string (options, "log_max_size", LOG_MAX_SIZE));
  g_variant_dict_insert (&bounds, "max-file", "s", files);
  g_variant_dict_insert (&logs, "Type", "s", thole_dict_string (options, "log_driver", "json-file"));
  g_variant_dict_insert_value (&logs, "Config", g_variant_dict_end (&bounds));
  g_variant_dict_insert_value (host, "LogConfig", g_variant_dict_end (&logs));
}

static gboolean
check_backend_options (GVariant *options, GError **error)
{
  static const struct { const char *key, *type; } known[] = {
    { "init", "b" }, { "stdin_once", "b" }, { "log_driver", "s" }, { "log_max_size", "s" }, { "log_max_files", "x" },
    { "shm_size", "x" }, { "runtime", "s" }, { "dns", "as" }, { "extra_hosts", "as" }, { "sysctls", "a{ss}" },
    { "tmpfs", "a{ss}" },
  };
  GVariantIter iter;
  const char *key;
  GVariant *member;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &member))
    {
      g_autoptr(GVariant) owned = member;
      gboolean found = FALSE;

      for (guint i = 0; i < G_N_ELEMENTS (known) && !found; i++)
        {
          g_autoptr(GVariant) value
              = strcmp (known[i].key, key) == 0 ? thole_dict_value (options, key, known[i].type) : NULL;

          found = value != NULL;
        }
      if (!found)
        return invalid (error, "backend_options.%s: unknown, or of the wrong type", key);
    }
  if (!g_strv_contains ((const char *const[]){ "json-file", "local", NULL },
                        thole_dict_string (options, "log_driver", "json-file")))
    return invalid (error, "backend_options.log_driver: must be json-file or local, whose output can be read back");
  if (thole_dict_int (options, "log_max_files", 1) < 1 || thole_dict_int (options, "log_max_files", 1) > 1000)
    return invalid (error, "backend_options.log_max_files: must be from 1 to 1000");
  return TRUE;
}

static void
put_backend_options (GVariantDict *host, GVariant *options)
{
  struct { const char *ours, *theirs, *type; } same[] = {
    { "init", "Init", "b" }, { "shm_size", "ShmSize", "x" }, { "runtime", "Runtime", "s" }, { "dns", "Dns", "as" },
    { "extra_hosts", "ExtraHosts", "as" }, { "sysctls", "Sysctls", "a{ss}" }, { "tmpfs", "Tmpfs", "a{ss}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    {
      g_autoptr(GVariant) value = thole_dict_value (options, same[i].ours, same[i].type);

      if (value != NULL)
        g_variant_dict_insert_value (host, same[i].theirs, value);
    }
}

static gboolean
put_host (const DockerConfig *config, GVariantDict *body, GVariant *spec, GVariant *options, GError **error)
{
  g_auto(GVariantDict) host = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) restart = G_VARIANT_DICT_INIT (NULL);

  if (!put_ports (body, &host, spec, error) || !put_mounts (config, &host, spec, error)
      || !put_privileges (&host, spec, error) || !put_resources (config, &host, spec, error))
    return FALSE;
  put_backend_options (&host, options);
  put_logs (&host, options);
  /* restarting is the daemon's, so that it is counted, backed off and told */
  g_variant_dict_insert (&restart, "Name", "s", "no");
  g_variant_dict_insert_value (&host, "RestartPolicy", g_variant_dict_end (&restart));
  put_string (&host, "NetworkMode", thole_dict_string (spec, "network", "default"));
  g_variant_dict_insert_value (body, "HostConfig", g_variant_dict_end (&host));
  return TRUE;
}

static gboolean
put_main (GVariantDict *body, GVariant *spec, GVariant *options, GError **error)
{
  g_auto(GStrv) command = thole_dict_strv (spec, "command");
  g_auto(GStrv) args = thole_dict_strv (spec, "args");
  g_autoptr(GVariant) stop = sub_dict (spec, "stop");
  const char *signal = thole_dict_string (stop, "signal", "SIGTERM");
  gboolean input = thole_dict_boolean (spec, "stdin", FALSE);

  if (thole_dict_string (spec, "image", "")[0] == '\0')
    return invalid (error, "image: Docker runs images only");
  if (thole_signal_number (signal) == 0)
    return invalid (error, "stop.signal: \"%s\" is not a signal", signal);
  g_variant_dict_insert (body, "Image", "s", thole_dict_string (spec, "image", ""));
  put_strv (body, "Entrypoint", command);
  put_strv (body, "Cmd", args);
  put_string (body, "WorkingDir", thole_dict_string (spec, "working_dir", ""));
  put_string (body, "User", thole_dict_string (spec, "user", ""));
  put_string (body, "Hostname", thole_dict_string (spec, "hostname", ""));
  g_variant_dict_insert (body, "Tty", "b", thole_dict_boolean (spec, "tty", FALSE));
  g_variant_dict_insert (body, "OpenStdin", "b", input);
  g_variant_dict_insert (body, "StdinOnce", "b", input && thole_dict_boolean (options, "stdin_once", FALSE));
  put_string (body, "StopSignal", signal);
  return TRUE;
}

GVariant *
docker_container_config (const DockerConfig *config, const char *id, GVariant *spec, GVariant *secrets, GError **error)
{
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) options = sub_dict (spec, "backend_options");
  g_autoptr(GVariant) labels = thole_dict_value (spec, "labels", "a{ss}");

  if (!check_backend_options (options, error) || !put_main (&body, spec, options, error)
      || !put_environment (&body, spec, secrets, error) || !put_host (config, &body, spec, options, error))
    return NULL;
  put_health (&body, spec);
  g_variant_dict_insert_value (&body, "Labels",
                               docker_labels_make (labels, config->instance, id, thole_dict_string (spec, "role", "main"),
                                                   thole_dict_string (spec, "name", "")));
  return g_variant_ref_sink (g_variant_dict_end (&body));
}

GVariant *
docker_update_body (GVariant *changes, double cpus, GError **error)
{
  g_auto(GVariantDict) body = G_VARIANT_DICT_INIT (NULL);
  g_autoptr(GVariant) resources = sub_dict (changes, "resources");
  double cpu = thole_dict_double (resources, "cpu", -1);
  gint64 memory = thole_dict_int (resources, "memory", -1), pids = thole_dict_int (resources, "pids", -1);

  /* the engine reads 0 as "leave it": no limit is all cores, and more memory than there is */
  if (cpu >= 0)
    g_variant_dict_insert (&body, "NanoCpus", "x", (gint64) ((cpu > 0 ? cpu : cpus) * NANO + 0.5));
  if (memory >= 0)
    {
      gint64 limit = memory > 0 ? memory : G_GINT64_CONSTANT (1) << 50;

      g_variant_dict_insert (&body, "Memory", "x", limit);
      g_variant_dict_insert (&body, "MemorySwap", "x", limit);
    }
  if (pids >= 0)
    g_variant_dict_insert (&body, "PidsLimit", "x", pids > 0 ? pids : -1);
  return g_variant_ref_sink (g_variant_dict_end (&body));
}
