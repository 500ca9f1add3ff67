/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/reports.h"

#include "operations/drive.h"
#include "operations/progress.h"
#include "operations/seen.h"
#include "thole-dict.h"

#include <string.h>

/* a comparison with everything that the engine has of ours */
typedef struct
{
  TholeOperations *operations;
  TholeBackend *backend;
  GHashTable *known;  /* ids whose object the engine had when the list was asked for */
  guint tries;
} Resync;

static void resync (TholeOperations *operations, TholeBackend *backend);

static gboolean
is_of (TholeSubject *subject, TholeBackend *backend)
{
  return thole_subject_backend (subject) == backend;
}

static void
resync_free (Resync *self)
{
  g_hash_table_unref (self->known);
  g_object_unref (self->backend);
  g_free (self);
}

static void
take_one (TholeOperations *operations, TholeBackend *backend, GVariant *seen)
{
  const char *id = thole_dict_string (seen, "id", "");
  TholeSubject *subject = thole_collection_lookup (operations->workloads, id);

  if (subject == NULL)
    {
      if (strcmp (thole_dict_string (seen, "role", "main"), "main") == 0)
        g_log_structured ("thole", G_LOG_LEVEL_WARNING, "MESSAGE", "backend %s has %s, which the store does not know",
                          thole_backend_get_name (backend), id);
      return;
    }
  if (!is_of (subject, backend))
    return;
  if (subject->driving)
    {
      subject->dirty = TRUE;
      return;
    }
  subject->unsure = FALSE;
  thole_drive_report (subject, seen);
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Resync *self = user_data;
  TholeOperations *operations = self->operations;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GPtrArray) subjects = NULL;
  gsize count;

  /* a backend that went away again lists when it is back */
  if (!thole_backend_call_finish (self->backend, result, &out, NULL) || operations->draining)
    {
      resync_free (self);
      return;
    }
  count = g_variant_n_children (out.value);
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GVariant) seen = g_variant_get_child_value (out.value, i);

      g_hash_table_remove (self->known, thole_dict_string (seen, "id", ""));
      take_one (operations, self->backend, seen);
    }
  subjects = g_ptr_array_new_with_free_func ((GDestroyNotify) thole_subject_unref);
  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (is_of (subject, self->backend))
        g_ptr_array_add (subjects, thole_subject_ref (subject));
    }
  for (guint i = 0; i < subjects->len; i++)
    {
      TholeSubject *subject = subjects->pdata[i];

      /* not in the list: asked once more by id before anything is concluded */
      if (g_hash_table_contains (self->known, subject->now->id))
        thole_drive_look (subject);
      else
        thole_drive_kick (subject);
    }
  resync_free (self);
}

static void
resync (TholeOperations *operations, TholeBackend *backend)
{
  Resync *self = g_new0 (Resync, 1);
  TholeSlotArgs args = { .deadline = 120 };

  self->operations = operations;
  self->backend = g_object_ref (backend);
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < thole_collection_size (operations->workloads); i++)
    {
      TholeSubject *subject = thole_collection_index (operations->workloads, i);

      if (subject->now->engine_id[0] != '\0' && is_of (subject, backend))
        g_hash_table_add (self->known, g_strdup (subject->now->id));
    }
  thole_backend_call_async (backend, THOLE_SLOT_WORKLOAD_LIST, &args, NULL, listed, self);
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
    resync (operations, backend);
  else if (strcmp (kind, "progress") == 0)
    thole_progress_report (operations, event);
}

static gboolean
is_durable (TholeBackend *backend)
{
  GVariant *facts = thole_backend_get_facts (backend);

  return facts != NULL && thole_dict_boolean (facts, "durable", FALSE);
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
