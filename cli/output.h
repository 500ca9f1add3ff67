/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What goes to stdout and stderr. Texts for people are converted to the charset of the locale and hold no control
 * characters of others; JSON is always UTF-8.
 */
#pragma once

#include "command.h"

void     cli_print            (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* One line on stderr, ended by a line break. */
void     cli_print_error      (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* @value as JSON and a line break: indented on a terminal, else one line. */
void     cli_print_json       (GVariant *value);
/* Raw bytes at once. FALSE when the reader has gone. */
gboolean cli_write            (int fd, gconstpointer data, gsize length);

/* Returns: (transfer full): @text with control characters as \xNN; line breaks stay when @lines */
char    *cli_text_safe        (const char *text, gboolean lines);
/* Columns that @text takes on a terminal. */
guint    cli_text_width       (const char *text);

/* Is stdout (stderr) a terminal that knows escape sequences? */
gboolean cli_output_is_terminal (void);
gboolean cli_error_is_terminal  (void);
/* Size of the terminal; 80 (24) when it is not known. */
guint    cli_output_width     (void);
guint    cli_output_height    (void);
/* "…" where the locale can show it, else "...". */
const char *cli_ellipsis      (void);
