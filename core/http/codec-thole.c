/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole.v1. Binary: to the client u8 channel, u64be seq, bytes; from it u8 0, bytes (none: end of input). Text: JSON with a type.
 * Nothing is lost by a cut: the client says up to where it has the output, and is told how much of its input was taken. It keeps
 * at most 256 KiB of input on the way that was not told as taken: behind more of it, its own acknowledgements would wait for a
 * program that waits for them.
 */
#include "http/codec.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

#define HEAD 9

static GString *
begin (const char *type)
{
  GString *out = g_string_sized_new (128);

  g_string_append_printf (out, "{\"schema_version\":\"1\",\"type\":\"%s\"", type);
  return out;
}

static void
finish (TholeDialog *self, GString *out)
{
  g_string_append_c (out, '}');
  thole_dialog_send_text (self, out);
}

/* what the client did is passed over, and it is told so */
static void
complain (TholeDialog *self, const char *code, const char *detail)
{
  g_autoptr(GString) out = begin ("error");

  g_string_append_printf (out, ",\"code\":\"%s\",\"detail\":", code);
  thole_json_append_string (out, detail);
  finish (self, out);
}

/* from the client ---------------------------------------------------------------------------- */

static void
take_resume (TholeDialog *self, GVariant *message)
{
  gint64 seq = thole_dict_int (message, "from_seq", -1);
  const char *word = thole_dict_string (message, "from", NULL);
  TholeViewFrom from;
  guint64 at = 0;

  if (self->viewer != NULL)
    complain (self, "conflict", "resume comes once, and first");
  else if (seq >= 0 && word == NULL)
    thole_dialog_view (self, THOLE_VIEW_RESUME, (guint64) seq);
  else if (seq < 0 && word != NULL && thole_view_from_parse (word, self->session->tty, &from, &at))
    thole_dialog_view (self, from, at);
  else
    complain (self, "invalid_field", "resume takes from_seq, the number of bytes already held, or from: oldest, live or "
                                     "snapshot");
}

static void
take_ack (TholeDialog *self, GVariant *message)
{
  gint64 seq = thole_dict_int (message, "seq", -1);

  if (seq < 0)
    complain (self, "invalid_field", "ack takes seq");
  else if (self->viewer != NULL)
    thole_viewer_ack (self->viewer, (guint64) seq);
}

static void
take_resize (TholeDialog *self, GVariant *message)
{
  gint64 rows = thole_dict_int (message, "rows", 0);
  gint64 cols = thole_dict_int (message, "cols", 0);

  if (rows < 1 || cols < 1 || rows > G_MAXUINT16 || cols > G_MAXUINT16)
    complain (self, "invalid_field", "resize takes rows and cols, 1 to 65535");
  else
    thole_dialog_resize (self, rows, cols);
}

static void
take_signal (TholeDialog *self, GVariant *message)
{
  const char *name = thole_dict_string (message, "name", "");
  int number = thole_signal_number (name);

  if (number == 0)
    complain (self, "invalid_field", "signal takes the name of a signal");
  else if (self->viewer != NULL)
    thole_viewer_signal (self->viewer, number);
}

static void
take_control (TholeDialog *self, GVariant *message)
{
  if (self->viewer != NULL)
    thole_viewer_take (self->viewer);
}

static void
take_text (TholeDialog *self, const guint8 *data, gsize length)
{
  static const struct { const char *type; void (*take) (TholeDialog *self, GVariant *message); } types[] = {
    { "resume", take_resume }, { "ack", take_ack }, { "resize", take_resize }, { "signal", take_signal },
    { "take", take_control },
  };
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) message = thole_json_parse ((const char *) data, length, &error);
  const char *type;

  if (message == NULL || !g_variant_is_of_type (message, G_VARIANT_TYPE_VARDICT))
    {
      thole_dialog_protest (self, error != NULL ? error->message : "a text frame must hold a JSON object");
      return;
    }
  if (g_strcmp0 (thole_dict_string (message, "schema_version", NULL), "1") != 0)
    {
      complain (self, "not_supported", "schema_version must be \"1\"");
      return;
    }
  type = thole_dict_string (message, "type", "");
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (strcmp (types[i].type, type) == 0)
      {
        types[i].take (self, message);
        return;
      }
  complain (self, "not_supported", "type must be resume, ack, resize, signal or take");
}

