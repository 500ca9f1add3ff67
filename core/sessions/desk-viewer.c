/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One viewer at a desk: the viewer of the source behind it, or for a while nothing while its screen is painted. */
#include "sessions/desk-private.h"

#define INPUT_MOST (256 * 1024)
#define MOST_ROWS 500
#define MOST_COLS 1000
/* between two screens after gaps */
#define PAINT_PAUSE G_USEC_PER_SEC
#define NOWHERE G_MAXUINT64

static void paint (DeskViewer *self);

static void
viewer_dispose (TholeViewer *viewer)
{
  DeskViewer *self = (DeskViewer *) viewer;

  g_clear_pointer (&self->screen, g_bytes_unref);
  g_byte_array_unref (self->waiting.input);
  thole_desk_unref (self->desk);
  g_free (self);
}

static void
drop_inner (DeskViewer *self)
{
  g_clear_pointer (&self->inner, thole_viewer_free);
  g_clear_pointer (&self->painter, thole_painter_free);
  thole_source_clear (&self->pause);
}

static void
viewer_leave (TholeViewer *viewer)
{
  DeskViewer *self = (DeskViewer *) viewer;

  drop_inner (self);
  thole_desk_leave (self);
}

/* no callback may come from inside a function of the viewer */
static void
close_later (DeskViewer *self, TholeViewerEnd end, const char *detail)
{
  if (thole_viewer_close_later (&self->viewer, end, detail))
    thole_desk_later (self->desk);
}

void
thole_desk_viewer_tell (DeskViewer *self)
{
  gboolean held = thole_desk_has_control (self);

  if (self->viewer.closed)
    return;
  if (self->viewer.close_due)
    {
      thole_viewer_close_now (&self->viewer);
      return;
    }
  if (!self->told || (self->control_known && self->told_control == held))
    return;
  self->control_known = TRUE;
  self->told_control = held;
  if (self->viewer.events.control != NULL)
    self->viewer.events.control (self->viewer.user_data, held);
}

/* what the source tells -------------------------------------------------------------------------------- */

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  DeskViewer *self = user_data;
  const TholeViewerEvents *events = &self->viewer.events;
  g_autoptr (GBytes) screen = g_steal_pointer (&self->screen);

  self->viewer.refs++;
  /* who goes on stands there now */
  g_clear_pointer (&self->painter, thole_painter_free);
  if (self->acks)
    thole_viewer_ack (self->inner, seq);
  if (!self->told)
    {
      self->told = TRUE;
      events->resumed (self->viewer.user_data, seq, taken);
    }
  else
    events->taken (self->viewer.user_data, taken);
  if (!self->viewer.closed && !self->viewer.freed && self->gap_from < seq)
    events->gap (self->viewer.user_data, self->gap_from, seq);
  self->gap_from = NOWHERE;
  if (!self->viewer.closed && !self->viewer.freed && screen != NULL)
    events->screen (self->viewer.user_data, seq, g_bytes_get_data (screen, NULL), g_bytes_get_size (screen));
  if (!self->viewer.freed)
    thole_desk_viewer_tell (self);
  thole_viewer_unref (&self->viewer);
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  DeskViewer *self = user_data;

  self->desk->active_at = thole_clock_now (self->desk->clock);
  self->window -= MIN (self->window, length);
  self->viewer.events.output (self->viewer.user_data, channel, seq, data, length);
}

static gboolean
on_pause (gpointer user_data)
{
  DeskViewer *self = user_data;

  thole_source_clear (&self->pause);
  paint (self);
  return G_SOURCE_REMOVE;
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  DeskViewer *self = user_data;
  gint64 wait = self->painted_at + PAINT_PAUSE - thole_clock_monotonic (self->desk->clock);

  if (!self->desk->tty || self->viewer.events.screen == NULL)
    {
      self->viewer.events.gap (self->viewer.user_data, from, to);
      return;
    }
  self->gap_from = MIN (self->gap_from, from);
  g_clear_pointer (&self->inner, thole_viewer_free);
  if (self->painted_at == 0 || wait <= 0)
    paint (self);
  else
    self->pause = thole_clock_timer (self->desk->clock, wait, on_pause, self);
}

