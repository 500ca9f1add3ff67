/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lines and server-sent events of a streamed answer. The default main context runs while one is awaited.
 */
#pragma once

#include <gio/gio.h>

typedef struct _CliLines CliLines;

CliLines   *cli_lines_new  (GInputStream *stream);
void        cli_lines_free (CliLines *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliLines, cli_lines_free)

/* Returns: (transfer none) (nullable): the next line without its break, good until the next call; NULL at the end
 * (no @error) or when the stream broke. */
const char *cli_lines_next (CliLines *self, gsize *length, GCancellable *cancellable, GError **error);

/* Returns: (transfer none) (nullable): what has arrived, at most 64 KiB, as it comes; like cli_lines_next() at the end */
const char *cli_lines_bytes (CliLines *self, gsize *length, GCancellable *cancellable, GError **error);

typedef struct
{
  gint64 id;      /* -1 = none */
  char *type;     /* (nullable) */
  GString *data;
} CliServerEvent;

void        cli_server_event_clear (CliServerEvent *event);
/* Reads one event; a comment (heart-beat) is none. A number without data tells after which event the stream begins. FALSE at the end or with @error. */
gboolean    cli_lines_next_event   (CliLines *self, CliServerEvent *event, GCancellable *cancellable, GError **error);
