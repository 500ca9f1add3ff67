/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/orphans.h"

#include "base/crash-point.h"
#include "operations/page-reply.h"
#include "operations/seen.h"
#include "operations/timebase.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* a record on its way into the store, or out of it */
typedef struct
{
  TholeOperations *operations;
  TholeOrphan *orphan;
  gboolean added;
  TholeCall *call;    /* (nullable): who asked */
} Storing;

/* a removal at the engine under way */
typedef struct
{
  TholeOperations *operations;
  TholeBackend *backend;
  char *id;
  TholeCall *call;    /* (nullable): who asked */
} Removal;

char *
thole_orphan_id (TholeBackend *backend, const char *object)
{
  return g_strconcat (thole_backend_get_name (backend), ":", object, NULL);
}

static TholeEvent *
orphan_event (TholeOperations *operations, TholeOrphan *orphan, const char *type, const char *actor)
{
  GString *data = g_string_new ("{\"object\":");

  thole_json_append_string (data, orphan->object);
  thole_json_member (data, "backend", orphan->backend);
  thole_json_member (data, "engine_id", orphan->engine_id);
  thole_json_member (data, "reason", orphan->reason);
  g_string_append_c (data, '}');
  return thole_event_new (thole_clock_now (operations->clock), type, orphan->id, "", actor, g_string_free (data, FALSE));
}

/* memory follows the COMMIT; what was not stored is found by the next comparison once more */
static void
stored (gpointer user_data, const GError *error)
{
  Storing *self = user_data;

  g_hash_table_remove (self->operations->orphans_storing, self->orphan->id);
  if (error == NULL && self->added)
    thole_collection_add (self->operations->orphans, thole_record_ref (self->orphan));
  else if (error == NULL)
    {
      thole_collection_remove (self->operations->orphans, self->orphan->id);
      thole_record_unref (self->orphan);
    }
  if (self->call != NULL && error == NULL)
    thole_call_return (self->call, 204, NULL);
  else if (self->call != NULL)
    thole_call_error (self->call, error);
  thole_record_unref (self->orphan);
  g_free (self);
}

static void
store (TholeOperations *operations, TholeOrphan *orphan, gboolean added, const char *actor, TholeCall *call)
{
  Storing *self = g_new (Storing, 1);
  TholeTxn *txn = thole_txn_new ();

  *self = (Storing) { operations, thole_record_ref (orphan), added, call };
  g_hash_table_add (operations->orphans_storing, g_strdup (orphan->id));
  if (added)
    thole_txn_insert (txn, orphan);
  else
    thole_txn_remove (txn, &thole_orphan_type, orphan->id);
  thole_txn_event (txn, orphan_event (operations, orphan, added ? "orphan.found" : "orphan.removed", actor));
  thole_db_commit (operations->db, txn, stored, self);
}

static void
forget (TholeOperations *operations, TholeOrphan *orphan, const char *actor, TholeCall *call)
{
  if (!g_hash_table_contains (operations->orphans_storing, orphan->id))
    store (operations, orphan, FALSE, actor, call);
  else if (call != NULL)
    thole_call_return (call, 204, NULL);
}

static void
removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Removal *self = user_data;
  TholeOrphan *orphan = thole_collection_lookup (self->operations->orphans, self->id);
  g_autoptr (GError) error = NULL;

  self->operations->calls--;
  thole_crash_point ("answered");
  if (thole_backend_call_finish (self->backend, result, NULL, &error) && orphan != NULL)
    forget (self->operations, orphan, self->call != NULL ? self->call->principal->name : "policy", self->call);
  else if (self->call != NULL && error == NULL)
    thole_call_return (self->call, 204, NULL);
  else if (self->call != NULL)
    thole_call_error (self->call, error);
  g_object_unref (self->backend);
  g_free (self->id);
  g_free (self);
}

