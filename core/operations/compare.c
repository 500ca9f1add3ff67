/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/compare.h"

#include "base/crash-point.h"
#include "operations/drive.h"
#include "operations/orphans.h"
#include "operations/seen.h"
#include "operations/step.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

typedef enum { RULE_NONE, RULE_REPORT, RULE_ADOPT, RULE_DETAILS, RULE_MISSING, RULE_FINISH, RULE_LEFTOVER, RULE_FOREIGN, RULE_ORPHAN } RuleId;

static const TholeRule rules[] = {
  [RULE_NONE] = { "none", "nothing" },
  [RULE_REPORT] = { "report", "the engine's state is taken over; the restart policy decides what follows" },
  [RULE_ADOPT] = { "adopt", "it runs although it should not: it is taken over as running" },
  [RULE_DETAILS] = { "details", "health, addresses or ports are taken over" },
  [RULE_MISSING] = { "missing", "asked for by its id once more, then in error; made again under restart policy always" },
  [RULE_FINISH] = { "finish", "the step that was begun is finished" },
  [RULE_LEFTOVER] = { "leftover", "what an install step left is removed" },
  [RULE_FOREIGN] = { "foreign", "the workload belongs to another backend: reported only" },
  [RULE_ORPHAN] = { "orphan", "listed, and removed after the grace time" },
};

typedef struct
{
  TholeOperations *operations;
  TholeBackend *backend;
  gboolean dry_run;
  TholeCompared done;
  gpointer user_data;
  GHashTable *asked;      /* id of each workload of the backend -> its revision when the list was asked for */
  GHashTable *expected;   /* ids whose object the engine had at that time */
  GHashTable *orphans;    /* ids of orphans seen */
  GString *differences;
  GError *error;          /* (nullable) */
} Comparison;

static void
comparison_free (Comparison *self)
{
  g_hash_table_unref (self->asked);
  g_hash_table_unref (self->expected);
  g_hash_table_unref (self->orphans);
  g_object_unref (self->backend);
  g_string_free (self->differences, TRUE);
  g_clear_error (&self->error);
  g_free (self);
}

static void
differ (Comparison *self, const char *id, RuleId rule, const char *recorded, const char *found)
{
  g_string_append (self->differences, self->differences->len > 1 ? ",{\"id\":" : "{\"id\":");
  thole_json_append_string (self->differences, id);
  thole_json_member (self->differences, "rule", rules[rule].name);
  thole_json_member (self->differences, "action", rules[rule].action);
  thole_json_member (self->differences, "recorded", recorded);
  thole_json_member (self->differences, "found", found);
  g_string_append_c (self->differences, '}');
}

static RuleId
rule_for (TholeSubject *subject, GVariant *seen)
{
  TholeInput input = THOLE_N_INPUTS;

  switch (thole_seen_judge (subject, seen, &input))
    {
    case THOLE_SEEN_DETAILS:
      return RULE_DETAILS;
    case THOLE_SEEN_INPUT:
      return input == THOLE_INPUT_MISSING ? RULE_MISSING
             : input == THOLE_INPUT_STARTED && subject->now->state != THOLE_WORKLOAD_STATE_STARTING ? RULE_ADOPT : RULE_REPORT;
    default:
      return thole_state_rests (subject->now) ? RULE_NONE : RULE_FINISH;
    }
}

/* the list takes its time: what it says of a workload that moved on meanwhile is of the past */
static gboolean
moved_on (Comparison *self, TholeSubject *subject)
{
  return subject->driving || g_hash_table_lookup (self->asked, subject->now->id) != GSIZE_TO_POINTER (subject->now->revision);
}

/* an object of the engine whose workload the store has */
static void
compare_known (Comparison *self, TholeSubject *subject, GVariant *seen)
{
  /* before a run is called over, how it ended is asked for by its id */
  gboolean runs = subject->now->state == THOLE_WORKLOAD_STATE_RUNNING || subject->now->state == THOLE_WORKLOAD_STATE_PAUSED;
  gboolean unclear = runs && strcmp (thole_seen_state (seen), "created") == 0;
  gboolean stale = unclear || moved_on (self, subject);
  RuleId rule = stale ? RULE_NONE : rule_for (subject, seen);

  if (rule != RULE_NONE)
    differ (self, subject->now->id, rule, thole_state_name (subject->now->state), thole_seen_state (seen));
  if (self->dry_run)
    return;
  if (stale)
    {
      /* it is asked for by its id */
      subject->dirty = TRUE;
      return;
    }
  subject->unsure = FALSE;
  thole_drive_report (subject, seen);
}

static void
leftover_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeOperations *operations = user_data;

  operations->calls--;
  thole_crash_point ("answered");
  thole_backend_call_finish (THOLE_BACKEND (source), result, NULL, NULL);
}

