/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What must hold of every COMMIT. The model is made of the transactions alone; whatever else knows something (memory, the
 * event reader, a new life of the daemon) is compared with it.
 */
#include "sim.h"

#include "store/txn.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

#define TO(name) (1u << THOLE_WORKLOAD_STATE_##name)

/* by hand, not from the state table: which state may follow which */
static const guint legal[THOLE_WORKLOAD_N_STATE] = {
  [THOLE_WORKLOAD_STATE_PROVISIONING] = TO (INSTALLING) | TO (STARTING) | TO (STOPPED) | TO (SUSPENDED) | TO (DELETING) | TO (ERROR),
  [THOLE_WORKLOAD_STATE_INSTALLING] = TO (STARTING) | TO (STOPPING) | TO (DELETING) | TO (ERROR),
  [THOLE_WORKLOAD_STATE_STARTING] = TO (RUNNING) | TO (STOPPED) | TO (CRASHED) | TO (STOPPING) | TO (DELETING) | TO (ERROR),
  [THOLE_WORKLOAD_STATE_RUNNING] = TO (PAUSED) | TO (STOPPED) | TO (CRASHED) | TO (STOPPING) | TO (DELETING) | TO (ERROR),
  [THOLE_WORKLOAD_STATE_PAUSED] = TO (RUNNING) | TO (STOPPED) | TO (CRASHED) | TO (STOPPING) | TO (DELETING) | TO (ERROR),
  [THOLE_WORKLOAD_STATE_STOPPING] = TO (STOPPED) | TO (STARTING) | TO (INSTALLING) | TO (SUSPENDED) | TO (DELETING) | TO (ERROR),
  [THOLE_WORKLOAD_STATE_STOPPED] = TO (PROVISIONING) | TO (INSTALLING) | TO (STARTING) | TO (RUNNING) | TO (SUSPENDED) | TO (DELETING)
                                   | TO (ERROR),
  [THOLE_WORKLOAD_STATE_CRASHED] = TO (PROVISIONING) | TO (INSTALLING) | TO (STARTING) | TO (RUNNING) | TO (SUSPENDED) | TO (DELETING)
                                   | TO (ERROR),
  [THOLE_WORKLOAD_STATE_ERROR] = TO (PROVISIONING) | TO (INSTALLING) | TO (STARTING) | TO (RUNNING) | TO (STOPPING) | TO (SUSPENDED)
                                 | TO (DELETING),
  [THOLE_WORKLOAD_STATE_SUSPENDED] = TO (STOPPED) | TO (STOPPING) | TO (DELETING),
};

/* of one that the store takes its time for */
#define LONGEST_COMMIT (4 * SIM_SECOND)

static void
row_free (gpointer data)
{
  SimRow *row = data;

  thole_record_unref (row->record);
  g_free (row);
}

void
sim_model_init (Sim *sim)
{
  sim->rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, row_free);
  sim->ids = g_ptr_array_new_with_free_func (g_free);
  sim->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  sim->forgotten = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  sim->trackers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  sim->orphans = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, thole_record_unref);
  sim->keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sim->gone = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  sim->uses = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sim->replayed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/* the text of a member in the data of an event; "" = none. Returns: (transfer full) */
static char *
member (const char *data, const char *name)
{
  g_autofree char *begin = g_strdup_printf ("\"%s\":\"", name);
  const char *at = strstr (data, begin);
  const char *end = at != NULL ? strchr (at + strlen (begin), '"') : NULL;

  return end != NULL ? g_strndup (at + strlen (begin), (gsize) (end - at) - strlen (begin)) : g_strdup ("");
}

/* commits -------------------------------------------------------------------------------------------------- */

