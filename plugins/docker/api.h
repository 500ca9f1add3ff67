/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Requests to the Engine API. Each is bounded in time and size, ends with `close`, and fails with THOLE_ERROR (the engine's
 * own text in the message) or G_IO_ERROR_CANCELLED.
 */
#pragma once

#include "driver.h"

#define DOCKER_REPLY_MAX (16 * 1024 * 1024)
#define DOCKER_LIST_MAX (128 * 1024 * 1024)

typedef struct
{
  const char *method;
  const char *path;          /* "/containers/json?all=1", without the version */
  GVariant *body;            /* (nullable): JSON; consumed when it floats; calls only */
  const char *registry_auth; /* (nullable): X-Registry-Auth; streams only */
  double timeout;            /* seconds for the whole reply, 0 = 60; of a stream: for its head */
  gsize limit;               /* bytes of the reply, 0 = DOCKER_REPLY_MAX */
  gboolean unversioned;      /* for /_ping */
} DockerRequest;

typedef struct
{
  guint status;
  GVariant *json;            /* () when the reply has no body */
  char *api_version;         /* (nullable): header Api-Version */
  gint64 date;               /* header Date, seconds since the epoch; 0 = none */
  char *path_stat;           /* (nullable): header X-Docker-Container-Path-Stat */
} DockerReply;

void docker_reply_free (DockerReply *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerReply, docker_reply_free)

/* Opens the connection pools; reads the TLS files, in a thread. Succeeds at once when that was done. */
void         docker_connect_async  (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data);
gboolean     docker_connect_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* One request and its whole reply. */
void         docker_call_async  (TholeDriver *self, const DockerRequest *request, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
DockerReply *docker_call_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* One request; the body of its reply is a stream. Closing or dropping the stream ends the request at the engine. It is
 * not bound to @cancellable any more. */
void         docker_stream_async  (TholeDriver *self, const DockerRequest *request, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data);
GInputStream *docker_stream_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* `filters={"KEY":["value",...]}` escaped for a query. Returns: (transfer full) */
char        *docker_filters (const char *key, const char *first, ...) G_GNUC_NULL_TERMINATED;
