/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/crash-point.h"
#include "operations/drive.h"
#include "operations/timebase.h"
#include "operations/verb.h"
#include "operations/secret.h"
#include "operations/quota.h"
#include "operations/trail.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

typedef struct
{
  TholeWorkload *record;
  TholeOperation *operation;
  guint mask;
} Creation;

static void
creation_free (gpointer data)
{
  Creation *self = data;

  g_clear_pointer (&self->record, thole_record_unref);
  g_clear_pointer (&self->operation, thole_record_unref);
  g_free (self);
}

static guint
given (GVariant *file, const char *key)
{
  return thole_dict_string (file, key, "")[0] != '\0';
}

/* every capability that the spec asks for and the backend lacks, and every name that is taken */
static void
check_spec (TholeCall *call, TholeBackend *backend, GVariant *spec, TholeProblem *problem)
{
  g_autoptr (GVariant) files = thole_dict_value (spec, "files", "aa{sv}");

  if (thole_dict_string (spec, "image", "")[0] == '\0' && thole_backend_has (backend, THOLE_SLOT_IMAGE_LIST))
    thole_problem_add (problem, "/spec/image", "missing", "the backend %s runs images", thole_backend_get_name (backend));
  if (strcmp (thole_dict_string (spec, "pull", ""), "always") == 0 && !thole_backend_has (backend, THOLE_SLOT_IMAGE_PULL))
    thole_problem_add (problem, "/spec/pull", "choice", "the backend %s cannot pull", thole_backend_get_name (backend));
  for (gsize i = 0; files != NULL && i < g_variant_n_children (files); i++)
    {
      g_autoptr (GVariant) file = g_variant_get_child_value (files, i);
      g_autofree char *pointer = g_strdup_printf ("/spec/files/%" G_GSIZE_FORMAT, i);

      if (given (file, "content") + given (file, "content_base64") + given (file, "secret") > 1)
        thole_problem_add (problem, pointer, "exclusive", "one of content, content_base64 and secret");
    }
}

static char *
json_of (GVariant *dict, const char *key, const char *type)
{
  g_autoptr (GVariant) value = thole_dict_value (dict, key, type);

  return value != NULL ? thole_json_to_string (value) : g_strdup ("{}");
}

static TholeWorkload *
make_record (TholeCall *call, TholeBackend *backend, GVariant *spec)
{
  TholeWorkload *record = thole_record_new (&thole_workload_type);
  TholeOperations *operations = call->operations;
  const char *name = thole_dict_string (call->body, "name", "");
  double ttl = thole_dict_double (spec, "ttl", 0);
  gint64 now = thole_timebase_now (operations);

  g_free (record->id);
  record->id = thole_id_new (operations->clock, thole_workload_type.prefix);
  /* without a name the id is one: it has the form of a name and is unique */
  thole_record_set (&record->name, name[0] != '\0' ? name : record->id);
  thole_record_set (&record->backend, thole_backend_get_name (backend));
  thole_record_set (&record->owner, call->principal->name);
  record->state = THOLE_WORKLOAD_STATE_PROVISIONING;
  record->desired_state = thole_dict_boolean (call->body, "start", TRUE) ? THOLE_WORKLOAD_DESIRED_STATE_RUNNING
                                                                         : THOLE_WORKLOAD_DESIRED_STATE_STOPPED;
  record->protected = thole_dict_boolean (call->body, "protected", FALSE);
  record->generation = record->revision = 1;
  record->spec = thole_json_to_string (spec);
  record->labels = json_of (call->body, "labels", "a{ss}");
  record->addresses = g_strdup ("[]");
  record->ports = g_strdup ("[]");
  record->created_at = record->updated_at = thole_clock_now (operations->clock);
  record->born_at = now;
  record->deadline_at = now + operations->limits.provision_timeout;
  record->expires_at = ttl > 0 ? now + (gint64) (ttl * G_USEC_PER_SEC) : 0;
  return record;
}

