/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/trail.h"

#include "files/path.h"
#include "operations/file.h"
#include "operations/subject.h"
#include "thole-dict.h"

#include <string.h>

#define REFUSED_MOST 256

/* files that somebody reads in a workload of another owner; known once it was found */
static gboolean
is_of_others (TholeCall *call)
{
  const TholeFileWork *work = call->state;

  if (work == NULL || (strcmp (call->def->name, "file.read") != 0 && strcmp (call->def->name, "file.list") != 0))
    return FALSE;
  return strcmp (work->subject->now->owner, call->principal->name) != 0;
}

/* reads are not privileged, but whoever attaches may type */
static gboolean
is_privileged (TholeCall *call)
{
  if (is_of_others (call))
    return TRUE;
  return g_strcmp0 (call->def->method, "GET") != 0 || strcmp (call->def->name, "session.attach") == 0
         || strcmp (call->def->name, "workload.console") == 0;
}

/* who signs in is named by the e-mail address */
static const char *
target_of (TholeCall *call)
{
  const char *location = call->reply.location;

  if (call->target != NULL)
    return call->target;
  if (location != NULL)
    return strrchr (location, '/') + 1;
  return call->body != NULL && g_str_has_prefix (call->def->name, "auth.") ? thole_dict_string (call->body, "email", "") : "";
}

/* Returns: (transfer full): the path of a file as the caller told it, which may be anything when the call was refused: then little of it
 * is kept, so that nobody fills the audit with what he may not do */
static char *
detail_of (TholeCall *call)
{
  gsize most = call->reply.problem != NULL ? REFUSED_MOST : THOLE_FILE_PATH_MAX;
  GVariant *from = call->query != NULL && g_variant_n_children (call->query) > 0 ? call->query : call->body;
  const char *path = from != NULL && g_str_has_prefix (call->def->name, "file.") ? thole_dict_string (from, "path", "") : "";
  gsize length = strlen (path);

  if (length <= most)
    return g_strdup (path);
  length = most;
  /* no half character */
  while (length > 0 && ((guchar) path[length] & 0xc0) == 0x80)
    length--;
  return g_strdup_printf ("%.*s\u2026", (int) length, path);
}

static TholeAuditRow *
make_row (TholeCall *call, const char *target, const char *result)
{
  const TholePrincipal *principal = call->principal;
  g_autofree char *detail = detail_of (call);
  gboolean denied = call->reply.problem != NULL
                    && (call->reply.problem->code == THOLE_ERROR_FORBIDDEN || call->reply.problem->code == THOLE_ERROR_UNAUTHENTICATED
                        || call->reply.problem->code == THOLE_ERROR_IDENTITY_MISMATCH);
  const char *texts[THOLE_AUDIT_N_TEXTS] = {
    [THOLE_AUDIT_ACTOR] = principal->name,
    [THOLE_AUDIT_CREDENTIAL] = principal->credential,
    [THOLE_AUDIT_ADDRESS] = call->address,
    [THOLE_AUDIT_ACTION] = call->def->name,
    [THOLE_AUDIT_TARGET] = target,
    [THOLE_AUDIT_DECISION] = denied ? "denied" : "allowed",
    [THOLE_AUDIT_REASON] = call->def->permission,
    [THOLE_AUDIT_RESULT] = result,
    [THOLE_AUDIT_REQUEST] = call->request_id,
    [THOLE_AUDIT_DETAIL] = detail,
  };

  return thole_audit_row_new (thole_clock_now (call->operations->clock), texts);
}

void
thole_trail_add (TholeCall *call, TholeTxn *txn, const char *target)
{
  call->audited = TRUE;
  thole_txn_audit (txn, make_row (call, target != NULL ? target : target_of (call), "done"));
}

/* what is done in steps of its own, or not by the store */
gboolean
thole_trail_first (TholeCall *call)
{
  static const char *const first[] = { "session.attach", "workload.console", "session.update", "session.delete", "operation.cancel", NULL };

  return is_privileged (call)
         && (call->def->kind == THOLE_OPERATION_ENGINE || call->def->kind == THOLE_OPERATION_UPLOAD
             || g_strv_contains (first, call->def->name));
}

typedef struct
{
  TholeCall *call;
  void (*then) (TholeCall *call);
} Writing;

static void
write_row (TholeCall *call, const char *result, TholeCommitFunc written, void (*then) (TholeCall *call))
{
  TholeTxn *txn = thole_txn_new ();
  Writing *self = g_new (Writing, 1);

  *self = (Writing) { call, then };
  thole_txn_audit (txn, make_row (call, target_of (call), result));
  call->operations->calls++;
  thole_db_commit (call->operations->db, txn, written, self);
}

static void
begun (gpointer user_data, const GError *error)
{
  g_autofree Writing *self = user_data;

  self->call->operations->calls--;
  if (error != NULL)
    thole_call_error (self->call, error);
  else
    self->then (self->call);
}

void
thole_trail_begin (TholeCall *call, void (*go) (TholeCall *call))
{
  call->audited = TRUE;
  write_row (call, "begun", begun, go);
}

static void
ended (gpointer user_data, const GError *error)
{
  g_autofree Writing *self = user_data;
  TholeReply *reply = &self->call->reply;

  self->call->operations->calls--;
  /* what was refused stays refused; a success that nobody can tell of later is none */
  if (error != NULL && reply->problem == NULL)
    {
      reply->problem = thole_problem_from_error (error);
      reply->status = thole_error_status (reply->problem->code);
    }
  self->then (self->call);
}

gboolean
thole_trail_end (TholeCall *call, void (*done) (TholeCall *call))
{
  const TholeReply *reply = &call->reply;

  if (call->operations == NULL || !is_privileged (call) || reply->replayed || (call->audited && reply->problem == NULL))
    return TRUE;
  /* what is wrong in itself was never tried, unless it came with what was begun; and what the store refuses it refuses here, too */
  if (reply->problem != NULL
      && ((reply->problem->code == THOLE_ERROR_INVALID && !call->audited) || reply->problem->code == THOLE_ERROR_STORAGE
          || reply->problem->code == THOLE_ERROR_STORAGE_FULL))
    return TRUE;
  write_row (call, reply->problem != NULL ? thole_error_word (reply->problem->code) : "done", ended, done);
  return FALSE;
}

void
thole_trail_found (TholeOperations *self, const char *found)
{
  const char *texts[THOLE_AUDIT_N_TEXTS] = {
    [THOLE_AUDIT_ACTOR] = "daemon",
    [THOLE_AUDIT_ACTION] = "audit.head",
    [THOLE_AUDIT_REASON] = found,
    [THOLE_AUDIT_RESULT] = "found",
  };
  TholeTxn *txn = thole_txn_new ();

  g_warning ("audit: %s", found);
  thole_txn_audit (txn, thole_audit_row_new (thole_clock_now (self->clock), texts));
  thole_db_commit (self->db, txn, NULL, NULL);
}

void
thole_trail_retain (TholeOperations *self)
{
  gint64 age = self->limits.audit_age;
  TholeTxn *txn;

  if (self->limits.audit <= 0 || self->draining)
    return;
  txn = thole_txn_new ();
  thole_txn_forget (txn, self->limits.audit, age > 0 ? thole_clock_now (self->clock) - age : 0);
  thole_db_commit (self->db, txn, NULL, NULL);
}
