/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workload-text.h"

#include <string.h>

#include "thole-dict.h"

char *
cli_workload_state (GVariant *workload)
{
  const char *state = thole_dict_string (workload, "state", "?");
  const char *signal = thole_dict_string (workload, "exit_signal", "");
  const char *health = thole_dict_string (workload, "health", "none");
  gint64 code = thole_dict_int (workload, "exit_code", -1);

  if (strcmp (state, "running") == 0)
    return strcmp (health, "none") == 0 ? g_strdup (state) : g_strdup_printf ("%s (%s)", state, health);
  if (strcmp (state, "stopped") != 0 && strcmp (state, "crashed") != 0)
    return g_strdup (state);
  if (*signal != '\0')
    return g_strdup_printf ("%s (%s)", state, signal);
  return code >= 0 ? g_strdup_printf ("%s (%d)", state, (int) code) : g_strdup (state);
}

char *
cli_workload_ports (GVariant *workload)
{
  g_autoptr(GVariant) ports = thole_dict_value (workload, "ports", "aa{sv}");
  g_autoptr(GString) text = g_string_new (NULL);

  for (gsize i = 0; ports != NULL && i < g_variant_n_children (ports); i++)
    {
      g_autoptr(GVariant) port = g_variant_get_child_value (ports, i);
      const char *address = thole_dict_string (port, "address", "");
      gint64 host = thole_dict_int (port, "host", 0), container = thole_dict_int (port, "container", 0);
      gboolean bracket = strchr (address, ':') != NULL;

      g_string_append (text, i > 0 ? ", " : "");
      if (host > 0 && *address != '\0')
        g_string_append_printf (text, "%s%s%s:", bracket ? "[" : "", address, bracket ? "]" : "");
      if (host > 0)
        g_string_append_printf (text, "%d->", (int) host);
      g_string_append_printf (text, "%d/%s", (int) container, thole_dict_string (port, "protocol", "tcp"));
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

int
cli_exit_code (GVariant *object, const char *signal_key, int fallback)
{
  gint64 code = thole_dict_int (object, "exit_code", -1);
  int signal = thole_signal_number (thole_dict_string (object, signal_key, ""));

  if (signal > 0 && code <= 0)
    return 128 + signal;
  return code >= 0 && code <= 255 ? (int) code : fallback;
}
