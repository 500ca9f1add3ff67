/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of this folder share. A connection begins at the door (door.c), which looks at its
 * first head; a good one is handed to the HTTP library (listener.c), which calls request.c for each
 * request.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "http/asset.h"
#include "base/flow.h"
#include "http/http.h"
#include "http/route.h"
#include "http/tls.h"
#include "http/upgrade.h"

typedef struct _TholeDoor TholeDoor;
typedef struct _TholeListener TholeListener;
typedef struct _TholeConn TholeConn;
typedef struct _TholeRequest TholeRequest;
typedef struct _TholeAttach TholeAttach;
typedef struct _TholeBody TholeBody;

#define THOLE_HTTP_CLASSES 6 /* of statuses: index 2 is 2xx */

/* The numbers of one operation; series are made at the first use. */
typedef struct
{
  TholeMetric *classes[THOLE_HTTP_CLASSES];
  TholeMetric *duration;
} TholeHttpMetrics;

struct _TholeHttp
{
  TholeHttpOptions options;
  GMainContext *context;
  TholeRoutes *routes;
  TholeDoor *door;
  TholeListener *listener;
  TholeTls *tls;             /* (nullable): before every TCP connection */

  GPtrArray *conns;          /* index: descriptor; holes are NULL */
  guint n_conns;
  guint32 last_serial;
  guint n_waiting, n_streams, n_sockets;
  gsize body_bytes, body_budget;
  GHashTable *waiting;       /* (element-type TholeRequest): requests whose call has not ended */
  GPtrArray *spare;          /* (element-type TholeRequest): ended ones, to be used again */

  char id_prefix[12];
  guint64 last_id;
  GBytes *openapi;           /* (nullable): made at the first use */
  TholeHttpMetrics *metrics; /* one an operation, and one for all else */

  GSource *tick;
  gint64 tick_pause;
  gboolean draining;
  GTask *shutdown;           /* (nullable) */
  GSource *cancelled, *finish;
};

/* As what somebody was let in who stays. */
typedef struct
{
  TholePrincipal *principal; /* (nullable): NULL = nobody stays */
  const char *permission;
  guint looked;              /* thole_identity_changes() at the last look */
} TholeStanding;

typedef enum
{
  THOLE_CONN_HEAD,   /* at the door: the first head is not complete */
  THOLE_CONN_LINGER, /* at the door: refused, the rest of the input is thrown away */
  THOLE_CONN_IDLE,   /* between requests */
  THOLE_CONN_LATER,  /* a later head has begun */
  THOLE_CONN_BODY,
  THOLE_CONN_WORK,
  THOLE_CONN_WRITE,
  THOLE_CONN_STREAM,
  THOLE_CONN_SOCKET, /* a WebSocket, no longer the library's */
} TholeConnPhase;

struct _TholeConn
{
  TholeHttp *http;
  int fd;
  guint32 serial;          /* tells it from an earlier one with this descriptor */
  gboolean local;          /* a unix socket: @uid is known */
  gboolean wide;           /* from a listener that others than this machine may reach */
  uid_t uid;
  char address[INET6_ADDRSTRLEN]; /* "unix:UID" of a unix socket; "" = not known */
  TholePrincipal *peer;    /* (nullable): of @uid, made at the first use */
  TholeConnPhase phase;
  gint64 deadline;         /* monotonic µs, 0 = none; streams: of the next heart-beat */
  gboolean watched;        /* the door is told when the client goes */
  gboolean gone;           /* the client has closed its side */
  gboolean gone_wholly;    /* in both directions */
  gboolean linger;         /* input was refused unread: it is thrown away after the answer */
  TholeStrict strict;      /* of the first head */
  gsize drained;
  gboolean later;          /* the first request has begun */
  GString *uri;            /* of the request at hand, as sent */
  TholeRequest *request;   /* (nullable): at hand */
  gpointer library;        /* (nullable): of listener.c */
  TholeAttach *attach;     /* (nullable): of a WebSocket */
  guint32 wants;           /* what the door waits for */
};

#define THOLE_ANSWER_HEADERS 32
#define THOLE_ANSWER_TEXT 512

/* What is sent. Texts are borrowed or lie in @text. */
typedef struct
{
  guint status;
  GBytes *body;            /* (nullable) */
  struct
  {
    const char *name, *value;
  } headers[THOLE_ANSWER_HEADERS];
  guint n_headers;
  gboolean sized;          /* it is a stream of @size bytes */
  gint64 size;
  gboolean close;          /* the connection ends with it */
  char text[THOLE_ANSWER_TEXT];
  gsize used;
  char *cookie;            /* (nullable) */
} TholeAnswer;

