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
  char *mark;        /* (nullable): what its environment carries */
} DockerExec;

void        docker_exec_free         (DockerExec *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DockerExec, docker_exec_free)

/* @mark: (nullable): a word for its environment, by which its processes are found again */
void        docker_exec_start_async  (TholeDriver *self, const char *id, GVariant *command, gboolean takes_input,
                                      const char *mark, GVariant *options, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
DockerExec *docker_exec_start_finish (TholeDriver *self, GAsyncResult *result, GError **error);

/* The slot, see exec-run.c. */
void        docker_run_async         (TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