static TholeEvent *
created_event (TholeCall *call, TholeWorkload *record)
{
  GString *data = g_string_new ("{\"revision\":1");

  thole_json_member (data, "name", record->name);
  thole_json_member (data, "state", thole_state_name (record->state));
  thole_json_member (data, "desired_state", thole_record_choice (&thole_workload_type, "desired_state", record->desired_state));
  thole_json_member (data, "backend", record->backend);
  thole_json_member (data, "operation", record->operation);
  thole_json_member (data, "asked", call->def->name);
  if (call->request_id != NULL)
    thole_json_member (data, "request", call->request_id);
  g_string_append_c (data, '}');
  return thole_event_new (record->created_at, "workload.created", record->id, record->owner, record->owner,
                          g_string_free (data, FALSE));
}

static void
refuse_name (TholeCall *call, const char *name)
{
  TholeProblem *problem = thole_problem_new (THOLE_ERROR_EXISTS, "you have a workload named %s already", name);

  thole_call_problem (call, problem);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Creation *self = call->state;
  TholeSubject *subject;

  thole_crash_point ("created");
  if (error != NULL && strstr (error->message, "workloads_owner_name") != NULL)
    refuse_name (call, self->record->name);
  else if (error != NULL)
    thole_call_error (call, error);
  if (error != NULL)
    return;
  thole_tracker_add (call->operations, g_steal_pointer (&self->operation));
  subject = thole_subject_new (call->operations, g_steal_pointer (&self->record));
  subject->unsure = FALSE;
  thole_idempotency_stored (call);
  call->reply.location = g_strconcat ("/v1/workloads/", subject->now->id, NULL);
  thole_drive_kick (subject);
  thole_wait_workload (call, subject, self->mask, 201, 202);
}

static void
dry_run (TholeCall *call, Creation *self)
{
  if (thole_subject_find (call->operations, self->record->name, call->principal) != NULL)
    refuse_name (call, self->record->name);
  else
    thole_call_return (call, 200, g_bytes_ref (thole_record_json (self->record)));
}

void
thole_op_workload_create (TholeCall *call)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  g_autoptr (GVariant) spec = thole_dict_value (call->body, "spec", "a{sv}");
  const char *name = thole_dict_string (call->body, "backend", "");
  TholeBackend *backend = thole_registry_lookup (call->operations->registry, name);
  Creation *self;
  TholeTxn *txn;
  TholeProblem *refusal;
  guint mask = thole_wait_mask (call, &thole_workload_type, problem);

  if (backend == NULL)
    thole_problem_add (problem, "/backend", "choice", name[0] != '\0' ? "no backend %.64s is configured"
                                                                     : "no backend is configured%.0s", name);
  else
    check_spec (call, backend, spec, problem);
  thole_secrets_check (call->operations, call->principal->name, spec, problem);
  thole_helper_check (spec, problem);
  if (problem->n_fields > 0)
    {
      thole_call_problem (call, g_steal_pointer (&problem));
      return;
    }
  self = g_new0 (Creation, 1);
  self->record = make_record (call, backend, spec);
  self->mask = mask;
  call->state = self;
  call->state_free = creation_free;
  if (thole_query_boolean (call, "dry_run"))
    {
      dry_run (call, self);
      return;
    }
  txn = thole_txn_new ();
  refusal = thole_quota_charge (call, NULL, self->record, txn);
  if (refusal != NULL)
    {
      thole_txn_free (txn);
      thole_call_problem (call, refusal);
      return;
    }
  self->operation = thole_tracker_record (call->operations, call->def->name, self->record->id, call->principal->name,
                                          call->request_id, "");
  thole_record_set (&self->record->operation, self->operation->id);
  call->reply.operation = g_strdup (self->operation->id);
  thole_idempotency_remember (call, txn, self->record->id, self->operation->id);
  thole_trail_add (call, txn, self->record->id);
  thole_txn_insert (txn, self->record);
  thole_txn_event (txn, created_event (call, self->record));
  thole_txn_insert (txn, self->operation);
  thole_tracker_event (txn, self->operation, self->record->created_at);
  thole_crash_point ("create");
  thole_db_commit (call->operations->db, txn, stored, call);
}
