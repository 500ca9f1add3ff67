/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gRPC over one HTTP/2 connection to a unix socket, in the main context. The connection is made when the first call needs it, and
 * anew by the next call after it broke. Nothing here waits: deadlines are the caller's (call.h), and HTTP/2's windows bound what is
 * on its way, messages what is kept.
 */
#pragma once

#include <gio/gio.h>
#include <protobuf-c/protobuf-c.h>

/* The longest message that is taken. */
#define CTR_MESSAGE_MAX (16 * 1024 * 1024)

typedef struct _CtrChannel CtrChannel;
typedef struct _CtrStream CtrStream; /* one call, of any of gRPC's four kinds */

typedef struct
{
  /* One whole message came. */
  void (*message) (CtrStream *stream, const guint8 *data, gsize length, gpointer user_data);
  /* Called once, last. @error (transfer none): NULL = the call ended well. */
  void (*ended)   (CtrStream *stream, const GError *error, gpointer user_data);
} CtrStreamHandler;

CtrChannel *ctr_channel_new   (const char *socket_path, const char *namespace);
/* Ends every stream with @error, and the connection. The channel can go on being used. */
void        ctr_channel_reset (CtrChannel *self, const GError *error);
void        ctr_channel_free  (CtrChannel *self);

/* @method: "/package.Service/Method"; @lease (nullable): what protects what the call makes; @seconds: told to the server, 0 = none.
 * Returns: (transfer full): to be ended by ctr_stream_free(), at any time, also inside its own callbacks */
CtrStream  *ctr_stream_new    (CtrChannel *channel, const char *method, const char *lease, double seconds,
                               const CtrStreamHandler *handler, gpointer user_data);
/* Queues one message. @last: no other will follow. */
void        ctr_stream_send   (CtrStream *self, const ProtobufCMessage *message, gboolean last);
/* No callback is called any more; a call under way is cancelled. */
void        ctr_stream_free   (CtrStream *self);