static void
on_skipped (gpointer user_data, guint64 from, guint64 to, guint64 lines)
{
  DeskViewer *self = user_data;

  if (self->viewer.events.skipped != NULL)
    self->viewer.events.skipped (self->viewer.user_data, from, to, lines);
  else
    self->viewer.events.gap (self->viewer.user_data, from, to);
}

static void
on_taken (gpointer user_data, guint64 taken)
{
  DeskViewer *self = user_data;

  self->viewer.events.taken (self->viewer.user_data, taken);
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
  DeskViewer *self = user_data;
  TholeDesk *desk = self->desk;

  self->viewer.refs++;
  if (desk->rows != rows || desk->cols != cols)
    {
      thole_desk_set_size (desk, rows, cols);
      if (desk->events.resized != NULL)
        desk->events.resized (desk->user_data, rows, cols);
    }
  if (!self->viewer.closed && !self->viewer.freed)
    self->viewer.events.resized (self->viewer.user_data, rows, cols);
  thole_viewer_unref (&self->viewer);
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  DeskViewer *self = user_data;

  self->viewer.events.exited (self->viewer.user_data, code, signal, seq);
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  DeskViewer *self = user_data;

  if (end == THOLE_VIEWER_ENDED && self->desk->removing)
    thole_viewer_close (&self->viewer, THOLE_VIEWER_REMOVED, "the session was deleted");
  else
    thole_viewer_close (&self->viewer, end, detail);
}

static const TholeViewerEvents inner_events = {
  .resumed = on_resumed,
  .output = on_output,
  .gap = on_gap,
  .skipped = on_skipped,
  .taken = on_taken,
  .resized = on_resized,
  .exited = on_exited,
  .closed = on_closed,
};

/* (nullable): then it is closed */
static TholeSession *
source_of (DeskViewer *self)
{
  TholeDesk *desk = self->desk;
  TholeSession *source = desk->ended || desk->events.source == NULL ? NULL : desk->events.source (desk->user_data);

  if (desk->ended)
    close_later (self, desk->end, desk->end_detail);
  else if (source == NULL)
    close_later (self, THOLE_VIEWER_LOST, "the session cannot be reached now");
  return source;
}

/* what was asked for while there was nobody to ask */
static void
hand_over (DeskViewer *self)
{
  DeskWaiting *waiting = &self->waiting;

  if (waiting->input_at != NOWHERE)
    thole_viewer_input_at (self->inner, waiting->input_at);
  thole_viewer_resize (self->inner, waiting->rows, waiting->cols);
  thole_viewer_input (self->inner, waiting->input->data, waiting->input->len);
  if (waiting->end)
    thole_viewer_end_of_input (self->inner);
  if (waiting->signal != 0)
    thole_viewer_signal (self->inner, waiting->signal);
  thole_viewer_grant (self->inner, self->window);
  g_byte_array_set_size (waiting->input, 0);
  *waiting = (DeskWaiting) { .input = waiting->input, .input_at = NOWHERE };
}

static void
open_inner (DeskViewer *self, TholeViewFrom from, guint64 seq)
{
  TholeSession *source = source_of (self);

  if (source == NULL)
    return;
  self->inner = thole_session_view (source, from, seq, &inner_events, self);
  thole_session_unref (source);
  hand_over (self);
}

static void
on_painted (gpointer user_data, TholeScreen *screen, guint64 seq, TholeViewerEnd end, const char *detail)
{
  DeskViewer *self = user_data;

  if (screen == NULL)
    {
      thole_viewer_close (&self->viewer, end, detail);
      return;
    }
  g_clear_pointer (&self->screen, g_bytes_unref);
  self->screen = thole_screen_paint (screen);
  self->painted_at = thole_clock_monotonic (self->desk->clock);
  open_inner (self, THOLE_VIEW_RESUME, seq);
}

static void
paint (DeskViewer *self)
{
  TholeSession *source = source_of (self);

  if (source != NULL)
    self->painter = thole_painter_new (source, self->desk->rows, self->desk->cols, on_painted, self);
}

/* what the peer asks for -------------------------------------------------------------------------------- */

static void
viewer_grant (TholeViewer *viewer, gsize bytes)
{
  DeskViewer *self = (DeskViewer *) viewer;

  self->window = MIN (self->window + MIN (bytes, THOLE_VIEWER_MAX_WINDOW), THOLE_VIEWER_MAX_WINDOW);
  if (self->inner != NULL)
    thole_viewer_grant (self->inner, bytes);
}

