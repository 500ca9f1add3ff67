/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/reports.h"

#include "operations/compare.h"
#include "operations/drive.h"
#include "operations/progress.h"
#include "thole-dict.h"

#include <string.h>

static gboolean
is_of (TholeSubject *subject, TholeBackend *backend)
{
  return thole_subject_backend (subject) == backend;
}

/* actions that the drive causes itself and answers for */
static gboolean
is_echo (TholeSubject *subject, const char *action)
{
  static const char *const echoes[] = { "create", "start", "pause", "unpause", "update", NULL };

  return subject->driving && (g_strv_contains (echoes, action) || subject->now->state == THOLE_WORKLOAD_STATE_DELETING
                              || subject->now->state == THOLE_WORKLOAD_STATE_STOPPING);
}

static void
workload_event (TholeOperations *operations, TholeBackend *backend, GVariant *event)
{
  TholeSubject *subject = thole_collection_lookup (operations->workloads, thole_dict_string (event, "id", ""));

  if (subject != NULL && is_of (subject, backend) && !is_echo (subject, thole_dict_string (event, "action", "")))
    thole_drive_look (subject);
}

static gboolean
is_durable (TholeBackend *backend)
{
  GVariant *facts = thole_backend_get_facts (backend);

  return facts != NULL && thole_dict_boolean (facts, "durable", FALSE);
}

/* an engine that is stopped ends what it runs before it goes away itself: until then that looks like anybody's signal */
static gboolean
went_along (TholeSubject *subject)
{
  TholeWorkload *now = subject->now;
  gboolean signalled = now->state == THOLE_WORKLOAD_STATE_CRASHED && g_str_has_prefix (now->state_reason, "signalled");
  /* its policy may have been quicker than the engine's end */
  gboolean restarting = now->state == THOLE_WORKLOAD_STATE_STARTING && g_str_has_prefix (now->state_reason, "restarting")
                        && now->exit_signal[0] != '\0';

  return (signalled || restarting) && now->stopped_at > thole_clock_now (subject->operations->clock) - THOLE_LAST_BREATH;
}

static void
blame_engine (TholeSubject *subject, gpointer user_data)
{
  TholeChange *change = thole_change_begin (subject, "engine");

  if (!went_along (subject))
    {
      thole_change_abandon (change);
      return;
    }
  thole_change_reason (change, "engine_restarted", "its engine stopped and took it along");
  thole_change_commit (change, NULL, NULL);
}

static gboolean
is_moving (TholeSubject *subject)
{
  TholeState state = subject->now->state;

  return state == THOLE_WORKLOAD_STATE_PROVISIONING || state == THOLE_WORKLOAD_STATE_INSTALLING || state == THOLE_WORKLOAD_STATE_STARTING
         || state == THOLE_WORKLOAD_STATE_STOPPING || state == THOLE_WORKLOAD_STATE_DELETING;
}

/* its engine went away, or may have: what that ended is told so, before and after, and while it is being stored; the engine may also
 * tell of the end anew when it is back */
static void
note_leaving (TholeSubject *subject, TholeBackend *backend)
{
  if (!is_of (subject, backend) || is_durable (backend))
    return;
  subject->left_at = thole_clock_monotonic (subject->operations->clock);
  if (!subject->operations->draining && (went_along (subject) || thole_state_alive (subject->now->state) || is_moving (subject)))
    thole_subject_acquire (subject, TRUE, blame_engine, NULL);
}

static void
on_event (TholeBackend *backend, GVariant *event, gpointer user_data)
{
  TholeOperations *operations = user_data;
  const char *kind = thole_dict_string (event, "kind", "");

  if (operations->draining)
    return;
  if (strcmp (kind, "workload") == 0)
    workload_event (operations, backend, event);
  else if (strcmp (kind, "resync") == 0)
    {
      /* the engine may have been away for less than it takes to notice */
      for (guint i = 0; thole_dict_boolean (event, "reconnected", FALSE) && i < thole_collection_size (operations->workloads); i++)
        note_leaving (thole_collection_index (operations->workloads, i), backend);
      thole_compare (operations, backend, FALSE, NULL, NULL);
    }
  else if (strcmp (kind, "progress") == 0)
    thole_progress_report (operations, event);
}

/* what was begun goes on at once: the comparison with a large engine takes its time, and the next crash may come before its end */
static void
go_on (TholeOperations *operations, TholeBackend *backend)
{
  g_autoptr (GPtrArray) subjects = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_subject_unref);

  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (is_of (subject, backend) && is_moving (subject))
        g_ptr_array_add (subjects, thole_subject_ref (subject));
    }
  for (guint i = 0; i < subjects->len; i++)
    thole_drive_kick (subjects->pdata[i]);
}

static void
on_state (TholeBackend *backend, gpointer user_data)
{
  TholeOperations *operations = user_data;
  TholeBackendState state = thole_backend_get_state (backend);
  TholeTxn *txn;
  GString *data;

  for (guint i = 0; state == THOLE_BACKEND_UNAVAILABLE && i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (!is_of (subject, backend))
        continue;
      subject->unsure = TRUE;
      subject->outage = thole_state_alive (subject->now->state) && !is_durable (backend);
      note_leaving (subject, backend);
    }
  if (operations->draining)
    return;
  data = g_string_new ("{\"state\":");
  g_string_append_printf (data, "\"%s\"", thole_backend_state_name (state));
  if (thole_backend_get_reason (backend)[0] != '\0')
    thole_json_member (data, "reason", thole_backend_get_reason (backend));
  g_string_append_c (data, '}');
  txn = thole_txn_new ();
  thole_txn_event (txn, thole_event_new (thole_clock_now (operations->clock), "backend.state", thole_backend_get_name (backend), "",
                                         "daemon", g_string_free (data, FALSE)));
  thole_db_commit (operations->db, txn, NULL, NULL);
  if (state == THOLE_BACKEND_READY)
    go_on (operations, backend);
}

void
thole_reports_listen (TholeOperations *operations)
{
  GPtrArray *backends = thole_registry_backends (operations->registry);

  for (guint i = 0; i < backends->len; i++)
    {
      g_signal_connect (backends->pdata[i], "event", G_CALLBACK (on_event), operations);
      g_signal_connect (backends->pdata[i], "state-changed", G_CALLBACK (on_state), operations);
    }
}

void
thole_reports_ignore (TholeOperations *operations)
{
  GPtrArray *backends = thole_registry_backends (operations->registry);

  for (guint i = 0; i < backends->len; i++)
    g_signal_handlers_disconnect_by_data (backends->pdata[i], operations);
}
