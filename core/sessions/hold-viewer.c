/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/hold-private.h"

#define TURN 65536 /* bytes to one viewer before others are served */
#define VIEWERS_MOST 256
#define NOWHERE G_MAXUINT64

static void
viewer_dispose (TholeViewer *viewer)
{
  HoldViewer *self = (HoldViewer *) viewer;

  thole_hold_unref (self->hold);
  g_free (self);
}

/* NOWHERE: there is none */
static guint64
lowest_acked (TholeHold *self, gboolean aside)
{
  guint64 lowest = NOWHERE;

  for (guint i = 0; i < self->viewers->len; i++)
    {
      const HoldViewer *viewer = self->viewers->pdata[i];

      if (viewer->told && viewer->aside == aside)
        lowest = MIN (lowest, viewer->acked);
    }
  return lowest;
}

/* What is acknowledged by all; when the last one has left, what that one had acknowledged. Those aside hold it down, but
 * nobody is given up for them who left. */
static void
set_floor (TholeHold *self, guint64 last)
{
  guint64 seated = lowest_acked (self, FALSE);

  self->seated = seated != NOWHERE ? seated : MAX (self->seated, last);
  self->floor = MIN (self->seated, lowest_acked (self, TRUE));
  thole_hold_read (self);
}

static guint64
as_seated (const HoldViewer *self, guint64 seq)
{
  return self->aside ? 0 : seq;
}

static void
viewer_leave (TholeViewer *viewer)
{
  HoldViewer *self = (HoldViewer *) viewer;

  if (!self->there)
    return;
  self->there = FALSE;
  g_ptr_array_remove (self->hold->viewers, self);
  set_floor (self->hold, as_seated (self, self->acked));
  thole_viewer_unref (&self->viewer);
}

static void
close_later (HoldViewer *self, TholeViewerEnd end, const char *detail)
{
  if (thole_viewer_close_later (&self->viewer, end, detail))
    thole_hold_wake (self->hold);
}

static gboolean
is_gone (const HoldViewer *self)
{
  return self->viewer.freed || self->viewer.closed;
}

/* input ------------------------------------------------------------------------------------------------------ */

static void
place_input (HoldViewer *self)
{
  TholeHold *hold = self->hold;
  guint64 end = hold->taken + hold->input->len;

  if (self->input_at == NOWHERE)
    return;
  if (self->input_at > end)
    close_later (self, THOLE_VIEWER_PROTOCOL, "input begins behind what was sent before");
  else
    self->input_skip = (gsize) (end - self->input_at);
  self->input_at = NOWHERE;
}

static gboolean
viewer_input (TholeViewer *viewer, const guint8 *data, gsize length)
{
  HoldViewer *self = (HoldViewer *) viewer;
  gsize skip;

  if (is_gone (self) || self->viewer.close_due)
    return TRUE;
  skip = MIN (self->input_skip, length);
  self->input_skip -= skip;
  return thole_hold_input (self->hold, data + skip, length - skip);
}

static void
viewer_end_of_input (TholeViewer *viewer)
{
  HoldViewer *self = (HoldViewer *) viewer;

  if (!is_gone (self) && self->input_skip == 0)
    thole_hold_end_of_input (self->hold);
}

static void
viewer_input_at (TholeViewer *viewer, guint64 offset)
{
  HoldViewer *self = (HoldViewer *) viewer;

  self->input_at = offset;
  place_input (self);
}

/* output ----------------------------------------------------------------------------------------------------- */

static void
viewer_grant (TholeViewer *viewer, gsize bytes)
{
  HoldViewer *self = (HoldViewer *) viewer;

  self->window = MIN (self->window + MIN (bytes, THOLE_VIEWER_MAX_WINDOW), THOLE_VIEWER_MAX_WINDOW);
  thole_hold_wake (self->hold);
}

static void
acknowledge (HoldViewer *self, guint64 seq)
{
  if (seq <= self->acked)
    return;
  self->acked = seq;
  if (self->there)
    set_floor (self->hold, as_seated (self, seq));
}

static void
viewer_ack (TholeViewer *viewer, guint64 seq)
{
  HoldViewer *self = (HoldViewer *) viewer;

  self->acks = TRUE;
  if (seq > self->seq)
    close_later (self, THOLE_VIEWER_PROTOCOL, "output was acknowledged that was not sent");
  else
    acknowledge (self, seq);
}

