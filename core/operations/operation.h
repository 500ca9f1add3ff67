/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An operation is one thing that a caller may ask for. A face (HTTP, D-Bus) fills in a TholeCall and dispatches it; what an
 * operation answers is the same whoever asks.
 */
#pragma once

#include "access/identity.h"
#include "base/problem.h"
#include "base/stream.h"
#include "model/schema.h"
#include "sessions/viewer.h"

typedef struct _TholeOperations TholeOperations;
typedef struct _TholeCall TholeCall;
typedef struct _TholeOperationDef TholeOperationDef;

typedef enum
{
  THOLE_OPERATION_READ,   /* from memory */
  THOLE_OPERATION_WRITE,  /* stores an intent; takes an Idempotency-Key when it is a POST */
  THOLE_OPERATION_ENGINE, /* needs the engine now */
  THOLE_OPERATION_STREAM,
  THOLE_OPERATION_UPLOAD, /* as ENGINE, and takes `input` */
} TholeOperationKind;

struct _TholeOperationDef
{
  const char *name;        /* "workload.stop" */
  const char *permission;
  const char *target;      /* (nullable): kind of the object in the path */
  const char *method;      /* (nullable): HTTP */
  const char *path;        /* (nullable): "/v1/workloads/{id}/stop" */
  guint success[4];        /* statuses */
  const TholeSchema *body;
  const TholeSchema *query;
  TholeOperationKind kind;
  const char *doc;
  void (*handle) (TholeCall *call);
  const char *bus;         /* (nullable): D-Bus, "Workload.Stop" */
  const char *action;      /* (nullable): what polkit is asked, "manage-workloads" */
};

/* How a face is to write a stream. */
typedef enum
{
  THOLE_REPLY_JSON,     /* `body` (may be NULL for 204) */
  THOLE_REPLY_LOG,      /* `stream` of log records */
  THOLE_REPLY_EVENTS,   /* `stream` of JSON items with type and (events) id: server-sent events */
  THOLE_REPLY_BYTES,    /* `body` of the media type `type` */
  THOLE_REPLY_FILE,     /* `stream` of bytes of the media type `type` */
  THOLE_REPLY_VIEW,     /* `view`: a session to be looked at, operations/session.h */
} TholeReplyKind;

typedef struct
{
  guint status;            /* HTTP status; faces of another kind look at `problem` and `kind` */
  TholeReplyKind kind;
  GBytes *body;            /* transfer full: JSON */
  char *etag;              /* (nullable): revision, without quotes */
  char *location;          /* (nullable): path of a new object */
  char *operation;         /* (nullable): op-... */
  gboolean replayed;       /* answered from an Idempotency-Key */
  TholeStream *stream;     /* transfer full */
  const char *type;        /* static */
  gboolean sized;          /* the stream has @size bytes */
  gint64 size;
  char *range;             /* (nullable): which part of it: "bytes 0-9/100" */
  gint64 modified;         /* seconds since the epoch, 0 = not known */
  TholeSession *view;      /* transfer full */
  char *cookie;            /* transfer full (nullable): a token that a browser is to keep; "" = it is to forget it */
  gint64 cookie_ends;      /* µs since the epoch */
  TholeProblem *problem;   /* transfer full (nullable): set = it failed */
} TholeReply;

typedef enum
{
  THOLE_WANT_JSON = 0,
  THOLE_WANT_EVENTS = 1 << 0, /* Accept: text/event-stream */
} TholeWant;

struct _TholeCall
{
  /* filled in by the face; all owned by the call */
  const TholeOperationDef *def;
  TholePrincipal *principal;
  char *request_id;
  char *path;              /* without query; part of the scope of an Idempotency-Key */
  char *address;           /* (nullable): where the caller is, "unix:UID" or an IP address */
  char *target;            /* (nullable): id or name from the path */
  GVariant *body;          /* (nullable): a{sv} as parsed; validated by dispatch */
  GVariant *query;         /* (nullable): a{sv} of strings (`as` when repeated); validated by dispatch */
  TholeStream *input;      /* (nullable): of an upload: its bytes; whoever takes it closes it */
  gint64 input_size;       /* bytes that will come, -1 = not known */
  char *range;             /* (nullable): the field Range of HTTP */
  gint64 range_of;         /* only of what was changed then, seconds since the epoch; 0 = of anything */
  char *idempotency_key;   /* (nullable) */
  char *if_match;          /* (nullable): without quotes */
  char *if_none_match;     /* (nullable): without quotes */
  gint64 last_event_id;    /* -1 = not given */
  guint want;              /* TholeWant */
  void (*done) (TholeCall *call, gpointer user_data); /* exactly once, perhaps inside dispatch; then the face frees the call */
  gpointer user_data;
  GCancellable *cancellable; /* (nullable): cancelled when the caller has gone; the work goes on, waiting ends */

  /* the answer, filled in before done() */
  TholeReply reply;

  /* of the operation */
  TholeOperations *operations;
  gpointer state;
  GDestroyNotify state_free;
  gboolean dispatched;
  gboolean audited;        /* of trail.c: its row is in the transaction, or before it */
  gpointer key;            /* of idempotency.c */
  GDestroyNotify key_free;
};

TholeCall *thole_call_new  (const TholeOperationDef *def, TholePrincipal *principal);
void       thole_call_free (TholeCall *call);

/* Decides, validates, then lets the operation work. */
void       thole_operations_dispatch (TholeOperations *self, TholeCall *call);

/* Lets the operation of a call that was checked work. */
void       thole_operations_handle (TholeCall *call);

/* For operations: each ends the call. */
void       thole_call_return  (TholeCall *call, guint status, GBytes *body /* transfer full, nullable */);
void       thole_call_stream  (TholeCall *call, TholeReplyKind kind, TholeStream *stream /* transfer full */);
void       thole_call_bytes   (TholeCall *call, const char *type /* static */, GBytes *body /* transfer full */);
void       thole_call_view    (TholeCall *call, TholeSession *view /* transfer full */);
void       thole_call_problem (TholeCall *call, TholeProblem *problem /* transfer full */);
void       thole_call_fail    (TholeCall *call, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
void       thole_call_error   (TholeCall *call, const GError *error);
