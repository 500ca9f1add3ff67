/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/viewer.h"

#include <string.h>

void
thole_viewer_grant (TholeViewer *self, gsize bytes)
{
  if (bytes > 0)
    self->class->grant (self, bytes);
}

void
thole_viewer_ack (TholeViewer *self, guint64 seq)
{
  if (self->class->ack != NULL)
    self->class->ack (self, seq);
}

gboolean
thole_viewer_input (TholeViewer *self, const guint8 *data, gsize length)
{
  return length == 0 || self->class->input (self, data, length);
}

void
thole_viewer_end_of_input (TholeViewer *self)
{
  self->class->end_of_input (self);
}

void
thole_viewer_resize (TholeViewer *self, guint rows, guint cols)
{
  if (rows > 0 && cols > 0 && rows <= G_MAXUINT16 && cols <= G_MAXUINT16)
    self->class->resize (self, rows, cols);
}

void
thole_viewer_signal (TholeViewer *self, int signal)
{
  self->class->signal (self, signal);
}

void
thole_viewer_input_at (TholeViewer *self, guint64 offset)
{
  self->class->input_at (self, offset);
}

void
thole_viewer_take (TholeViewer *self)
{
  if (self->class->take != NULL)
    self->class->take (self);
}

void
thole_viewer_free (TholeViewer *self)
{
  if (self != NULL)
    self->class->free (self);
}

void
thole_viewer_unref (TholeViewer *self)
{
  if (--self->refs > 0)
    return;
  g_free (self->close_detail);
  self->class->dispose (self);
}

void
thole_viewer_close (TholeViewer *self, TholeViewerEnd end, const char *detail)
{
  if (self->closed)
    return;
  self->closed = TRUE;
  self->refs++;
  self->class->leave (self);
  if (!self->freed)
    self->events.closed (self->user_data, end, detail);
  thole_viewer_unref (self);
}

gboolean
thole_viewer_close_later (TholeViewer *self, TholeViewerEnd end, const char *detail)
{
  if (self->close_due || self->closed)
    return FALSE;
  self->close_due = TRUE;
  self->close_end = end;
  self->close_detail = g_strdup (detail);
  return TRUE;
}

void
thole_viewer_close_now (TholeViewer *self)
{
  thole_viewer_close (self, self->close_end, self->close_detail);
}

void
thole_viewer_let_go (TholeViewer *self)
{
  gboolean there = !self->closed;

  self->freed = self->closed = TRUE;
  if (there)
    self->class->leave (self);
  thole_viewer_unref (self);
}

TholeViewer *
thole_session_view (TholeSession *self, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data)
{
  return self->class->view (self, from, seq, events, user_data);
}

void
thole_session_unref (TholeSession *self)
{
  if (self != NULL)
    self->class->unref (self);
}

gboolean
thole_view_from_parse (const char *text, gboolean tty, TholeViewFrom *from, guint64 *seq)
{
  static const struct { const char *word; TholeViewFrom from; } words[] = {
    { "oldest", THOLE_VIEW_OLDEST }, { "live", THOLE_VIEW_LIVE }, { "snapshot", THOLE_VIEW_SNAPSHOT },
  };

  if (text[0] == '\0')
    {
      *from = tty ? THOLE_VIEW_SNAPSHOT : THOLE_VIEW_OLDEST;
      return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].word, text) == 0)
      {
        *from = words[i].from;
        return TRUE;
      }
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, seq, NULL))
    return FALSE;
  *from = THOLE_VIEW_RESUME;
  return TRUE;
}