static gboolean
viewer_input (TholeViewer *viewer, const guint8 *data, gsize length)
{
  DeskViewer *self = (DeskViewer *) viewer;

  if (self->viewer.closed || !thole_desk_may_type (self))
    return TRUE;
  if (self->inner != NULL)
    return thole_viewer_input (self->inner, data, length);
  g_byte_array_append (self->waiting.input, data, (guint) length);
  return self->waiting.input->len < INPUT_MOST;
}

static void
viewer_end_of_input (TholeViewer *viewer)
{
  DeskViewer *self = (DeskViewer *) viewer;

  if (self->viewer.closed || !thole_desk_may_type (self))
    return;
  if (self->inner != NULL)
    thole_viewer_end_of_input (self->inner);
  else
    self->waiting.end = TRUE;
}

static void
viewer_resize (TholeViewer *viewer, guint rows, guint cols)
{
  DeskViewer *self = (DeskViewer *) viewer;

  rows = MIN (rows, MOST_ROWS);
  cols = MIN (cols, MOST_COLS);
  if (self->viewer.closed || !self->desk->tty || !thole_desk_has_control (self))
    return;
  if (self->inner != NULL)
    thole_viewer_resize (self->inner, rows, cols);
  else
    {
      self->waiting.rows = rows;
      self->waiting.cols = cols;
    }
}

static void
viewer_signal (TholeViewer *viewer, int signal)
{
  DeskViewer *self = (DeskViewer *) viewer;

  if (self->viewer.closed || !thole_desk_has_control (self))
    return;
  if (self->inner != NULL)
    thole_viewer_signal (self->inner, signal);
  else
    self->waiting.signal = signal;
}

static void
viewer_take (TholeViewer *viewer)
{
  thole_desk_take ((DeskViewer *) viewer);
}

static void
viewer_input_at (TholeViewer *viewer, guint64 offset)
{
  DeskViewer *self = (DeskViewer *) viewer;

  if (self->inner != NULL)
    thole_viewer_input_at (self->inner, offset);
  else
    self->waiting.input_at = offset;
}

static void
viewer_ack (TholeViewer *viewer, guint64 seq)
{
  DeskViewer *self = (DeskViewer *) viewer;

  self->acks = TRUE;
  if (self->inner != NULL)
    thole_viewer_ack (self->inner, seq);
}

static const TholeViewerClass viewer_class = {
  .grant = viewer_grant,
  .input = viewer_input,
  .end_of_input = viewer_end_of_input,
  .resize = viewer_resize,
  .signal = viewer_signal,
  .take = viewer_take,
  .input_at = viewer_input_at,
  .free = thole_viewer_let_go,
  .ack = viewer_ack,
  .leave = viewer_leave,
  .dispose = viewer_dispose,
};

static void
begin (DeskViewer *self, TholeViewFrom from, guint64 seq)
{
  if (from != THOLE_VIEW_SNAPSHOT)
    open_inner (self, from, seq);
  else if (!self->desk->tty)
    open_inner (self, THOLE_VIEW_OLDEST, 0);
  else if (self->viewer.events.screen == NULL)
    open_inner (self, THOLE_VIEW_LIVE, 0);
  else
    paint (self);
}

TholeViewer *
thole_desk_viewer_new (TholeDesk *desk, TholeInputRole role, gboolean take, TholeViewFrom from, guint64 seq,
                       const TholeViewerEvents *events, gpointer user_data)
{
  DeskViewer *self = g_new0 (DeskViewer, 1);

  self->viewer = (TholeViewer) { &viewer_class, *events, user_data, .refs = 2 };
  self->desk = desk;
  desk->refs++;
  self->role = role;
  self->gap_from = NOWHERE;
  self->waiting.input = g_byte_array_new ();
  self->waiting.input_at = NOWHERE;
  self->there = TRUE;
  g_ptr_array_add (desk->viewers, self);
  if (take || desk->holder == NULL)
    thole_desk_take (self);
  if (desk->events.viewers != NULL)
    desk->events.viewers (desk->user_data, desk->viewers->len, TRUE);
  begin (self, from, seq);
  return &self->viewer;
}
