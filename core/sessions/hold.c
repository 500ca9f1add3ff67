/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/hold-private.h"

#include <string.h>

#define EARLY_MOST 16384 /* bytes that may come before it is settled; then the stream waits */
#define MARK_AFTER G_USEC_PER_SEC

/* one way in */
typedef struct
{
  TholeSession session;
  TholeHold *hold;
} HoldSession;

TholeHold *
thole_hold_ref (TholeHold *self)
{
  self->refs++;
  return self;
}

void
thole_hold_unref (TholeHold *self)
{
  if (--self->refs > 0)
    return;
  thole_source_clear (&self->pump);
  thole_source_clear (&self->mark);
  g_clear_object (&self->stream);
  g_object_unref (self->cancel);
  g_byte_array_unref (self->received);
  g_byte_array_unref (self->early);
  g_byte_array_unref (self->early_channels);
  g_byte_array_unref (self->input);
  g_clear_pointer (&self->record, g_byte_array_unref);
  thole_output_ring_free (self->ring);
  g_clear_pointer (&self->flood, thole_flood_free);
  g_ptr_array_unref (self->viewers);
  g_free (self->end_detail);
  g_free (self);
}

/* output -------------------------------------------------------------------------------------------------- */

static gboolean
on_mark (gpointer user_data)
{
  TholeHold *self = user_data;

  thole_source_clear (&self->mark);
  thole_output_ring_close_hole (self->ring);
  thole_hold_wake (self);
  return G_SOURCE_REMOVE;
}

/* each line as a whole */
static void
append_guarded (TholeHold *self, TholeChannel channel, const guint8 *data, gsize length)
{
  gint64 now = thole_clock_monotonic (self->clock);

  while (length > 0)
    {
      gboolean shown, ends;
      gsize part = thole_flood_take (self->flood, now, channel, data, length, &shown, &ends);

      if (shown)
        thole_output_ring_append (self->ring, channel, data, part);
      else
        thole_output_ring_skip (self->ring, part, ends);
      if (shown)
        thole_source_clear (&self->mark);
      else if (self->mark == NULL)
        self->mark = thole_clock_timer (self->clock, MARK_AFTER, on_mark, self);
      data += part;
      length -= part;
    }
}

static void
append (TholeHold *self, TholeChannel channel, const guint8 *data, gsize length)
{
  if (self->waits)
    {
      g_byte_array_append (self->early, data, (guint) length);
      g_byte_array_set_size (self->early_channels, self->early->len);
      memset (self->early_channels->data + self->early->len - length, (int) channel, length);
    }
  else if (self->flood != NULL)
    append_guarded (self, channel, data, length);
  else
    thole_output_ring_append (self->ring, channel, data, length);
}

/* how many bytes may be taken now */
static gsize
room (TholeHold *self)
{
  guint64 head = thole_output_ring_head (self->ring);
  guint64 kept = MAX (self->floor, thole_output_ring_tail (self->ring));

  if (self->waits)
    return EARLY_MOST - self->early->len;
  if (!self->options.lossless)
    return G_MAXSIZE;
  return self->options.scrollback - MIN ((gsize) (head - kept), self->options.scrollback);
}

void
thole_hold_move (TholeHold *self)
{
  self->active_at = thole_clock_now (self->clock);
  if (self->events.moved == NULL || ABS (self->active_at - self->moved_at) < G_USEC_PER_SEC)
    return;
  self->moved_at = self->active_at;
  self->events.moved (self->user_data);
}

static void
finish_stream (TholeHold *self)
{
  self->over = TRUE;
  thole_source_clear (&self->mark);
  thole_output_ring_close_hole (self->ring);
  if (!self->exited)
    self->code = -1;
  thole_hold_deafen (self);
  thole_hold_wake (self);
  if (self->events.ended != NULL)
    self->events.ended (self->user_data, self->code, self->signal);
}