static void
begin_removal (TholeOperations *operations, TholeBackend *backend, TholeOrphan *orphan, TholeCall *call)
{
  Removal *self = g_new0 (Removal, 1);
  g_autoptr (GVariant) options = g_variant_ref_sink (g_variant_new_parsed ("{'force': <true>}"));
  TholeSlotArgs args = { .id = orphan->object, .options = options, .deadline = 120 };

  self->operations = operations;
  self->backend = g_object_ref (backend);
  self->id = g_strdup (orphan->id);
  self->call = call;
  operations->calls++;
  thole_crash_point ("orphan.remove");
  thole_backend_call_async (backend, THOLE_SLOT_WORKLOAD_REMOVE, &args, NULL, removed, self);
  thole_crash_point ("called");
}

static void
remember (TholeOperations *operations, TholeBackend *backend, const char *id, GVariant *seen)
{
  TholeOrphan *orphan = thole_record_new (&thole_orphan_type);

  thole_record_set (&orphan->id, id);
  thole_record_set (&orphan->backend, thole_backend_get_name (backend));
  thole_record_set (&orphan->object, thole_dict_string (seen, "id", ""));
  thole_record_set (&orphan->engine_id, thole_dict_string (seen, "engine_id", ""));
  thole_record_set (&orphan->state, thole_seen_state (seen));
  thole_record_set (&orphan->reason, "it carries our label, and the store knows nothing of it");
  orphan->found_at = thole_clock_now (operations->clock);
  if (!operations->limits.never_destroy)
    {
      orphan->remove_at = orphan->found_at + operations->limits.orphan_grace;
      orphan->due_at = thole_timebase_now (operations) + operations->limits.orphan_grace;
    }
  store (operations, orphan, TRUE, "daemon", NULL);
  thole_record_unref (orphan);
}

void
thole_orphan_found (TholeOperations *operations, TholeBackend *backend, GVariant *seen)
{
  g_autofree char *id = thole_orphan_id (backend, thole_dict_string (seen, "id", ""));
  TholeOrphan *orphan = thole_collection_lookup (operations->orphans, id);

  if (g_hash_table_contains (operations->orphans_storing, id))
    return;
  if (orphan == NULL)
    remember (operations, backend, id, seen);
  else if (!operations->limits.never_destroy && orphan->due_at != 0 && orphan->due_at <= thole_timebase_now (operations))
    begin_removal (operations, backend, orphan, NULL);
}

void
thole_orphans_gone (TholeOperations *operations, TholeBackend *backend, GHashTable *seen)
{
  for (guint i = thole_collection_size (operations->orphans); i > 0; i--)
    {
      TholeOrphan *orphan = thole_collection_index (operations->orphans, i - 1);

      if (strcmp (orphan->backend, thole_backend_get_name (backend)) == 0 && !g_hash_table_contains (seen, orphan->id))
        forget (operations, orphan, "engine", NULL);
    }
}

gboolean
thole_orphans_load (TholeOperations *operations, GError **error)
{
  g_autoptr (GPtrArray) rows = thole_db_load (operations->db, &thole_orphan_type, error);

  for (guint i = 0; rows != NULL && i < rows->len; i++)
    thole_collection_add (operations->orphans, thole_record_ref (rows->pdata[i]));
  return rows != NULL;
}

/* the operations ----------------------------------------------------------------------------------------- */

void
thole_op_orphan_list (TholeCall *call)
{
  TholeCollection *all = call->operations->orphans;
  g_autofree char *after = NULL;
  TholePage page;
  guint i;

  if (!thole_page_begin (&page, call, &after))
    return;
  for (i = thole_collection_after (all, after); i < thole_collection_size (all); i++)
    {
      TholeOrphan *orphan = thole_collection_index (all, i);

      if (!thole_page_add (&page, orphan->id, thole_record_json (orphan)))
        break;
    }
  thole_page_end (&page, call, i < thole_collection_size (all));
}

void
thole_op_orphan_delete (TholeCall *call)
{
  TholeOrphan *orphan = thole_collection_lookup (call->operations->orphans, call->target);
  TholeBackend *backend;

  if (orphan == NULL)
    {
      thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no orphan %.128s", call->target);
      return;
    }
  backend = thole_call_backend (call, thole_registry_lookup (call->operations->registry, orphan->backend), orphan->backend,
                                THOLE_SLOT_WORKLOAD_REMOVE);
  if (backend != NULL)
    begin_removal (call->operations, backend, orphan, call);
}