/* the only event of @subject in the transaction */
static const TholeEvent *
event_of (Sim *sim, TholeTxn *txn, const char *subject)
{
  const TholeEvent *found = NULL;

  for (guint i = 0; i < txn->events->len; i++)
    {
      const TholeEvent *event = txn->events->pdata[i];

      if (strcmp (event->subject, subject) != 0)
        continue;
      if (found != NULL)
        sim_violation (sim, "two events of %s in one transaction", subject);
      found = event;
    }
  if (found == NULL)
    sim_violation (sim, "a change of %s without its event in the same transaction", subject);
  return found;
}

static guint
count_of (Sim *sim, const char *owner)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (sim->counts, owner));
}

static void
add_count (Sim *sim, const char *owner, int change)
{
  g_hash_table_replace (sim->counts, g_strdup (owner), GUINT_TO_POINTER (count_of (sim, owner) + (guint) change));
}

/* a request may change something once */
static void
note_request (Sim *sim, const TholeEvent *event, const TholeWorkload *record, gboolean made)
{
  g_autofree char *request = member (event->data, "request");
  SimCall *call = request[0] != '\0' ? sim_call_find (sim, request) : NULL;
  gint64 expected;

  if (request[0] == '\0')
    return;
  if (call == NULL)
    sim_violation (sim, "a change of %s by the unknown request %s", record->id, request);
  if (++call->changes > 1)
    sim_violation (sim, "request %s changed two things", request);
  if (made)
    call->made = g_strdup (record->id);
  if (call->call != NULL && call->call->if_match != NULL && strcmp (call->call->if_match, "*") != 0)
    {
      expected = g_ascii_strtoll (call->call->if_match, NULL, 10);
      if (!made && expected != record->revision - 1)
        sim_violation (sim, "request %s with If-Match %s changed revision %" G_GINT64_FORMAT, request, call->call->if_match,
                       record->revision - 1);
    }
}

static void
workload_added (Sim *sim, TholeTxn *txn, TholeWorkload *record)
{
  const TholeEvent *event = event_of (sim, txn, record->id);
  SimRow *row = g_new0 (SimRow, 1);

  if (strcmp (event->type, "workload.created") != 0)
    sim_violation (sim, "%s was created with an event %s", record->id, event->type);
  if (g_hash_table_contains (sim->rows, record->id) || g_hash_table_contains (sim->gone, record->id))
    sim_violation (sim, "%s was created twice", record->id);
  if (sim->plan.limit > 0 && count_of (sim, record->owner) >= (guint) sim->plan.limit)
    sim_violation (sim, "%s has more than %d workloads", record->owner, (int) sim->plan.limit);
  if (record->revision != 1 || record->state != THOLE_WORKLOAD_STATE_PROVISIONING)
    sim_violation (sim, "%s does not begin as it should", record->id);
  row->record = thole_record_ref (record);
  g_hash_table_insert (sim->rows, g_strdup (record->id), row);
  g_ptr_array_add (sim->ids, g_strdup (record->id));
  add_count (sim, record->owner, 1);
  note_request (sim, event, record, TRUE);
}

static void
check_state_event (Sim *sim, const TholeEvent *event, const TholeWorkload *old, const TholeWorkload *record)
{
  g_autofree char *from = member (event->data, "from");
  g_autofree char *to = member (event->data, "state");

  if (strcmp (to, thole_state_name (record->state)) != 0)
    sim_violation (sim, "the event of %s says %s, the row %s", record->id, to, thole_state_name (record->state));
  if (record->state == old->state)
    {
      if (strcmp (event->type, "workload.updated") != 0)
        sim_violation (sim, "%s did not change its state but has an event %s", record->id, event->type);
      return;
    }
  if (strcmp (event->type, "workload.state") != 0 || strcmp (from, thole_state_name (old->state)) != 0)
    sim_violation (sim, "%s went from %s to %s, its event is %s from %s", record->id, thole_state_name (old->state), to,
                   event->type, from);
  if (record->state == THOLE_WORKLOAD_STATE_CRASHED && record->exit_code == THOLE_RECORD_NULL)
    sim_violation (sim, "%s crashed, and nobody asked how", record->id);
  if (!(legal[old->state] & (1u << record->state)))
    sim_violation (sim, "%s went from %s to %s", record->id, from, to);
}

