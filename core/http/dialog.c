/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/codec.h"

#include <string.h>

#include "http/ws-frame.h"
#include "thole-dict.h"
#include "thole-json.h"

#define WINDOW (128 * 1024) /* output bytes under way to one viewer */
#define GRANT (WINDOW / 4)  /* less is not granted alone */
#define LOW 65536           /* of the wire's queue */

const TholeCodec *
thole_codec_find (const char *name, gsize length)
{
  static const TholeCodec *const codecs[] = {
    &thole_codec_thole, &thole_codec_tty, &thole_codec_k8s_v5, &thole_codec_k8s_v4, &thole_codec_execbox,
  };

  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++)
    if (strlen (codecs[i]->name) == length && memcmp (codecs[i]->name, name, length) == 0)
      return codecs[i];
  return NULL;
}

/* the wire ---------------------------------------------------------------------------- */

void
thole_dialog_send (TholeDialog *self, gboolean text, const guint8 *head, gsize head_length, const guint8 *data,
                   gsize length)
{
  if (!self->closed)
    self->wire->send (self->wire_data, text, head, head_length, data, length);
}

void
thole_dialog_send_text (TholeDialog *self, const GString *text)
{
  thole_dialog_send (self, TRUE, (const guint8 *) text->str, text->len, NULL, 0);
}

static void
close_wire (TholeDialog *self, guint code, const char *reason)
{
  if (self->closed)
    return;
  self->closed = TRUE;
  self->wire->close (self->wire_data, code, reason);
}

void
thole_dialog_refuse (TholeDialog *self, guint code, const char *word, const char *detail)
{
  g_autofree char *reason = thole_close_reason (word, detail);

  if (self->codec->refused != NULL && !self->closed && !self->exited)
    self->codec->refused (self, word, detail, code >= 4000 ? code - 4000 : 503);
  close_wire (self, code, reason);
}

static void
end (TholeDialog *self, TholeViewerEnd why, const char *detail)
{
  const char *word = thole_close_word (why);
  g_autoptr(GString) out = NULL;

  if (self->closed)
    return;
  if (why == THOLE_VIEWER_ENDED && self->exited)
    {
      out = g_string_new (NULL);
      g_string_printf (out, "{\"code\":\"%s\",\"exit_code\":%d,\"exit_signal\":", word, self->exit_code);
      thole_dialog_append_signal (out, self->exit_signal);
      g_string_append_c (out, '}');
      close_wire (self, thole_close_code (why), out->str);
    }
  else
    thole_dialog_refuse (self, thole_close_code (why), word, detail);
}

void
thole_dialog_protest (TholeDialog *self, const char *detail)
{
  end (self, THOLE_VIEWER_PROTOCOL, detail);
}

/* a grant only as the wire drains, so nothing piles up on the way */
static void
grant (TholeDialog *self)
{
  gsize bytes = self->owed;

  if (self->viewer == NULL || self->closed || self->paused || bytes < GRANT || self->wire->queued (self->wire_data) > LOW)
    return;
  self->owed = 0;
  thole_viewer_grant (self->viewer, bytes);
}

/* the viewer ---------------------------------------------------------------------------- */

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  TholeDialog *self = user_data;

  if (self->codec->resumed != NULL && !self->closed)
    self->codec->resumed (self, seq, taken);
  self->resumed = TRUE;
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  TholeDialog *self = user_data;

  if (self->closed)
    return;
  self->codec->output (self, channel, seq, data, length);
  self->owed += length;
  grant (self);
}

static void
on_screen (gpointer user_data, guint64 seq, const guint8 *data, gsize length)
{
  TholeDialog *self = user_data;

  if (self->codec->screen != NULL && !self->closed)
    self->codec->screen (self, seq, data, length);
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  TholeDialog *self = user_data;

  if (self->codec->gap != NULL && !self->closed)
    self->codec->gap (self, from, to);
}

/* a dialect that knows nothing of it shows it as a line of its own: what is skipped ends with a line */
static void
on_skipped (gpointer user_data, guint64 from, guint64 to, guint64 lines)
{
  TholeDialog *self = user_data;
  g_autofree char *mark = NULL;

  if (self->closed)
    return;
  if (self->codec->skipped != NULL)
    {
      self->codec->skipped (self, from, to, lines);
      return;
    }
  mark = g_strdup_printf ("[%" G_GUINT64_FORMAT " lines skipped]%s", lines, self->session->tty ? "\r\n" : "\n");
  self->codec->output (self, THOLE_CHANNEL_STDOUT, to, (const guint8 *) mark, strlen (mark));
}

static void
on_taken (gpointer user_data, guint64 taken)
{
  TholeDialog *self = user_data;

  if (self->closed)
    return;
  if (self->codec->taken != NULL)
    self->codec->taken (self, taken);
  if (!self->blocked)
    return;
  self->blocked = FALSE;
  self->wire->read (self->wire_data, TRUE);
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
  TholeDialog *self = user_data;

  if (self->codec->resized != NULL && !self->closed)
    self->codec->resized (self, rows, cols);
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  TholeDialog *self = user_data;

  if (self->closed)
    return;
  self->exited = TRUE;
  self->exit_code = code;
  self->exit_signal = signal;
  if (self->codec->exited != NULL)
    self->codec->exited (self, code, signal, seq);
}

