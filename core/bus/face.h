/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of this folder share.
 */
#pragma once

#include "bus/bus.h"
#include "bus/held.h"
#include "bus/names.h"
#include "bus/outlet.h"

#define THOLE_BUS_MAX_CALLERS 1024 /* whose credentials are remembered */
#define THOLE_BUS_MAX_CALLS 128    /* of one caller without an answer */
#define THOLE_BUS_MAX_ANSWER (24 * 1024 * 1024) /* bytes: system buses carry no message above 32 MiB */

typedef struct _TholeBusCaller TholeBusCaller;
typedef struct _TholeBusCall TholeBusCall;
typedef struct _TholeBusInlet TholeBusInlet;
typedef struct _TholeBusNews TholeBusNews;
typedef struct _TholeBusWatchers TholeBusWatchers;

struct _TholeBus
{
  TholeBusOptions options;
  TholeOperations *operations;
  GDBusConnection *connection;
  TholeBusInlet *inlet;
  TholeBusOutlet *outlet;
  guint filter, names, rules; /* of the connection */
  gulong gone;              /* likewise */
  char *address;
  GSource *again;           /* (nullable): until the bus is tried again */
  GCancellable *joining;    /* (nullable): it is being tried */
  guint tries;              /* in a row */
  GHashTable *methods;      /* "Workload.Start" -> TholeOperationDef */
  GHashTable *callers;      /* unique name -> TholeBusCaller */
  GHashTable *calls;        /* of TholeBusCall: no answer yet */
  GHashTable *streams;      /* of TholeBusStream, handover.h */
  GQueue to_list;           /* of TholeBusCall, tree.c: lists that wait for their turn */
  GQueue listing;           /* of TholeBusCall: lists that are being made */
  TholeBusNews *news;
  TholeBusWatchers *watchers;
  gint64 no_polkit_until;   /* µs monotonic: it was not there */
  TholeBusHeld *held;       /* bytes of the arguments of calls */
  gsize owed;               /* debt.c: bytes of answers that perhaps nobody has read */
  guint questions;          /* callers that are asked whether they have */
  gboolean draining;
};

/* One who is on the bus. */
struct _TholeBusCaller
{
  guint refs;
  TholeBus *bus;            /* NULL when it is none of its callers any more */
  char *name;               /* unique */
  gboolean known;           /* the bus has told its uid */
  gboolean refused;         /* the bus has no uid of it */
  gboolean gone;
  uid_t uid;                /* THOLE_BUS_UNKNOWN until then */
  guint calls;
  gboolean listing;         /* it has asked for a list of all objects */
  gsize held;               /* bytes of the arguments of its calls */
  gsize owed;               /* bytes of answers since its last sign of life */
  gsize asked;              /* of them those before the question that it has not answered; 0 = there is none */
  guint turned;             /* calls that were turned away since that sign */
  gint64 used_at;           /* µs monotonic */
  GQueue waiting;           /* of TholeBusCall, until it is known */
  GHashTable *verdicts;     /* action -> µs monotonic until when polkit's consent counts */
};

/* One method call, until it is answered. */
struct _TholeBusCall
{
  TholeBus *bus;            /* NULL after thole_bus_free() */
  TholeBusCaller *caller;
  GDBusMessage *message;
  gsize size;               /* bytes of its arguments, 0 = too few to count */
  uid_t holder;             /* whose they are */
  TholeBusKind kind;
  char *id;                 /* (nullable) */
  const TholeOperationDef *def;
  TholePrincipal *principal;
  TholePrincipal *peer;     /* what it is without polkit */
  gboolean consented;       /* polkit has let it in */
  GCancellable *cancellable;
  TholeStream *input;       /* (nullable): of an upload, until the operation has it */
  void (*then) (TholeBusCall *call);
  gpointer state;           /* of whoever answers it */
  GDestroyNotify state_free;
};

