/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What must hold at every quiet moment, and what must hold when all faults are over and time enough has passed.
 */
#include "sim.h"

#include <string.h>

/* of a restart policy, and of what the callers ask for */
#define LONGEST_PAUSE (301 * SIM_SECOND)
#define LONGEST_LIFE (400 * SIM_SECOND)
/* how much longer than its idle_timeout something is left to run: what is stored to spare, and after a restart of the daemon */
#define LONGEST_IDLE (180 * SIM_SECOND)
/* between two looks at the clock, with a COMMIT that waits */
#define LONGEST_BLINDNESS (90 * SIM_SECOND)

gboolean
sim_is_quiet (Sim *sim)
{
  return sim->up && !sim_pending (sim) && thole_operations_busy (sim->operations) == 0 && thole_db_pending (sim->db) == 0
         && thole_backend_pending (sim_backend (sim)) == 0 && sim_next (sim) > sim->now;
}

gint64
sim_slack (Sim *sim)
{
  return (gint64) sim->n_jumps * SIM_SECOND;
}

void
sim_check_skew (Sim *sim)
{
  if (!sim->blind && sim->now > sim->jump_at + LONGEST_BLINDNESS && ABS (sim->skew - sim->offset) > sim_slack (sim))
    sim_violation (sim, "the clock was set by %.3f s, the store knows of %.3f s", (double) sim->offset / SIM_SECOND,
                   (double) sim->skew / SIM_SECOND);
}

void
sim_explain_busy (Sim *sim)
{
  TholeCollection *all = sim->operations->workloads;

  for (guint i = 0; i < thole_collection_size (all); i++)
    {
      const TholeSubject *subject = thole_collection_index (all, i);

      if (subject->driving || subject->held)
        sim_trace (sim, "busy: %s %s driving %d held %d waiting %u retry %d", subject->now->id, thole_state_name (subject->now->state),
                   subject->driving, subject->held, subject->queue.length, subject->retry != NULL);
    }
}

void
sim_check_step (Sim *sim)
{
  TholeCollection *all = sim->operations->workloads;

  if (!sim_is_quiet (sim))
    return;
  if (thole_collection_size (all) != g_hash_table_size (sim->rows))
    sim_violation (sim, "the daemon has %u workloads, the store %u", thole_collection_size (all), g_hash_table_size (sim->rows));
  for (guint i = 0; i < thole_collection_size (all); i++)
    {
      const TholeSubject *subject = thole_collection_index (all, i);
      const SimRow *row = g_hash_table_lookup (sim->rows, subject->now->id);

      if (row == NULL || row->record->revision != subject->now->revision)
        sim_violation (sim, "%s is in memory as it is not in the store", subject->now->id);
    }
  if (g_hash_table_size (sim->operations->names) != thole_collection_size (all))
    sim_violation (sim, "%u names for %u workloads", g_hash_table_size (sim->operations->names), thole_collection_size (all));
  if (sim->read != sim->newest)
    sim_violation (sim, "the reader is at event %" G_GINT64_FORMAT ", the store at %" G_GINT64_FORMAT, sim->read, sim->newest);
}

static gboolean
is_one_of (const char *word, const char *words)
{
  return strstr (words, word) != NULL;
}

/* the state of a row and what the engine has */
static void
check_truth (Sim *sim, const TholeWorkload *now, GHashTable *objects)
{
  const char *seen = g_hash_table_lookup (objects, now->id);
  const char *good = NULL;

  switch (now->state)
    {
    case THOLE_WORKLOAD_STATE_RUNNING:
      good = "running";
      break;
    case THOLE_WORKLOAD_STATE_PAUSED:
      good = "paused";
      break;
    case THOLE_WORKLOAD_STATE_STOPPED:
    case THOLE_WORKLOAD_STATE_CRASHED:
    case THOLE_WORKLOAD_STATE_SUSPENDED:
      /* one whose creation was given up may have been made all the same */
      good = now->engine_id[0] != '\0' ? "created exited" : "created exited none";
      break;
    case THOLE_WORKLOAD_STATE_ERROR:
      good = "created exited none";
      break;
    default:
      sim_violation (sim, "%s is still %s", now->id, thole_state_name (now->state));
    }
  if (!is_one_of (seen != NULL ? seen : "none", good))
    sim_violation (sim, "%s is %s (%s), the engine says %s", now->id, thole_state_name (now->state), now->state_reason,
                   seen != NULL ? seen : "none");
}

/* nobody used it since the faults ended */
static void
check_idle (Sim *sim, const SimRow *row)
{
  const TholeWorkload *now = row->record;
  gint64 timeout = sim_idle_timeout (now);

  if (timeout > 0 && now->state == THOLE_WORKLOAD_STATE_RUNNING && !sim->blind
      && row->ran_at + timeout + LONGEST_IDLE + sim_slack (sim) < sim_true_time (sim))
    sim_violation (sim, "%s runs for %.3f s, and nobody uses it", now->id, (double) (sim_true_time (sim) - row->ran_at) / SIM_SECOND);
}

