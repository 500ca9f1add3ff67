/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "config.h"

#include <string.h>

#include "net-ports.h"
#include "thole-dict.h"
#include "thole-host.h"

#define WORD "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."
#define INSTANCE_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
#define INTERFACE_MAX 15
#define DEFAULT_CNI_PATH "/usr/lib/cni:/opt/cni/bin"
#define DEFAULT_ADDRESS "/run/containerd/containerd.sock"
#define LOG_SIZE_MIN (64 * 1024)
#define LOG_SIZE_DEFAULT (256 * 1024 * 1024)

void
ctr_config_free (CtrConfig *self)
{
  g_free (self->instance);
  g_free (self->runtime_dir);
  g_free (self->state_dir);
  g_free (self->address);
  g_free (self->namespace);
  g_free (self->snapshotter);
  g_free (self->runtime);
  g_free (self->logger);
  g_free (self->cgroup_parent);
  g_free (self->archives);
  g_free (self->default_network);
  g_free (self->cni_path);
  g_free (self->cni_bridge);
  g_free (self->cni_subnet);
  g_strfreev (self->plain_http);
  g_clear_pointer (&self->registries, g_hash_table_unref);
  g_free (self);
}

static void
complain (GString *problems, const char *key, const char *text)
{
  g_string_append_printf (problems, "%s%s: %s", problems->len > 0 ? "; " : "", key, text);
}

static void
read_registries (CtrConfig *self, const char *text, GString *problems)
{
  g_autoptr(GError) error = NULL;

  self->registries = thole_registry_credentials_parse (text, &error);
  if (self->registries == NULL)
    complain (problems, "registry_credentials", error->message);
}

static gboolean
read_switch (GVariant *config, const char *key, const char *fallback, GString *problems)
{
  const char *text = thole_dict_string (config, key, fallback);

  if (g_strv_contains ((const char *const[]){ "yes", "true", "1", NULL }, text))
    return TRUE;
  if (!g_strv_contains ((const char *const[]){ "no", "false", "0", "", NULL }, text))
    complain (problems, key, "must be yes or no");
  return FALSE;
}

static void
read_address (CtrConfig *self, const char *address, GString *problems)
{
  const char *path = g_str_has_prefix (address, "unix://") ? address + 7 : address;

  self->address = g_strdup (path);
  if (path[0] != '/')
    complain (problems, "address", "must be the path of a unix socket");
}

static void
read_idle (CtrConfig *self, const char *text, GString *problems)
{
  guint64 seconds = 0;

  if (!g_ascii_string_to_unsigned (text, 10, 1, 86400, &seconds, NULL))
    complain (problems, "files_idle", "must be seconds, from 1 to 86400");
  self->files_idle = (gint) seconds;
}

static void
read_network (CtrConfig *self, GVariant *config, GString *problems)
{
  g_autofree char *whose = g_strconcat (self->instance, "/", thole_dict_string (config, "name", ""), NULL);
  g_autofree char *bridge = g_strdup_printf ("thole%08x", g_str_hash (whose));

  self->default_network = g_strdup (thole_dict_string (config, "default_network", "auto"));
  self->cni_path = g_strdup (thole_dict_string (config, "cni_path", DEFAULT_CNI_PATH));
  self->cni_bridge = g_strdup (thole_dict_string (config, "cni_bridge", bridge));
  self->cni_subnet = g_strdup (thole_dict_string (config, "cni_subnet", ""));
  if (!g_strv_contains ((const char *const[]){ "auto", "bridge", "none", NULL }, self->default_network))
    complain (problems, "default_network", "must be auto, bridge or none");
  if (self->cni_path[0] != '/')
    complain (problems, "cni_path", "must be absolute paths, parted by colons");
  if (self->cni_bridge[0] == '\0' || strlen (self->cni_bridge) > INTERFACE_MAX || strspn (self->cni_bridge, WORD) != strlen (self->cni_bridge))
    complain (problems, "cni_bridge", "must be the name of a network interface, of at most 15 characters");
  if (self->cni_subnet[0] != '\0' && !ctr_subnet_valid (self->cni_subnet))
    complain (problems, "cni_subnet", "must be of the kind 10.1.2.0/24");
}

CtrConfig *
ctr_config_new (GVariant *config, GError **error)
{
  g_autoptr(CtrConfig) self = g_new0 (CtrConfig, 1);
  g_autoptr(GString) problems = g_string_new (NULL);
  const struct { const char *key, *fallback; char **field; gboolean path; } texts[] = {
    { "runtime_dir", "", &self->runtime_dir, TRUE },
    { "state_dir", "", &self->state_dir, TRUE },
    { "logger", THOLE_LIBEXECDIR "/thole-log", &self->logger, TRUE },
    { "cgroup_parent", "/thole", &self->cgroup_parent, TRUE },
    { "namespace", "thole", &self->namespace, FALSE },
    { "snapshotter", "overlayfs", &self->snapshotter, FALSE },
    { "runtime", "io.containerd.runc.v2", &self->runtime, FALSE },
  };

  self->instance = g_strdup (thole_dict_string (config, "instance", ""));
  if (strlen (self->instance) < 8 || strspn (self->instance, INSTANCE_CHARACTERS) != strlen (self->instance))
    complain (problems, "instance", "must be a uuid");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      *texts[i].field = g_strdup (thole_dict_string (config, texts[i].key, texts[i].fallback));
      if (texts[i].path && (*texts[i].field)[0] != '/')
        complain (problems, texts[i].key, "must be an absolute path");
      if (!texts[i].path && ((*texts[i].field)[0] == '\0' || strspn (*texts[i].field, WORD) != strlen (*texts[i].field)))
        complain (problems, texts[i].key, "must be one word");
    }
  self->archives = g_strdup (thole_dict_string (config, "archives", ""));
  if (self->archives[0] != '\0' && self->archives[0] != '/')
    complain (problems, "archives", "must be an absolute path");
  read_address (self, thole_dict_string (config, "address", DEFAULT_ADDRESS), problems);
  self->plain_http = g_strsplit_set (thole_dict_string (config, "plain_http", ""), ",; ", 64);
  read_network (self, config, problems);
  self->agent = read_switch (config, "agent", "yes", problems);
  read_idle (self, thole_dict_string (config, "files_idle", "60"), problems);
  self->log_max_size = thole_dict_int (config, "log_max_size", LOG_SIZE_DEFAULT);
  if (self->log_max_size < LOG_SIZE_MIN)
    complain (problems, "log_max_size", "must be at least 64KiB");
  read_registries (self, thole_dict_string (config, "registry_credentials", ""), problems);
  if (problems->len > 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, problems->str);
      return NULL;
    }
  return g_steal_pointer (&self);
}
