/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The HTTP face: sockets, credentials, routes, replies and streams. Decides nothing about objects;
 * all it does is make a TholeCall of a request and an answer of what the call became. Runs in the
 * main context that was the thread-default one when it was made.
 */
#pragma once

#include "access/rate.h"
#include "access/ticket.h"
#include "base/clock.h"
#include "config/config.h"
#include "metrics/registry.h"
#include "operations/operation.h"

typedef struct _TholeHttp TholeHttp;

typedef struct
{
  TholeClock *clock;
  TholeIdentity *identity;
  TholeMetrics *metrics;
  const char *version;                  /* of the daemon */

  /* the table that routes, OpenAPI and metrics are made of, and what runs an operation */
  const TholeOperationDef *operations;
  guint n_operations;
  void (*dispatch) (TholeOperations *operations, TholeCall *call);
  TholeOperations *dispatch_data;
  /* (nullable): somebody showed a credential that is not good */
  void (*stranger) (TholeOperations *operations, const char *address, const char *request_id);

  /* (nullable): reasons why the daemon is not ready, one sentence each; NULL or empty = ready.
   * Returns: (transfer full) */
  char **(*ready) (gpointer user_data);
  gpointer ready_data;
  TholeRates *rates;                    /* (nullable): counts requests */
  GPtrArray *trusted_proxies;           /* (nullable): whose X-Forwarded-For is believed, of GInetAddressMask */

  gboolean behind_proxy;                /* a plain listener may be wider than loopback */
  /* (nullable): PEM files, see thole_tls_new(); with them every TCP listener speaks TLS */
  const char *tls_certificate, *tls_key, *tls_client_authority;
  guint max_connections;
  gsize max_head, max_body;             /* bytes */
  double head_timeout, body_timeout, idle_timeout, heartbeat; /* seconds */
  gsize max_message;                    /* bytes of one WebSocket message */
  double ping;                          /* seconds between pings of a WebSocket */
  const char *const *origins;           /* (nullable): whose pages may use the interface, beside those of the same host */
  gboolean development;                 /* X-Dev-User says who it is; no listener may be wide */
  TholeTickets *tickets;                /* (nullable) */
} TholeHttpOptions;

/* Sets what [http] and [daemon] behind_proxy say. */
void       thole_http_options_configure (TholeHttpOptions *options, TholeConfig *config);
/* What [http] origins says. Returns: (transfer full) (nullable) */
char     **thole_http_origins           (TholeConfig *config, GError **error);
/* What [http] trusted_proxies says. Returns: (transfer full) (nullable) */
GPtrArray *thole_http_proxies           (TholeConfig *config, GError **error);

/* Everything in @options stays valid until thole_http_free(). Returns: (transfer full) */
TholeHttp *thole_http_new             (const TholeHttpOptions *options, GError **error);

/* Serves at @address, "unix:PATH" or "HOST:PORT" (PORT 0: any). A unix socket is made with mode
 * 0660; a stale one is replaced, one that is served is an error. Plain HOST must be loopback unless
 * behind_proxy; with tls_certificate no HOST is plain. */
gboolean   thole_http_listen          (TholeHttp *self, const char *address, GError **error);
/* Serves at @fd, a listening socket that somebody opened for us as @name; taken when this succeeds. */
gboolean   thole_http_adopt           (TholeHttp *self, int fd, const char *name, GError **error);
/* Takes over those of @options that hold at once: time-outs, origins and trusted proxies, sizes of bodies and messages. */
void       thole_http_reconfigure     (TholeHttp *self, const TholeHttpOptions *options);
/* Returns: (transfer full) (element-type utf8): where it listens, with the real ports */
char     **thole_http_addresses       (TholeHttp *self);

/* Stops accepting, ends idle connections, streams and waits, and lets what runs come to its end.
 * Cancelling @cancellable cuts off what is left; then finish returns FALSE. */
void       thole_http_shutdown_async  (TholeHttp *self, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);
gboolean   thole_http_shutdown_finish (TholeHttp *self, GAsyncResult *result, GError **error);

/* Cuts off whatever is left. Calls that did not end yet must still end, later. */
void       thole_http_free            (TholeHttp *self);

typedef struct
{
  guint connections;
  guint waiting;       /* requests whose call has not ended */
  guint streams;
  guint sockets;       /* WebSockets */
  gsize body_bytes;    /* held of request bodies */
} TholeHttpCounts;

void       thole_http_counts          (TholeHttp *self, TholeHttpCounts *counts);