static void
viewer_resize (TholeViewer *viewer, guint rows, guint cols)
{
  TholeHold *hold = ((HoldViewer *) viewer)->hold;

  if (hold->events.resize != NULL && hold->options.tty)
    hold->events.resize (hold->user_data, rows, cols);
}

static void
viewer_signal (TholeViewer *viewer, int signal)
{
  TholeHold *hold = ((HoldViewer *) viewer)->hold;

  if (hold->events.signal != NULL)
    hold->events.signal (hold->user_data, signal);
}

/* serving ---------------------------------------------------------------------------------------------------- */

/* where its output begins; FALSE: it is being closed */
static gboolean
place (HoldViewer *self)
{
  TholeHold *hold = self->hold;
  guint64 tail = thole_output_ring_tail (hold->ring), head = thole_output_ring_solid (hold->ring);

  if (self->from == THOLE_VIEW_OLDEST)
    self->seq = tail;
  else if (self->from != THOLE_VIEW_RESUME || (self->seq > head && hold->options.lasting))
    self->seq = head;
  else if (self->seq > head)
    {
      thole_viewer_close (&self->viewer, THOLE_VIEWER_PROTOCOL, "output begins behind what there is");
      return FALSE;
    }
  self->told = TRUE;
  self->acked = self->seq;
  self->taken = hold->taken;
  self->rows = hold->rows;
  self->cols = hold->cols;
  set_floor (hold, as_seated (self, self->acked));
  self->viewer.events.resumed (self->viewer.user_data, self->seq, self->taken);
  return !is_gone (self);
}

static gboolean
tell_news (HoldViewer *self)
{
  TholeHold *hold = self->hold;

  if (self->taken != hold->taken)
    {
      self->taken = hold->taken;
      self->viewer.events.taken (self->viewer.user_data, self->taken);
    }
  if (!is_gone (self) && (self->rows != hold->rows || self->cols != hold->cols))
    {
      self->rows = hold->rows;
      self->cols = hold->cols;
      self->viewer.events.resized (self->viewer.user_data, self->rows, self->cols);
    }
  return !is_gone (self);
}

static void
tell_gap (HoldViewer *self, guint64 to, guint64 lines)
{
  guint64 from = self->seq;

  self->seq = to;
  if (!self->acks)
    self->acked = to;
  if (lines > 0 && self->viewer.events.skipped != NULL)
    self->viewer.events.skipped (self->viewer.user_data, from, to, lines);
  else
    self->viewer.events.gap (self->viewer.user_data, from, to);
}

/* the ring goes on during the call, so what is given is a copy. Returns: bytes */
static gsize
tell_output (HoldViewer *self, gsize most)
{
  guint64 tail = thole_output_ring_tail (self->hold->ring), head = thole_output_ring_head (self->hold->ring);
  TholeOutputPiece piece;
  g_autofree guint8 *copy = NULL;
  guint64 seq = self->seq;

  if (seq < tail)
    {
      /* one that was reading already is slow: more than a byte would be gone again at once */
      tell_gap (self, self->begun ? tail + (head - tail) / 2 : tail, 0);
      return 1;
    }
  self->begun = TRUE;
  thole_output_ring_look (self->hold->ring, seq, MIN (most, MIN (self->window, THOLE_HOLD_PIECE)), &piece);
  if (piece.data == NULL)
    {
      tell_gap (self, piece.to, MAX (piece.lines, 1));
      return 1;
    }
  copy = g_memdup2 (piece.data, piece.length);
  self->seq += piece.length;
  self->window -= piece.length;
  self->viewer.refs++;
  self->viewer.events.output (self->viewer.user_data, piece.channel, seq, copy, piece.length);
  if (!self->acks && !is_gone (self))
    acknowledge (self, self->seq);
  thole_viewer_unref (&self->viewer);
  return piece.length;
}

static void
tell_end (HoldViewer *self)
{
  TholeHold *hold = self->hold;

  if (!hold->exited)
    {
      if (hold->parting || hold->ended)
        thole_viewer_close (&self->viewer, hold->end, hold->end_detail);
      else
        thole_viewer_close (&self->viewer, THOLE_VIEWER_LOST, "the way to the program was lost");
      return;
    }
  if (!self->exited)
    {
      self->exited = TRUE;
      self->viewer.events.exited (self->viewer.user_data, hold->code, hold->signal, self->seq);
    }
  if (!is_gone (self))
    thole_viewer_close (&self->viewer, THOLE_VIEWER_ENDED, "");
}