struct _TholeRequest
{
  TholeHttp *http;         /* (nullable): NULL when the server went first */
  TholeConn *conn;         /* (nullable): NULL when the connection went first */
  char id[32];
  gint64 begun;            /* monotonic µs */
  TholeHead head;          /* spans are valid while @conn is */
  char method[12];
  char *path;              /* decoded, without query */
  char address[INET6_ADDRSTRLEN]; /* of the client, perhaps behind a proxy */
  TholePrincipal *principal;
  gboolean secure;         /* it came over TLS, here or at a proxy that is trusted */
  const TholeRoute *route;
  const TholeOperationDef *def;
  gboolean accept_events, accept_lines;
  gboolean has_body;       /* one is announced */
  gboolean json;           /* its media type is right */
  GByteArray *body;
  gsize reserved;          /* of the budget for bodies */
  gsize discarded;         /* bytes of a body that is too large */
  TholeBody *upload;       /* (nullable): the body is read as it comes */
  TholeRate rate;
  gboolean rated;

  TholeCall *call;         /* (nullable) */
  gboolean upgrades;       /* to a WebSocket: @upgrade says which */
  TholeUpgrade upgrade;
  TholeProblem *obstacle;  /* (nullable): why it cannot become one */
  gboolean dispatching;    /* inside dispatch */
  gboolean waiting;        /* the call has not ended */
  gboolean answered;       /* @answer or @flow is ready */
  gboolean suspended;      /* the library waits for thole_listener_resume() */
  gboolean sent;           /* past the library, see listener.c */
  TholeAnswer answer;
  TholeFlow *flow;         /* (nullable): the body is a stream */
  gboolean bounded;        /* the stream ends by itself, and soon */
  TholeStanding standing;  /* of who reads it */
};

/* http.c */
TholeConn  *thole_http_conn        (TholeHttp *self, int fd);
void        thole_http_conn_added  (TholeHttp *self, TholeConn *conn);
void        thole_http_conn_gone   (TholeHttp *self, TholeConn *conn);
/* Looks whether a shutdown is complete. */
void        thole_http_settle      (TholeHttp *self);
void        thole_http_request_id  (TholeHttp *self, char *buffer, gsize size);
void thole_http_measure (TholeHttp *self, const TholeOperationDef *def, guint status, gint64 begun);

/* door.c */
TholeDoor  *thole_door_new         (TholeHttp *http, GError **error);
void        thole_door_free        (TholeDoor *self);
gboolean    thole_door_open        (TholeDoor *self, const char *address, GError **error);
gboolean    thole_door_adopt       (TholeDoor *self, int fd, const char *name, GError **error);
char      **thole_door_addresses   (TholeDoor *self);
void thole_door_shut (TholeDoor *self); /* no new connections; those at the door are closed */
void        thole_door_watch       (TholeDoor *self, TholeConn *conn);
void        thole_door_expire      (TholeDoor *self, TholeConn *conn);
/* Of a WebSocket: waits for @events (EPOLLIN, EPOLLOUT) as long as they last. */
void        thole_door_wants       (TholeDoor *self, TholeConn *conn, guint32 events);
/* Looks after this descriptor no longer. */
void        thole_door_forget      (TholeDoor *self, TholeConn *conn);
/* Keeps a connection that the library is about to close, so that its answer arrives. FALSE: it
 * cannot be kept. */
gboolean    thole_door_linger      (TholeDoor *self, TholeConn *conn);
void        thole_conn_phase       (TholeConn *conn, TholeConnPhase phase, double seconds);
void        thole_conn_free        (TholeConn *conn);
/* Writes a whole problem response straight to the socket, where the library cannot. */
void        thole_conn_refuse      (TholeConn *conn, int code, const char *detail);

/* client.c */
/* Notes where @conn comes from. */
void        thole_conn_from        (TholeConn *conn, const struct sockaddr *address);
/* And where @request does, and whether over TLS. */
void        thole_request_from     (TholeRequest *request);

/* listener.c */
TholeListener *thole_listener_new    (TholeHttp *http, GError **error);
void           thole_listener_free   (TholeListener *self);
/* Takes the connection over from the door; it may be gone afterwards. */
void           thole_listener_admit  (TholeListener *self, TholeConn *conn);
/* Sends the answer to an upload that has not wholly come: its connection ends. */
void           thole_listener_answer (TholeRequest *request);
void           thole_listener_resume (TholeListener *self, TholeRequest *request);

/* request.c */
TholeRequest *thole_request_new    (TholeConn *conn, const char *method);
void          thole_request_begin  (TholeRequest *request, gboolean http11);
/* FALSE: it does not fit; the connection is to be ended. */
gboolean      thole_request_body   (TholeRequest *request, const char *data, gsize length);
/* The same of an upload. Returns: bytes that were taken: not all of them while its reader is slow, or when it was answered and is too
 * long to be read on */
