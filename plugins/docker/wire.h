/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request on a connection of its own, for what the HTTP client library cannot do: hand over the connection (hijack), send a
 * body only when the engine has agreed to take it (upload), tell a stream that ended from one that broke (body).
 */
#pragma once

#include "driver.h"

#define DOCKER_WIRE_TIMEOUT 30.0

typedef struct
{
  GIOStream *connection;
  GByteArray *surplus; /* bytes that came right behind the reply's head */
  guint status;        /* 100 to 299 */
  gboolean chunked;    /* the body comes in chunks */
  guint64 length;      /* of the body; G_MAXUINT64 = to the end of the connection */
} DockerWire;

void        docker_wire_free   (DockerWire *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerWire, docker_wire_free)

/* METHOD @path (without the version) with further @headers (each with its line end) and @body; gives the head of the reply
 * within @timeout seconds. A status from 300 on is an error with the engine's text. */
void        docker_wire_async  (TholeDriver *self, const char *method, const char *path, const char *headers, const char *body,
                                double timeout, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
DockerWire *docker_wire_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* The next head on the same connection: the reply behind a 100. Takes @wire. */
void        docker_wire_next_async (TholeDriver *self, DockerWire *wire, double timeout, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);

/* A POST after which the connection itself is the stream, both ways. @body: JSON, consumed when it floats. */
void        docker_hijack_async (TholeDriver *self, const char *path, GVariant *body, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/* Ends the sending direction: the program sees the end of its input. */
void        docker_half_close   (GIOStream *connection);

/* Sends @tar as it comes to METHOD @path, holding one piece of it. The error of a refusal comes before @tar is read. */
void        docker_upload_async  (TholeDriver *self, const char *method, const char *path, GInputStream *tar,
                                  GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean    docker_upload_finish (TholeDriver *self, GAsyncResult *result, GError **error);