/* its end has come. One aside gets first what there is: nobody else would keep that. */
gboolean
thole_hold_viewer_is_cut (HoldViewer *self)
{
  TholeHold *hold = self->hold;

  return hold->ended && (!self->aside || hold->waits || hold->end == THOLE_VIEWER_RESTARTING);
}

/* Returns TRUE when there is more for it at once */
static gboolean
serve (HoldViewer *self)
{
  TholeHold *hold = self->hold;
  gsize given = 0;

  if (self->viewer.close_due && !is_gone (self))
    thole_viewer_close_now (&self->viewer);
  else if (thole_hold_viewer_is_cut (self) && !is_gone (self))
    thole_viewer_close (&self->viewer, hold->end, hold->end_detail);
  if (is_gone (self) || hold->waits || (!self->told && !place (self)) || !tell_news (self))
    return FALSE;
  while (!is_gone (self) && given < TURN && self->window > 0 && self->seq < thole_output_ring_solid (hold->ring))
    given += tell_output (self, TURN - given);
  if (!is_gone (self) && hold->over && self->seq >= thole_output_ring_head (hold->ring))
    tell_end (self);
  else if (!is_gone (self) && hold->ended && self->seq >= thole_output_ring_head (hold->ring))
    thole_viewer_close (&self->viewer, hold->end, hold->end_detail);
  return !is_gone (self) && given >= TURN;
}

static gboolean
on_pump (gpointer user_data)
{
  TholeHold *self = user_data;
  g_autoptr (GPtrArray) all = g_ptr_array_copy (self->viewers, NULL, NULL);
  gboolean more = FALSE;

  thole_source_clear (&self->pump);
  thole_hold_ref (self);
  for (guint i = 0; i < all->len; i++)
    ((TholeViewer *) all->pdata[i])->refs++;
  for (guint i = 0; i < all->len; i++)
    {
      more |= serve (all->pdata[i]);
      thole_viewer_unref (all->pdata[i]);
    }
  if (more)
    thole_hold_wake (self);
  thole_hold_unref (self);
  return G_SOURCE_REMOVE;
}

void
thole_hold_wake (TholeHold *self)
{
  if (self->pump != NULL || self->viewers->len == 0)
    return;
  self->pump = g_idle_source_new ();
  g_source_set_priority (self->pump, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->pump, on_pump, self, NULL);
  g_source_attach (self->pump, g_main_context_get_thread_default ());
}

static const TholeViewerClass viewer_class = {
  .grant = viewer_grant,
  .input = viewer_input,
  .end_of_input = viewer_end_of_input,
  .resize = viewer_resize,
  .signal = viewer_signal,
  .input_at = viewer_input_at,
  .free = thole_viewer_let_go,
  .ack = viewer_ack,
  .leave = viewer_leave,
  .dispose = viewer_dispose,
};

/* without whether it is aside */
static TholeViewFrom
from_of (TholeViewFrom from)
{
  switch (from)
    {
    case THOLE_VIEW_ASIDE:
      return THOLE_VIEW_RESUME;
    case THOLE_VIEW_ASIDE_OLDEST:
      return THOLE_VIEW_OLDEST;
    case THOLE_VIEW_ASIDE_LIVE:
      return THOLE_VIEW_LIVE;
    default:
      return from;
    }
}

TholeViewer *
thole_hold_viewer_new (TholeHold *self, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data)
{
  HoldViewer *viewer = g_new0 (HoldViewer, 1);

  viewer->viewer = (TholeViewer) { &viewer_class, *events, user_data, .refs = 2 };
  viewer->hold = thole_hold_ref (self);
  viewer->aside = THOLE_VIEW_IS_ASIDE (from);
  viewer->from = from_of (from);
  viewer->seq = viewer->from == THOLE_VIEW_RESUME ? seq : 0;
  viewer->input_at = NOWHERE;
  viewer->there = TRUE;
  if (self->viewers->len >= VIEWERS_MOST)
    close_later (viewer, THOLE_VIEWER_TOO_MANY, "it has as many viewers as it may");
  g_ptr_array_add (self->viewers, viewer);
  thole_hold_wake (self);
  return &viewer->viewer;
}