/* bus.c: each ends the call. */
void thole_bus_return  (TholeBusCall *call, GVariant *body /* a tuple; floating, nullable */, GUnixFDList *descriptors /* nullable */);
/* The same of a body in wire form. @signature: without brackets */
void thole_bus_return_wire (TholeBusCall *call, const char *signature, const GByteArray *body);
void thole_bus_refuse  (TholeBusCall *call, const char *name, const char *format, ...) G_GNUC_PRINTF (3, 4);
void thole_bus_problem (TholeBusCall *call, const TholeProblem *problem);
void thole_bus_fail    (TholeBusCall *call, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Its answer was sent in another way. */
void thole_bus_call_free (TholeBusCall *call);

/* @message: a call of one of ours */
void thole_bus_begin_call (TholeBus *self, GDBusMessage *message);
/* Its caller is known now. */
void thole_bus_resume_call (TholeBusCall *call);

/* link.c */
gboolean thole_bus_link_begin (TholeBus *self, TholeBusWhich which, const char *address, GError **error);
/* Gives the name back. */
void     thole_bus_link_drain (TholeBus *self);
/* Nothing comes in any more; what was sent still goes out, until thole_bus_link_end(). */
void     thole_bus_link_quiet (TholeBus *self);
void     thole_bus_link_end   (TholeBus *self);

/* caller.c */
/* Returns: (transfer none) (nullable): NULL when there are too many */
TholeBusCaller *thole_bus_caller_get   (TholeBus *bus, const char *name);
TholeBusCaller *thole_bus_caller_ref   (TholeBusCaller *self);
void            thole_bus_caller_unref (TholeBusCaller *self);
/* May @uid have one more of what there are @all of, and @own of its own? Nobody has more than a quarter of @max, and an eighth is kept
 * for root and our own uid.
 */
gboolean        thole_bus_room         (uid_t uid, guint own, guint all, guint max);
/* It has left the bus: what it waits for ends. */
void            thole_bus_caller_gone  (TholeBusCaller *self);
/* Calls @then with call->principal set once it is known who it is and whether polkit lets it do what @def is; the
 * principal may still lack the permission. */
void            thole_bus_permit       (TholeBusCall *call, const TholeOperationDef *def, void (*then) (TholeBusCall *call));

/* debt.c */
/* May it call? */
gboolean        thole_bus_may_call     (TholeBusCaller *self);
/* May it be sent so much more? */
gboolean        thole_bus_may_owe      (TholeBusCaller *self, gsize size);
/* It was. */
void            thole_bus_owe          (TholeBusCaller *self, gsize size);
/* It is none of the bus' callers any more. */
void            thole_bus_owe_nothing  (TholeBusCaller *self);
/* May it be forgotten for another? */
gboolean        thole_bus_may_forget   (const TholeBusCaller *self);
/* Does @error say that somebody did not answer? @error: (nullable) */
gboolean        thole_bus_is_silence   (const GError *error);

/* polkit.c: asks whether @name may do @action. The answer comes later, with FALSE also when there is no polkit. */
void thole_bus_polkit_ask (TholeBusCall *call, const char *action, void (*answered) (TholeBusCall *call, gboolean good));

/* route.c: what a call is for */
void thole_bus_route   (TholeBusCall *call);
/* call.c: an operation */
void thole_bus_operate (TholeBusCall *call);
/* Returns: (transfer full): "(a{sv})" and the like: arguments and results of an operation on the bus */
char *thole_bus_arguments (const TholeOperationDef *def);
char *thole_bus_results   (const TholeOperationDef *def);
gboolean thole_bus_creates (const TholeOperationDef *def); /* gives the path of a new object */
gboolean thole_bus_begins  (const TholeOperationDef *def); /* gives the path of an operation */
gboolean thole_bus_streams (const TholeOperationDef *def); /* gives a descriptor */
/* Is @name an option of @def here, and one of @schema, which is its query or its body? */
gboolean thole_bus_takes   (const TholeOperationDef *def, const TholeSchema *schema, const char *name);

/* tree.c: org.freedesktop.DBus.ObjectManager and Properties */
void thole_bus_tree       (TholeBusCall *call);
/* Ends the lists that wait for their turn: the bus is going. */
void thole_bus_tree_end   (TholeBus *bus);
void thole_bus_properties (TholeBusCall *call);

/* introspect.c. @kind: THOLE_BUS_N_KINDS = a node without an interface of ours. @nodes: (nullable): names of nodes below.
 * Returns: (transfer full) */
char *thole_bus_introspect (TholeBusKind kind, const char *const *nodes);
