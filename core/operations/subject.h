/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A workload in memory: its committed record, its slot, its drive and those who wait for it.
 *
 * Whoever changes a workload holds its slot from the check to the COMMIT. The record in memory is replaced only after
 * COMMIT. After each COMMIT the drive (drive.h) is asked whether there is work to do at the engine.
 */
#pragma once

#include "access/identity.h"
#include "operations/context.h"
#include "state/workload-state.h"

typedef struct
{
  GSequenceIter *entry;   /* NULL = not armed */
  gint64 at;              /* µs, of the time base */
  void (*fire) (gpointer owner);
  gpointer owner;
} TholeDeadline;

/* of idle.c; times on the time base, µs */
typedef struct
{
  gint64 timeout;          /* 0 = never */
  gint64 stored_at;        /* the deadline that the store has, 0 = none */
  gint64 used_at;          /* when it was used last */
  guint holds;             /* what uses it now, but for viewers of its sessions */
  gboolean storing;
  TholeDeadline deadline;
} TholeIdle;

/* intent of a stop that nobody asked for, and how its reason goes on */
#define THOLE_INTENT_IDLE "idle"
#define THOLE_IDLE_REASON "nobody used it for %g s"

/* µs around the end of an engine in which what a signal ends was taken along by it */
#define THOLE_LAST_BREATH (20 * G_USEC_PER_SEC)

struct _TholeSubject
{
  gint ref_count;
  TholeOperations *operations;
  TholeWorkload *now;      /* as committed */
  GVariant *spec;          /* parsed from now->spec when first needed, see thole_subject_spec() */
  GVariant *health_spec;   /* (nullable) */
  gboolean has_install;
  gboolean gone;           /* its row is removed */
  gboolean held;           /* its slot */
  GQueue queue;            /* of SlotWait: who waits for the slot */
  GSList *waiters;         /* of TholeWaiter (wait.h) */
  TholeDeadline deadline;  /* the earliest of now->deadline_at and now->expires_at */
  TholeIdle idle;

  /* the drive */
  gboolean driving;        /* a step is under way */
  gboolean unsure;         /* what the engine has is not known: look before acting */
  gboolean dirty;          /* the engine reported something while a step was under way */
  gboolean outage;         /* its backend went away while it ran */
  gint64 left_at;          /* monotonic µs: when its engine went away, 0 = never */
  gboolean killing;        /* the stop under way does not wait */
  gboolean frozen;         /* its processes were frozen when last seen: to be thawed before a stop */
  guint tries;             /* attempts of the step that failed for reasons that may pass */
  GSource *retry;          /* for the next of them */
  TholeState step;         /* the state that the step works on */
  GCancellable *cancel;    /* of the step */
  double stop_grace;       /* of the stop asked for, -1 = of the spec */
  char *stop_signal;       /* (nullable) */
  gpointer checks;         /* health checks of the core (schedule) */
};

/* A change under way: the slot is held from begin to end. */
typedef struct
{
  TholeSubject *subject;
  TholeWorkload *next;     /* to be edited until commit */
  TholeTxn *txn;           /* further things of the same transaction */
  TholeState before;
  TholeTransition transition;
  gboolean remove;         /* the row goes away */
  gboolean failed;         /* its operation failed although the state is good */
  const char *actor;       /* borrowed until commit, as what follows */
  const char *request;     /* (nullable): id of the request that asked for it */
  const char *asked;       /* (nullable): name of its operation */
  const char *slot;        /* (nullable): what the engine was asked for */
  const char *answer;      /* (nullable): and what it said */
  double seconds;          /* how long that took */
  struct _TholeTracker *begun, *ended;  /* operations that begin and end with it */
  TholeOperation *begun_record, *ended_record;
  gint64 idle_at, idle_timeout; /* of idle.c */
  void (*done) (gpointer user_data, const GError *error);
  gpointer user_data;
} TholeChange;

typedef void (*TholeGranted) (TholeSubject *subject, gpointer user_data);

/* Returns: (transfer full). @record (transfer full). Adds it to the collection and the index of names. */
TholeSubject *thole_subject_new    (TholeOperations *operations, TholeWorkload *record);
TholeSubject *thole_subject_ref    (TholeSubject *self);
void          thole_subject_unref  (TholeSubject *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeSubject, thole_subject_unref)

/* By id, or by name: of what @principal owns, else of what it may act on besides when only one has it. What belongs to others
 * is as if it were not there.
 * Returns: (transfer none) (nullable) */
TholeSubject *thole_subject_find   (TholeOperations *operations, const char *id_or_name, const TholePrincipal *principal);
TholeBackend *thole_subject_backend (TholeSubject *self); /* (nullable) */
/* Returns: (transfer none): the spec as a{sv} in normal form */
GVariant     *thole_subject_spec   (TholeSubject *self);

/* Sets the deadline of its record. */
void          thole_subject_arm    (TholeSubject *self);

/* Calls @granted when the slot is free, perhaps inside this call. With @urgent (outcomes of the daemon's own work) it goes first in
 * the queue and is never refused. Returns FALSE when too many wait already (answer `busy`). */
gboolean      thole_subject_acquire (TholeSubject *self, gboolean urgent, TholeGranted granted, gpointer user_data);
void          thole_subject_release (TholeSubject *self);

/* With the slot held: a copy of the record with the next revision. Returns: (transfer full) */
TholeChange  *thole_change_begin   (TholeSubject *subject, const char *actor);
/* Applies @input: state, desired state, effects. Returns FALSE (and leaves everything) when it is not legal. */
gboolean      thole_change_apply   (TholeChange *change, TholeInput input);
void          thole_change_reason  (TholeChange *change, const char *code, const char *text);
/* Forgets the change and frees the slot. */
void          thole_change_abandon (TholeChange *change);
/* Stores it with its events; then replaces the record, answers waiters, frees the slot, kicks the drive, calls @done. */
void          thole_change_commit  (TholeChange *change, void (*done) (gpointer user_data, const GError *error), gpointer user_data);

/* Deadlines: one sorted list, one timer. @at 0 disarms. */
void          thole_deadline_set   (TholeOperations *operations, TholeDeadline *deadline, gint64 at);

/* Appends ,"name":"text" to a JSON object under construction. */
void          thole_json_member    (GString *json, const char *name, const char *text);
