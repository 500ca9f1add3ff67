/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/desk-private.h"

/* one way in */
typedef struct
{
  TholeSession session;
  TholeDesk *desk;
  TholeInputRole role;
  gboolean take;
} DeskSession;

void
thole_desk_unref (TholeDesk *self)
{
  if (--self->refs > 0)
    return;
  thole_source_clear (&self->later);
  g_ptr_array_unref (self->viewers);
  g_free (self->end_detail);
  g_free (self);
}

static gboolean
on_later (gpointer user_data)
{
  TholeDesk *self = user_data;
  g_autoptr (GPtrArray) all = g_ptr_array_copy (self->viewers, NULL, NULL);

  thole_source_clear (&self->later);
  self->refs++;
  for (guint i = 0; i < all->len; i++)
    ((TholeViewer *) all->pdata[i])->refs++;
  for (guint i = 0; i < all->len; i++)
    {
      thole_desk_viewer_tell (all->pdata[i]);
      thole_viewer_unref (all->pdata[i]);
    }
  thole_desk_unref (self);
  return G_SOURCE_REMOVE;
}

void
thole_desk_later (TholeDesk *self)
{
  if (self->later != NULL)
    return;
  self->later = g_idle_source_new ();
  g_source_set_priority (self->later, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->later, on_later, self, NULL);
  g_source_attach (self->later, g_main_context_get_thread_default ());
}

gboolean
thole_desk_has_control (DeskViewer *viewer)
{
  return viewer->role == THOLE_INPUT_SHARED || viewer->desk->holder == viewer;
}

static void
hold (DeskViewer *viewer)
{
  TholeDesk *self = viewer->desk;

  self->holder = viewer;
  self->typed_at = thole_clock_monotonic (self->clock);
  thole_desk_later (self);
}

void
thole_desk_take (DeskViewer *viewer)
{
  if (viewer->role == THOLE_INPUT_LEASE && viewer->there && viewer->desk->holder != viewer)
    hold (viewer);
}

gboolean
thole_desk_may_type (DeskViewer *viewer)
{
  TholeDesk *self = viewer->desk;
  gint64 now = thole_clock_monotonic (self->clock);

  self->active_at = thole_clock_now (self->clock);
  if (viewer->role == THOLE_INPUT_LEASE && self->holder != viewer && (self->holder == NULL || now - self->typed_at >= THOLE_DESK_LEASE))
    hold (viewer);
  if (self->holder == viewer)
    self->typed_at = now;
  return thole_desk_has_control (viewer);
}

void
thole_desk_leave (DeskViewer *viewer)
{
  TholeDesk *self = viewer->desk;

  if (!viewer->there)
    return;
  viewer->there = FALSE;
  g_ptr_array_remove (self->viewers, viewer);
  if (self->holder == viewer)
    {
      self->holder = NULL;
      for (guint i = 0; self->holder == NULL && i < self->viewers->len; i++)
        if (((DeskViewer *) self->viewers->pdata[i])->role == THOLE_INPUT_LEASE)
          hold (self->viewers->pdata[i]);
    }
  if (self->events.viewers != NULL)
    self->events.viewers (self->user_data, self->viewers->len, FALSE);
  thole_viewer_unref (&viewer->viewer);
}

static TholeViewer *
session_view (TholeSession *session, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data)
{
  DeskSession *self = (DeskSession *) session;

  return thole_desk_viewer_new (self->desk, self->role, self->take, from, seq, events, user_data);
}

static void
session_unref (TholeSession *session)
{
  thole_desk_unref (((DeskSession *) session)->desk);
  g_free (session);
}

TholeSession *
thole_desk_session (TholeDesk *self, TholeInputRole role, gboolean take)
{
  static const TholeSessionClass class = { session_view, session_unref };
  DeskSession *session = g_new0 (DeskSession, 1);

  session->session.class = &class;
  session->session.tty = self->tty;
  session->desk = self;
  self->refs++;
  session->role = role;
  session->take = take;
  return &session->session;
}

TholeDesk *
thole_desk_new (TholeClock *clock, gboolean tty, guint rows, guint cols, const TholeDeskEvents *events, gpointer user_data)
{
  TholeDesk *self = g_new0 (TholeDesk, 1);

  self->refs = 1;
  self->clock = clock;
  self->tty = tty;
  self->rows = rows;
  self->cols = cols;
  self->events = *events;
  self->user_data = user_data;
  self->viewers = g_ptr_array_new ();
  return self;
}

void
thole_desk_end (TholeDesk *self, TholeViewerEnd end, const char *detail)
{
  g_autoptr (GPtrArray) all = g_ptr_array_copy (self->viewers, NULL, NULL);

  if (!self->ended && end != THOLE_VIEWER_LOST)
    {
      self->ended = TRUE;
      self->end = end;
      self->end_detail = g_strdup (detail);
    }
  for (guint i = 0; i < all->len; i++)
    ((TholeViewer *) all->pdata[i])->refs++;
  for (guint i = 0; i < all->len; i++)
    {
      thole_viewer_close (all->pdata[i], end, detail);
      thole_viewer_unref (all->pdata[i]);
    }
}

void
thole_desk_free (TholeDesk *self, TholeViewerEnd end, const char *detail)
{
  self->events = (TholeDeskEvents) { NULL };
  thole_desk_end (self, end, detail);
  thole_desk_unref (self);
}

void
thole_desk_removing (TholeDesk *self, gboolean removing)
{
  self->removing = removing;
}

guint
thole_desk_viewers (TholeDesk *self)
{
  return self->viewers->len;
}

gint64
thole_desk_active (TholeDesk *self)
{
  return self->active_at;
}

void
thole_desk_get_size (TholeDesk *self, guint *rows, guint *cols)
{
  *rows = self->rows;
  *cols = self->cols;
}

void
thole_desk_set_size (TholeDesk *self, guint rows, guint cols)
{
  self->rows = rows;
  self->cols = cols;
}
