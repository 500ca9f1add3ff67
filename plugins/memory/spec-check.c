/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What no engine could run is refused here, too, although nothing runs.
 */
#include "spec.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-error.h"
#include "workload.h"

#define MAX_PORT 65535

static const char capabilities[]
  = " AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID"
    " IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW"
    " PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE"
    " SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM ALL ";

/* Returns: (nullable): what is wrong */
static const char *
port_fault (GVariant *port)
{
  gint64 container = thole_dict_int (port, "container", 0), host = thole_dict_int (port, "host", 0);

  if (container < 1 || container > MAX_PORT || host < 0 || host > MAX_PORT)
    return "ports: not a port";
  return g_strv_contains (mem_transports, thole_dict_string (port, "protocol", "tcp")) ? NULL : "ports: not a protocol";
}

static const char *
mount_fault (GVariant *mount)
{
  gboolean source = thole_dict_string (mount, "source", "")[0] != '\0', volume = thole_dict_string (mount, "volume", "")[0] != '\0';

  if (thole_dict_string (mount, "target", "")[0] != '/')
    return "mounts: target is not an absolute path";
  return source != volume ? NULL : "mounts: exactly one of source and volume";
}

static const char *
file_fault (GVariant *file)
{
  const char *path = thole_dict_string (file, "path", "");
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  return path[0] == '/' && !g_strv_contains ((const char *const *) parts, "..") ? NULL : "files: not a path in the workload";
}

static const char *
list_fault (GVariant *spec, const char *key, const char *(*fault) (GVariant *one))
{
  g_autoptr (GVariant) list = thole_dict_value (spec, key, "aa{sv}");
  const char *found = NULL;

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list) && found == NULL; i++)
    {
      g_autoptr (GVariant) one = g_variant_get_child_value (list, i);

      found = fault (one);
    }
  return found;
}

static const char *
resource_fault (GVariant *spec)
{
  g_autoptr (GVariant) resources = thole_dict_value (spec, "resources", "a{sv}");

  if (resources == NULL)
    return NULL;
  return thole_dict_double (resources, "cpu", 0) < 0 || thole_dict_int (resources, "memory", 0) < 0
             || thole_dict_int (resources, "pids", 0) < 0 || thole_dict_int (resources, "disk", 0) < 0
           ? "resources: below zero"
           : NULL;
}

static const char *
variable_fault (GVariant *spec)
{
  g_autoptr (GVariant) env = mem_dict_strings (spec, "env");
  const char *fault = NULL, *name;
  GVariantIter iter;

  if (env == NULL)
    return NULL;
  g_variant_iter_init (&iter, env);
  while (g_variant_iter_loop (&iter, "{&s&s}", &name, NULL))
    if (*name == '\0' || strchr (name, '=') != NULL)
      fault = "env: not a name of a variable";
  return fault;
}

static const char *
privilege_fault (GVariant *spec)
{
  g_autoptr (GVariant) privileges = thole_dict_value (spec, "privileges", "a{sv}");
  g_auto (GStrv) names = privileges != NULL ? thole_dict_strv (privileges, "capabilities") : NULL;

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      const char *name = g_str_has_prefix (names[i], "CAP_") ? names[i] + strlen ("CAP_") : names[i];
      g_autofree char *word = g_strconcat (" ", name, " ", NULL);

      if (strchr (name, ' ') != NULL || strstr (capabilities, word) == NULL)
        return "privileges: not a capability";
    }
  return NULL;
}

static const char *
stop_fault (GVariant *spec)
{
  g_autoptr (GVariant) stop = thole_dict_value (spec, "stop", "a{sv}");

  return stop == NULL || thole_signal_number (thole_dict_string (stop, "signal", "SIGTERM")) > 0 ? NULL : "stop: not a signal";
}

gboolean
mem_spec_check_values (GVariant *spec, GError **error)
{
  const char *faults[] = {
    list_fault (spec, "ports", port_fault), list_fault (spec, "mounts", mount_fault), list_fault (spec, "files", file_fault),
    resource_fault (spec), variable_fault (spec), privilege_fault (spec), stop_fault (spec),
    strchr (thole_dict_string (spec, "network", "default"), ' ') != NULL ? "network: there is none of this name" : NULL,
  };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    if (faults[i] != NULL)
      {
        g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, faults[i]);
        return FALSE;
      }
  return TRUE;
}