static const char *
policy_of (const TholeWorkload *record)
{
  return strstr (record->spec, "\"policy\":\"always\"") != NULL ? "always"
         : strstr (record->spec, "\"policy\":\"on-failure\"") != NULL ? "on-failure" : "never";
}

/* by its restart policy, 0 = as many as it likes */
static gint64
most_failures (const TholeWorkload *record)
{
  const char *at = strstr (record->spec, "\"max_retries\":");

  return at != NULL ? g_ascii_strtoll (at + strlen ("\"max_retries\":"), NULL, 10) : 5;
}

static void
check_restart (Sim *sim, const TholeWorkload *old, const TholeWorkload *record)
{
  gboolean again = record->state != old->state && g_str_has_prefix (record->state_reason, "restarting");

  if (again && record->restarts != old->restarts + 1)
    sim_violation (sim, "%s restarts, its count went from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, record->id, old->restarts,
                   record->restarts);
  if (!again && record->restarts != old->restarts && record->restarts != 0)
    sim_violation (sim, "the count of restarts of %s changed without a restart", record->id);
  if (again && strcmp (policy_of (old), "never") == 0)
    sim_violation (sim, "%s restarts under policy never", record->id);
  if (again && most_failures (old) > 0 && old->failures > most_failures (old))
    sim_violation (sim, "%s restarts after %" G_GINT64_FORMAT " failures in a row", record->id, old->failures);
  if (again && old->deadline_at > sim_true_time (sim) + sim_slack (sim) && !sim->blind)
    sim_violation (sim, "%s restarts before its pause is over", record->id);
  if (record->state != old->state && g_str_has_prefix (record->state_reason, "timeout: it was not ready")
      && (old->deadline_at == 0 || old->deadline_at > sim_true_time (sim) + sim_slack (sim)) && !sim->blind)
    sim_violation (sim, "%s was given up before its time", record->id);
}

gint64
sim_idle_timeout (const TholeWorkload *record)
{
  static const char key[] = "\"idle_timeout\":";
  const char *at = strstr (record->spec, key);

  return at != NULL ? g_ascii_strtoll (at + strlen (key), NULL, 10) * SIM_SECOND : 0;
}

static gboolean
runs (const TholeWorkload *record)
{
  return record->state == THOLE_WORKLOAD_STATE_RUNNING && record->desired_state == THOLE_WORKLOAD_DESIRED_STATE_RUNNING;
}

void
sim_model_used (Sim *sim, const char *target)
{
  GHashTableIter iter;
  SimRow *row;

  g_hash_table_iter_init (&iter, sim->rows);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &row))
    if (strcmp (row->record->id, target) == 0 || strcmp (row->record->name, target) == 0)
      row->used_at = sim_true_time (sim);
}

/* what nobody used is stopped, and nothing else is */
static void
check_idle (Sim *sim, SimRow *row, const TholeWorkload *record, const TholeEvent *event)
{
  const TholeWorkload *old = row->record;
  gint64 timeout = sim_idle_timeout (old);
  gboolean idle = g_str_has_prefix (record->state_reason, "idle") && record->state == THOLE_WORKLOAD_STATE_STOPPING
                  && record->state != old->state;

  if (record->state == THOLE_WORKLOAD_STATE_STOPPING && record->state != old->state && strcmp (event->actor, "policy") == 0 && !idle)
    sim_violation (sim, "%s is stopped by a policy for %s", record->id, record->state_reason);
  if (idle && (timeout == 0 || record->desired_state != THOLE_WORKLOAD_DESIRED_STATE_STOPPED))
    sim_violation (sim, "%s is stopped as idle, and need not be", record->id);
  if (idle && !sim->blind && sim_true_time (sim) + sim_slack (sim) + LONGEST_COMMIT < row->used_at + timeout)
    sim_violation (sim, "%s is stopped as idle %.3f s too early", record->id,
                   (double) (row->used_at + timeout - sim_true_time (sim)) / SIM_SECOND);
  if (runs (record) && (!runs (old) || sim_idle_timeout (record) != timeout))
    row->ran_at = row->used_at = sim_true_time (sim);
}

