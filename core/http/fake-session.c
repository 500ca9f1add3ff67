/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/fake-session.h"

#include <string.h>

#include "base/clock.h"
#include "thole-dict.h"

#define PIECE 4096
#define INPUT_MAX (256 * 1024)

typedef struct
{
  TholeSession session;
  char *name;
  TholeFakeCounts *counts;
} FakeSession;

typedef struct
{
  TholeViewer viewer;
  char *name;
  TholeFakeCounts *counts;
  GSource *idle;
  GByteArray *out;     /* of stdout, not given yet */
  gsize credit;
  guint64 begin, seq;  /* of output */
  guint64 taken;
  gsize stuck;
  gboolean resumed, told, ended, exited, closed;
} FakeViewer;

static gboolean
is (FakeViewer *self, const char *name)
{
  return strcmp (self->name, name) == 0;
}

static void
give (FakeViewer *self, TholeChannel channel, const guint8 *data, gsize length)
{
  self->credit -= length;
  self->counts->given += (gint64) length;
  self->viewer.events.output (self->viewer.user_data, channel, self->seq, data, length);
  self->seq += length;
}

static void
close_as (FakeViewer *self, TholeViewerEnd end)
{
  self->closed = TRUE;
  self->viewer.events.closed (self->viewer.user_data, end, "it is so");
}

static void
exit_with (FakeViewer *self, int code, int signal)
{
  if (self->exited)
    return;
  self->exited = TRUE;
  self->viewer.events.exited (self->viewer.user_data, code, signal, self->seq);
  close_as (self, THOLE_VIEWER_ENDED);
}

static gboolean
end_by_name (FakeViewer *self)
{
  static const struct { const char *name; TholeViewerEnd end; } ends[] = {
    { "removed", THOLE_VIEWER_REMOVED }, { "gone", THOLE_VIEWER_WORKLOAD_GONE }, { "lost", THOLE_VIEWER_LOST },
    { "forbidden", THOLE_VIEWER_FORBIDDEN }, { "many", THOLE_VIEWER_TOO_MANY },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (is (self, ends[i].name))
      {
        close_as (self, ends[i].end);
        return TRUE;
      }
  return FALSE;
}

static void
act_once (FakeViewer *self)
{
  guint8 bytes[256];

  self->told = TRUE;
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8) i;
  if (is (self, "bytes"))
    {
      give (self, THOLE_CHANNEL_STDOUT, bytes, sizeof bytes);
      give (self, THOLE_CHANNEL_STDERR, bytes, sizeof bytes);
      exit_with (self, 3, 0);
    }
  else if (is (self, "killed"))
    exit_with (self, 137, 9);
  else if (is (self, "gap"))
    {
      self->viewer.events.gap (self->viewer.user_data, 10, 20);
      self->viewer.events.screen (self->viewer.user_data, 20, (const guint8 *) "\033[Hscreen", 9);
    }
}

static gboolean on_idle (gpointer user_data);

static void
wake (FakeViewer *self)
{
  if (self->idle != NULL)
    return;
  self->idle = g_idle_source_new ();
  g_source_set_callback (self->idle, on_idle, self, NULL);
  g_source_attach (self->idle, g_main_context_get_thread_default ());
}

static void
pump (FakeViewer *self)
{
  guint8 piece[PIECE];

  while (self->out->len > 0 && self->credit > 0)
    {
      gsize part = MIN (MIN (self->out->len, self->credit), PIECE);

      memcpy (piece, self->out->data, part);
      g_byte_array_remove_range (self->out, 0, (guint) part);
      give (self, THOLE_CHANNEL_STDOUT, piece, part);
    }
  memset (piece, 'x', sizeof piece);
  /* what is granted meanwhile is for the next turn */
  for (gsize credit = is (self, "flood") ? self->credit : 0; credit >= PIECE; credit -= PIECE)
    give (self, THOLE_CHANNEL_STDOUT, piece, sizeof piece);
  if (is (self, "flood") && self->credit >= PIECE)
    wake (self);
  if (self->ended && self->out->len == 0)
    exit_with (self, 0, 0);
}

