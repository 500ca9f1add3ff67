/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "seal.h"

#include <string.h>

#include "thole-sandbox-protocol.h"

#define FILE_KEY "holds="
#define SEAL_KEY "seal="
#define DIGEST 64
/* without its NUL */
#define SEAL_LENGTH (sizeof SEAL_KEY - 1 + DIGEST)
/* how plans end that are older than seals */
#define OLD_END "input="

static char *
digest_of (gconstpointer bytes, gsize length)
{
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, length);
}

static void
add (GByteArray *plan, const char *line)
{
  g_byte_array_append (plan, (const guint8 *) line, (guint) strlen (line) + 1);
}

void
local_seal_add (GByteArray *plan, GHashTable *files)
{
  g_autofree char *seal = NULL, *line = NULL;
  GHashTableIter iter;
  gpointer name, bytes;

  if (files != NULL)
    g_hash_table_iter_init (&iter, files);
  while (files != NULL && g_hash_table_iter_next (&iter, &name, &bytes))
    {
      g_autofree char *digest = digest_of (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      g_autofree char *file = g_strdup_printf (FILE_KEY "%s:%s", digest, (const char *) name);

      add (plan, file);
    }
  seal = digest_of (plan->data, plan->len);
  line = g_strconcat (SEAL_KEY, seal, NULL);
  add (plan, line);
}

/* The last line, NULL when @plan does not end with a line. */
static const char *
last_line (const char *plan, gsize length)
{
  gsize at = length - 1;

  if (length < 2 || plan[at] != '\0')
    return NULL;
  while (at > 0 && plan[at - 1] != '\0')
    at--;
  return plan + at;
}

gsize
local_seal_begins (const char *plan, gsize length)
{
  const char *last = last_line (plan, length);

  return last != NULL && g_str_has_prefix (last, SEAL_KEY) ? (gsize) (last - plan) : length;
}

gboolean
local_seal_intact (const char *plan, gsize length)
{
  const char *last = last_line (plan, length);
  g_autofree char *digest = NULL;

  if (last == NULL)
    return FALSE;
  if (length < sizeof LOCAL_SEALED || memcmp (plan, LOCAL_SEALED, sizeof LOCAL_SEALED) != 0)
    return g_str_has_prefix (last, OLD_END);
  if (strlen (last) != SEAL_LENGTH || !g_str_has_prefix (last, SEAL_KEY))
    return FALSE;
  digest = digest_of (plan, (gsize) (last - plan));
  return strcmp (last + strlen (SEAL_KEY), digest) == 0;
}

/* Is what @error says that it is not there at all? */
static gboolean
is_missing (const GError *error)
{
  return g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static gboolean
file_broken (const char *folder, const char *line)
{
  const char *digest = line + strlen (FILE_KEY), *colon = strchr (digest, ':');
  g_autofree char *path = NULL, *bytes = NULL, *found = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  /* nothing that a machine that goes off makes of a plan whose seal fits */
  if (colon == NULL || colon - digest != DIGEST)
    return FALSE;
  path = g_build_filename (folder, colon + 1, NULL);
  if (!g_file_get_contents (path, &bytes, &length, &error))
    return is_missing (error);
  found = digest_of (bytes, length);
  return strncmp (found, digest, DIGEST) != 0;
}

gboolean
local_seal_broken (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, THOLE_SANDBOX_PLAN, NULL), *plan = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  if (!g_file_get_contents (path, &plan, &length, &error))
    return is_missing (error);
  if (!local_seal_intact (plan, length))
    return TRUE;
  for (const char *at = plan; at < plan + length; at += strlen (at) + 1)
    if (g_str_has_prefix (at, FILE_KEY) && file_broken (folder, at))
      return TRUE;
  return FALSE;
}
