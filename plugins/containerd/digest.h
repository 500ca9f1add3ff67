/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "sha256:...", by which blobs are named. Pure.
 */
#pragma once

#include <glib.h>

/* Returns: (transfer full) */
char     *ctr_digest_of    (gconstpointer data, gsize length);
gboolean  ctr_digest_valid (const char *digest);
