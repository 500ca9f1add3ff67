/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Thole's dictionaries (sdk/schema.md) to the bodies of the Engine API and back. Pure.
 */
#pragma once

#include "config.h"

#define DOCKER_LABEL_ID "org.thole.id"
#define DOCKER_LABEL_INSTANCE "org.thole.instance"
#define DOCKER_LABEL_ROLE "org.thole.role"
#define DOCKER_LABEL_NAME "org.thole.name"

/* The engine's name for the object @id: `thole-<8 characters of the instance>-<id>`; the same for the same arguments, so that
 * create can be repeated. Returns: (transfer full) */
char     *docker_object_name (const char *instance, const char *id);

/* Is @labels (a{sv} of strings) of the object @id of @instance? @id NULL = of any. */
gboolean  docker_labels_match (GVariant *labels, const char *instance, const char *id);

/* The user's labels and ours, a{sv} of strings. @role, @name (nullable). Floating. */
GVariant *docker_labels_make (GVariant *labels, const char *instance, const char *id, const char *role, const char *name);

/* The body of POST /containers/create. @spec: "spec"; @secrets (nullable): a{say}. The error (INVALID) names the key.
 * Returns: (transfer full) */
GVariant *docker_container_config (const DockerConfig *config, const char *id, GVariant *spec, GVariant *secrets,
                                   GError **error);

/* The body of POST /containers/ID/update for `resources`; @cpus: cores of the engine. Returns: (transfer full) */
GVariant *docker_update_body (GVariant *changes, double cpus, GError **error);

/* What `GET /containers/ID/json` gave, as a "workload" dictionary. Returns: (transfer full) */
GVariant *docker_workload_from_inspect (GVariant *inspect);

/* "workload" with state `gone`. Returns: (transfer full) */
GVariant *docker_workload_gone (const char *instance, const char *id);

/* "stats" of what `GET /containers/ID/stats` gave; NULL when it does not run. Returns: (transfer full) */
GVariant *docker_stats_sample (GVariant *stats);

/* "image" of an entry of `GET /images/json` or of `GET /images/NAME/json`. Returns: (transfer full) */
GVariant *docker_image_from_engine (GVariant *image);

/* "volume" of what the engine gave. Returns: (transfer full) */
GVariant *docker_volume_from_engine (GVariant *volume, gboolean with_mountpoint);

/* One line of the engine's event stream as an "event"; NULL when it does not concern us. Returns: (transfer full) */
GVariant *docker_event_convert (const char *line, gsize length);

/* An image reference in its parts: `host/path`, and a tag ("latest" when there is neither) or a digest ("sha256:..."). @registry
 * is the host of the registry, "docker.io" when none is named. Out parameters (transfer full). */
gboolean  docker_reference_parse (const char *reference, char **repository, char **version, char **registry, GError **error);