/* an object of the engine that the store has no workload for */
static void
compare_unknown (Comparison *self, const char *id, GVariant *seen)
{
  g_autofree char *parent = g_str_has_suffix (id, "-install") ? g_strndup (id, strlen (id) - strlen ("-install")) : g_strdup ("");
  TholeSubject *subject = thole_collection_lookup (self->operations->workloads, parent);
  g_autoptr (GVariant) options = NULL;
  TholeSlotArgs args = { .id = id, .deadline = 120 };

  /* deleted since the list was asked for */
  if (g_hash_table_contains (self->asked, id) || (subject == NULL && g_hash_table_contains (self->asked, parent)))
    return;
  if (subject == NULL || thole_subject_backend (subject) != self->backend)
    {
      differ (self, id, RULE_ORPHAN, "nothing", thole_seen_state (seen));
      g_hash_table_add (self->orphans, thole_orphan_id (self->backend, id));
      if (!self->dry_run)
        thole_orphan_found (self->operations, self->backend, seen);
      return;
    }
  if (subject->now->state == THOLE_WORKLOAD_STATE_INSTALLING || subject->driving)
    return;
  differ (self, id, RULE_LEFTOVER, thole_state_name (subject->now->state), thole_seen_state (seen));
  if (self->dry_run)
    return;
  options = args.options = g_variant_ref_sink (g_variant_new_parsed ("{'force': <true>}"));
  self->operations->calls++;
  thole_crash_point ("leftover.remove");
  thole_backend_call_async (self->backend, THOLE_SLOT_WORKLOAD_REMOVE, &args, NULL, leftover_removed, self->operations);
  thole_crash_point ("called");
}

static void
compare_seen (Comparison *self, GVariant *seen)
{
  const char *id = thole_dict_string (seen, "id", "");
  TholeSubject *subject = thole_collection_lookup (self->operations->workloads, id);

  g_hash_table_remove (self->expected, id);
  if (subject == NULL)
    compare_unknown (self, id, seen);
  else if (thole_subject_backend (subject) != self->backend)
    differ (self, id, RULE_FOREIGN, thole_state_name (subject->now->state), thole_seen_state (seen));
  else
    compare_known (self, subject, seen);
}

/* every workload of the backend: those not in the list are asked for by id, the others may have work to go on with */
static void
compare_rest (Comparison *self)
{
  g_autoptr (GPtrArray) subjects = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_subject_unref);
  TholeCollection *all = self->operations->workloads;

  for (guint i = 0; i < thole_collection_size (all); i++)
    {
      TholeSubject *subject = thole_collection_index (all, i);

      if (thole_subject_backend (subject) == self->backend)
        g_ptr_array_add (subjects, thole_subject_ref (subject));
    }
  for (guint i = 0; i < subjects->len; i++)
    {
      TholeSubject *subject = subjects->pdata[i];
      gboolean missing = g_hash_table_contains (self->expected, subject->now->id) && subject->now->engine_id[0] != '\0';

      if (missing)
        differ (self, subject->now->id, RULE_MISSING, thole_state_name (subject->now->state), "gone");
      if (self->dry_run)
        continue;
      if (missing)
        thole_drive_look (subject);
      else
        thole_drive_kick (subject);
    }
}

static void
tell (Comparison *self)
{
  g_string_append_c (self->differences, ']');
  if (self->done != NULL)
    self->done (self->user_data, self->differences, self->error);
  comparison_free (self);
}

static void
stored (gpointer user_data, const GError *error)
{
  Comparison *self = user_data;

  self->operations->calls--;
  tell (self);
}

/* who asked finds the orphans in the list: what was handed to the store before this is stored before this */
static void
tell_when_stored (Comparison *self)
{
  self->operations->calls++;
  thole_db_commit (self->operations->db, thole_txn_new (), stored, self);
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Comparison *self = user_data;
  g_auto (TholeSlotResult) out = { NULL };
  gboolean good = thole_backend_call_finish (self->backend, result, &out, &self->error);

  self->operations->calls--;
  /* a backend that went away again compares when it is back */
  if (good && self->operations->draining)
    g_set_error (&self->error, THOLE_ERROR, THOLE_ERROR_INTERRUPTED, "the daemon is going down");
  if (self->error == NULL)
    {
      for (gsize i = 0; i < g_variant_n_children (out.value); i++)
        {
          g_autoptr (GVariant) seen = g_variant_get_child_value (out.value, i);

          compare_seen (self, seen);
        }
      compare_rest (self);
      if (!self->dry_run)
        thole_orphans_gone (self->operations, self->backend, self->orphans);
    }
  if (self->done != NULL && self->error == NULL && g_hash_table_size (self->operations->orphans_storing) > 0)
    tell_when_stored (self);
  else
    tell (self);
}

void
thole_compare (TholeOperations *operations, TholeBackend *backend, gboolean dry_run, TholeCompared done, gpointer user_data)
{
  Comparison *self = g_new0 (Comparison, 1);
  TholeSlotArgs args = { .deadline = 120 };

  self->operations = operations;
  self->backend = g_object_ref (backend);
  self->dry_run = dry_run;
  self->done = done;
  self->user_data = user_data;
  self->differences = g_string_new ("[");
  self->asked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->orphans = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (thole_subject_backend (subject) != backend)
        continue;
      g_hash_table_insert (self->asked, g_strdup (subject->now->id), GSIZE_TO_POINTER (subject->now->revision));
      if (subject->now->engine_id[0] != '\0')
        g_hash_table_add (self->expected, g_strdup (subject->now->id));
    }
  operations->calls++;
  thole_backend_call_async (backend, THOLE_SLOT_WORKLOAD_LIST, &args, NULL, listed, self);
}