/* an exit record is small and wanted whole. Returns FALSE when more has to come first. */
static gboolean
take_exit (TholeHold *self, const guint8 *data, gsize length)
{
  guint8 signal = 0;
  gint32 code = 0;

  if (length < self->left)
    return FALSE;
  if (!self->exited && thole_record_parse_exit (data, self->left, &code, &signal))
    {
      self->exited = TRUE;
      self->code = MAX (code, 0);
      self->signal = signal;
    }
  return TRUE;
}

/* Returns: the bytes taken; 0 = no more now */
static gsize
take_some (TholeHold *self, const guint8 *data, gsize length)
{
  gsize part;

  if (self->left == 0)
    {
      guint32 size;

      if (length < THOLE_RECORD_HEADER)
        return 0;
      memcpy (&size, data + 1, sizeof size);
      self->kind = data[0];
      self->left = GUINT32_FROM_BE (size);
      return THOLE_RECORD_HEADER;
    }
  if (self->kind == THOLE_RECORD_EXIT && self->left <= THOLE_HOLD_PIECE)
    part = take_exit (self, data, length) ? self->left : 0;
  else
    part = MIN (MIN (self->left, length), room (self));
  if (part > 0 && (self->kind == THOLE_RECORD_STDOUT || self->kind == THOLE_RECORD_STDERR))
    append (self, self->kind == THOLE_RECORD_STDERR ? THOLE_CHANNEL_STDERR : THOLE_CHANNEL_STDOUT, data, part);
  self->left -= part;
  return part;
}

static void
take (TholeHold *self)
{
  gsize at = 0, n = 1;

  while (n > 0 && at < self->received->len)
    {
      n = take_some (self, self->received->data + at, self->received->len - at);
      at += n;
    }
  if (at == 0)
    return;
  g_byte_array_remove_range (self->received, 0, (guint) at);
  thole_hold_move (self);
  thole_hold_wake (self);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeHold *self = user_data;
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, NULL);
  gsize length = bytes != NULL ? g_bytes_get_size (bytes) : 0;

  self->reading = FALSE;
  if (self->stream != NULL && length > 0)
    {
      g_byte_array_append (self->received, g_bytes_get_data (bytes, NULL), (guint) length);
      thole_hold_read (self);
    }
  else if (self->stream != NULL)
    finish_stream (self);
  thole_hold_unref (self);
}

void
thole_hold_read (TholeHold *self)
{
  if (self->stream == NULL || self->reading || self->over)
    return;
  take (self);
  if (self->received->len >= THOLE_HOLD_PIECE || room (self) == 0)
    return;
  self->reading = TRUE;
  g_input_stream_read_bytes_async (g_io_stream_get_input_stream (self->stream), THOLE_HOLD_PIECE, G_PRIORITY_DEFAULT, self->cancel,
                                   on_read, thole_hold_ref (self));
}

/* history ------------------------------------------------------------------------------------------------- */

void
thole_hold_number (TholeHold *self, guint64 base)
{
  thole_output_ring_free (self->ring);
  self->ring = thole_output_ring_new (self->options.scrollback, base);
  self->floor = self->seated = base;
}

void
thole_hold_history (TholeHold *self, TholeChannel channel, const guint8 *data, gsize length)
{
  thole_output_ring_append (self->ring, channel, data, length);
}

void
thole_hold_settle (TholeHold *self)
{
  gsize at;

  if (!self->waits)
    return;
  self->waits = FALSE;
  at = thole_output_ring_overlap (self->ring, self->early->data, self->early->len);
  while (at < self->early->len)
    {
      guint8 channel = self->early_channels->data[at];
      gsize length = 1;

      while (at + length < self->early->len && self->early_channels->data[at + length] == channel)
        length++;
      append (self, channel, self->early->data + at, length);
      at += length;
    }
  g_byte_array_set_size (self->early, 0);
  g_byte_array_set_size (self->early_channels, 0);
  self->floor = self->seated = thole_output_ring_tail (self->ring);
  thole_hold_wake (self);
  thole_hold_read (self);
}

