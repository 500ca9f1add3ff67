/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Problem details (RFC 9457) as an error of the domain CLI_ERROR and as text for people.
 */
#pragma once

#include "command.h"

/* The message is title, detail and, a line each, every wrong field. @body: (nullable) */
void        cli_problem_set     (GError **error, guint status, GVariant *body);
/* Returns: (transfer full): the same text from a problem inside another object (an operation's `error`) */
char       *cli_problem_text    (guint status, GVariant *body);
int         cli_exit_for_status (guint status);
/* Prints `tholectl: [SUBJECT: ]MESSAGE` on stderr and returns the exit code of @error. */
int         cli_complain        (const char *subject, const GError *error);

/* What the daemon may give as the title of a problem; ends with NULL. */
extern const char *const cli_problem_titles[];