static void
check_row (Sim *sim, const TholeWorkload *now, GHashTable *objects)
{
  g_autofree char *install = g_strconcat (now->id, "-install", NULL);
  const char *replayed = g_hash_table_lookup (sim->replayed, now->id);
  gint64 time = sim_true_time (sim), slack = sim_slack (sim);

  check_truth (sim, now, objects);
  if (g_hash_table_contains (objects, install))
    sim_violation (sim, "the install step of %s left its object", now->id);
  if (!thole_state_rests (now))
    sim_violation (sim, "%s does not rest: %s, desired %d", now->id, thole_state_name (now->state), (int) now->desired_state);
  if (now->operation[0] != '\0')
    sim_violation (sim, "%s rests and its operation %s does not end", now->id, now->operation);
  if (now->health != THOLE_WORKLOAD_HEALTH_NONE && now->state != THOLE_WORKLOAD_STATE_RUNNING && now->state != THOLE_WORKLOAD_STATE_PAUSED)
    sim_violation (sim, "%s is %s and has a health", now->id, thole_state_name (now->state));
  if (strcmp (now->intent, "update") == 0 || strcmp (now->intent, "kill") == 0)
    sim_violation (sim, "%s rests with the intent %s", now->id, now->intent);
  if (now->deadline_at != 0 && !sim->blind && (now->deadline_at < time - slack || now->deadline_at > time + LONGEST_PAUSE + slack))
    sim_violation (sim, "the deadline of %s is %.3f s from now", now->id, (double) (now->deadline_at - time) / SIM_SECOND);
  if (now->expires_at != 0 && !sim->blind && !now->protected && (now->expires_at < time - slack || now->expires_at > time + LONGEST_LIFE + slack))
    sim_violation (sim, "the life of %s is over %.3f s from now", now->id, (double) (now->expires_at - time) / SIM_SECOND);
  if (g_strcmp0 (replayed, thole_state_name (now->state)) != 0)
    sim_violation (sim, "%s is %s, its events say %s", now->id, thole_state_name (now->state), replayed);
  if (g_str_has_prefix (now->state_reason, "conflict") || g_str_has_prefix (now->state_reason, "exists"))
    sim_violation (sim, "%s failed with %s: nobody else has its id", now->id, now->state_reason);
}

static void
check_objects (Sim *sim, GHashTable *objects)
{
  gint64 latest = sim_true_time (sim) - 2 * sim->plan.period - 60 * SIM_SECOND;
  const TholeOrphan *record;
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, objects);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      g_autofree char *orphan = g_strconcat ("sim:", key, NULL);

      if (g_str_has_prefix (key, "foreign-") || g_hash_table_contains (sim->rows, key))
        continue;
      if (!g_hash_table_contains (sim->orphans, orphan))
        sim_violation (sim, "%s is at the engine and not listed", (const char *) key);
      record = thole_collection_lookup (sim->operations->orphans, orphan);
      if (record == NULL)
        sim_violation (sim, "the orphan %s is not in memory", orphan);
      if (!sim->plan.never_destroy && record->due_at < latest)
        sim_violation (sim, "%s was left at the engine", (const char *) key);
    }
  for (guint i = 0; i < sim->foreign->len; i++)
    if (!g_hash_table_contains (objects, sim->foreign->pdata[i]))
      sim_violation (sim, "%s was not ours and is gone", (const char *) sim->foreign->pdata[i]);
}

static void
check_memory (Sim *sim)
{
  TholeOperations *operations = sim->operations;

  for (guint i = 0; i < thole_collection_size (operations->operations); i++)
    {
      const TholeTracker *tracker = thole_collection_index (operations->operations, i);

      if (tracker->now->state == THOLE_OPERATION_STATE_RUNNING)
        sim_violation (sim, "operation %s (%s of %s) does not end", tracker->now->id, tracker->now->type, tracker->now->target);
    }
  if (operations->calls != 0 || operations->execs != 0)
    sim_violation (sim, "%u calls and %u commands are still counted", operations->calls, operations->execs);
  if (g_hash_table_size (operations->inflight) != 0)
    sim_violation (sim, "a key is still in flight");
  if (g_hash_table_size (operations->tokens) != 0)
    sim_violation (sim, "a token of progress was left");
  if (sim->outstanding != 0)
    sim_violation (sim, "%u requests were never answered, the first is %s", (guint) sim->outstanding,
                   (const char *) g_queue_peek_head (&sim->waiting));
  if (g_hash_table_size (sim->uses) > g_hash_table_size (sim->rows))
    sim_violation (sim, "there are uses of %u workloads, and only %u are there", g_hash_table_size (sim->uses), g_hash_table_size (sim->rows));
  if (g_hash_table_size (sim->replayed) != g_hash_table_size (sim->rows))
    sim_violation (sim, "the events leave %u workloads, the store has %u", g_hash_table_size (sim->replayed),
                   g_hash_table_size (sim->rows));
}

void
sim_check_rest (Sim *sim)
{
  g_autoptr (GHashTable) objects = sim_objects (sim);

  sim->n_rests++;
  sim_check_step (sim);
  sim_check_skew (sim);
  for (guint i = 0; i < sim->ids->len; i++)
    {
      const SimRow *row = g_hash_table_lookup (sim->rows, sim->ids->pdata[i]);

      check_row (sim, row->record, objects);
      check_idle (sim, row);
    }
  check_objects (sim, objects);
  check_memory (sim);
  sim_trace (sim, "all is well");
}

void
sim_check_empty (Sim *sim)
{
  g_autoptr (GHashTable) objects = sim_objects (sim);
  guint ours = 0;

  if (g_hash_table_size (sim->rows) != 0)
    sim_violation (sim, "%u workloads were not deleted, the first is %s", g_hash_table_size (sim->rows),
                   (const char *) sim->ids->pdata[0]);
  ours = g_hash_table_size (objects) - sim->foreign->len;
  /* those that are listed wait for their time; it may be set back */
  if (ours > g_hash_table_size (sim->orphans))
    sim_violation (sim, "%u objects were left at the engine", ours);
}
