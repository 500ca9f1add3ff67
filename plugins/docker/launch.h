/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The start of an exec: made, then started on a connection that becomes its stream.
 */
#pragma once

#include "wire.h"

/* Starts an exec of @body (of /containers/ID/exec; consumed when it floats) in the container @engine_id. */
void        docker_launch_async  (TholeDriver *self, const char *engine_id, GVariant *body, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);
/* @exec_id (out) (optional) (transfer full): the engine's */
DockerWire *docker_launch_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error);
