/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cuts a stream into lines of bounded length. Pure.
 */
#pragma once

#include <gio/gio.h>

#define DOCKER_LINE_MAX (1024 * 1024)

typedef struct
{
  GByteArray *rest; /* a line that has not ended yet */
  gboolean skipping; /* it was too long: drop the rest of it */
} DockerLines;

/* A line without its end; @line NULL stands for one that was too long. */
typedef void (*DockerLineFunc) (const char *line, gsize length, gpointer user_data);

void docker_lines_feed  (DockerLines *self, const guint8 *data, gsize length, DockerLineFunc function, gpointer user_data);
void docker_lines_clear (DockerLines *self);
