/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The daemon's functions for a driver whose work may outlive its being open, and what such drivers write alike.
 */
#include "thole-host.h"

#include <string.h>

#define CREDENTIALS_MAX 256

void
thole_host_log (TholeHost *host, const TholeHostOps *ops, GLogLevelFlags level, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  if (host == NULL)
    return;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  ops->log (host, level, text);
}

void
thole_host_event (TholeHost *host, const TholeHostOps *ops, GVariant *event)
{
  g_autoptr(GVariant) owned = g_variant_ref_sink (event);

  if (host != NULL)
    ops->event (host, owned);
}

gint64
thole_host_now (TholeHost *host, const TholeHostOps *ops)
{
  return host != NULL ? ops->now (host) : g_get_real_time ();
}

GSource *
thole_host_timer (TholeHost *host, const TholeHostOps *ops, double seconds, GSourceFunc function, gpointer user_data)
{
  if (host == NULL)
    return NULL;
  return ops->timer (host, (guint64) (MAX (seconds, 0) * G_USEC_PER_SEC), function, user_data, NULL);
}

void
thole_timer_clear (GSource **source)
{
  GSource *owned = g_steal_pointer (source);

  if (owned == NULL)
    return;
  g_source_destroy (owned);
  g_source_unref (owned);
}

GVariant *
thole_finish_value (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

GIOStream *
thole_finish_stream (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

gboolean
thole_finish_boolean (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

GHashTable *
thole_registry_credentials_parse (const char *text, GError **error)
{
  g_autoptr(GHashTable) all = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_auto(GStrv) entries = g_strsplit_set (text, ",; ", -1);

  for (guint i = 0; entries[i] != NULL; i++)
    {
      const char *equals = strchr (entries[i], '=');

      if (entries[i][0] == '\0')
        continue;
      if (equals == NULL || equals == entries[i] || equals[1] == '\0')
        {
          g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "must be HOST=SECRET[,HOST=SECRET...]");
          return NULL;
        }
      g_hash_table_insert (all, g_strndup (entries[i], (gsize) (equals - entries[i])), g_strdup (equals + 1));
    }
  if (g_hash_table_size (all) > CREDENTIALS_MAX)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "must name at most %d hosts", CREDENTIALS_MAX);
      return NULL;
    }
  return g_steal_pointer (&all);
}
