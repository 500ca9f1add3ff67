/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/wait.h"

#include "thole-dict.h"

#include <string.h>

typedef struct
{
  TholeCall *call;
  TholeSubject *subject;  /* one of these two */
  TholeTracker *tracker;
  guint mask;
  guint reached;          /* status when a state is reached */
  gboolean verb;          /* the caller began work: coming to rest elsewhere ends the wait */
  GSource *timer;
  gulong gone_handler;
} Waiter;

guint
thole_wait_mask (TholeCall *call, const TholeRecordType *type, TholeProblem *problem)
{
  const char *text = call->query != NULL ? thole_dict_string (call->query, "wait", "") : "";
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  guint mask = 0;

  for (guint i = 0; text[0] != '\0' && words[i] != NULL; i++)
    {
      int state = thole_record_parse_choice (type, "state", words[i]);

      if (strcmp (words[i], "deleted") == 0)
        mask |= THOLE_WAIT_DELETED;
      else if (state >= 0)
        mask |= 1u << state;
      else
        thole_problem_add (problem, "/wait", "choice", "%.64s is not a state", words[i]);
    }
  return mask;
}

void
thole_reply_workload (TholeCall *call, TholeSubject *subject, guint status)
{
  GBytes *json = thole_record_json (subject->now);

  call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, subject->now->revision);
  if (call->reply.operation == NULL && subject->now->operation[0] != '\0' && status == 202)
    call->reply.operation = g_strdup (subject->now->operation);
  thole_call_return (call, status, g_bytes_ref (json));
}

static GBytes *
object_json (Waiter *self)
{
  return thole_record_json (self->subject != NULL ? (gpointer) self->subject->now : (gpointer) self->tracker->now);
}

static TholeCall *
waiter_free (Waiter *self)
{
  TholeCall *call = self->call;

  if (self->gone_handler != 0)
    g_cancellable_disconnect (call->cancellable, self->gone_handler);
  thole_source_clear (&self->timer);
  g_clear_pointer (&self->subject, thole_subject_unref);
  g_free (self);
  return call;
}

static void
waiter_answer (Waiter *self)
{
  guint status = self->reached;
  TholeSubject *subject = self->subject != NULL ? thole_subject_ref (self->subject) : NULL;
  TholeTracker *tracker = self->tracker;
  TholeCall *call = waiter_free (self);

  if (subject == NULL)
    thole_call_return (call, status, g_bytes_ref (thole_record_json (tracker->now)));
  else if (subject->gone)
    thole_call_return (call, 204, NULL);
  else
    thole_reply_workload (call, subject, status);
  g_clear_pointer (&subject, thole_subject_unref);
}

static void
waiter_fail (Waiter *self, int code, const char *detail)
{
  TholeProblem *problem = thole_problem_new (code, "%s", detail);
  gsize length;
  const char *text = g_bytes_get_data (object_json (self), &length);
  g_autofree char *json = g_strndup (text, length);

  thole_problem_extend (problem, "resource", json);
  thole_call_problem (waiter_free (self), problem);
}

static GSList **
list_of (Waiter *self)
{
  return self->subject != NULL ? &self->subject->waiters : &self->tracker->waiters;
}

static gboolean
timed_out (gpointer user_data)
{
  Waiter *self = user_data;
  GSList **list = list_of (self);

  *list = g_slist_remove (*list, self);
  waiter_fail (self, THOLE_ERROR_TIMEOUT, "the state was not reached in time");
  return G_SOURCE_REMOVE;
}

static gboolean
caller_gone_idle (gpointer user_data)
{
  Waiter *self = user_data;
  GSList **list = list_of (self);

  *list = g_slist_remove (*list, self);
  waiter_fail (self, THOLE_ERROR_INTERRUPTED, "the caller has gone");
  return G_SOURCE_REMOVE;
}

static void
caller_gone (GCancellable *cancellable, gpointer user_data)
{
  Waiter *self = user_data;

  /* not from inside the handler: the answer disconnects it */
  thole_source_clear (&self->timer);
  self->timer = thole_clock_timer (self->call->operations->clock, 0, caller_gone_idle, self);
}

static void
begin (Waiter *self)
{
  TholeCall *call = self->call;
  GSList **list = list_of (self);
  double timeout = thole_dict_double (call->query, "timeout", 60);

  *list = g_slist_prepend (*list, self);
  self->timer = thole_clock_timer (call->operations->clock, (gint64) (timeout * G_USEC_PER_SEC), timed_out, self);
  if (call->cancellable != NULL)
    self->gone_handler = g_cancellable_connect (call->cancellable, G_CALLBACK (caller_gone), self, NULL);
}

/* a workload that rests elsewhere will not reach the state by what the caller began */
static gboolean
rests_elsewhere (Waiter *self)
{
  const TholeWorkload *now = self->subject->now;

  return self->verb && thole_state_rests (now) && now->deadline_at == 0 && now->operation[0] == '\0'
         && now->state != THOLE_WORKLOAD_STATE_RUNNING && now->state != THOLE_WORKLOAD_STATE_PAUSED;
}

static gboolean
check (Waiter *self, int state, gboolean gone)
{
  if (gone ? (self->mask & THOLE_WAIT_DELETED) != 0 : (self->mask & (1u << state)) != 0)
    waiter_answer (self);
  else if (gone)
    waiter_fail (self, THOLE_ERROR_GONE, "it was deleted");
  else if (self->subject != NULL && rests_elsewhere (self))
    {
      g_autofree char *detail = g_strdup_printf ("it came to rest in state %s%s%s", thole_state_name (state),
                                                 self->subject->now->state_reason[0] != '\0' ? ": " : "",
                                                 self->subject->now->state_reason);

      waiter_fail (self, state == THOLE_WORKLOAD_STATE_ERROR ? THOLE_ERROR_FAILED : THOLE_ERROR_CONFLICT, detail);
    }
  else
    return FALSE;
  return TRUE;
}

void
thole_wait_check (GSList **waiters, int state, gboolean gone)
{
  GSList *all = g_slist_reverse (g_steal_pointer (waiters));

  while (all != NULL)
    {
      Waiter *self = all->data;

      all = g_slist_delete_link (all, all);
      if (!check (self, state, gone))
        *waiters = g_slist_prepend (*waiters, self);
    }
}

void
thole_wait_interrupt (GSList **waiters)
{
  while (*waiters != NULL)
    {
      Waiter *self = (*waiters)->data;

      *waiters = g_slist_delete_link (*waiters, *waiters);
      waiter_fail (self, THOLE_ERROR_INTERRUPTED, "the daemon is going down");
    }
}

void
thole_wait_workload (TholeCall *call, TholeSubject *subject, guint mask, guint reached, guint status)
{
  Waiter *self;

  if (mask == 0)
    {
      thole_reply_workload (call, subject, status);
      return;
    }
  self = g_new0 (Waiter, 1);
  self->call = call;
  self->subject = thole_subject_ref (subject);
  self->mask = mask;
  self->reached = reached;
  self->verb = call->def->kind == THOLE_OPERATION_WRITE;
  if (!check (self, (int) subject->now->state, subject->gone))
    begin (self);
}

void
thole_wait_operation (TholeCall *call, TholeTracker *tracker, guint mask, guint status)
{
  Waiter *self;

  if (mask == 0 || (mask & (1u << tracker->now->state)))
    {
      thole_call_return (call, status, g_bytes_ref (thole_record_json (tracker->now)));
      return;
    }
  self = g_new0 (Waiter, 1);
  self->call = call;
  self->tracker = tracker;
  self->mask = mask;
  self->reached = status;
  begin (self);
}
