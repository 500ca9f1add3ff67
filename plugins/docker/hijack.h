/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A POST after which the connection itself is the stream, both ways (`Upgrade: tcp`). The HTTP client library cannot
 * hand over its connection, so this opens one of its own.
 */
#pragma once

#include "driver.h"

typedef struct
{
  GIOStream *connection;
  GByteArray *surplus; /* bytes that came right behind the reply's head */
} DockerHijack;

void          docker_hijack_free   (DockerHijack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerHijack, docker_hijack_free)

/* @path without the version; @body: JSON, consumed when it floats. */
void          docker_hijack_async  (TholeDriver *self, const char *path, GVariant *body, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
DockerHijack *docker_hijack_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* Ends the sending direction: the program sees the end of its input. */
void          docker_half_close    (GIOStream *connection);
