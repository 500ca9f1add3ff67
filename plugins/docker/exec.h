/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening a process, for `open` and `run`.
 */
#pragma once

#include "session.h"

typedef struct
{
  GIOStream *stream; /* of records */
  char *exec_id;
  char *engine_id;
} DockerExec;

void        docker_exec_free         (DockerExec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerExec, docker_exec_free)

void        docker_exec_start_async  (TholeDriver *self, const char *id, GVariant *command, gboolean takes_input,
                                      GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
DockerExec *docker_exec_start_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* The slot, see exec-run.c. */
void        docker_run_async         (TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/* Kills a process and its descendants, when it is one of this machine's that belongs to the container @engine_id.
 * FALSE: it is not. */
gboolean    docker_kill_local        (pid_t pid, const char *engine_id);
