/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/recording-private.h"

#include <glib/gstdio.h>

/* what waits to be written, at most */
#define WINDOW (256 * 1024)
/* until it is tried again after the disk refused, µs */
#define PAUSE (10 * G_USEC_PER_SEC)

/* one piece that the thread writes */
typedef struct
{
  RecordingPlace *place;
  RecordingMark mark;
  GPtrArray *events;
  gsize bytes;
} Piece;

static void write_on (TholeRecording *self);
static void listen_on (TholeRecording *self);
static void retry_later (TholeRecording *self);

void
thole_recording_unref (TholeRecording *self)
{
  if (--self->refs > 0)
    return;
  g_ptr_array_unref (self->waiting);
  g_ptr_array_unref (self->readers);
  thole_recording_place_unref (self->place);
  g_free (self);
}

gboolean
thole_recording_goes_on (TholeRecording *self)
{
  return !self->freed && self->mark.state == THOLE_RECORDING_OPEN && (self->viewer != NULL || self->writing || !self->ending);
}

static void
unlink_files (TholeRecording *self)
{
  g_unlink (self->place->beside);
  g_unlink (self->place->file);
}

/* writing ---------------------------------------------------------------------------------------------------------- */

static void
piece_free (gpointer data)
{
  Piece *self = data;

  thole_recording_place_unref (self->place);
  g_ptr_array_unref (self->events);
  g_free (self);
}

