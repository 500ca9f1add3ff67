/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/loader.h"

#include <string.h>

TholeTables *
thole_loader_open (const char *path, GError **error)
{
  g_autoptr(GError) reason = NULL;
  GModule *module = g_module_open_full (path, G_MODULE_BIND_LOCAL, &reason);
  gpointer symbol = NULL;
  const TholePlugin *plugin;

  if (module == NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_OPEN, "it cannot be opened: %s", reason->message);
      return NULL;
    }
  /* its code may have started threads or registered types: from here on no unload */
  g_module_make_resident (module);
  if (!g_module_symbol (module, "thole_driver_entry", &symbol) || symbol == NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SYMBOL,
                   "it does not export the symbol thole_driver_entry");
      return NULL;
    }
  plugin = ((TholeDriverEntry) symbol) ();
  if (plugin == NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_SYMBOL, "its thole_driver_entry returns nothing");
      return NULL;
    }
  return thole_tables_new (plugin, error);
}

static gboolean
check_interfaces (const TholeManifest *manifest, const TholeTables *tables, GError **error)
{
  for (guint i = 0; i < THOLE_N_TABLES; i++)
    {
      const char *name = thole_table_name (i);
      gboolean listed = g_strv_contains ((const char *const *) manifest->interfaces, name);
      gboolean there = (tables->tables & (1u << i)) != 0;

      if (listed != there)
        {
          g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_INTERFACE,
                       listed ? "its manifest lists %s, which the module does not have"
                              : "its module has %s, which the manifest does not list", name);
          return FALSE;
        }
    }
  return TRUE;
}

TholeTables *
thole_loader_open_manifest (const TholeManifest *manifest, GError **error)
{
  g_autoptr(TholeTables) tables = thole_loader_open (manifest->module, error);

  if (tables == NULL)
    return NULL;
  if (strcmp (tables->id, manifest->id) != 0)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_ID,
                   "its module calls itself \"%s\", its manifest \"%s\"", tables->id, manifest->id);
      return NULL;
    }
  return check_interfaces (manifest, tables, error) ? g_steal_pointer (&tables) : NULL;
}

gboolean
thole_loader_check_needs (const TholeManifest *manifest, GError **error)
{
  for (char **need = manifest->needs; need != NULL && *need != NULL; need++)
    {
      g_autoptr(GError) reason = NULL;

      if (g_module_open_full (*need, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL, &reason) == NULL)
        {
          g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_NEEDS, "it needs %s: %s", *need, reason->message);
          return FALSE;
        }
    }
  return TRUE;
}
