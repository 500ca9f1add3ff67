/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/crash-point.h"
#include "operations/verb.h"
#include "operations/trail.h"

#include "thole-dict.h"

#include <string.h>

/* a signal that does not have to end the program: sent by the engine while the caller waits */
typedef struct
{
  TholeSubject *subject;
  TholeBackend *backend;
  char *signal;
} Signal;

static void
signal_free (gpointer data)
{
  Signal *self = data;

  thole_subject_unref (self->subject);
  g_object_unref (self->backend);
  g_free (self->signal);
  g_free (self);
}

static void
sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  Signal *self = call->state;
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  thole_crash_point ("answered");
  if (thole_backend_call_finish (self->backend, result, NULL, &error))
    thole_reply_workload (call, self->subject, 200);
  else
    thole_call_error (call, error);
}

static void
stored (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;
  Signal *self = call->state;
  TholeSlotArgs args = { .id = self->subject->now->id, .text = self->signal, .deadline = 30 };

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  thole_idempotency_stored (call);
  call->operations->calls++;
  thole_crash_point ("workload.kill");
  thole_backend_call_async (self->backend, THOLE_SLOT_WORKLOAD_KILL, &args, NULL, sent, call);
  thole_crash_point ("called");
}

static void
granted (TholeSubject *subject, gpointer user_data)
{
  TholeCall *call = user_data;
  Signal *self = call->state;
  TholeProblem *problem = thole_verb_refuse (call, subject, subject->now->state == THOLE_WORKLOAD_STATE_RUNNING, "kill");
  TholeChange *change;
  g_autofree char *intent = NULL;

  if (problem != NULL)
    {
      thole_subject_release (subject);
      thole_call_problem (call, problem);
      return;
    }
  change = thole_change_begin (subject, call->principal->name);
  change->request = call->request_id;
  change->asked = call->def->name;
  /* a program that ends by this signal was asked to */
  intent = g_strconcat ("signal:", self->signal, NULL);
  thole_record_set (&change->next->intent, intent);
  thole_change_reason (change, "signal", self->signal);
  thole_idempotency_remember (call, change->txn, subject->now->id, "");
  thole_trail_add (call, change->txn, NULL);
  thole_change_commit (change, stored, call);
}

static void
send_signal (TholeCall *call, const char *signal)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend;
  Signal *self;

  if (subject == NULL)
    return;
  backend = thole_call_backend (call, thole_subject_backend (subject), subject->now->backend, THOLE_SLOT_WORKLOAD_KILL);
  if (backend == NULL)
    return;
  self = g_new0 (Signal, 1);
  self->subject = thole_subject_ref (subject);
  self->backend = g_object_ref (backend);
  self->signal = g_strdup (signal);
  call->state = self;
  call->state_free = signal_free;
  if (!thole_subject_acquire (subject, FALSE, granted, call))
    thole_call_fail (call, THOLE_ERROR_BUSY, "too many requests wait for this workload");
}

void
thole_op_workload_kill (TholeCall *call)
{
  static const TholeVerb verb = { THOLE_INPUT_KILL, THOLE_VERB_NO_SLOT, "kill", 200, NULL };
  const char *signal = call->body != NULL ? thole_dict_string (call->body, "signal", "SIGKILL") : "SIGKILL";

  if (thole_signal_number (signal) == 9)
    thole_verb_run (call, &verb);
  else
    send_signal (call, thole_signal_name (thole_signal_number (signal)));
}
