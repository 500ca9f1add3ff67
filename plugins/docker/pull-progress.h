/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the lines of a pull mean together. Pure.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  GHashTable *layers; /* id -> Layer */
  gint64 done, total; /* bytes of all layers; total grows while layers begin */
  char *message;      /* what is being done, in the engine's words */
  char *failure;      /* (nullable): why it failed */
} DockerPullProgress;

void docker_pull_progress_init  (DockerPullProgress *self);
void docker_pull_progress_clear (DockerPullProgress *self);
void docker_pull_progress_line  (DockerPullProgress *self, const char *line, gsize length);
