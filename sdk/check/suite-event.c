/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the engine tells, and what becomes of it when the engine goes away and comes back.
 */
#include <string.h>
#include <sys/wait.h>

#include "suites.h"

/* What a change is told as: its own event, or that all has to be listed again. */
typedef struct
{
  const char *id, *action;
} Told;

static gboolean
is_told (Kit *kit, gpointer data)
{
  const Told *told = data;

  return kit_events (kit, "workload", told->id, told->action) > 0 || kit_events (kit, "resync", NULL, NULL) > 0;
}

static void
expect_told (Kit *kit, const char *id, const char *action)
{
  Told told = { id, action };

  if (!kit_failed (kit) && !kit_until (kit, is_told, &told))
    kit_fault (kit, "%s is not told (waited for %g s)", action, kit->settings->deadline);
}

/* From the first moment that probe says ready. */
static void
told (Kit *kit, const KitCase *one)
{
  static const char *const actions[] = { "start", "exit", "pause", "unpause", "remove" };
  const char *action = actions[one->row];
  g_autofree char *id = NULL;

  if (!kit_open (kit) || !kit_need_image (kit) || (id = kit_run (kit, "forever", NULL, NULL)) == NULL)
    return;
  if (strcmp (action, "exit") == 0)
    kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_STOP,
                          &(TholeSlotArgs) { .id = id, .options = g_variant_new_parsed ("{'grace': <0.0>}") }), KIT_OK);
  if (strcmp (action, "pause") == 0 || strcmp (action, "unpause") == 0)
    kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_PAUSE, &(TholeSlotArgs) { .id = id }), KIT_OK);
  if (strcmp (action, "unpause") == 0)
    kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_UNPAUSE, &(TholeSlotArgs) { .id = id }), KIT_OK);
  if (strcmp (action, "remove") == 0)
    kit_remove (kit, id);
  expect_told (kit, id, action);
  if (strcmp (action, "remove") != 0)
    kit_remove (kit, id);
}

/* Programs that end by themselves, right after the list and many at once: each end is told. */
static void
ends_told (Kit *kit, const KitCase *one)
{
  g_auto(GStrv) words = kit_settings_program (kit->settings, "exit", "0");
  char *ids[10] = { NULL };
  g_autoptr(GVariant) list = NULL;

  if (words == NULL)
    kit_skip (kit, "[check] says that there is no program exit");
  if (words == NULL || !kit_open (kit) || !kit_need_image (kit))
    return;
  list = kit_list (kit, THOLE_SLOT_WORKLOAD_LIST);
  for (guint i = 0; i < (guint) one->row && !kit_failed (kit); i++)
    ids[i] = kit_run (kit, "exit", "0", NULL);
  for (guint i = 0; i < (guint) one->row; i++)
    {
      g_autofree char *id = ids[i];

      if (id == NULL || kit->lost)
        continue;
      expect_told (kit, id, "exit");
      kit_remove (kit, id);
    }
}

/* Another backend of the same daemon at the same engine sees it, too. */
static void
told_elsewhere (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL;
  TholeDriver *watcher;
  TholeHost *host;

  if (!kit_open (kit) || !kit_need_image (kit))
    return;
  watcher = g_steal_pointer (&kit->driver);
  host = g_steal_pointer (&kit->host);
  if (kit_open (kit))
    id = kit_run (kit, "forever", NULL, NULL);
  if (id != NULL)
    kit_remove (kit, id);
  kit_turn (kit);
  {
    g_autoptr(GPtrArray) own = g_steal_pointer (&kit->events);

    kit->events = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
    kit_close (kit);
    g_ptr_array_unref (kit->events);
    kit->events = g_steal_pointer (&own);
  }
  kit->driver = watcher;
  kit->host = host;
  if (id != NULL)
    expect_told (kit, id, "remove");
}

/* The engine goes away and comes back --------------------------------------------------------------------- */

static gboolean
has_ended (Kit *kit, gpointer data)
{
  int status;

  return waitpid (*(GPid *) data, &status, WNOHANG) != 0;
}

/* Runs the command of [check] that restarts the engine, and asks the driver all the while. */
static void
restart (Kit *kit, const KitCase *one)
{
  g_auto(GStrv) words = NULL;
  GPid pid = 0;

  if (kit->settings->restart[0] == '\0' || !g_shell_parse_argv (kit->settings->restart, NULL, &words, NULL))
    {
      kit_skip (kit, "[check] names no command that restarts the engine");
      return;
    }
  if (!kit_open (kit))
    return;
  KIT_CHECK (kit, g_spawn_async (NULL, words, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL
                                 | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &pid, NULL),
             "%s cannot be run", words[0]);
  while (!kit->lost && !kit_failed (kit) && !has_ended (kit, &pid))
    {
      kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_LIST, &(TholeSlotArgs) { 0 }), KIT_OK | KIT_CODE (UNAVAILABLE) | KIT_CODE (FAILED));
      if (!kit->lost)
        kit_pause (kit, 50);
    }
  if (kit->lost)
    return;
  for (guint i = 0; i < 200 && kit_probe (kit)->probe != THOLE_PROBE_READY && !kit_failed (kit); i++)
    kit_pause (kit, 50);
  kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_LIST, &(TholeSlotArgs) { 0 }), KIT_OK);
  KIT_CHECK (kit, kit_events (kit, "unavailable", NULL, NULL) + kit_events (kit, "resync", NULL, NULL) > 0,
             "the engine was away, and neither unavailable nor resync was told");
}

void
suite_event (GPtrArray *cases)
{
  static const char *const actions[] = { "start", "exit", "pause", "unpause", "remove" };
  static const int many[] = { 1, 10 };

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    kit_add (cases, &(KitCase) { .run = told, .row = (int) i, .closed = TRUE,
                                 .needs = KIT_MANAGES | (i == 2 || i == 3 ? KIT_NEEDS (WORKLOAD_PAUSE) | KIT_NEEDS (WORKLOAD_UNPAUSE) : 0) },
             "event/%s", actions[i]);
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    kit_add (cases, &(KitCase) { .run = ends_told, .row = many[i], .closed = TRUE, .needs = KIT_MANAGES }, "event/ends-told/%d", many[i]);
  kit_add (cases, &(KitCase) { .run = told_elsewhere, .closed = TRUE, .needs = KIT_MANAGES }, "event/of-another-backend");
  kit_add (cases, &(KitCase) { .run = restart, .closed = TRUE, .needs = KIT_NEEDS (WORKLOAD_LIST) }, "event/engine-restarted");
}