static void
workload_changed (Sim *sim, TholeTxn *txn, TholeWorkload *record)
{
  const TholeEvent *event = event_of (sim, txn, record->id);
  SimRow *row = g_hash_table_lookup (sim->rows, record->id);
  const TholeWorkload *old;

  if (row == NULL)
    sim_violation (sim, "%s was changed and is not there", record->id);
  old = row->record;
  if (record->revision != old->revision + 1 || record->generation < old->generation)
    sim_violation (sim, "%s: revision %" G_GINT64_FORMAT " came after %" G_GINT64_FORMAT, record->id, record->revision, old->revision);
  if (strcmp (record->owner, old->owner) != 0 || record->created_at != old->created_at || strcmp (record->backend, old->backend) != 0)
    sim_violation (sim, "%s: what never changes was changed", record->id);
  check_state_event (sim, event, old, record);
  check_restart (sim, old, record);
  check_idle (sim, row, record, event);
  if (record->state == THOLE_WORKLOAD_STATE_DELETING && !row->delete_asked
      && (record->expires_at == 0 || (record->expires_at > sim_true_time (sim) + sim_slack (sim) && !sim->blind) || record->protected))
    sim_violation (sim, "%s is deleted, and nobody asked for that", record->id);
  note_request (sim, event, record, FALSE);
  thole_record_unref (row->record);
  row->record = thole_record_ref (record);
}

static void
workload_removed (Sim *sim, TholeTxn *txn, const char *id)
{
  const TholeEvent *event = event_of (sim, txn, id);
  SimRow *row = g_hash_table_lookup (sim->rows, id);
  g_autofree char *install = g_strconcat (id, "-install", NULL);
  g_autoptr (GHashTable) objects = NULL;

  if (row == NULL)
    sim_violation (sim, "%s was removed and is not there", id);
  if (strcmp (event->type, "workload.deleted") != 0 || row->record->state != THOLE_WORKLOAD_STATE_DELETING)
    sim_violation (sim, "%s was removed in state %s with an event %s", id, thole_state_name (row->record->state), event->type);
  if (row->record->protected)
    sim_violation (sim, "%s is protected and was removed", id);
  objects = sim_objects (sim);
  if (!sim->plan.late && (g_hash_table_contains (objects, id) || g_hash_table_contains (objects, install)))
    sim_violation (sim, "the row of %s was removed before its object at the engine", id);
  add_count (sim, row->record->owner, -1);
  g_hash_table_add (sim->gone, g_strdup (id));
  for (guint i = 0; i < sim->ids->len; i++)
    if (strcmp (sim->ids->pdata[i], id) == 0)
      {
        g_ptr_array_remove_index (sim->ids, i);
        break;
      }
  g_hash_table_remove (sim->rows, id);
}

static void
operation_changed (Sim *sim, TholeTxn *txn, TholeOperation *record, gboolean added)
{
  gpointer old = NULL;
  gboolean there = g_hash_table_lookup_extended (sim->trackers, record->id, NULL, &old);

  event_of (sim, txn, record->id);
  if (there == added)
    sim_violation (sim, "operation %s was %s", record->id, added ? "made twice" : "changed and is not there");
  if (!added && GPOINTER_TO_INT (old) != THOLE_OPERATION_STATE_RUNNING)
    sim_violation (sim, "operation %s ended twice", record->id);
  g_hash_table_replace (sim->trackers, g_strdup (record->id), GINT_TO_POINTER ((int) record->state));
}

