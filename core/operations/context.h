/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the operations work with: all parts of the daemon left of them, and the objects in memory. One per daemon.
 */
#pragma once

#include "access/rate.h"
#include "access/ticket.h"
#include "access/vault.h"
#include "backend/registry.h"
#include "config/config.h"
#include "events/log.h"
#include "files/berths.h"
#include "operations-list.h"
#include "operations/collection.h"
#include "records.h"
#include "store/db.h"

typedef struct _TholeSubject TholeSubject;
typedef struct _TholeTimebaseState TholeTimebaseState;
typedef struct _TholeStrangers TholeStrangers;

/* Figures of the configuration, read once. */
typedef struct
{
  guint queue;               /* requests that wait for one workload */
  guint operations;          /* finished operations that are kept */
  gint64 operation_age;      /* µs */
  gint64 idempotency_age;    /* µs */
  guint idempotency_keys;    /* remembered at once */
  gint64 workloads;          /* that one owner may have, 0 = no limit */
  double owner_cpu;          /* of all workloads of one owner, 0 = no limit; so the next */
  gint64 owner_memory, owner_storage;
  gint64 running, key_running; /* of them that may be to run, and that one API key may have started; 0 = no limit */
  guint execs;               /* one-shot execs at once */
  gint64 provision_timeout;  /* µs */
  gint64 orphan_grace;       /* µs */
  gboolean never_destroy;    /* orphans are only listed */
  guint sessions;            /* live ones of one workload */
  guint caller_sessions;     /* and of one owner, 0 = no limit */
  gint64 audit, audit_age;   /* rows that are kept, and for how long in µs; 0 = all, for ever */
  const char *recordings;    /* (nullable): folder of recordings; borrowed */
  gint64 recording;          /* bytes of one */
  const char *uploads;       /* folder where uploads wait until they are complete; borrowed */
  gint64 upload;             /* bytes of one */
  gint64 upload_patience;    /* µs for whoever sends one to go on */
  gint64 disk_reserve;       /* bytes of the disk that uploads leave free */
  const char *agent;         /* (nullable): path of thole-agent on this machine; borrowed */
  gint64 memory, pids;       /* of a workload that asks for none */
  double cpu;
} TholeLimits;

struct _TholeOperations
{
  TholeClock *clock;
  TholeDb *db;               /* borrowed, as the next two */
  TholeEventLog *events;
  TholeRegistry *registry;
  TholeIdentity *identity;     /* (nullable): borrowed; set before the first call */
  TholeRates *rates;           /* (nullable): the same */
  TholeVault *vault;           /* (nullable): the same */
  TholeLimits limits;

  TholeCollection *workloads;  /* of TholeSubject */
  GHashTable *names;           /* "owner/name" -> TholeSubject, also of creations that are not committed */
  TholeCollection *operations; /* of TholeTracker */
  TholeCollection *orphans;    /* of TholeOrphan records */
  GHashTable *orphans_storing; /* ids of those whose COMMIT is still to come */
  TholeCollection *sessions;   /* of TholeSeat */
  GHashTable *rooms;           /* id of a workload -> TholeRoom */
  GPtrArray *consoles;         /* of TholeConsole */
  GHashTable *idempotency;     /* id -> TholeIdempotency record */
  GHashTable *inflight;        /* id -> GPtrArray of TholeCall that wait for the first */
  TholeTimebaseState *timebase; /* of timebase.c */
  GSequence *deadlines;        /* of TholeDeadline, by time */
  GSource *sweep;              /* for the first of them */
  gint64 sweep_due;            /* µs monotonic: when it should run */
  gint64 patient_until;        /* µs monotonic: until then time that nobody could use is given back */
  GSource *care;               /* retention of operations and keys */
  GHashTable *tokens;          /* progress token -> id of an operation */
  guint64 last_token;
  guint calls;                 /* other calls of the engine for a caller */
  guint execs;                 /* one-shot execs that run */
  TholeBerths *berths;         /* of uploads */
  TholeStrangers *strangers;   /* (nullable): of strangers.c */
  gboolean backing_up;         /* a back-up of the store is about to begin */
  gboolean draining;           /* shutdown: no new work */
  TholeTickets *tickets;       /* (nullable), borrowed */
  void (*changed) (TholeSubject *subject, gpointer user_data); /* (nullable): after each COMMIT of a workload */
  gpointer changed_data;
};

/* Loads everything and takes up what was under way. Backends are to be started afterwards. Returns: (transfer full) */
TholeOperations *thole_operations_new   (TholeClock *clock, TholeDb *db, TholeEventLog *events, TholeRegistry *registry,
                                         const TholeLimits *limits, GError **error);
/* No new work from here on; work under way at the engine is cancelled and taken up at the next start. */
void             thole_operations_drain (TholeOperations *self);
/* How many things still have a callback to come. */
guint            thole_operations_busy  (TholeOperations *self);
void             thole_operations_free  (TholeOperations *self);

/* Figures for /metrics: workloads by state. */
void             thole_operations_count (TholeOperations *self, guint counts[THOLE_WORKLOAD_N_STATE]);
