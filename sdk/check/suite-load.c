/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the daemon asks before it runs any of the driver's code, and what it asks of its tables.
 */
#include <string.h>

#include "suites.h"

static void
check_manifest (Kit *kit, const KitCase *one)
{
  g_autoptr(GError) fault = NULL;
  g_autoptr(TholeManifest) manifest = thole_manifest_read (kit->settings->manifest->path, &fault);

  KIT_CHECK (kit, fault == NULL, "%s", fault->message);
  KIT_CHECK (kit, !manifest->disabled, "the manifest disables the driver");
}

static void
check_needs (Kit *kit, const KitCase *one)
{
  g_autoptr(GError) error = NULL;

  KIT_CHECK (kit, thole_loader_check_needs (kit->settings->manifest, &error), "%s", error->message);
}

static void
check_module (Kit *kit, const KitCase *one)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(TholeTables) tables = thole_loader_open_manifest (kit->settings->manifest, &error);

  KIT_CHECK (kit, tables != NULL, "%s", error->message);
}

/* A module that is opened twice is one module. */
static void
check_again (Kit *kit, const KitCase *one)
{
  g_autoptr(TholeTables) first = thole_loader_open_manifest (kit->settings->manifest, NULL);
  g_autoptr(TholeTables) second = thole_loader_open_manifest (kit->settings->manifest, NULL);

  KIT_CHECK (kit, first != NULL && second != NULL, "it cannot be opened twice");
  KIT_CHECK (kit, memcmp (&first->driver, &second->driver, sizeof first->driver) == 0
                  && memcmp (&first->workload, &second->workload, sizeof first->workload) == 0,
             "its tables differ from one time to the next");
}

/* One name and no other, so that modules do not get into each other's way. */
static void
check_symbols (Kit *kit, const KitCase *one)
{
  g_autofree char *nm = g_find_program_in_path ("nm");
  const char *command[] = { nm, "-D", "--defined-only", "-P", kit->settings->manifest->module, NULL };
  g_autofree char *out = NULL;
  g_auto(GStrv) lines = NULL;

  if (nm == NULL)
    {
      kit_skip (kit, "nm is not installed");
      return;
    }
  KIT_CHECK (kit, g_spawn_sync (NULL, (char **) command, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL, NULL, NULL),
             "nm cannot be run");
  lines = g_strsplit (g_strstrip (out), "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (!g_str_has_prefix (lines[i], "thole_driver_entry ") && !g_str_has_prefix (lines[i], "__")
        && !g_str_has_prefix (lines[i], "_init ") && !g_str_has_prefix (lines[i], "_fini "))
      kit_fault (kit, "it exports more than thole_driver_entry: %.60s", lines[i]);
}

static void
check_table (Kit *kit, const KitCase *one)
{
  const char *name = thole_table_name ((TholeTableId) one->row);
  gboolean in_manifest = g_strv_contains ((const char *const *) kit->settings->manifest->interfaces, name);
  guint slots = 0;

  if ((kit->tables->tables & (1u << one->row)) == 0)
    {
      KIT_CHECK (kit, !in_manifest, "the manifest names %s, the module does not have it", name);
      kit_skip (kit, "the driver has no %s", name);
      return;
    }
  KIT_CHECK (kit, in_manifest, "the module has %s, the manifest does not name it", name);
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    slots += thole_slot_info (i)->table == (TholeTableId) one->row && kit_has (kit, i);
  KIT_CHECK (kit, slots > 0, "its table %s is empty", name);
}

void
suite_load (GPtrArray *cases)
{
  kit_add (cases, &(KitCase) { .run = check_manifest, .bare = TRUE, .closed = TRUE }, "load/manifest");
  kit_add (cases, &(KitCase) { .run = check_needs, .bare = TRUE, .closed = TRUE }, "load/needs");
  kit_add (cases, &(KitCase) { .run = check_module, .bare = TRUE, .closed = TRUE }, "load/module");
  kit_add (cases, &(KitCase) { .run = check_again, .closed = TRUE }, "load/again");
  kit_add (cases, &(KitCase) { .run = check_symbols, .closed = TRUE }, "load/symbols");
  for (int i = 0; i < THOLE_N_TABLES; i++)
    kit_add (cases, &(KitCase) { .run = check_table, .row = i, .closed = TRUE }, "load/table/%s", thole_table_name (i));
}
