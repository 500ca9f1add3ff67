/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One simulated life of a daemon and its engine, made of one seed. All time is virtual, nothing runs in a thread, and all
 * chance comes from the seed, so that a run is repeated to the letter.
 */
#pragma once

#include <setjmp.h>

#include "backend/tables.h"
#include "operations/context.h"
#include "operations/subject.h"
#include "operations/tracker.h"
#include "schedule/reconcile.h"

#define SIM_SECOND ((gint64) G_USEC_PER_SEC)
#define SIM_TRACE 100

typedef struct _Sim Sim;

/* A clock of the daemon, of its driver, or of the engine's operator. */
typedef struct
{
  TholeClock clock;
  Sim *sim;
  GMainContext *context;   /* where its timers fire */
  gboolean jumps;          /* its wall clock is the one that is set forwards and backwards */
  gboolean dead;           /* its process ended: nothing fires any more */
} SimClock;

/* what a seed decides about its whole run */
typedef struct
{
  guint owners, workloads;
  gint64 limit;            /* workloads of an owner, 0 = none */
  guint queue;
  gboolean never_destroy, durable, lazy_store, quiet;
  gboolean late;           /* answers may come after their call was given up */
  gboolean alone;          /* nobody compares on a period and nobody interferes: what fails is tried again all the same */
  double crash, cut, store_fault, interfere, jump;
  gint64 provision_timeout, orphan_grace, period, idempotency_age, operation_age;
  char *faults;
} SimPlan;

/* a workload as the commits make it */
typedef struct
{
  TholeWorkload *record;
  gboolean delete_asked;
  gint64 ran_at, used_at;  /* true time: since when it runs and should, and when that was last of use to anybody */
} SimRow;

/* a request on its way or answered */
typedef struct
{
  Sim *sim;
  TholeCall *call;         /* NULL once answered */
  const TholeOperationDef *def;
  char *request;
  char *made;              /* (nullable): the workload that its COMMIT made */
  char *key;               /* (nullable) */
  guint audits;
  guint changes;           /* commits that name it */
} SimCall;

/* a request with a key, to be sent again */
typedef struct
{
  guint op, owner;
  char *target, *body, *key;
  char *answered;          /* (nullable): the workload that an answer named */
  gboolean done;           /* a caller was told that it was done */
} SimKeyed;

struct _Sim
{
  guint64 seed, random, clock_random;
  guint steps, step;
  gboolean tell;           /* trace to stdout */
  SimPlan plan;

  /* time */
  gint64 now;              /* µs since the begin, never goes back */
  gint64 offset;           /* of the wall clock that jumps */
  gint64 skew;             /* what the store knows of that */
  gint64 jump_at;          /* when it was set last, or a COMMIT failed after that, or the daemon began */
  gboolean blind;          /* the daemon ended before it had stored a jump: deadlines are off */
  gint64 began_moment;
  GSequence *timers;
  guint64 serial;
  guint turns;             /* dispatches without a step of time */
  guint crash_in;          /* uses of a clock until the crash, 0 = none */
  GMainContext *home;      /* of the engine and its operator */
  SimClock home_clock;
  jmp_buf jump;
  gboolean jumping;        /* inside a dispatch of the daemon: the jump may be made */

  /* the engine and the hand at it */
  TholeTables *tables;
  TholeDriver *operator;
  GMainContext *desk;      /* of the operator's orders */
  char *order_result;
  gboolean order_done, order_good;
  GPtrArray *foreign;      /* ids of objects that others made */
  guint planted;

  /* the daemon */
  gboolean up, cut, calm, ending;
  guint life;
  GMainContext *context;
  SimClock *clock, *driver_clock;
  TholeDb *db;
  TholeEventLog *events;
  TholeRegistry *registry;
  TholeOperations *operations;
  TholeReconcile *reconcile;
  TholeStream *reader;
  GSource *action;
  gint64 boot_at;
  gint64 calm_since;
  guint calm_turns;
  gboolean calm_faults;    /* they are off */

  /* what the commits say */
  GHashTable *rows;        /* id -> SimRow */
  GPtrArray *ids;          /* of the rows, by creation */
  GHashTable *counts;      /* owner -> rows */
  GHashTable *trackers;    /* id of an operation -> its state */
  GHashTable *forgotten;   /* ids of operations that were removed for their age or number */
  GHashTable *orphans;     /* id -> TholeOrphan */
  GHashTable *keys;        /* id -> subject */
  GHashTable *gone;        /* ids of removed rows */
  GHashTable *uses;        /* id of a workload -> when it is stopped unless it is used (gint64) */
  gint64 newest;           /* event that was committed last */
  gint64 read;             /* event that the reader saw last */
  GHashTable *replayed;    /* id -> state, from the reader's events alone */

