/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "digest.h"

#include <string.h>

char *
ctr_digest_of (gconstpointer data, gsize length)
{
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, length);

  return g_strconcat ("sha256:", sum, NULL);
}

gboolean
ctr_digest_valid (const char *digest)
{
  return g_str_has_prefix (digest, "sha256:") && strlen (digest) == 71 && strspn (digest + 7, "0123456789abcdef") == 64;
}
