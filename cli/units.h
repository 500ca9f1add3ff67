/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sizes, durations and ages as people write and read them.
 */
#pragma once

#include <glib.h>

/* "90", "1.5", "10m", "2h30m", "7d" -> seconds; -1 when it is not one */
double cli_duration_parse (const char *text);
/* "4096", "512m", "512MiB", "1.5GB" -> bytes; a bare letter is a power of 1024; -1 when it is not one */
gint64 cli_size_parse     (const char *text);

/* Returns: (transfer full): "1.5 MiB" */
char  *cli_size_text      (gint64 bytes);
/* Returns: (transfer full): "5s", "3m", "2h", "4d"; "-" when @since (RFC 3339) is not a time */
char  *cli_age_text       (const char *since, gint64 now);
