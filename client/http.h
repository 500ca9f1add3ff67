/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the way by HTTP share.
 */
#pragma once

#include <libsoup/soup.h>

#include "private.h"

typedef struct
{
  TholeTransport parent;
  char *base;              /* "http://localhost" */
  char *url;               /* as people know it */
  char *token;             /* (nullable) */
  GSocketAddress *address; /* (nullable): the unix socket */
  GTlsDatabase *authority; /* (nullable) */
  SoupSession *session;
  SoupSession *worker;     /* (nullable): of the thread of the wires */
} TholeHttp;

/* Returns: (transfer full) */
SoupSession *thole_http_session (TholeHttp *self);
SoupMessage *thole_http_message (TholeHttp *self, const TholeCall *call, GError **error);
/* Why there was no answer. */
void         thole_http_explain (TholeHttp *self, const GError *cause, GError **error);
/* The error of an answer with a status of 400 or above. @bytes: (nullable): its body */
void         thole_http_refused (guint status, const guint8 *bytes, gsize length, GError **error);
/* The code of a word, or else of an HTTP status. @word: (nullable) */
TholeClientError thole_http_code (const char *word, guint status);
/* Reads the body of a refusal. */
void         thole_http_read_refusal (SoupMessage *message, GInputStream *body, GError **error);

TholeFeed   *thole_http_feed_new (TholeHttp *http, GInputStream *body);
TholeWire   *thole_http_wire_new (TholeTransport *transport, const char *session, GVariant *options, const TholeWireEvents *events,
                                  gpointer user_data);
