/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A lifecycle verb: check the transition, store the intent with its event, answer; the drive does the rest.
 */
#pragma once

#include "operations/idempotency.h"
#include "operations/subject.h"
#include "operations/wait.h"

#define THOLE_VERB_NO_SLOT ((TholeSlot) -1)

typedef struct
{
  TholeInput input;
  TholeSlot needs;       /* capability that is refused at once when missing; THOLE_VERB_NO_SLOT = none */
  const char *intent;    /* (nullable): for the drive */
  guint reached;         /* status when a wait was reached */
  /* (nullable): edits the change with the slot held; returns FALSE with @problem set to refuse */
  gboolean (*edit) (TholeCall *call, TholeChange *change, TholeProblem **problem);
} TholeVerb;

/* Runs @verb on the workload that the call names. */
void          thole_verb_run      (TholeCall *call, const TholeVerb *verb);

/* The workload that the call names; otherwise answers not_found and returns NULL. */
TholeSubject *thole_call_subject  (TholeCall *call);
/* Its backend, when it can be called now for @slot; otherwise answers (unsupported, unavailable) and returns NULL. */
TholeBackend *thole_call_backend  (TholeCall *call, TholeBackend *backend, const char *name, TholeSlot slot);
/* With the slot held: why the call must not change the workload now: gone, If-Match, state (unless @legal).
 * Returns: (transfer full) (nullable) */
TholeProblem *thole_verb_refuse   (TholeCall *call, TholeSubject *subject, gboolean legal, const char *verb);
/* illegal_transition with both states and what is allowed. Returns: (transfer full) */
TholeProblem *thole_verb_illegal  (const TholeWorkload *now, const char *verb);

/* NULL-safe readers of the query: reads without a query have none. */
const char   *thole_query_string  (TholeCall *call, const char *key);
gint64        thole_query_int     (TholeCall *call, const char *key, gint64 fallback);
gboolean      thole_query_boolean (TholeCall *call, const char *key);
