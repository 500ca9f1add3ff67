/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "thole-dict.h"
#include "thole-host.h"

#define INSTANCE_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
#define DEFAULT_URL "unix:///var/run/docker.sock"

void
docker_config_free (DockerConfig *self)
{
  g_free (self->instance);
  g_free (self->state_dir);
  g_free (self->socket_path);
  g_free (self->host);
  g_free (self->tls_ca);
  g_free (self->tls_cert);
  g_free (self->tls_key);
  g_clear_pointer (&self->registries, g_hash_table_unref);
  g_free (self);
}

gboolean
docker_config_is_remote (const DockerConfig *self)
{
  g_autoptr(GInetAddress) address = NULL;

  if (self->socket_path != NULL)
    return FALSE;
  if (strcmp (self->host, "localhost") == 0)
    return FALSE;
  address = g_inet_address_new_from_string (self->host);
  return address == NULL || !g_inet_address_get_is_loopback (address);
}

static void
complain (GString *problems, const char *key, const char *text)
{
  g_string_append_printf (problems, "%s%s: %s", problems->len > 0 ? "; " : "", key, text);
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
read_url (DockerConfig *self, const char *url, gboolean allow_plain, GString *problems)
{
  g_autoptr(GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : "";
  gboolean has_files = self->tls_ca != NULL || self->tls_cert != NULL;

  if (strcmp (scheme, "unix") == 0 && g_uri_get_path (uri)[0] == '/')
    {
      self->socket_path = g_strdup (g_uri_get_path (uri));
      if (strlen (self->socket_path) > 107)
        complain (problems, "url", "the path of a unix socket has at most 107 bytes");
      return;
    }
  if (!g_strv_contains ((const char *const[]){ "tcp", "http", "https", NULL }, scheme)
      || g_uri_get_host (uri) == NULL || g_uri_get_host (uri)[0] == '\0')
    {
      complain (problems, "url", "must be unix:///PATH, tcp://HOST:PORT or https://HOST:PORT");
      return;
    }
  self->host = g_strdup (g_uri_get_host (uri));
  self->tls = has_files || strcmp (scheme, "https") == 0;
  if (strcmp (scheme, "http") == 0 && has_files)
    complain (problems, "url", "http:// and tls_* exclude each other");
  self->port = (guint16) (g_uri_get_port (uri) > 0 ? g_uri_get_port (uri) : (self->tls ? 2376 : 2375));
  if (!self->tls && !allow_plain && docker_config_is_remote (self))
    complain (problems, "url", "TCP to another machine needs TLS (tls_ca, tls_cert, tls_key) or allow_plain_tcp=yes");
}

static void
read_api (DockerConfig *self, const char *api, GString *problems)
{
  char *end = NULL;
  guint64 minor;

  self->api_ceiling = DOCKER_API_CEILING;
  if (api[0] == '\0')
    return;
  minor = g_str_has_prefix (api, "1.") ? g_ascii_strtoull (api + 2, &end, 10) : 0;
  if (end == NULL || *end != '\0' || minor < DOCKER_API_FLOOR || minor > DOCKER_API_CEILING)
    complain (problems, "api", "must be from 1.41 to 1.47");
  else
    self->api_ceiling = (guint) minor;
}

static void
read_registries (DockerConfig *self, const char *text, GString *problems)
{
  g_autoptr(GError) error = NULL;

  self->registries = thole_registry_credentials_parse (text, &error);
  if (self->registries == NULL)
    complain (problems, "registry_credentials", error->message);
}

DockerConfig *
docker_config_new (GVariant *config, GError **error)
{
  g_autoptr(DockerConfig) self = g_new0 (DockerConfig, 1);
  g_autoptr(GString) problems = g_string_new (NULL);
  struct { const char *key; char **field; } paths[] = {
    { "state_dir", &self->state_dir }, { "tls_ca", &self->tls_ca }, { "tls_cert", &self->tls_cert }, { "tls_key", &self->tls_key },
  };

  self->instance = g_strdup (thole_dict_string (config, "instance", ""));
  if (strlen (self->instance) < 8 || strspn (self->instance, INSTANCE_CHARACTERS) != strlen (self->instance))
    complain (problems, "instance", "must be a uuid");
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      const char *path = thole_dict_string (config, paths[i].key, "");

      if (path[0] != '\0')
        *paths[i].field = g_strdup (path);
      if (path[0] != '\0' && path[0] != '/')
        complain (problems, paths[i].key, "must be an absolute path");
    }
  if ((self->tls_cert == NULL) != (self->tls_key == NULL))
    complain (problems, "tls_cert", "goes together with tls_key");
  read_url (self, thole_dict_string (config, "url", DEFAULT_URL), read_switch (config, "allow_plain_tcp", "no", problems),
            problems);
  self->disk_limit = read_switch (config, "disk_limit", "no", problems);
  self->agent = read_switch (config, "agent", "yes", problems);
  read_api (self, thole_dict_string (config, "api", ""), problems);
  read_registries (self, thole_dict_string (config, "registry_credentials", ""), problems);
  if (problems->len > 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, problems->str);
      return NULL;
    }
  return g_steal_pointer (&self);
}
