/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/http.h"

#include <string.h>

static const char *
file_of (TholeConfig *config, const char *key)
{
  const char *file = thole_config_string (config, "daemon", key);

  return file != NULL && file[0] != '\0' ? file : NULL;
}

void
thole_http_options_configure (TholeHttpOptions *options, TholeConfig *config)
{
  options->tls_certificate = file_of (config, "tls_certificate");
  options->tls_key = file_of (config, "tls_key");
  options->tls_client_authority = file_of (config, "tls_client_authority");
  options->development = strcmp (thole_config_string (config, "auth", "mode"), "dev") == 0;
  options->behind_proxy = thole_config_bool (config, "daemon", "behind_proxy");
  options->max_connections = (guint) thole_config_int (config, "http", "max_connections");
  options->max_head = (gsize) thole_config_int (config, "http", "max_head");
  options->max_body = (gsize) thole_config_int (config, "http", "max_body");
  options->head_timeout = thole_config_number (config, "http", "head_timeout");
  options->body_timeout = thole_config_number (config, "http", "body_timeout");
  options->idle_timeout = thole_config_number (config, "http", "idle_timeout");
  options->max_message = (gsize) thole_config_int (config, "http", "max_message");
  options->ping = thole_config_number (config, "http", "ping");
  options->heartbeat = thole_config_number (config, "http", "heartbeat");
}
