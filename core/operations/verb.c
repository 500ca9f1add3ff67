/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"
#include "operations/quota.h"
#include "operations/trail.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

typedef struct
{
  const TholeVerb *verb;
  TholeSubject *subject;
  guint mask;
} VerbCall;

const char *
thole_query_string (TholeCall *call, const char *key)
{
  return call->query != NULL ? thole_dict_string (call->query, key, "") : "";
}

gint64
thole_query_int (TholeCall *call, const char *key, gint64 fallback)
{
  return call->query != NULL ? thole_dict_int (call->query, key, fallback) : fallback;
}

gboolean
thole_query_boolean (TholeCall *call, const char *key)
{
  return call->query != NULL && thole_dict_boolean (call->query, key, FALSE);
}

TholeSubject *
thole_call_subject (TholeCall *call)
{
  TholeSubject *subject = thole_subject_find (call->operations, call->target, call->principal);

  if (subject == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no workload %.128s", call->target);
  return subject;
}

TholeBackend *
thole_call_backend (TholeCall *call, TholeBackend *backend, const char *name, TholeSlot slot)
{
  if (backend == NULL)
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no backend %.64s is configured", name[0] != '\0' ? name : "(default)");
  else if (!thole_backend_has (backend, slot))
    thole_call_fail (call, THOLE_ERROR_UNSUPPORTED, "the backend %s cannot do %s", thole_backend_get_name (backend),
                     thole_slot_name (slot));
  else if (thole_backend_get_state (backend) != THOLE_BACKEND_READY)
    thole_call_fail (call, THOLE_ERROR_UNAVAILABLE, "the backend %s is %s%s%s", thole_backend_get_name (backend),
                     thole_backend_state_name (thole_backend_get_state (backend)),
                     thole_backend_get_reason (backend)[0] != '\0' ? ": " : "", thole_backend_get_reason (backend));
  else
    return backend;
  return NULL;
}

TholeProblem *
thole_verb_illegal (const TholeWorkload *now, const char *verb)
{
  g_autofree char *allowed = thole_state_allowed (now);
  TholeProblem *problem = thole_problem_new (THOLE_ERROR_ILLEGAL_TRANSITION, "%s is not possible in state %s; possible: %s", verb,
                                             thole_state_name (now->state), allowed[0] != '\0' ? allowed : "nothing");
  g_auto (GStrv) words = g_strsplit (allowed, ", ", -1);
  GString *json = g_string_new (NULL);

  thole_json_append_string (json, thole_state_name (now->state));
  thole_problem_extend (problem, "state", json->str);
  g_string_assign (json, "[");
  for (guint i = 0; words[i] != NULL; i++)
    {
      g_string_append (json, i > 0 ? "," : "");
      thole_json_append_string (json, words[i]);
    }
  g_string_append_c (json, ']');
  thole_problem_extend (problem, "allowed", json->str);
  g_string_free (json, TRUE);
  return problem;
}

static void
verb_call_free (gpointer data)
{
  VerbCall *self = data;

  thole_subject_unref (self->subject);
  g_free (self);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  VerbCall *self = call->state;

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  thole_idempotency_stored (call);
  thole_wait_workload (call, self->subject, self->mask, self->verb->reached,
                       thole_state_rests (self->subject->now) && self->subject->now->operation[0] == '\0' ? 200 : 202);
}

/* operations that end at once need no object of their own */
static gboolean
is_long (TholeChange *change)
{
  return !thole_state_rests (change->next) || strcmp (change->next->intent, "update") == 0;
}

static void
begin_operation (TholeCall *call, TholeChange *change)
{
  change->begun_record = thole_tracker_record (call->operations, call->def->name, change->next->id, call->principal->name,
                                               call->request_id, "");
  call->reply.operation = g_strdup (change->begun_record->id);
}

static gboolean
if_match_fails (TholeCall *call, const TholeWorkload *now)
{
  g_autofree char *revision = NULL;

  if (call->if_match == NULL || strcmp (call->if_match, "*") == 0)
    return FALSE;
  revision = g_strdup_printf ("%" G_GINT64_FORMAT, now->revision);
  return strcmp (call->if_match, revision) != 0;
}

TholeProblem *
thole_verb_refuse (TholeCall *call, TholeSubject *subject, gboolean legal, const char *verb)
{
  if (subject->gone)
    return thole_problem_new (THOLE_ERROR_NOT_FOUND, "no workload %.128s", call->target);
  if (if_match_fails (call, subject->now))
    return thole_problem_new (THOLE_ERROR_PRECONDITION, "its revision is %" G_GINT64_FORMAT, subject->now->revision);
  return legal ? NULL : thole_verb_illegal (subject->now, verb);
}

/* the slot is held: nothing changes between this check and the COMMIT */
static void
granted (TholeSubject *subject, gpointer user_data)
{
  TholeCall *call = user_data;
  VerbCall *self = call->state;
  const TholeVerb *verb = self->verb;
  TholeTransition next = thole_state_next (subject->now, subject->has_install, verb->input);
  TholeProblem *problem = thole_verb_refuse (call, subject, next.legal, thole_input_name (verb->input));
  TholeChange *change;

  if (problem != NULL)
    {
      thole_subject_release (subject);
      thole_call_problem (call, problem);
      return;
    }
  if ((next.effects & THOLE_EFFECT_SAME) && (next.desired < 0 || next.desired == (int) subject->now->desired_state))
    {
      thole_subject_release (subject);
      thole_wait_workload (call, subject, self->mask, verb->reached, thole_state_rests (subject->now) ? 200 : 202);
      return;
    }
  change = thole_change_begin (subject, call->principal->name);
  change->request = call->request_id;
  change->asked = call->def->name;
  thole_change_apply (change, verb->input);
  if (verb->intent != NULL)
    thole_record_set (&change->next->intent, verb->intent);
  if (verb->edit == NULL || verb->edit (call, change, &problem))
    problem = thole_quota_charge (call, subject->now, change->next, change->txn);
  if (problem != NULL)
    {
      thole_change_abandon (change);
      thole_call_problem (call, problem);
      return;
    }
  if (is_long (change))
    begin_operation (call, change);
  thole_idempotency_remember (call, change->txn, subject->now->id, call->reply.operation != NULL ? call->reply.operation : "");
  thole_trail_add (call, change->txn, NULL);
  thole_change_commit (change, stored, call);
}

void
thole_verb_run (TholeCall *call, const TholeVerb *verb)
{
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the query is wrong");
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend;
  VerbCall *self;
  guint mask;

  if (subject == NULL)
    return;
  mask = thole_wait_mask (call, &thole_workload_type, problem);
  backend = thole_subject_backend (subject);
  if (problem->n_fields > 0)
    {
      thole_call_problem (call, g_steal_pointer (&problem));
      return;
    }
  if (verb->needs != THOLE_VERB_NO_SLOT && backend != NULL && !thole_backend_has (backend, verb->needs))
    {
      thole_call_fail (call, THOLE_ERROR_UNSUPPORTED, "the backend %s cannot do %s", thole_backend_get_name (backend),
                       thole_slot_name (verb->needs));
      return;
    }
  self = g_new0 (VerbCall, 1);
  self->verb = verb;
  self->subject = thole_subject_ref (subject);
  self->mask = mask;
  call->state = self;
  call->state_free = verb_call_free;
  if (!thole_subject_acquire (subject, FALSE, granted, call))
    thole_call_fail (call, THOLE_ERROR_BUSY, "%u requests wait for this workload already", call->operations->limits.queue);
}
