/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/ws-frame.h"

#include <string.h>

#define HEAD_MAX 14
#define CONTROL_MAX 125
#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80
#define KEEP 4096 /* bytes */

struct _TholeWsParser
{
  gsize max_message;
  TholeWsEvents events;
  gpointer user_data;

  guint8 head[HEAD_MAX];
  guint have;            /* bytes of the head */
  gboolean in_payload;
  guint opcode;
  gboolean fin;
  guint8 mask[4];
  guint64 left;          /* bytes of the payload that are to come */
  guint64 at;            /* bytes of it that came */

  guint8 control[CONTROL_MAX];
  gsize control_length;
  GByteArray *message;   /* of the message under way */
  guint message_opcode;  /* 0 = none is under way */
  gboolean closed;
};

TholeWsParser *
thole_ws_parser_new (gsize max_message, const TholeWsEvents *events, gpointer user_data)
{
  TholeWsParser *self = g_new0 (TholeWsParser, 1);

  self->max_message = max_message;
  self->events = *events;
  self->user_data = user_data;
  self->message = g_byte_array_new ();
  return self;
}

void
thole_ws_parser_free (TholeWsParser *self)
{
  g_byte_array_unref (self->message);
  g_free (self);
}

/* the length of the head as far as its first bytes tell */
static guint
head_length (const TholeWsParser *self)
{
  guint small;

  if (self->have < 2)
    return 2;
  small = self->head[1] & 0x7f;
  return 2 + (small == 126 ? 2 : small == 127 ? 8 : 0) + 4;
}

static gboolean
is_control (guint opcode)
{
  return opcode >= THOLE_WS_CLOSE;
}

static guint
check_opcode (TholeWsParser *self)
{
  switch (self->opcode)
    {
    case THOLE_WS_CONTINUATION:
      return self->message_opcode == 0 ? THOLE_WS_PROTOCOL_ERROR : 0;
    case THOLE_WS_TEXT:
    case THOLE_WS_BINARY:
      return self->message_opcode != 0 ? THOLE_WS_PROTOCOL_ERROR : 0;
    case THOLE_WS_CLOSE:
    case THOLE_WS_PING:
    case THOLE_WS_PONG:
      return self->fin && self->left <= CONTROL_MAX ? 0 : THOLE_WS_PROTOCOL_ERROR;
    default:
      return THOLE_WS_PROTOCOL_ERROR;
    }
}

/* the head is complete */
static guint
begin_payload (TholeWsParser *self)
{
  guint small = self->head[1] & 0x7f;
  guint at = 2;
  guint fault;

  self->opcode = self->head[0] & 0x0f;
  self->fin = (self->head[0] & FIN) != 0;
  self->left = small;
  if (small >= 126)
    {
      guint count = small == 126 ? 2 : 8;

      self->left = 0;
      for (guint i = 0; i < count; i++)
        self->left = self->left << 8 | self->head[at++];
      /* the shortest form is demanded, and the highest bit must be clear */
      if (self->left < (small == 126 ? 126u : 65536u) || self->left >> 63)
        return THOLE_WS_PROTOCOL_ERROR;
    }
  memcpy (self->mask, self->head + at, 4);
  self->at = 0;
  fault = check_opcode (self);
  if (fault != 0)
    return fault;
  if (!is_control (self->opcode) && self->left > self->max_message - self->message->len)
    return THOLE_WS_TOO_BIG;
  self->control_length = 0;
  if (self->opcode == THOLE_WS_TEXT || self->opcode == THOLE_WS_BINARY)
    self->message_opcode = self->opcode;
  self->in_payload = TRUE;
  return 0;
}

