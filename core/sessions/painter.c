/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/painter.h"

#define WINDOW (128 * 1024)

struct _TholePainter
{
  TholeSession *session;
  TholeViewer *viewer;
  TholeScreen *screen;
  gboolean found;       /* @target is known */
  gboolean finished;    /* @done was called */
  guint64 target;       /* where the output stood when it was asked for */
  guint64 at;
  TholePaintedFunc done;
  gpointer user_data;
};

/* Its viewer stays: what comes behind the screen is kept for whoever goes on there. */
static void
finish (TholePainter *self)
{
  self->finished = TRUE;
  self->done (self->user_data, self->screen, self->at, THOLE_VIEWER_ENDED, "");
}

static void open_viewer (TholePainter *self, TholeViewFrom from);

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  TholePainter *self = user_data;

  if (!self->found)
    {
      self->found = TRUE;
      self->target = seq;
      g_clear_pointer (&self->viewer, thole_viewer_free);
      open_viewer (self, THOLE_VIEW_ASIDE_OLDEST);
      return;
    }
  self->at = seq;
  thole_viewer_ack (self->viewer, seq);
  if (self->at >= self->target)
    finish (self);
  else
    thole_viewer_grant (self->viewer, WINDOW);
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  TholePainter *self = user_data;

  if (self->finished)
    return;
  thole_screen_feed (self->screen, data, length);
  self->at = seq + length;
  thole_viewer_ack (self->viewer, self->at);
  if (self->at >= self->target)
    finish (self);
  else
    thole_viewer_grant (self->viewer, length);
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  TholePainter *self = user_data;

  if (self->finished)
    return;
  self->at = to;
  if (self->at >= self->target)
    finish (self);
}

static void
on_taken (gpointer user_data, guint64 taken)
{
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  TholePainter *self = user_data;

  if (self->found && !self->finished)
    finish (self);
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  TholePainter *self = user_data;

  g_clear_pointer (&self->viewer, thole_viewer_free);
  if (!self->finished)
    self->done (self->user_data, NULL, 0, end, detail);
}

static void
open_viewer (TholePainter *self, TholeViewFrom from)
{
  static const TholeViewerEvents events = {
    .resumed = on_resumed,
    .output = on_output,
    .gap = on_gap,
    .taken = on_taken,
    .resized = on_resized,
    .exited = on_exited,
    .closed = on_closed,
  };

  self->viewer = thole_session_view (self->session, from, 0, &events, self);
}

TholePainter *
thole_painter_new (TholeSession *session, guint rows, guint cols, TholePaintedFunc done, gpointer user_data)
{
  TholePainter *self = g_new0 (TholePainter, 1);

  self->session = session;
  self->screen = thole_screen_new (rows, cols);
  self->done = done;
  self->user_data = user_data;
  open_viewer (self, THOLE_VIEW_ASIDE_LIVE);
  return self;
}

void
thole_painter_free (TholePainter *self)
{
  thole_viewer_free (self->viewer);
  thole_session_unref (self->session);
  thole_screen_free (self->screen);
  g_free (self);
}
