/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "app-settings.h"

#include <unistd.h>

#include "base/service.h"

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

char *
thole_app_folder (const char *given, const char *kind, const char *system, const char *user_base)
{
  char *made = given == NULL ? thole_service_folder (kind) : g_canonicalize_filename (given, NULL);

  if (made != NULL)
    return made;
  return getuid () == 0 ? g_strdup (system) : g_build_filename (user_base, "thole", NULL);
}

/* thole.conf and thole.conf.d/ *.conf in the order of their names, as far as they exist */
static char **
default_files (void)
{
  g_autofree char *base = thole_app_folder (NULL, "CONFIGURATION", THOLE_CONFIG_DIR, g_get_user_config_dir ());
  g_autofree char *folder = g_build_filename (base, "thole.conf.d", NULL);
  g_autoptr (GPtrArray) files = g_ptr_array_new ();
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *first = g_build_filename (base, "thole.conf", NULL);
  const char *name;

  if (g_file_test (first, G_FILE_TEST_EXISTS))
    g_ptr_array_add (files, g_steal_pointer (&first));
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".conf"))
      g_ptr_array_add (parts, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (parts, compare_names);
  for (guint i = 0; i < parts->len; i++)
    g_ptr_array_add (files, parts->pdata[i]);
  g_ptr_array_add (files, NULL);
  return (char **) g_ptr_array_steal (files, NULL);
}

TholeConfig *
thole_app_load_config (const TholeAppOptions *options, GError **error)
{
  g_autoptr (GPtrArray) set = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) files = options->config_files != NULL ? g_strdupv (options->config_files) : default_files ();
  const struct { const char *key, *value; } named[] = {
    { "log_level", options->log_level }, { "tls_certificate", options->tls_certificate }, { "tls_key", options->tls_key },
  };

  for (guint i = 0; options->set != NULL && options->set[i] != NULL; i++)
    g_ptr_array_add (set, g_strdup (options->set[i]));
  for (guint i = 0; i < G_N_ELEMENTS (named); i++)
    if (named[i].value != NULL)
      g_ptr_array_add (set, g_strconcat ("daemon.", named[i].key, "=", named[i].value, NULL));
  g_ptr_array_add (set, NULL);
  return thole_config_load ((const char *const *) files, (const char *const *) set->pdata, TRUE, error);
}

gint64
thole_app_microseconds (TholeConfig *config, const char *section, const char *key)
{
  return (gint64) (thole_config_number (config, section, key) * G_USEC_PER_SEC);
}

TholeRateLimits
thole_app_rates (TholeConfig *config)
{
  return (TholeRateLimits) {
    .key = (guint) thole_config_int (config, "limits", "key_rate"),
    .user = (guint) thole_config_int (config, "limits", "user_rate"),
    .address = (guint) thole_config_int (config, "limits", "address_rate"),
    .local = (guint) thole_config_int (config, "limits", "local_rate"),
  };
}

TholeLimits
thole_app_limits (TholeConfig *config)
{
  return (TholeLimits) {
    .queue = (guint) thole_config_int (config, "limits", "queue"),
    .operations = (guint) thole_config_int (config, "limits", "operations"),
    .operation_age = thole_app_microseconds (config, "limits", "operation_age"),
    .idempotency_age = thole_app_microseconds (config, "limits", "idempotency_age"),
    .idempotency_keys = (guint) thole_config_int (config, "limits", "idempotency_keys"),
    .workloads = thole_config_int (config, "limits", "workloads"),
    .running = thole_config_int (config, "limits", "running"),
    .owner_cpu = thole_config_number (config, "limits", "cpu"),
    .owner_memory = thole_config_int (config, "limits", "memory"),
    .owner_storage = thole_config_int (config, "limits", "storage"),
    .key_running = thole_config_int (config, "limits", "key_running"),
    .execs = (guint) thole_config_int (config, "limits", "exec"),
    .sessions = (guint) thole_config_int (config, "limits", "sessions"),
    .caller_sessions = (guint) thole_config_int (config, "limits", "caller_sessions"),
    .recording = thole_config_int (config, "limits", "recording"),
    .upload = thole_config_int (config, "limits", "upload"),
    .upload_patience = thole_app_microseconds (config, "http", "body_timeout"),
    .disk_reserve = thole_config_int (config, "limits", "disk_reserve"),
    .provision_timeout = thole_app_microseconds (config, "workload", "provision_timeout"),
    .orphan_grace = thole_app_microseconds (config, "reconcile", "orphan_grace"),
    .audit = thole_config_int (config, "audit", "keep"),
    .audit_age = thole_app_microseconds (config, "audit", "keep_age"),
    .never_destroy = thole_config_bool (config, "reconcile", "never_destroy"),
    .memory = thole_config_int (config, "workload", "memory"),
    .pids = thole_config_int (config, "workload", "pids"),
    .cpu = thole_config_number (config, "workload", "cpu"),
  };
}