  /* callers */
  TholePrincipal *principals[4];
  GHashTable *calls;       /* request id -> SimCall */
  GQueue waiting;          /* request ids without an answer, oldest first */
  GPtrArray *keyed;        /* SimKeyed */
  guint64 requests;
  guint64 outstanding;

  /* figures */
  guint64 n_operations, n_crashes, n_commits, n_rests, n_interferences, n_jumps, n_lost;
  guint64 hash;
  GPtrArray *trace;        /* the last lines */
  guint trace_at;
  char *folder, *module, *scratch;
};

/* chance */
guint64 sim_random  (Sim *sim, guint64 bound);          /* below @bound */
gboolean sim_chance (Sim *sim, double probability);
gint64  sim_between (Sim *sim, gint64 low, gint64 high);

/* trace.c */
void    sim_trace   (Sim *sim, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Tells what is wrong with the last lines, and ends the process. */
G_NORETURN void sim_violation (Sim *sim, const char *format, ...) G_GNUC_PRINTF (2, 3);
void    sim_log_setup (Sim *sim);

/* time.c */
/* Returns: (transfer full): one that never polls */
GMainContext *sim_context_new (void);
void    sim_clock_init (SimClock *clock, Sim *sim, GMainContext *context, gboolean jumps);
/* One dispatch, or one step of time up to @until. FALSE: nothing is to be done before it. */
gboolean sim_turn   (Sim *sim, gint64 until);
/* Is something ready to be dispatched now? */
gboolean sim_pending (Sim *sim);
/* What the wall clock would say had it never been set. */
gint64  sim_true_time (Sim *sim);
/* When the next timer fires, G_MAXINT64 = never. */
gint64  sim_next    (Sim *sim);
void    sim_forget_timers (Sim *sim);
/* The daemon ends at one of the next dispatches. */
void    sim_crash_soon (Sim *sim);

/* daemon.c */
void    sim_boot    (Sim *sim);
/* All that the daemon had in memory is gone. */
void    sim_bury    (Sim *sim);
/* The clean end. */
void    sim_shut_down (Sim *sim);
TholeBackend *sim_backend (Sim *sim);

/* hand.c: the operator of the engine */
void    sim_operator_open (Sim *sim);
/* Returns: (transfer none) (nullable): what the order says; NULL when it was refused */
const char *sim_order (Sim *sim, const char *first, ...) G_GNUC_NULL_TERMINATED;
/* Calls a slot of the engine past the daemon. */
gboolean sim_meddle (Sim *sim, TholeSlot slot, const char *id);
/* Returns: (transfer full): id -> state of all objects */
GHashTable *sim_objects (Sim *sim);
void    sim_interfere (Sim *sim);
void    sim_faults_off (Sim *sim);

/* callers.c */
void    sim_call_random (Sim *sim);
void    sim_call_force_delete (Sim *sim, const char *id);
SimCall *sim_call_find (Sim *sim, const char *request);
void    sim_calls_lost (Sim *sim);

/* model.c: what must hold of every COMMIT */
extern const TholeCommitWatch sim_commit_watch;
void    sim_model_init (Sim *sim);
/* Without use it is stopped after this time, 0 = never. */
gint64  sim_idle_timeout (const TholeWorkload *record);
/* A command in it ended well. */
void    sim_model_used (Sim *sim, const char *target);
/* what a loaded daemon must hold */
void    sim_model_compare (Sim *sim);
void    sim_reader_open (Sim *sim);

/* rest.c: what must hold when all faults are over */
void    sim_check_step (Sim *sim);
gboolean sim_is_quiet (Sim *sim);
void    sim_explain_busy (Sim *sim);
/* How far off deadlines may be: jumps below a second are not seen. */
gint64  sim_slack   (Sim *sim);
/* A jump of the clock is known to the store after a while. */
void    sim_check_skew (Sim *sim);
void    sim_check_rest (Sim *sim);
void    sim_check_empty (Sim *sim);

/* spec.c */
char   *sim_random_body (Sim *sim);

/* plan.c */
void    sim_plan_make (Sim *sim);
