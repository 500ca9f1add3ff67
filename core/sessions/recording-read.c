/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Readers of a recording: what is written so far, and what is still to come. */
#include "sessions/recording-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE (64 * 1024)

typedef struct
{
  TholeStream stream;
  TholeRecording *recording;
  RecordingPlace *place;
  int fd;             /* -1 = not opened yet; it stays readable when the file is removed */
  guint64 at;
  gboolean follow, reading, closed;
  GBytes *bytes;      /* (nullable): read, not given away yet */
  GError *error;
} Reader;

/* one read; the reader is not touched by others while it is under way */
typedef struct
{
  Reader *reader;
  gsize length;
} Want;

static void
reader_free (Reader *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_error (&self->error);
  thole_recording_place_unref (self->place);
  thole_recording_unref (self->recording);
  g_free (self);
}

static void
read_piece (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Want *want = data;
  Reader *self = want->reader;
  g_autofree guint8 *bytes = g_malloc (want->length);
  gssize got = -1;

  if (self->fd < 0)
    self->fd = open (self->place->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (self->fd >= 0)
    got = pread (self->fd, bytes, want->length, (off_t) self->at);
  if (got > 0)
    g_task_return_pointer (task, g_bytes_new (bytes, (gsize) got), (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_new_error (task, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the recording cannot be read: %s",
                             got < 0 ? g_strerror (errno) : "it is shorter than it was");
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Reader *self = user_data;

  self->reading = FALSE;
  --*self->recording->busy;
  self->bytes = g_task_propagate_pointer (G_TASK (result), &self->error);
  if (self->closed)
    reader_free (self);
  else
    self->stream.ready (self->stream.reader);
}

static void
begin_read (Reader *self, guint64 left)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_read, self);
  Want *want = g_new0 (Want, 1);

  want->reader = self;
  want->length = (gsize) MIN (left, PIECE);
  self->reading = TRUE;
  ++*self->recording->busy;
  g_task_set_task_data (task, want, g_free);
  g_task_run_in_thread (task, read_piece);
}

static TholeStreamResult
reader_next (TholeStream *stream, TholeItem *item, GError **error)
{
  Reader *self = (Reader *) stream;
  guint64 length = self->recording->mark.length;

  if (self->bytes != NULL)
    {
      self->at += g_bytes_get_size (self->bytes);
      *item = (TholeItem) { .data = g_steal_pointer (&self->bytes) };
      return THOLE_STREAM_ITEM;
    }
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return THOLE_STREAM_ERROR;
    }
  if (self->reading)
    return THOLE_STREAM_WAIT;
  if (self->at < length)
    {
      begin_read (self, length - self->at);
      return THOLE_STREAM_WAIT;
    }
  /* also one who does not follow gets the head, which is about to be written */
  if ((!self->follow && (length > 0 || self->recording->failed)) || !thole_recording_goes_on (self->recording))
    return THOLE_STREAM_END;
  g_ptr_array_add (self->recording->readers, self);
  return THOLE_STREAM_WAIT;
}

static void
reader_close (TholeStream *stream)
{
  Reader *self = (Reader *) stream;

  self->closed = TRUE;
  g_ptr_array_remove_fast (self->recording->readers, self);
  if (!self->reading)
    reader_free (self);
}

void
thole_recording_wake (TholeRecording *self)
{
  self->refs++;
  /* those who come again meanwhile stand at the end */
  for (guint left = self->readers->len; left > 0 && self->readers->len > 0; left--)
    {
      Reader *reader = g_ptr_array_steal_index (self->readers, 0);

      reader->stream.ready (reader->stream.reader);
    }
  thole_recording_unref (self);
}

TholeStream *
thole_recording_read (TholeRecording *self, gboolean follow)
{
  Reader *reader = g_new0 (Reader, 1);

  reader->stream.next = reader_next;
  reader->stream.close = reader_close;
  reader->recording = self;
  self->refs++;
  reader->place = thole_recording_place_ref (self->place);
  reader->fd = -1;
  reader->follow = follow;
  return &reader->stream;
}