static gboolean
close_code_valid (guint code)
{
  if (code >= 3000 && code <= 4999)
    return TRUE;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static guint
end_close (TholeWsParser *self)
{
  guint code = THOLE_WS_NO_STATUS;
  g_autofree char *reason = NULL;

  if (self->control_length == 1)
    return THOLE_WS_PROTOCOL_ERROR;
  if (self->control_length >= 2)
    {
      const char *text = (const char *) self->control + 2;
      gsize length = self->control_length - 2;

      code = (guint) self->control[0] << 8 | self->control[1];
      if (!close_code_valid (code))
        return THOLE_WS_PROTOCOL_ERROR;
      if (!g_utf8_validate_len (text, length, NULL))
        return THOLE_WS_INVALID_DATA;
      reason = g_strndup (text, length);
    }
  self->closed = TRUE;
  self->events.close (self->user_data, code, reason != NULL ? reason : "");
  return 0;
}

/* nothing of a large message stays behind: there are many connections, and most are idle */
static void
message_reset (TholeWsParser *self)
{
  if (self->message->len <= KEEP)
    {
      g_byte_array_set_size (self->message, 0);
      return;
    }
  g_byte_array_unref (self->message);
  self->message = g_byte_array_new ();
}

static guint
end_message (TholeWsParser *self)
{
  gboolean text = self->message_opcode == THOLE_WS_TEXT;

  if (!self->fin)
    return 0;
  if (text && !g_utf8_validate_len ((const char *) self->message->data, self->message->len, NULL))
    return THOLE_WS_INVALID_DATA;
  self->message_opcode = 0;
  self->events.message (self->user_data, text, self->message->data, self->message->len);
  message_reset (self);
  return 0;
}

static guint
end_payload (TholeWsParser *self)
{
  self->in_payload = FALSE;
  self->have = 0;
  switch (self->opcode)
    {
    case THOLE_WS_CLOSE:
      return end_close (self);
    case THOLE_WS_PING:
      self->events.ping (self->user_data, self->control, self->control_length);
      return 0;
    case THOLE_WS_PONG:
      self->events.pong (self->user_data, self->control, self->control_length);
      return 0;
    default:
      return end_message (self);
    }
}

static void
unmask (const TholeWsParser *self, guint8 *data, gsize length)
{
  guint8 mask[8];
  guint64 word, piece;
  gsize i = 0;

  for (guint k = 0; k < 8; k++)
    mask[k] = self->mask[(self->at + k) & 3];
  memcpy (&word, mask, 8);
  for (; i + 8 <= length; i += 8)
    {
      memcpy (&piece, data + i, 8);
      piece ^= word;
      memcpy (data + i, &piece, 8);
    }
  for (; i < length; i++)
    data[i] ^= mask[i & 7];
}

static void
take_payload (TholeWsParser *self, guint8 *data, gsize length)
{
  unmask (self, data, length);
  self->at += length;
  self->left -= length;
  if (is_control (self->opcode))
    {
      memcpy (self->control + self->control_length, data, length);
      self->control_length += length;
    }
  else
    g_byte_array_append (self->message, data, (guint) length);
}

static guint
take_head (TholeWsParser *self, guint8 byte)
{
  self->head[self->have++] = byte;
  if (self->have == 1 && (byte & RESERVED))
    return THOLE_WS_PROTOCOL_ERROR;
  if (self->have == 2 && !(byte & MASKED))
    return THOLE_WS_PROTOCOL_ERROR;
  return self->have == head_length (self) && self->have > 2 ? begin_payload (self) : 0;
}

guint
thole_ws_parser_feed (TholeWsParser *self, guint8 *data, gsize length)
{
  guint fault = 0;

  while (fault == 0 && !self->closed)
    {
      if (self->in_payload && self->left == 0)
        fault = end_payload (self);
      else if (length == 0)
        break;
      else if (!self->in_payload)
        {
          fault = take_head (self, *data);
          data++;
          length--;
        }
      else
        {
          gsize part = (gsize) MIN (self->left, length);

          take_payload (self, data, part);
          data += part;
          length -= part;
        }
    }
  if (fault != 0)
    self->closed = TRUE;
  return fault;
}

gsize
thole_ws_head (guint8 *head, TholeWsOpcode opcode, gsize length)
{
  head[0] = (guint8) (FIN | opcode);
  if (length < 126)
    {
      head[1] = (guint8) length;
      return 2;
    }
  if (length < 65536)
    {
      head[1] = 126;
      head[2] = (guint8) (length >> 8);
      head[3] = (guint8) length;
      return 4;
    }
  head[1] = 127;
  for (guint i = 0; i < 8; i++)
    head[2 + i] = (guint8) ((guint64) length >> (56 - 8 * i));
  return 10;
}

void
thole_ws_append (GByteArray *out, TholeWsOpcode opcode, gconstpointer data, gsize length)
{
  guint8 head[10];

  g_byte_array_append (out, head, (guint) thole_ws_head (head, opcode, length));
  if (length > 0)
    g_byte_array_append (out, data, (guint) length);
}

void
thole_ws_append_close (GByteArray *out, guint code, const char *reason)
{
  guint8 payload[CONTROL_MAX] = { (guint8) (code >> 8), (guint8) code };
  gsize length = strlen (reason);
  const char *end;

  if (length > CONTROL_MAX - 2)
    length = CONTROL_MAX - 2;
  if (!g_utf8_validate_len (reason, length, &end))
    length = (gsize) (end - reason);
  memcpy (payload + 2, reason, length);
  thole_ws_append (out, THOLE_WS_CLOSE, payload, length + 2);
}

char *
thole_ws_accept (const char *key)
{
  gsize length = 0;
  g_autofree guchar *decoded = strlen (key) == 24 ? g_base64_decode (key, &length) : NULL;
  g_autoptr (GChecksum) sum = NULL;
  guint8 digest[20];
  gsize size = sizeof digest;

  if (decoded == NULL || length != 16)
    return NULL;
  sum = g_checksum_new (G_CHECKSUM_SHA1);
  g_checksum_update (sum, (const guchar *) key, 24);
  g_checksum_update (sum, (const guchar *) "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
  g_checksum_get_digest (sum, digest, &size);
  return g_base64_encode (digest, size);
}
