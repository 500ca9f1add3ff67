/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is uploaded: it only ends when all of it was there. One that is not whole fails instead, so that nobody takes it for whole.
 */
#pragma once

#include <gio/gio.h>

#define CLI_TYPE_SOURCE (cli_source_get_type ())
G_DECLARE_FINAL_TYPE (CliSource, cli_source, CLI, SOURCE, GFilterInputStream)

/* @size: of @base; -1 = to its end. @process: (nullable): whose output it is; it must end well. Returns: (transfer full) */
CliSource *cli_source_new   (GInputStream *base, gint64 size, GSubprocess *process);
/* Where it goes, once there is a connection: when a refusal comes from there the rest of it is not read any more, and it ends, so that
 * who sends it gets to read the answer. Through TLS that cannot be seen. */
void       cli_source_watch (CliSource *self, GSocket *socket);
/* Bytes that were read; from any thread. */
guint64    cli_source_taken (CliSource *self);