static void
write_piece (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Piece *self = data;
  GError *error = NULL;

  if (thole_recording_write (self->place, &self->mark, self->events, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* what is not written is still with the agent or in the hold: it is asked for again later */
static void
fail (TholeRecording *self, const GError *error)
{
  if (!self->removed)
    g_warning ("a recording is held up: %s", error->message);
  self->failed = TRUE;
  self->ending = FALSE;
  self->failed_at = thole_clock_monotonic (self->clock);
  g_clear_pointer (&self->viewer, thole_viewer_free);
  g_ptr_array_set_size (self->waiting, 0);
  retry_later (self);
}

static void
wrote (TholeRecording *self, const Piece *piece)
{
  self->mark = piece->mark;
  if (self->mark.state != THOLE_RECORDING_OPEN)
    {
      g_clear_pointer (&self->source, thole_session_unref);
      g_clear_pointer (&self->viewer, thole_viewer_free);
      g_ptr_array_set_size (self->waiting, 0);
    }
  if (self->viewer == NULL)
    return;
  thole_viewer_ack (self->viewer, self->mark.next);
  thole_viewer_grant (self->viewer, piece->bytes);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeRecording *self = user_data;
  g_autoptr (GError) error = NULL;

  self->writing = FALSE;
  --*self->busy;
  if (!g_task_propagate_boolean (G_TASK (result), &error))
    fail (self, error);
  else
    wrote (self, g_task_get_task_data (G_TASK (result)));
  if (self->removed)
    unlink_files (self);
  else
    write_on (self);
  listen_on (self);
  thole_recording_wake (self);
  thole_recording_unref (self);
}

static void
write_on (TholeRecording *self)
{
  g_autoptr (GTask) task = NULL;
  Piece *piece;

  if (self->writing || self->waiting->len == 0 || self->removed)
    return;
  piece = g_new0 (Piece, 1);
  piece->place = thole_recording_place_ref (self->place);
  piece->mark = self->mark;
  piece->events = g_steal_pointer (&self->waiting);
  for (guint i = 0; i < piece->events->len; i++)
    {
      RecordingEvent *event = piece->events->pdata[i];

      piece->bytes += event->data != NULL ? g_bytes_get_size (event->data) : 0;
    }
  self->waiting = g_ptr_array_new_with_free_func (thole_recording_event_free);
  self->writing = TRUE;
  self->refs++;
  ++*self->busy;
  task = g_task_new (NULL, NULL, on_written, self);
  g_task_set_task_data (task, piece, piece_free);
  g_task_run_in_thread (task, write_piece);
}

static void
add (TholeRecording *self, const RecordingEvent *event)
{
  RecordingEvent *copy = g_memdup2 (event, sizeof *event);

  copy->time = MAX (0, thole_clock_now (self->clock) - self->place->begun_at);
  g_ptr_array_add (self->waiting, copy);
  write_on (self);
}

/* what comes ------------------------------------------------------------------------------------------------------- */

static void
on_resumed (gpointer user_data, guint64 seq, guint64 taken)
{
  TholeRecording *self = user_data;

  self->seq = seq;
  /* from here on only this counts */
  thole_viewer_ack (self->viewer, seq);
  thole_viewer_grant (self->viewer, WINDOW);
}

static void
on_output (gpointer user_data, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  TholeRecording *self = user_data;

  self->seq = seq + length;
  add (self, &(RecordingEvent) { .kind = RECORDING_OUTPUT, .channel = channel == THOLE_CHANNEL_STDERR, .next = self->seq,
                                 .data = g_bytes_new (data, length) });
}

static void
on_gap (gpointer user_data, guint64 from, guint64 to)
{
  TholeRecording *self = user_data;

  self->seq = to;
  add (self, &(RecordingEvent) { .kind = RECORDING_GAP, .next = to, .lost = to - from });
}

static void
on_taken (gpointer user_data, guint64 taken)
{
}

static void
on_resized (gpointer user_data, guint rows, guint cols)
{
  add (user_data, &(RecordingEvent) { .kind = RECORDING_RESIZE, .rows = rows, .cols = cols });
}

static void
on_exited (gpointer user_data, int code, int signal, guint64 seq)
{
  thole_recording_finish (user_data);
}

static void
on_closed (gpointer user_data, TholeViewerEnd end, const char *detail)
{
  TholeRecording *self = user_data;

  g_clear_pointer (&self->viewer, thole_viewer_free);
  if (end == THOLE_VIEWER_REMOVED || end == THOLE_VIEWER_WORKLOAD_GONE || (end == THOLE_VIEWER_LOST && self->held))
    thole_recording_finish (self);
  else if (end == THOLE_VIEWER_TOO_MANY)
    retry_later (self);
  thole_recording_wake (self);
}

static void
look_on (TholeRecording *self, TholeSession *source)
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

  self->failed = FALSE;
  self->viewer = thole_session_view (source, THOLE_VIEW_ASIDE, self->mark.next, &events, self);
  /* its head, at once */
  if (self->mark.length == 0)
    on_resized (self, self->place->rows, self->place->cols);
}

/* what is being written decides where it goes on */
static gboolean
may_listen (TholeRecording *self)
{
  return self->viewer == NULL && !self->writing && !self->ending && !self->resting && self->mark.state == THOLE_RECORDING_OPEN;
}

/* with the source that came while it was not possible */
static void
listen_on (TholeRecording *self)
{
  if (self->source == NULL || self->failed || self->retry != NULL || !may_listen (self))
    return;
  look_on (self, self->source);
  if (!self->held)
    g_clear_pointer (&self->source, thole_session_unref);
}

static gboolean
on_retry (gpointer user_data)
{
  TholeRecording *self = user_data;

  thole_source_clear (&self->retry);
  if (self->source == NULL)
    thole_recording_finish (self);
  else if (may_listen (self))
    look_on (self, self->source);
  return G_SOURCE_REMOVE;
}

static void
retry_later (TholeRecording *self)
{
  if (self->held && self->retry == NULL && !self->resting && !self->freed && self->mark.state == THOLE_RECORDING_OPEN)
    self->retry = thole_clock_timer (self->clock, PAUSE, on_retry, self);
}

void
thole_recording_listen (TholeRecording *self, TholeSession *source)
{
  gboolean early = self->failed && thole_clock_monotonic (self->clock) - self->failed_at < PAUSE;
  gboolean wanted = self->held || (self->writing && !early);

  if (source != NULL && !early && may_listen (self))
    look_on (self, source);
  if (source != NULL && wanted && self->mark.state == THOLE_RECORDING_OPEN)
    {
      g_clear_pointer (&self->source, thole_session_unref);
      self->source = source;
    }
  else
    thole_session_unref (source);
}

void
thole_recording_set_held (TholeRecording *self, gboolean held)
{
  self->held = held;
}

void
thole_recording_rest (TholeRecording *self)
{
  if (self == NULL)
    return;
  self->resting = TRUE;
  thole_source_clear (&self->retry);
}

void
thole_recording_finish (TholeRecording *self)
{
  if (self->ending || self->resting || self->freed || self->mark.state != THOLE_RECORDING_OPEN)
    return;
  self->ending = TRUE;
  add (self, &(RecordingEvent) { .kind = RECORDING_END });
}

/* ------------------------------------------------------------------------------------------------------------------ */

TholeRecording *
thole_recording_new (TholeClock *clock, const TholeRecordingOptions *options)
{
  TholeRecording *self = g_new0 (TholeRecording, 1);

  self->refs = 1;
  self->clock = clock;
  self->busy = options->busy;
  self->place = thole_recording_place_new (options);
  self->mark.rows = options->rows;
  self->mark.cols = options->cols;
  self->waiting = g_ptr_array_new_with_free_func (thole_recording_event_free);
  self->readers = g_ptr_array_new ();
  thole_recording_mark_load (self->place, &self->mark);
  return self;
}

void
thole_recording_free (TholeRecording *self)
{
  if (self == NULL)
    return;
  self->freed = TRUE;
  thole_source_clear (&self->retry);
  g_clear_pointer (&self->viewer, thole_viewer_free);
  g_clear_pointer (&self->source, thole_session_unref);
  thole_recording_wake (self);
  thole_recording_unref (self);
}

void
thole_recording_remove (TholeRecording *self)
{
  if (self == NULL)
    return;
  self->removed = TRUE;
  unlink_files (self);
  thole_recording_free (self);
}

TholeRecordingState
thole_recording_state (TholeRecording *self)
{
  return self->mark.state;
}

gboolean
thole_recording_listens (TholeRecording *self)
{
  return self->viewer != NULL || self->retry != NULL || (self->writing && self->source != NULL);
}

gboolean
thole_recording_grows (TholeRecording *self)
{
  return self->writing || thole_recording_listens (self);
}

guint64
thole_recording_size (TholeRecording *self)
{
  return self->mark.length;
}
