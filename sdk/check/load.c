/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "load.h"

#include "backend/loader.h"

static TholeTables *
open_by_manifest (const char *path, GError **error)
{
  g_autoptr(GError) fault = NULL;
  g_autoptr(TholeManifest) manifest = thole_manifest_read (path, &fault);

  if (fault != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return NULL;
    }
  return thole_loader_check_needs (manifest, error) ? thole_loader_open_manifest (manifest, error) : NULL;
}

static char *
describe (const TholeTables *tables)
{
  g_autoptr(GString) out = g_string_new ("ok: ");

  g_string_append_printf (out, "%s %s", tables->id, tables->version);
  for (guint i = 0; i < THOLE_N_TABLES; i++)
    if ((tables->tables & (1u << i)) != 0)
      g_string_append_printf (out, " %s", thole_table_name (i));
  return g_strdelimit (g_string_free (g_steal_pointer (&out), FALSE), "\r\n", ' ');
}

gboolean
check_load (const char *file, char **line)
{
  g_autofree char *path = g_canonicalize_filename (file, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(TholeTables) tables = g_str_has_suffix (path, ".plugin") ? open_by_manifest (path, &error)
                                                                      : thole_loader_open (path, &error);

  if (tables == NULL)
    *line = g_strdelimit (g_strconcat ("refused: ", error->message, NULL), "\r\n", ' ');
  else
    *line = describe (tables);
  return tables != NULL;
}
