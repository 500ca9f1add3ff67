/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last case of every run: nothing stays.
 */
#include "leak.h"
#include "suites.h"

/* What was given up before may come into being now, so this may take some turns. */
static gboolean
is_empty (Kit *kit)
{
  g_autoptr(GVariant) workloads = NULL, volumes = NULL;
  gsize n = 0;

  kit_sweep (kit);
  workloads = kit_has (kit, THOLE_SLOT_WORKLOAD_LIST) && kit_has (kit, THOLE_SLOT_WORKLOAD_REMOVE)
                ? kit_list (kit, THOLE_SLOT_WORKLOAD_LIST) : NULL;
  volumes = kit_has (kit, THOLE_SLOT_VOLUME_LIST) ? kit_list (kit, THOLE_SLOT_VOLUME_LIST) : NULL;
  n += workloads != NULL ? g_variant_n_children (workloads) : 0;
  n += volumes != NULL ? g_variant_n_children (volumes) : 0;
  return n == 0;
}

static void
clean (Kit *kit, const KitCase *one)
{
  gboolean empty = FALSE;

  for (guint i = 0; i < 50 && !(empty = is_empty (kit)) && !kit_failed (kit); i++)
    kit_pause (kit, 100);
  KIT_CHECK (kit, empty, "what was removed is still listed");
  kit_close (kit);
  if (!kit->lost && kit_sanitizer_finds ())
    kit_fault (kit, "the leak sanitizer has found leaks; its report is on standard error");
}

void
suite_end (GPtrArray *cases)
{
  kit_add (cases, &(KitCase) { .run = clean }, "end/nothing-stays");
}