/* life ---------------------------------------------------------------------------------------------------- */

TholeHold *
thole_hold_new (TholeClock *clock, const TholeHoldOptions *options, const TholeHoldEvents *events, gpointer user_data)
{
  TholeHold *self = g_new0 (TholeHold, 1);

  self->refs = 1;
  self->clock = clock;
  self->options = *options;
  self->events = *events;
  self->user_data = user_data;
  self->cancel = g_cancellable_new ();
  self->received = g_byte_array_new ();
  self->early = g_byte_array_new ();
  self->early_channels = g_byte_array_new ();
  self->input = g_byte_array_new ();
  self->ring = thole_output_ring_new (options->scrollback, 0);
  self->flood = options->lines > 0 ? thole_flood_new (options->lines) : NULL;
  self->viewers = g_ptr_array_new ();
  self->rows = options->rows;
  self->cols = options->cols;
  self->waits = options->waits;
  self->deaf = options->no_input;
  return self;
}

void
thole_hold_begin (TholeHold *self, GIOStream *stream)
{
  self->stream = stream;
  /* what was typed meanwhile */
  thole_hold_write (self);
  thole_hold_read (self);
}

void
thole_hold_part (TholeHold *self, TholeViewerEnd end, const char *detail)
{
  if (self->parting || self->ended)
    return;
  self->parting = TRUE;
  self->end = end;
  self->end_detail = g_strdup (detail);
}

void
thole_hold_end (TholeHold *self, TholeViewerEnd end, const char *detail)
{
  g_autoptr (GPtrArray) all = g_ptr_array_copy (self->viewers, NULL, NULL);
  g_autoptr (GIOStream) stream = g_steal_pointer (&self->stream);

  if (!self->ended)
    {
      self->ended = TRUE;
      self->end = end;
      g_free (self->end_detail);
      self->end_detail = g_strdup (detail);
    }
  thole_source_clear (&self->mark);
  thole_output_ring_close_hole (self->ring);
  g_cancellable_cancel (self->cancel);
  if (stream != NULL)
    g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  for (guint i = 0; i < all->len; i++)
    ((TholeViewer *) all->pdata[i])->refs++;
  for (guint i = 0; i < all->len; i++)
    {
      if (thole_hold_viewer_is_cut (all->pdata[i]))
        thole_viewer_close (all->pdata[i], end, detail);
      thole_viewer_unref (all->pdata[i]);
    }
  thole_hold_wake (self);
}

void
thole_hold_free (TholeHold *self, TholeViewerEnd end, const char *detail)
{
  self->events = (TholeHoldEvents) { NULL };
  thole_hold_end (self, end, detail);
  thole_hold_unref (self);
}

void
thole_hold_resized (TholeHold *self, guint rows, guint cols)
{
  self->rows = rows;
  self->cols = cols;
  thole_hold_wake (self);
}

gboolean
thole_hold_is_over (TholeHold *self)
{
  return self->over;
}

gboolean
thole_hold_is_waiting (TholeHold *self)
{
  return self->waits;
}

guint64
thole_hold_output (TholeHold *self)
{
  return thole_output_ring_head (self->ring);
}

gint64
thole_hold_active (TholeHold *self)
{
  return self->active_at;
}

static TholeViewer *
session_view (TholeSession *session, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data)
{
  return thole_hold_viewer_new (((HoldSession *) session)->hold, from, seq, events, user_data);
}

static void
session_unref (TholeSession *session)
{
  thole_hold_unref (((HoldSession *) session)->hold);
  g_free (session);
}

TholeSession *
thole_hold_session (TholeHold *self)
{
  static const TholeSessionClass class = { session_view, session_unref };
  HoldSession *session = g_new0 (HoldSession, 1);

  session->session.class = &class;
  session->session.tty = self->options.tty;
  session->hold = thole_hold_ref (self);
  return &session->session;
}