static gboolean
on_idle (gpointer user_data)
{
  FakeViewer *self = user_data;

  thole_source_clear (&self->idle);
  if (self->closed)
    return G_SOURCE_REMOVE;
  if (!self->resumed)
    {
      self->resumed = TRUE;
      if (end_by_name (self))
        return G_SOURCE_REMOVE;
      self->viewer.events.resumed (self->viewer.user_data, self->seq, 0);
    }
  if (!self->told)
    act_once (self);
  pump (self);
  return G_SOURCE_REMOVE;
}

static void G_GNUC_PRINTF (2, 3)
say (FakeViewer *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_byte_array_append (self->out, (const guint8 *) text, (guint) strlen (text));
  wake (self);
}

static void
viewer_grant (TholeViewer *viewer, gsize bytes)
{
  FakeViewer *self = (FakeViewer *) viewer;

  self->credit += bytes;
  self->counts->granted += (gint64) bytes;
  wake (self);
}

static gboolean
viewer_input (TholeViewer *viewer, const guint8 *data, gsize length)
{
  FakeViewer *self = (FakeViewer *) viewer;

  if (is (self, "stuck"))
    {
      self->stuck += length;
      return self->stuck < INPUT_MAX;
    }
  g_byte_array_append (self->out, data, (guint) length);
  self->taken += length;
  wake (self);
  return TRUE;
}

static void
viewer_end_of_input (TholeViewer *viewer)
{
  FakeViewer *self = (FakeViewer *) viewer;

  self->ended = TRUE;
  wake (self);
}

static void
viewer_resize (TholeViewer *viewer, guint rows, guint cols)
{
  say ((FakeViewer *) viewer, "<%ux%u>", rows, cols);
}

static void
viewer_signal (TholeViewer *viewer, int signal)
{
  say ((FakeViewer *) viewer, "<%s>", thole_signal_name (signal));
}

static void
viewer_input_at (TholeViewer *viewer, guint64 offset)
{
}

static void
viewer_take (TholeViewer *viewer)
{
  say ((FakeViewer *) viewer, "<take>");
}

static void
viewer_ack (TholeViewer *viewer, guint64 seq)
{
  ((FakeViewer *) viewer)->counts->acked = (gint64) seq;
}

static void
viewer_free (TholeViewer *viewer)
{
  FakeViewer *self = (FakeViewer *) viewer;

  g_atomic_int_add (&self->counts->viewers, -1);
  thole_source_clear (&self->idle);
  g_byte_array_unref (self->out);
  g_free (self->name);
  g_free (self);
}

static const TholeViewerClass viewer_class = {
  .grant = viewer_grant,
  .input = viewer_input,
  .end_of_input = viewer_end_of_input,
  .resize = viewer_resize,
  .signal = viewer_signal,
  .input_at = viewer_input_at,
  .take = viewer_take,
  .ack = viewer_ack,
  .free = viewer_free,
};

static TholeViewer *
session_view (TholeSession *session, TholeViewFrom from, guint64 seq, const TholeViewerEvents *events, gpointer user_data)
{
  FakeSession *fake = (FakeSession *) session;
  FakeViewer *self = g_new0 (FakeViewer, 1);

  self->viewer = (TholeViewer) { &viewer_class, *events, user_data };
  self->name = g_strdup (fake->name);
  self->counts = fake->counts;
  self->out = g_byte_array_new ();
  self->seq = from == THOLE_VIEW_RESUME ? seq : 0;
  g_atomic_int_inc (&self->counts->viewers);
  wake (self);
  return &self->viewer;
}

static void
session_unref (TholeSession *session)
{
  g_free (((FakeSession *) session)->name);
  g_free (session);
}

static const TholeSessionClass session_class = { session_view, session_unref };

TholeSession *
thole_fake_session_new (const char *name, gboolean tty, TholeFakeCounts *counts)
{
  FakeSession *self = g_new0 (FakeSession, 1);

  self->session = (TholeSession) { &session_class, tty };
  self->name = g_strdup (name);
  self->counts = counts;
  return &self->session;
}
