/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What can be made: each refusal names its key.
 */
#include "spec.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* the kernel's; one that it does not know the runtime would leave out with a word in its log */
static const char *const capabilities[] = {
  "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE",
  "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN",
  "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID",
  "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT",
  "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM", NULL,
};

static gboolean
check_options (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) options = thole_dict_value (spec, "backend_options", "a{sv}");
  GVariantIter iter;
  const char *key;
  static const char *const known[] = { "shm_size", "sysctls", "tmpfs", NULL };

  if (options == NULL)
    return TRUE;
  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &key, NULL))
    if (!g_strv_contains (known, key))
      {
        g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "backend_options: \"%s\" is not known", key);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_mounts (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");

  for (gsize i = 0; mounts != NULL && i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);
      const char *source = thole_dict_string (mount, "source", "");

      if (source[0] != '/' || thole_dict_string (mount, "target", "")[0] != '/' || access (source, F_OK) != 0)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "mounts: \"%s\" is not there", source);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_ports (GVariant *spec, gboolean bridged, GError **error)
{
  g_autoptr(GVariant) ports = thole_dict_value (spec, "ports", "aa{sv}");
  gsize n = ports != NULL ? g_variant_n_children (ports) : 0;

  if (n > 0 && !bridged && strcmp (thole_dict_string (spec, "network", ""), "host") != 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "ports: they are of networks \"bridge\" and \"host\" only");
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr(GVariant) port = g_variant_get_child_value (ports, i);
      gint64 inside = thole_dict_int (port, "container", 0), outside = thole_dict_int (port, "host", 0);
      const char *protocol = thole_dict_string (port, "protocol", "tcp");

      if (inside < 1 || inside > 65535 || outside < 0 || outside > 65535)
        g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "ports: a port is a number from 1 to 65535");
      else if (!g_strv_contains ((const char *const[]){ "tcp", "udp", "sctp", NULL }, protocol))
        g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "ports: \"%s\" is not a protocol", protocol);
      else
        continue;
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_limits (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) resources = thole_dict_value (spec, "resources", "a{sv}"), stop = thole_dict_value (spec, "stop", "a{sv}");
  static const char *const keys[] = { "cpu", "memory", "pids", "disk" };

  for (guint i = 0; resources != NULL && i < G_N_ELEMENTS (keys); i++)
    {
      double value = thole_dict_double (resources, keys[i], 0);

      if (isfinite (value) && value >= 0)
        continue;
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "resources: \"%s\" is below 0", keys[i]);
      return FALSE;
    }
  if (stop == NULL || thole_signal_number (thole_dict_string (stop, "signal", "SIGTERM")) != 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "stop: \"%s\" is not a signal", thole_dict_string (stop, "signal", ""));
  return FALSE;
}

static gboolean
check_env (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) env = thole_dict_value (spec, "env", "a{ss}");
  GVariantIter iter;
  const char *name;

  if (env == NULL)
    return TRUE;
  g_variant_iter_init (&iter, env);
  while (g_variant_iter_next (&iter, "{&s&s}", &name, NULL))
    if (name[0] == '\0' || strchr (name, '=') != NULL)
      {
        g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "env: \"%s\" is not a name", name);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_capabilities (GVariant *spec, GError **error)
{
  g_autoptr(GVariant) privileges = thole_dict_value (spec, "privileges", "a{sv}");
  g_auto(GStrv) added = privileges != NULL ? thole_dict_strv (privileges, "capabilities") : g_new0 (char *, 1);

  for (guint i = 0; added[i] != NULL; i++)
    {
      g_autofree char *upper = g_ascii_strup (added[i], -1);
      const char *name = g_str_has_prefix (upper, "CAP_") ? upper + 4 : upper;

      if (g_strv_contains (capabilities, name))
        continue;
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "privileges: \"%s\" is not a capability", added[i]);
      return FALSE;
    }
  return TRUE;
}

gboolean
ctr_spec_check (GVariant *spec, gboolean bridged, GError **error)
{
  const char *network = thole_dict_string (spec, "network", "default");

  if (thole_dict_string (spec, "image", "")[0] == '\0')
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "image: containerd runs nothing without one");
  else if (!g_strv_contains ((const char *const[]){ "default", "none", "host", "bridge", "", NULL }, network))
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "network: there is no \"%s\"", network);
  else
    return check_ports (spec, bridged, error) && check_options (spec, error) && check_mounts (spec, error) && check_limits (spec, error)
           && check_env (spec, error) && check_capabilities (spec, error);
  return FALSE;
}