/* one that the policy removes had its time, and is not to be kept */
static void
orphan_removed (Sim *sim, TholeTxn *txn, const char *id)
{
  const TholeEvent *event = event_of (sim, txn, id);
  const TholeOrphan *orphan = g_hash_table_lookup (sim->orphans, id);

  if (orphan == NULL)
    sim_violation (sim, "the orphan %s was removed and is not there", id);
  if (strcmp (event->actor, "policy") == 0
      && (sim->plan.never_destroy || (orphan->due_at > sim_true_time (sim) + sim_slack (sim) && !sim->blind)))
    sim_violation (sim, "the orphan %s was removed before its time", id);
  g_hash_table_remove (sim->orphans, id);
}

static void
act (Sim *sim, TholeTxn *txn, const TholeAction *action)
{
  gboolean insert = action->kind == THOLE_ACTION_INSERT;

  if (action->kind == THOLE_ACTION_EVENT)
    {
      if (action->event->seq != sim->newest + 1)
        sim_violation (sim, "event %" G_GINT64_FORMAT " came after %" G_GINT64_FORMAT, action->event->seq, sim->newest);
      sim->newest = action->event->seq;
      sim_trace (sim, "%" G_GINT64_FORMAT " %s %s %s", action->event->seq, action->event->type, action->event->subject,
                 action->event->data);
    }
  else if (insert || action->kind == THOLE_ACTION_UPDATE)
    {
      if (action->type == &thole_workload_type && insert)
        workload_added (sim, txn, action->record);
      else if (action->type == &thole_workload_type)
        workload_changed (sim, txn, action->record);
      else if (action->type == &thole_operation_type)
        operation_changed (sim, txn, action->record, insert);
      else if (action->type == &thole_orphan_type && g_str_has_prefix (((TholeOrphan *) action->record)->object, "foreign-"))
        sim_violation (sim, "%s is not ours and was taken for an orphan", thole_record_id (action->record));
      else if (action->type == &thole_orphan_type)
        g_hash_table_replace (sim->orphans, g_strdup (thole_record_id (action->record)), thole_record_ref (action->record));
      else if (action->type == &thole_use_type)
        g_hash_table_replace (sim->uses, g_strdup (thole_record_id (action->record)),
                              g_memdup2 (&((TholeUse *) action->record)->idle_at, sizeof (gint64)));
      else if (action->type == &thole_timebase_type)
        sim->skew = ((TholeTimebase *) action->record)->skew;
      else if (action->type == &thole_idempotency_type)
        g_hash_table_replace (sim->keys, g_strdup (thole_record_id (action->record)),
                              g_strdup (((TholeIdempotency *) action->record)->subject));
    }
  else if (action->kind == THOLE_ACTION_REMOVE)
    {
      if (action->type == &thole_workload_type)
        workload_removed (sim, txn, action->value);
      else if (action->type == &thole_operation_type
               && GPOINTER_TO_INT (g_hash_table_lookup (sim->trackers, action->value)) == THOLE_OPERATION_STATE_RUNNING)
        sim_violation (sim, "operation %s was forgotten while it runs", action->value);
      else if (action->type == &thole_operation_type)
        {
          g_hash_table_remove (sim->trackers, action->value);
          g_hash_table_add (sim->forgotten, g_strdup (action->value));
        }
      else if (action->type == &thole_orphan_type)
        orphan_removed (sim, txn, action->value);
      else if (action->type == &thole_idempotency_type)
        g_hash_table_remove (sim->keys, action->value);
      else if (action->type == &thole_use_type)
        g_hash_table_remove (sim->uses, action->value);
    }
}

/* every event of a workload tells of a change that is in the same transaction */
static void
check_events (Sim *sim, TholeTxn *txn)
{
  for (guint i = 0; i < txn->events->len; i++)
    {
      const TholeEvent *event = txn->events->pdata[i];
      gboolean found = !g_str_has_prefix (event->type, "workload.") && !g_str_has_prefix (event->type, "operation.");

      for (guint j = 0; j < txn->actions->len && !found; j++)
        {
          const TholeAction *action = &g_array_index (txn->actions, TholeAction, j);
          const char *id = action->record != NULL ? thole_record_id (action->record) : action->value;

          found = action->event == NULL && g_strcmp0 (id, event->subject) == 0;
        }
      if (!found)
        sim_violation (sim, "event %s of %s stands alone in its transaction", event->type, event->subject);
    }
}