gsize         thole_request_upload (TholeRequest *request, const char *data, gsize length);
void          thole_request_run    (TholeRequest *request);
/* The client has gone. @wholly: in both directions. */
void          thole_request_gone   (TholeRequest *request, gboolean wholly);
/* Ends a stream whose reader may not have it any more. */
void          thole_request_look_again (TholeRequest *request);
/* The daemon shuts down. */
void          thole_request_hurry  (TholeRequest *request);
/* The connection needs it no more. */
void          thole_request_end    (TholeRequest *request);
/* The server needs it no more. */
void          thole_request_orphan (TholeRequest *request);

/* body.c */
/* Of @request, whose body comes in pieces. */
TholeBody    *thole_body_new       (TholeRequest *request);
/* For who reads it. Returns: (transfer full) */
TholeStream  *thole_body_stream    (TholeBody *self);
/* Has all of it come? */
gboolean      thole_body_is_whole  (const TholeBody *self);
/* Returns: bytes that were taken; not all of them while the reader is slow: then it resumes the request */
gsize         thole_body_feed      (TholeBody *self, const char *data, gsize length);
void          thole_body_end       (TholeBody *self);
/* Nothing more comes, because of @error. */
void          thole_body_fail      (TholeBody *self, const GError *error);
/* The request needs it no more. */
void          thole_body_free      (TholeBody *self);

/* standing.c */
/* To be called when @request is answered by something that lasts. */
void          thole_standing_begin (TholeStanding *self, TholeRequest *request);
void          thole_standing_clear (TholeStanding *self);
/* Returns: (transfer full) (nullable): why it is not to go on. It costs nothing while no account changes. */
GError       *thole_standing_check (TholeStanding *self, TholeHttp *http);

/* attach.c */
/* The request was answered with 101. Takes @fd; @extra: what came after the head. */
void          thole_attach_begin   (TholeRequest *request, int fd, const char *extra, gsize length);
void          thole_attach_ready   (TholeAttach *self, guint32 events);
void          thole_attach_tick    (TholeAttach *self);
/* The daemon shuts down. */
void          thole_attach_hurry   (TholeAttach *self);
/* Also its connection. */
void          thole_attach_free    (TholeAttach *self);

/* cookie.c */
/* Who signed in by a cookie. @unproven (out): it is somebody, but the request may be one of another page. Returns: (transfer
 * full) (nullable) */
TholePrincipal *thole_cookie_principal (TholeRequest *request, gboolean *unproven);
/* Tells the browser what the reply of the call says. */
void          thole_cookie_answer    (TholeRequest *request);

/* cors.c */
/* Adds what lets a page of another origin read the answer. */
void          thole_cors_answer      (TholeRequest *request);
/* Does a browser ask, without a credential, whether such a page may ask? */
gboolean      thole_cors_is_preflight (const TholeRequest *request);
void          thole_cors_preflight   (TholeRequest *request);

/* reply.c */
void          thole_answer_header  (TholeAnswer *answer, const char *name, const char *value);
void thole_answer_copy (TholeAnswer *answer, const char *name, const char *before,
                        const char *value, const char *after);
void thole_reply_json (TholeRequest *request, guint status, GBytes *body /* transfer full */);
void thole_reply_problem (TholeRequest *request, TholeProblem *problem /* transfer full */);
void          thole_reply_status   (TholeRequest *request, guint status); /* no body */
/* A file of the web console, or 304 when the client holds it. */
void          thole_reply_asset    (TholeRequest *request, const TholeAsset *asset);
void          thole_reply_call     (TholeRequest *request);
/* A problem as JSON text. */
GBytes       *thole_reply_render   (const TholeProblem *problem, const char *request_id);

/* query.c */
/* Decodes %XX (and + when @plus). Returns: (transfer full) (nullable): NULL when it is not UTF-8
 * without control characters */
char         *thole_query_decode   (const char *text, gsize length, gboolean plus);
/* @text (nullable): what follows the question mark. @secret (out): a name of a credential was in
 * it. Returns: (transfer full) (nullable): a{sv}; NULL with @problem unset when there is nothing */
GVariant     *thole_query_parse    (const char *text, gboolean *secret, TholeProblem **problem);
/* Does the Accept field @accept name @type, and not with q=0? */
gboolean      thole_accepts        (TholeSpan accept, const char *type);
/* Entity tags without their quotes; several stay separated by commas. Returns: (transfer full) */
char         *thole_tags_bare      (TholeSpan tags, gboolean weak);

/* page.c, openapi.c */
void          thole_page_answer    (TholeRequest *request);
GBytes *thole_openapi_render (const TholeOperationDef *operations, guint n_operations,
                              const char *version);
