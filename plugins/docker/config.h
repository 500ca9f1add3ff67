/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The configuration of one Docker backend (README.md lists the keys).
 */
#pragma once

#include <gio/gio.h>

/* Interface versions of the engine that this driver speaks: 1.41 is Docker 20.10. */
#define DOCKER_API_FLOOR 41
#define DOCKER_API_CEILING 47

typedef struct
{
  char *instance;    /* the store's uuid: goes onto every object */
  char *state_dir;   /* (nullable): for what has to outlive the daemon */
  char *socket_path; /* unix socket, or NULL for TCP */
  char *host;        /* TCP */
  guint16 port;
  gboolean tls;
  char *tls_ca;      /* (nullable): NULL = the system's authorities */
  char *tls_cert;    /* (nullable): client certificate, PEM */
  char *tls_key;
  guint api_ceiling; /* the minor of the newest version to agree on */
  gboolean disk_limit;
  gboolean agent;    /* thole-agent may be put into workloads */
  GHashTable *registries; /* registry host -> name of the secret that holds user:password */
} DockerConfig;

/* Reads `config` of open; the error names every wrong key. */
DockerConfig *docker_config_new  (GVariant *config, GError **error);
void          docker_config_free (DockerConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerConfig, docker_config_free)

/* Is the engine another machine than this one? */
gboolean      docker_config_is_remote (const DockerConfig *self);