static void
check_refusal (Sim *sim, TholeTxn *txn, const GError *error)
{
  for (guint i = 0; i < txn->actions->len; i++)
    {
      const TholeAction *action = &g_array_index (txn->actions, TholeAction, i);

      if (action->kind == THOLE_ACTION_LIMIT && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_QUOTA_EXCEEDED)
          && count_of (sim, action->bound->value) < (guint) action->bound->limit)
        sim_violation (sim, "%s was refused with %u of %d workloads", action->bound->value, count_of (sim, action->bound->value),
                       (int) action->bound->limit);
    }
  if (!g_error_matches (error, THOLE_ERROR, THOLE_ERROR_QUOTA_EXCEEDED) && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_EXISTS))
    sim_violation (sim, "a transaction was refused: %s", error->message);
  sim_trace (sim, "refused: %s", error->message);
}

static void
after (gpointer user_data, TholeTxn *const *txns, GError *const *errors, guint n_txns)
{
  Sim *sim = user_data;

  for (guint i = 0; i < n_txns; i++)
    {
      if (errors[i] != NULL)
        {
          check_refusal (sim, txns[i], errors[i]);
          continue;
        }
      check_events (sim, txns[i]);
      for (guint j = 0; j < txns[i]->actions->len; j++)
        act (sim, txns[i], &g_array_index (txns[i]->actions, TholeAction, j));
    }
}

static TholeCommitFate
before (gpointer user_data, guint n_txns, GError **error)
{
  Sim *sim = user_data;
  TholeCommitFate fate;

  if (sim->cut)
    return THOLE_COMMIT_LOSE;
  sim->n_commits++;
  if (sim->calm || !sim->up)
    return THOLE_COMMIT_DONE;
  if (sim_chance (sim, sim->plan.cut))
    {
      fate = sim_chance (sim, 0.5) ? THOLE_COMMIT_LOSE : THOLE_COMMIT_KEEP;
      sim->cut = TRUE;
      sim_trace (sim, "cut %s a COMMIT of %u", fate == THOLE_COMMIT_LOSE ? "before" : "after", n_txns);
      sim_crash_soon (sim);
      return fate;
    }
  if (!sim_chance (sim, sim->plan.store_fault))
    return THOLE_COMMIT_DONE;
  sim_trace (sim, "the store is full");
  sim->jump_at = sim->now;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_STORAGE_FULL, "the disk is full on demand");
  return THOLE_COMMIT_FAIL;
}

static gint64
delay (gpointer user_data)
{
  Sim *sim = user_data;

  if (!sim->plan.lazy_store || sim_chance (sim, 0.3))
    return -1;
  return sim_chance (sim, 0.02) && !sim->calm ? sim_between (sim, 0, 3 * SIM_SECOND) : sim_between (sim, 0, 3000);
}

const TholeCommitWatch sim_commit_watch = { .delay = delay, .before = before, .after = after };

/* what others know ------------------------------------------------------------------------------------------ */

static gboolean
same_records (gconstpointer a, gconstpointer b)
{
  g_autofree char *left = NULL, *right = NULL;
  const TholeWorkload *one = a, *other = b;

  left = g_strdup_printf ("%s %s %s %d %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, one->intent, one->handle,
                          one->operation, (int) one->installed, one->spec, one->failures, one->deadline_at, one->expires_at);
  right = g_strdup_printf ("%s %s %s %d %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, other->intent, other->handle,
                           other->operation, (int) other->installed, other->spec, other->failures, other->deadline_at,
                           other->expires_at);
  return strcmp (left, right) == 0 && g_bytes_equal (thole_record_json ((gpointer) one), thole_record_json ((gpointer) other));
}

