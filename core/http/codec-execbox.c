/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * execbox.v1. Text: one JSON object {"type":...} a message. Binary: records of u32be length (of what follows), u8 type, bytes, any
 * number of them a message and across messages. The daemon speaks JSON until the client's first binary message, which may be empty.
 *
 *     type       number  JSON                    binary
 *     stdin      0       data or data_base64     bytes
 *     stdout     1       data or data_base64     bytes
 *     stderr     2       data or data_base64     bytes
 *     resize     3       rows, cols              u16be rows, u16be cols
 *     exit_code  4       code, signal            u32be code, u8 signal
 *     eof        5                                               (end of standard input)
 *     signal     6       signal                  name
 *     error      7       code, detail            the same JSON
 */
#include "http/codec.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define LENGTH 4
#define RECORD_MAX 65536

enum
{
  STDIN,
  STDOUT,
  STDERR,
  RESIZE,
  EXIT_CODE,
  END_OF_INPUT,
  SIGNAL,
  FAILURE,
};

static void
take_signal (TholeDialog *self, const char *name)
{
  int number = thole_signal_number (name);

  if (number == 0)
    thole_dialog_protest (self, "this is not the name of a signal");
  else if (self->viewer != NULL)
    thole_viewer_signal (self->viewer, number);
}

/* JSON ---------------------------------------------------------------------------- */

static void
take_stdin (TholeDialog *self, GVariant *message)
{
  const char *text = thole_dict_string (message, "data", NULL);
  const char *base64 = thole_dict_string (message, "data_base64", NULL);
  g_autofree guchar *bytes = NULL;
  gsize length;

  if ((text == NULL) == (base64 == NULL))
    {
      thole_dialog_protest (self, "stdin takes data or data_base64");
      return;
    }
  if (text != NULL)
    {
      thole_dialog_input (self, (const guint8 *) text, strlen (text));
      return;
    }
  bytes = g_base64_decode (base64, &length);
  thole_dialog_input (self, bytes, length);
}

static void
take_text (TholeDialog *self, const guint8 *data, gsize length)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) message = thole_json_parse ((const char *) data, length, &error);
  const char *type;

  if (message == NULL || !g_variant_is_of_type (message, G_VARIANT_TYPE_VARDICT))
    {
      thole_dialog_protest (self, error != NULL ? error->message : "a text frame must hold a JSON object");
      return;
    }
  type = thole_dict_string (message, "type", "");
  if (strcmp (type, "stdin") == 0)
    take_stdin (self, message);
  else if (strcmp (type, "resize") == 0)
    thole_dialog_resize (self, thole_dict_int (message, "rows", 0), thole_dict_int (message, "cols", 0));
  else if (strcmp (type, "eof") == 0)
    thole_dialog_end_of_input (self);
  else if (strcmp (type, "signal") == 0)
    take_signal (self, thole_dict_string (message, "signal", ""));
  else
    thole_dialog_protest (self, "type must be stdin, eof, resize or signal");
}

/* binary ---------------------------------------------------------------------------- */

static void
take_record (TholeDialog *self, guint8 type, const guint8 *data, gsize length)
{
  g_autofree char *name = NULL;

  switch (type)
    {
    case STDIN:
      thole_dialog_input (self, data, length);
      break;
    case RESIZE:
      if (length == 4)
        thole_dialog_resize (self, data[0] << 8 | data[1], data[2] << 8 | data[3]);
      else
        thole_dialog_protest (self, "a resize has four bytes");
      break;
    case END_OF_INPUT:
      thole_dialog_end_of_input (self);
      break;
    case SIGNAL:
      name = g_strndup ((const char *) data, MIN (length, 16));
      take_signal (self, name);
      break;
    default:
      thole_dialog_protest (self, "this type of record is not a client's");
      break;
    }
}

static void
send_record (TholeDialog *self, guint8 type, const guint8 *data, gsize length)
{
  guint32 size = GUINT32_TO_BE ((guint32) length + 1);
  guint8 head[LENGTH + 1];

  memcpy (head, &size, LENGTH);
  head[LENGTH] = type;
  thole_dialog_send (self, FALSE, head, sizeof head, data, length);
}

