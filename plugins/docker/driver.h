/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One Docker backend: what all files of this driver share.
 */
#pragma once

#include <libsoup/soup.h>

#include "config.h"
#include "thole-dict.h"
#include "thole-driver.h"
#include "thole-host.h"
#include "thole-json.h"

typedef struct _DockerEvents DockerEvents;

/* Reference-counted (g_rc_box), so that what is under way may outlive `close`; then `host` is NULL. */
struct _TholeDriver
{
  TholeHost *host;              /* NULL once closed */
  const TholeHostOps *ops;
  DockerConfig *config;
  GCancellable *closing;        /* cancelled by `close`; every call is bound to it */
  SoupSession *calls;           /* short requests; made by the first probe. Streams have connections of their own */
  GSocketConnectable *address;
  GTlsCertificate *certificate; /* (nullable): of the client */
  GTlsDatabase *authorities;    /* (nullable) */
  char *architecture;           /* (nullable): "amd64", of the last probe */
  guint api_minor;              /* agreed version 1.N, 0 before the first probe */
  double cpus;                  /* cores of the engine, of the last probe */
  DockerEvents *events;
};

TholeDriver *docker_driver_ref   (TholeDriver *self);
void         docker_driver_unref (TholeDriver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeDriver, docker_driver_unref)

/* The host's functions; they do nothing after `close`. */
#define docker_log(self, level, ...) thole_host_log ((self)->host, (self)->ops, level, __VA_ARGS__)
#define docker_event(self, event) thole_host_event ((self)->host, (self)->ops, event)
#define docker_now(self) thole_host_now ((self)->host, (self)->ops)
#define docker_timer(self, seconds, function, user_data) \
  thole_host_timer ((self)->host, (self)->ops, seconds, function, user_data)

/* The tables of the interfaces. */
extern const TholeWorkloadOps docker_workload_ops;
extern const TholeExecOps docker_exec_ops;
extern const TholeAgentOps docker_agent_ops;
extern const TholeFilesOps docker_files_ops;
extern const TholeImageOps docker_image_ops;
extern const TholeVolumeOps docker_volume_ops;
