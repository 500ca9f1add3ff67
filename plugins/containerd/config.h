/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The configuration of one containerd backend (README.md lists the keys).
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  char *instance;    /* the store's uuid: goes onto every object */
  char *runtime_dir; /* pipes of programs that run */
  char *state_dir;   /* logs, folders of agents */
  char *address;     /* path of the engine's socket */
  char *namespace;
  char *snapshotter;
  char *runtime;
  char *logger;      /* path of thole-log */
  char *cgroup_parent;
  char *archives;    /* "" = images are not taken from this machine's files */
  char *default_network; /* auto, bridge, none: of workloads that name none */
  char *cni_path;    /* folders of plugins, parted by colons */
  char *cni_bridge;  /* the interface's name, and the network's */
  char *cni_subnet;  /* "" = one that is free */
  gint64 log_max_size;
  gint files_idle;   /* seconds */
  gboolean agent;    /* put thole-agent into containers */
  char **plain_http; /* registries that are asked without TLS */
  GHashTable *registries; /* registry host -> name of the secret that holds user:password */
} CtrConfig;

/* Reads `config` of open; the error names every wrong key. */
CtrConfig *ctr_config_new  (GVariant *config, GError **error);
void       ctr_config_free (CtrConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrConfig, ctr_config_free)
