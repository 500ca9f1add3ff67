/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How thole-agent gets into a container: as two mounts, the program and a folder for its socket, where the engine is on this
 * machine; else in an anonymous volume, into which it is uploaded, and an exec of its bridge is the way to it.
 */
#pragma once

#include "driver.h"

#define DOCKER_AGENT_PLACE "/.thole"
#define DOCKER_AGENT_NAME "agent"
#define DOCKER_AGENT_PROGRAM DOCKER_AGENT_PLACE "/" DOCKER_AGENT_NAME
#define DOCKER_AGENT_FOLDER_NAME "run"
#define DOCKER_AGENT_FOLDER DOCKER_AGENT_PLACE "/" DOCKER_AGENT_FOLDER_NAME

/* What `create` was told by `install`. */
typedef struct
{
  char *binary; /* of this machine */
  char *folder; /* (nullable): of this machine; NULL = by a volume */
} DockerAgent;

/* NULL without one in @options. Returns: (transfer full) (nullable) */
DockerAgent *docker_agent_of      (GVariant *options);
void         docker_agent_free    (DockerAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerAgent, docker_agent_free)

/* @spec with the mounts of the agent, or @body of the engine with its volume. Return: (transfer full) */
GVariant    *docker_agent_spec    (const DockerAgent *self, GVariant *spec);
GVariant    *docker_agent_body    (const DockerAgent *self, GVariant *body);
/* The tar stream for DOCKER_AGENT_PLACE. Returns: (transfer full) */
GBytes      *docker_agent_archive (const DockerAgent *self, gint64 now, GError **error);
/* The same that lets every user of the workload into the socket's folder. Returns: (transfer full) */
GBytes      *docker_agent_opening (gint64 now);
/* On this machine: the folder that install made. Its parent keeps everybody else out. */
void         docker_agent_open_folder (TholeDriver *driver, const char *id);
/* The socket's folder goes with its workload. */
void         docker_agent_forget  (TholeDriver *driver, const char *id);
