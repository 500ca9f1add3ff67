/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Talks to the daemon: over its unix socket or TCP. Calls run the default main context until they are answered, so that
 * signals, keys and other calls go on meanwhile.
 */
#pragma once

#include <gio/gio.h>
#include <libsoup/soup.h>

#include "source.h"

typedef struct _CliClient CliClient;

typedef struct
{
  guint status;
  GVariant *body;   /* (nullable): the parsed JSON */
  char *operation;  /* (nullable): header Thole-Operation */
  char *type;       /* (nullable): media type */
  char *etag;       /* (nullable): with its quotes */
  guint64 connection; /* the connection that carried it */
} CliReply;

typedef struct
{
  GInputStream *input;
  char *type;         /* (nullable): media type */
  gint64 size;        /* -1 = not told */
  guint64 connection;
} CliStream;

/* Called once; exactly one of @reply and @error is set. @reply is (transfer full). */
typedef void (*CliReplied) (CliReply *reply, const GError *error, gpointer user_data);

/* @url: (nullable): unix:PATH or http(s)://HOST:PORT. @token: (nullable): a bearer token. @authority: (nullable): PEM file of those
 * that may sign for the daemon. Returns: (transfer full) */
CliClient    *cli_client_new    (const char *url, const char *token, const char *authority, GError **error);
void          cli_client_free   (CliClient *self);
const char   *cli_client_url    (CliClient *self);

void          cli_reply_free    (CliReply *reply);
/* Fails when the status is an error: title, detail and every wrong field, with the exit code. */
gboolean      cli_reply_check   (CliReply *reply, GError **error);

/* Begins a call. @body: (nullable) (transfer floating): a{sv}. @timeout: seconds, 0 = none. */
void          cli_client_begin  (CliClient *self, const char *method, const char *path, GVariant *body, double timeout,
                                 GCancellable *cancellable, CliReplied replied, gpointer user_data);
/* The whole call, whatever the status. A POST that lost its connection is repeated with the same Idempotency-Key.
 * Returns: (transfer full) */
CliReply     *cli_client_call   (CliClient *self, const char *method, const char *path, GVariant *body, double timeout,
                                 GCancellable *cancellable, GError **error);
/* The next call is refused when what it changes is not as @etag (nullable = none yet) says any more. */
void          cli_client_guard  (CliClient *self, const char *etag);
/* The same, refused answers are errors. */
CliReply     *cli_client_ask    (CliClient *self, const char *method, const char *path, GVariant *body, double timeout,
                                 GCancellable *cancellable, GError **error);
/* Opens a streamed answer. @refusal: (out) (optional): the reply when the daemon refused. The end of the stream does not
 * tell whether it is whole: libsoup takes a connection that broke between two chunks for a good end. */
gboolean      cli_client_stream (CliClient *self, const char *path, const char *accept, gint64 last_event_id,
                                 GCancellable *cancellable, CliStream *stream, CliReply **refusal, GError **error);
void          cli_stream_clear  (CliStream *stream);
/* The same of bytes, by any @method. @body: (nullable) (transfer floating): a{sv} */
gboolean      cli_client_open   (CliClient *self, const char *method, const char *path, GVariant *body, GCancellable *cancellable,
                                 CliStream *stream, CliReply **refusal, GError **error);
/* Sends what @source has; @size: -1 = to its end. Refused answers are errors, also one that comes in the middle. */
CliReply     *cli_client_upload (CliClient *self, const char *method, const char *path, CliSource *source, gint64 size,
                                 GCancellable *cancellable, GError **error);

/* For those who make connections of their own. */
SoupSession  *cli_client_session (CliClient *self);
/* Returns: (transfer full): a request of ours, not yet sent. @body: (nullable): a{sv} */
SoupMessage  *cli_client_message (CliClient *self, const char *method, const char *path, GVariant *body, GError **error);
/* Why there was no answer. */
void          cli_client_explain (CliClient *self, const GError *cause, GError **error);

/* Returns: (transfer full): @format with one %s, for which @name is put escaped */
char         *cli_path          (const char *format, const char *name) G_GNUC_FORMAT (1);
/* Appends ?key=value or &key=value, escaped; nothing when @value is NULL. */
void          cli_query         (GString *path, const char *key, const char *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliClient, cli_client_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliReply, cli_reply_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliStream, cli_stream_clear)
