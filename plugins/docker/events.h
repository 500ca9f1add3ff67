/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine's events as ours. After each reconnect `resync` is reported once the new subscription stands, so that nothing is
 * lost in between; when the engine cannot be reached, `unavailable`, and it is tried again with back-off.
 */
#pragma once

#include "api.h"

DockerEvents *docker_events_new  (TholeDriver *driver);
void          docker_events_free (DockerEvents *self);

/* Completes when a subscription stands; makes one when there is none. */
void          docker_events_connect_async  (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                            gpointer user_data);
gboolean      docker_events_connect_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* Ends it for good. */
void          docker_events_stop (TholeDriver *self);

/* GET /_ping, and agree on the version of the interface. Errors: UNSUPPORTED (too old). */
void          docker_ping_async  (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data);
/* Returns: the engine's clock in seconds, -1 on error */
gint64        docker_ping_finish (TholeDriver *self, GAsyncResult *result, GError **error);