static void
compare_use (Sim *sim, const TholeSubject *subject)
{
  const gint64 *stored = g_hash_table_lookup (sim->uses, subject->now->id);

  if (subject->idle.timeout != sim_idle_timeout (subject->now))
    sim_violation (sim, "the idle_timeout of %s was taken for %.3f s", subject->now->id, (double) subject->idle.timeout / SIM_SECOND);
  if (subject->idle.timeout > 0 && runs (subject->now) && (stored == NULL || subject->idle.stored_at != *stored))
    sim_violation (sim, "the use of %s was loaded otherwise than it was stored", subject->now->id);
}

void
sim_model_compare (Sim *sim)
{
  TholeCollection *all = sim->operations->workloads;
  gint64 newest;

  if (thole_collection_size (all) != g_hash_table_size (sim->rows))
    sim_violation (sim, "%u workloads were loaded, %u were stored", thole_collection_size (all), g_hash_table_size (sim->rows));
  for (guint i = 0; i < thole_collection_size (all); i++)
    {
      const TholeSubject *subject = thole_collection_index (all, i);
      const SimRow *row = g_hash_table_lookup (sim->rows, subject->now->id);

      if (row == NULL || !same_records (row->record, subject->now))
        sim_violation (sim, "%s was loaded otherwise than it was stored", subject->now->id);
      compare_use (sim, subject);
    }
  if (thole_collection_size (sim->operations->operations) != g_hash_table_size (sim->trackers))
    sim_violation (sim, "%u operations were loaded, %u were stored", thole_collection_size (sim->operations->operations),
                   g_hash_table_size (sim->trackers));
  if (g_hash_table_size (sim->operations->idempotency) != g_hash_table_size (sim->keys))
    sim_violation (sim, "%u keys were loaded, %u were stored", g_hash_table_size (sim->operations->idempotency),
                   g_hash_table_size (sim->keys));
  thole_db_event_range (sim->db, NULL, &newest);
  if (newest != sim->newest)
    sim_violation (sim, "the newest event is %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " was stored", newest, sim->newest);
}

/* a reader of the events that goes on where it was when the daemon ended */

static void
take_item (Sim *sim, const TholeItem *item)
{
  gsize length;
  const char *text = g_bytes_get_data (item->data, &length);
  g_autofree char *json = g_strndup (text, length);
  g_autofree char *subject = member (json, "subject");
  g_autofree char *state = member (json, "state");

  if (item->id != sim->read + 1)
    sim_violation (sim, "the reader got event %" G_GINT64_FORMAT " after %" G_GINT64_FORMAT, item->id, sim->read);
  if (item->id > sim->newest)
    sim_violation (sim, "the reader got event %" G_GINT64_FORMAT " before its COMMIT", item->id);
  sim->read = item->id;
  if (strcmp (item->type, "workload.deleted") == 0)
    g_hash_table_remove (sim->replayed, subject);
  else if (g_str_has_prefix (item->type, "workload."))
    g_hash_table_replace (sim->replayed, g_steal_pointer (&subject), g_steal_pointer (&state));
}

static void
read_on (gpointer reader)
{
  Sim *sim = reader;
  TholeItem item;
  g_autoptr (GError) error = NULL;
  TholeStreamResult result;

  while ((result = sim->reader->next (sim->reader, &item, &error)) == THOLE_STREAM_ITEM)
    {
      take_item (sim, &item);
      g_bytes_unref (item.data);
    }
  if (result != THOLE_STREAM_WAIT)
    sim_violation (sim, "the event stream ended: %s", error != NULL ? error->message : "no error");
}

void
sim_reader_open (Sim *sim)
{
  g_autoptr (GError) error = NULL;

  sim->reader = thole_event_log_follow (sim->events, sim->read, NULL, &error);
  if (sim->reader == NULL)
    sim_violation (sim, "events cannot be read on from %" G_GINT64_FORMAT ": %s", sim->read, error->message);
  sim->reader->ready = read_on;
  sim->reader->reader = sim;
  read_on (sim);
}
