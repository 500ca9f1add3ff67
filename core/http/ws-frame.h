/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The frames of a WebSocket (RFC 6455), server side. Pure: bytes in, messages out, bytes of frames out.
 */
#pragma once

#include <glib.h>

typedef enum
{
  THOLE_WS_CONTINUATION = 0x0,
  THOLE_WS_TEXT = 0x1,
  THOLE_WS_BINARY = 0x2,
  THOLE_WS_CLOSE = 0x8,
  THOLE_WS_PING = 0x9,
  THOLE_WS_PONG = 0xA,
} TholeWsOpcode;

/* Close codes of RFC 6455 section 7.4.1 that we send ourselves. */
enum
{
  THOLE_WS_NORMAL = 1000,
  THOLE_WS_GOING_AWAY = 1001,
  THOLE_WS_PROTOCOL_ERROR = 1002,
  THOLE_WS_NO_STATUS = 1005,      /* never sent: a close frame without a code */
  THOLE_WS_INVALID_DATA = 1007,
  THOLE_WS_POLICY = 1008,
  THOLE_WS_TOO_BIG = 1009,
  THOLE_WS_INTERNAL = 1011,
  THOLE_WS_RESTART = 1012,
};

typedef struct
{
  /* A whole message, unmasked; @text is valid UTF-8. Borrowed. */
  void (*message) (gpointer user_data, gboolean text, const guint8 *data, gsize length);
  void (*ping)    (gpointer user_data, const guint8 *data, gsize length);
  void (*pong)    (gpointer user_data, const guint8 *data, gsize length);
  /* @code THOLE_WS_NO_STATUS when there was none; @reason is valid UTF-8, with its end. */
  void (*close)   (gpointer user_data, guint code, const char *reason);
} TholeWsEvents;

typedef struct _TholeWsParser TholeWsParser;

/* @max_message: bytes of a whole message. Returns: (transfer full) */
TholeWsParser *thole_ws_parser_new  (gsize max_message, const TholeWsEvents *events, gpointer user_data);
void           thole_ws_parser_free (TholeWsParser *self);

/* Takes bytes of the peer, in pieces of any size; unmasks them in place. An event may not free the parser.
 * Returns 0, or the code to close with: the peer broke the protocol, and nothing more is to be fed. Nothing is taken after
 * a close frame either. */
guint          thole_ws_parser_feed (TholeWsParser *self, guint8 *data, gsize length);

/* Appends one whole frame, unmasked. */
void           thole_ws_append       (GByteArray *out, TholeWsOpcode opcode, gconstpointer data, gsize length);
/* Writes only the head of a frame of @length bytes, for payloads that are sent in parts; @head has room for 10.
 * Returns its length. */
gsize          thole_ws_head         (guint8 *head, TholeWsOpcode opcode, gsize length);
/* Appends a close frame; @reason is cut to 123 bytes at a character. */
void           thole_ws_append_close (GByteArray *out, guint code, const char *reason);

/* Returns: (transfer full) (nullable): the value of Sec-WebSocket-Accept; NULL when @key is not 16 bytes in base64 */
char          *thole_ws_accept       (const char *key);
