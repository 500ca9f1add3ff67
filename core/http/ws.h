/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One WebSocket, server side, on a descriptor that does not block. It reads when told that something is there, answers pings,
 * keeps the peer alive, and closes by the handshake or, after a time, without. It never waits: what the descriptor does not
 * take is queued, and whoever sends looks at thole_ws_queued().
 */
#pragma once

#include "base/clock.h"
#include "http/ws-frame.h"

typedef struct _TholeWs TholeWs;

/* Below so many queued bytes drained() comes. */
#define THOLE_WS_LOW 65536

typedef struct
{
  gsize max_message;     /* bytes of one message of the peer */
  double ping;           /* seconds between pings */
  double close_timeout;  /* seconds for the peer to answer a close */
} TholeWsLimits;

/* None may free the socket. */
typedef struct
{
  /* Borrowed; not after a close. */
  void (*message)  (gpointer user_data, gboolean text, const guint8 *data, gsize length);
  /* The queue was longer and is now shorter than THOLE_WS_LOW. */
  void (*drained)  (gpointer user_data);
  /* thole_ws_wants() may have changed. */
  void (*wants)    (gpointer user_data);
  /* Nothing more comes or goes: to be freed, soon. Once. */
  void (*over)     (gpointer user_data);
} TholeWsHandler;

/* Takes @fd. Returns: (transfer full) */
TholeWs *thole_ws_new    (int fd, TholeClock *clock, const TholeWsLimits *limits, const TholeWsHandler *handler,
                          gpointer user_data);
/* Closes the descriptor. */
void     thole_ws_free   (TholeWs *self);

/* G_IO_IN and G_IO_OUT: what it waits for. */
GIOCondition thole_ws_wants (const TholeWs *self);
/* The descriptor is ready for @condition; G_IO_HUP and G_IO_ERR: the peer has gone. */
void     thole_ws_ready  (TholeWs *self, GIOCondition condition);
/* Bytes of the peer that somebody else has read already. */
void     thole_ws_feed   (TholeWs *self, guint8 *data, gsize length);
/* To be called every now and then. */
void     thole_ws_tick   (TholeWs *self);

/* One message in two parts; nothing after a close. */
void     thole_ws_send   (TholeWs *self, gboolean text, const guint8 *head, gsize head_length, const guint8 *data,
                          gsize length);
/* Bytes that wait for the descriptor. */
gsize    thole_ws_queued (const TholeWs *self);
/* FALSE: nothing is read from the peer, who then has to wait. */
void     thole_ws_read   (TholeWs *self, gboolean on);
/* Closes after all that is queued. The first one counts. */
void     thole_ws_close  (TholeWs *self, guint code, const char *reason);