static void
on_control (gpointer user_data, gboolean held)
{
  TholeDialog *self = user_data;

  if (self->codec->control != NULL && !self->closed)
    self->codec->control (self, held);
}

static void
on_closed (gpointer user_data, TholeViewerEnd why, const char *detail)
{
  end (user_data, why, detail);
}

static const TholeViewerEvents events = {
  .resumed = on_resumed,
  .output = on_output,
  .screen = on_screen,
  .gap = on_gap,
  .skipped = on_skipped,
  .taken = on_taken,
  .resized = on_resized,
  .control = on_control,
  .exited = on_exited,
  .closed = on_closed,
};

void
thole_dialog_view (TholeDialog *self, TholeViewFrom from, guint64 seq)
{
  self->viewer = thole_session_view (self->session, from, seq, &events, self);
  thole_viewer_grant (self->viewer, WINDOW);
}

void
thole_dialog_input (TholeDialog *self, const guint8 *data, gsize length)
{
  self->early |= !self->resumed;
  if (self->viewer == NULL || self->input_ended || thole_viewer_input (self->viewer, data, length) || self->blocked)
    return;
  self->blocked = TRUE;
  self->wire->read (self->wire_data, FALSE);
}

void
thole_dialog_end_of_input (TholeDialog *self)
{
  if (self->viewer == NULL || self->input_ended)
    return;
  self->input_ended = TRUE;
  thole_viewer_end_of_input (self->viewer);
}

void
thole_dialog_resize (TholeDialog *self, gint64 rows, gint64 cols)
{
  if (self->viewer != NULL && rows > 0 && cols > 0 && rows <= G_MAXUINT16 && cols <= G_MAXUINT16)
    thole_viewer_resize (self->viewer, (guint) rows, (guint) cols);
}

void
thole_dialog_pause (TholeDialog *self, gboolean on)
{
  self->paused = on;
  grant (self);
}

/* text ---------------------------------------------------------------------------- */

/* bytes at the end of @data that begin a character without ending it */
static gsize
unfinished (const guint8 *data, gsize length)
{
  for (gsize back = 1; back <= MIN (length, 3); back++)
    {
      guint8 byte = data[length - back];
      gsize whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;

      if ((byte & 0xc0) == 0x80)
        continue;
      return whole > back && byte < 0xf5 ? back : 0;
    }
  return 0;
}

GBytes *
thole_dialog_characters (TholeDialog *self, TholeChannel channel, const guint8 *data, gsize length, gboolean last)
{
  guint which = MIN ((guint) channel, 2);
  guint8 *carry = self->carry[which];
  g_autoptr(GByteArray) all = g_byte_array_sized_new ((guint) length + 4);
  gsize keep;

  g_byte_array_append (all, carry, self->carried[which]);
  if (length > 0)
    g_byte_array_append (all, data, (guint) length);
  keep = last ? 0 : unfinished (all->data, all->len);
  memcpy (carry, all->data + all->len - keep, keep);
  self->carried[which] = (guint8) keep;
  g_byte_array_set_size (all, (guint) (all->len - keep));
  return all->len > 0 ? g_byte_array_free_to_bytes (g_steal_pointer (&all)) : NULL;
}

void
thole_dialog_append_data (GString *out, const char *name, const guint8 *data, gsize length)
{
  g_autofree char *base64 = NULL;

  if (g_utf8_validate_len ((const char *) data, length, NULL))
    {
      g_string_append_printf (out, "\"%s\":", name);
      thole_json_append_string_len (out, (const char *) data, length);
      return;
    }
  base64 = g_base64_encode (data, length);
  g_string_append_printf (out, "\"%s_base64\":\"%s\"", name, base64);
}

void
thole_dialog_append_signal (GString *out, int signal)
{
  const char *name = signal != 0 ? thole_signal_name (signal) : NULL;

  if (name != NULL)
    thole_json_append_string (out, name);
  else if (signal != 0)
    g_string_append_printf (out, "\"%d\"", signal);
  else
    g_string_append (out, "null");
}

/* ---------------------------------------------------------------------------- */

TholeDialog *
thole_dialog_new (const TholeCodec *codec, TholeSession *session, const char *title, const TholeWire *wire,
                  gpointer wire_data)
{
  TholeDialog *self = g_new0 (TholeDialog, 1);

  self->codec = codec;
  self->session = session;
  self->title = g_strdup (title);
  self->wire = wire;
  self->wire_data = wire_data;
  return self;
}

void
thole_dialog_begin (TholeDialog *self)
{
  if (!self->codec->waits)
    thole_dialog_view (self, self->from, self->seq);
}

void
thole_dialog_free (TholeDialog *self)
{
  self->closed = TRUE;
  g_clear_pointer (&self->viewer, thole_viewer_free);
  thole_session_unref (self->session);
  g_clear_pointer (&self->partial, g_byte_array_unref);
  g_free (self->title);
  g_free (self);
}

void
thole_dialog_message (TholeDialog *self, gboolean text, const guint8 *data, gsize length)
{
  if (!self->closed)
    self->codec->message (self, text, data, length);
}

void
thole_dialog_drained (TholeDialog *self)
{
  grant (self);
}

void
thole_dialog_hurry (TholeDialog *self)
{
  end (self, THOLE_VIEWER_RESTARTING, "the daemon goes down; connect again");
}