/* from here on in binary; no byte of a character that was begun in JSON is lost */
static void
begin_binary (TholeDialog *self)
{
  self->binary = TRUE;
  for (guint channel = THOLE_CHANNEL_STDOUT; channel <= THOLE_CHANNEL_STDERR; channel++)
    {
      if (self->carried[channel] > 0)
        send_record (self, channel == THOLE_CHANNEL_STDERR ? STDERR : STDOUT, self->carry[channel], self->carried[channel]);
      self->carried[channel] = 0;
    }
}

/* whole records; the beginning of one waits for its rest */
static void
take_binary (TholeDialog *self, const guint8 *data, gsize length)
{
  GByteArray *all = self->partial;
  gsize at = 0;

  if (!self->binary)
    begin_binary (self);
  if (all == NULL)
    all = self->partial = g_byte_array_new ();
  g_byte_array_append (all, data, (guint) length);
  while (!self->closed && all->len - at >= LENGTH)
    {
      const guint8 *head = all->data + at;
      gsize size = (gsize) head[0] << 24 | (gsize) head[1] << 16 | (gsize) head[2] << 8 | head[3];

      if (size == 0 || size > RECORD_MAX)
        {
          thole_dialog_protest (self, "a record has 1 to 65536 bytes");
          break;
        }
      if (all->len - at < LENGTH + size)
        break;
      take_record (self, head[LENGTH], head + LENGTH + 1, size - 1);
      at += LENGTH + size;
    }
  if (at == all->len)
    g_clear_pointer (&self->partial, g_byte_array_unref);
  else if (at > 0)
    g_byte_array_remove_range (all, 0, (guint) at);
}

static void
take_message (TholeDialog *self, gboolean text, const guint8 *data, gsize length)
{
  if (text)
    take_text (self, data, length);
  else
    take_binary (self, data, length);
}

/* to the client ---------------------------------------------------------------------------- */

static void
send_text (TholeDialog *self, TholeChannel channel, const guint8 *data, gsize length, gboolean last)
{
  g_autoptr(GBytes) whole = thole_dialog_characters (self, channel, data, length, last);
  g_autoptr(GString) out = NULL;
  const guint8 *bytes;
  gsize size;

  if (whole == NULL)
    return;
  bytes = g_bytes_get_data (whole, &size);
  out = g_string_sized_new (size + 64);
  g_string_append_printf (out, "{\"type\":\"%s\",", channel == THOLE_CHANNEL_STDERR ? "stderr" : "stdout");
  thole_dialog_append_data (out, "data", bytes, size);
  g_string_append_c (out, '}');
  thole_dialog_send_text (self, out);
}

static void
output (TholeDialog *self, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  if (self->binary)
    send_record (self, channel == THOLE_CHANNEL_STDERR ? STDERR : STDOUT, data, length);
  else
    send_text (self, channel, data, length, FALSE);
}

static void
screen (TholeDialog *self, guint64 seq, const guint8 *data, gsize length)
{
  output (self, THOLE_CHANNEL_STDOUT, seq, data, length);
}

static void
exited (TholeDialog *self, int code, int signal, guint64 seq)
{
  guint8 record[5] = { (guint8) (code >> 24), (guint8) (code >> 16), (guint8) (code >> 8), (guint8) code, (guint8) signal };
  g_autoptr(GString) out = NULL;

  if (self->binary)
    {
      send_record (self, EXIT_CODE, record, sizeof record);
      return;
    }
  send_text (self, THOLE_CHANNEL_STDOUT, NULL, 0, TRUE);
  send_text (self, THOLE_CHANNEL_STDERR, NULL, 0, TRUE);
  out = g_string_new (NULL);
  g_string_printf (out, "{\"type\":\"exit_code\",\"code\":%d,\"signal\":", code);
  thole_dialog_append_signal (out, signal);
  g_string_append_c (out, '}');
  thole_dialog_send_text (self, out);
}

static void
refused (TholeDialog *self, const char *code, const char *detail, guint status)
{
  g_autoptr(GString) out = g_string_new (NULL);

  g_string_printf (out, "{\"type\":\"error\",\"code\":\"%s\",\"detail\":", code);
  thole_json_append_string (out, detail != NULL ? detail : "");
  g_string_append_c (out, '}');
  if (self->binary)
    send_record (self, FAILURE, (const guint8 *) out->str, out->len);
  else
    thole_dialog_send_text (self, out);
}

const TholeCodec thole_codec_execbox = {
  .name = "execbox.v1",
  .message = take_message,
  .output = output,
  .screen = screen,
  .exited = exited,
  .refused = refused,
};
