/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Progress of an operation on stderr: a bar on a terminal, plain lines elsewhere.
 */
#pragma once

#include <glib.h>

typedef struct _CliProgress CliProgress;

/* @quiet: plain lines are left out, only the bar is shown */
CliProgress *cli_progress_new   (gboolean quiet);
/* Takes the bar away. */
void         cli_progress_free  (CliProgress *self);
void         cli_progress_show  (CliProgress *self, GVariant *operation);
/* Takes the bar away until it is shown again. */
void         cli_progress_clear (CliProgress *self);
/* The amounts of an operation; 0 where it says nothing. @unit lives as long as @operation. */
void         cli_progress_read  (GVariant *operation, gint64 *done, gint64 *total, const char **unit);
gboolean     cli_progress_is_bar (CliProgress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliProgress, cli_progress_free)