static void
take_message (TholeDialog *self, gboolean text, const guint8 *data, gsize length)
{
  if (text)
    take_text (self, data, length);
  else if (length == 0 || data[0] != 0)
    thole_dialog_protest (self, "a binary frame of a client begins with 0");
  else if (self->viewer == NULL)
    complain (self, "conflict", "resume comes first");
  else if (length == 1)
    thole_dialog_end_of_input (self);
  else
    thole_dialog_input (self, data + 1, length - 1);
}

/* to the client ---------------------------------------------------------------------------- */

static void
resumed (TholeDialog *self, guint64 seq, guint64 taken)
{
  g_autoptr(GString) out = begin ("resumed");

  g_string_append_printf (out, ",\"seq\":%" G_GUINT64_FORMAT ",\"stdin\":%" G_GUINT64_FORMAT, seq, taken);
  finish (self, out);
  /* the client repeats its input from there, unless it did not wait for this; and only what it acknowledges has arrived */
  if (!self->early)
    thole_viewer_input_at (self->viewer, taken);
  thole_viewer_ack (self->viewer, seq);
}

static void
output (TholeDialog *self, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  guint8 head[HEAD] = { (guint8) channel };
  guint64 number = GUINT64_TO_BE (seq);

  memcpy (head + 1, &number, sizeof number);
  thole_dialog_send (self, FALSE, head, sizeof head, data, length);
}

static void
screen (TholeDialog *self, guint64 seq, const guint8 *data, gsize length)
{
  g_autoptr(GString) out = begin ("screen");

  g_string_append_printf (out, ",\"seq\":%" G_GUINT64_FORMAT ",", seq);
  thole_dialog_append_data (out, "data", data, length);
  finish (self, out);
}

static void
gap (TholeDialog *self, guint64 from, guint64 to)
{
  g_autoptr(GString) out = begin ("gap");

  g_string_append_printf (out, ",\"from\":%" G_GUINT64_FORMAT ",\"to\":%" G_GUINT64_FORMAT, from, to);
  finish (self, out);
}

static void
skipped (TholeDialog *self, guint64 from, guint64 to, guint64 lines)
{
  g_autoptr(GString) out = begin ("gap");

  g_string_append_printf (out, ",\"from\":%" G_GUINT64_FORMAT ",\"to\":%" G_GUINT64_FORMAT ",\"lines\":%" G_GUINT64_FORMAT,
                          from, to, lines);
  finish (self, out);
}

static void
taken (TholeDialog *self, guint64 count)
{
  g_autoptr(GString) out = begin ("ack");

  g_string_append_printf (out, ",\"stdin\":%" G_GUINT64_FORMAT, count);
  finish (self, out);
}

static void
resized (TholeDialog *self, guint rows, guint cols)
{
  g_autoptr(GString) out = begin ("resized");

  g_string_append_printf (out, ",\"rows\":%u,\"cols\":%u", rows, cols);
  finish (self, out);
}

static void
control (TholeDialog *self, gboolean held)
{
  g_autoptr(GString) out = begin ("control");

  g_string_append_printf (out, ",\"held\":%s", held ? "true" : "false");
  finish (self, out);
}

static void
exited (TholeDialog *self, int code, int signal, guint64 seq)
{
  g_autoptr(GString) out = begin ("exit");

  g_string_append_printf (out, ",\"code\":%d,\"signal\":", code);
  thole_dialog_append_signal (out, signal);
  g_string_append_printf (out, ",\"seq\":%" G_GUINT64_FORMAT, seq);
  finish (self, out);
}

static void
refused (TholeDialog *self, const char *code, const char *detail, guint status)
{
  complain (self, code, detail != NULL ? detail : "");
}

const TholeCodec thole_codec_thole = {
  .name = "thole.v1",
  .waits = TRUE,
  .message = take_message,
  .resumed = resumed,
  .output = output,
  .screen = screen,
  .gap = gap,
  .skipped = skipped,
  .taken = taken,
  .resized = resized,
  .control = control,
  .exited = exited,
  .refused = refused,
};
