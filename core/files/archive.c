/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/archive.h"

#include <string.h>

#include "thole-error.h"

#define PIECE 65536

struct _TholeArchive
{
  gint ref_count;
  GIOStream *stream;
  GInputStream *input;
  GCancellable *cancel;
  TholeTar *tar;
  GBytes *piece;     /* (nullable): what was read; @data and @length are what is not looked at */
  const guint8 *data;
  gsize length;
  guint64 taken, most;
  GSource *deadline, *left; /* (nullable): of reading entries */
  GError *fault;            /* (nullable): why no more is read */
};

TholeArchive *
thole_archive_new (GIOStream *stream)
{
  TholeArchive *self = g_new0 (TholeArchive, 1);

  self->ref_count = 1;
  self->stream = stream;
  self->input = g_io_stream_get_input_stream (stream);
  self->cancel = g_cancellable_new ();
  self->tar = thole_tar_new ();
  self->most = G_MAXUINT64;
  return self;
}

TholeArchive *
thole_archive_ref (TholeArchive *self)
{
  self->ref_count++;
  return self;
}

static void
unbind (TholeArchive *self)
{
  self->most = G_MAXUINT64;
  thole_source_clear (&self->deadline);
  thole_source_clear (&self->left);
}

void
thole_archive_unref (TholeArchive *self)
{
  if (--self->ref_count > 0)
    return;
  unbind (self);
  g_clear_error (&self->fault);
  g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_object_unref (self->stream);
  g_object_unref (self->cancel);
  thole_tar_free (self->tar);
  g_clear_pointer (&self->piece, g_bytes_unref);
  g_free (self);
}

/* the first reason is the one that counts */
static void
stop (TholeArchive *self, int code, const char *text)
{
  if (self->fault == NULL)
    self->fault = g_error_new_literal (THOLE_ERROR, code, text);
  g_cancellable_cancel (self->cancel);
}

static gboolean
on_deadline (gpointer user_data)
{
  stop (user_data, THOLE_ERROR_TIMEOUT, "the engine does not give the files in time");
  return G_SOURCE_REMOVE;
}

static gboolean
on_left (GCancellable *cancellable, gpointer user_data)
{
  stop (user_data, THOLE_ERROR_INTERRUPTED, "the caller has left");
  return G_SOURCE_REMOVE;
}

void
thole_archive_bound (TholeArchive *self, TholeClock *clock, guint64 most, gint64 time, GCancellable *cancellable)
{
  unbind (self);
  self->most = most;
  self->deadline = thole_clock_timer (clock, time, on_deadline, self);
  if (cancellable == NULL)
    return;
  /* not a handler of it, which could not end what it is called for */
  self->left = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->left, G_SOURCE_FUNC (on_left), self, NULL);
  g_source_attach (self->left, g_main_context_get_thread_default ());
}

static GError *
cut_off (void)
{
  return g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "the archive of the engine ends too early");
}

/* Takes what a read gave. Returns: FALSE with @error set; the end is no error: then there is nothing to look at */
static gboolean
took (TholeArchive *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GBytes) piece = g_input_stream_read_bytes_finish (self->input, result, error);

  if (piece == NULL)
    return FALSE;
  g_clear_pointer (&self->piece, g_bytes_unref);
  self->data = g_bytes_get_data (piece, &self->length);
  self->taken += self->length;
  self->piece = g_steal_pointer (&piece);
  return TRUE;
}

/* entries ----------------------------------------------------------------------------------------------- */

/* Returns: TRUE when @task is answered */
static gboolean
look (TholeArchive *self, GTask *task)
{
  const guint8 *piece;
  gsize length;
  GError *error = NULL;

  for (;;)
    switch (thole_tar_parse (self->tar, &self->data, &self->length, &piece, &length, &error))
      {
      case THOLE_TAR_ENTRY:
        g_task_return_pointer (task, (gpointer) thole_tar_entry (self->tar), NULL);
        return TRUE;
      case THOLE_TAR_END:
        g_task_return_pointer (task, NULL, NULL);
        return TRUE;
      case THOLE_TAR_BAD:
        g_task_return_error (task, error);
        return TRUE;
      case THOLE_TAR_DATA:
        break;
      case THOLE_TAR_MORE:
      default:
        return FALSE;
      }
}

static void read_more (TholeArchive *self, GTask *task);

static void
found_more (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  TholeArchive *self = g_task_get_task_data (task);
  GError *error = NULL;
  gboolean good = took (self, result, &error);

  if (self->taken > self->most)
    stop (self, THOLE_ERROR_TOO_LARGE, "the engine gives too many bytes");
  if (self->fault != NULL)
    {
      g_clear_error (&error);
      g_task_return_error (task, g_error_copy (self->fault));
    }
  else if (!good)
    g_task_return_error (task, error);
  else if (self->length == 0)
    g_task_return_error (task, cut_off ());
  else if (!look (self, task))
    read_more (self, task);
}

static void
read_more (TholeArchive *self, GTask *task)
{
  g_input_stream_read_bytes_async (self->input, PIECE, G_PRIORITY_DEFAULT, self->cancel, found_more, g_object_ref (task));
}

void
thole_archive_next_async (TholeArchive *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);

  g_task_set_task_data (task, thole_archive_ref (self), (GDestroyNotify) thole_archive_unref);
  if (!look (self, task))
    read_more (self, task);
}

const TholeTarEntry *
thole_archive_next_finish (TholeArchive *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* streams ----------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeStream stream;
  TholeArchive *archive;
  gboolean whole;        /* as it is */
  guint64 skip, left;    /* of the content */
  gboolean reading, ended, closed;
  GError *error;
} ArchiveStream;

static void
archive_stream_free (ArchiveStream *self)
{
  thole_archive_unref (self->archive);
  g_clear_error (&self->error);
  g_free (self);
}

static void
filled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ArchiveStream *self = user_data;

  self->reading = FALSE;
  if (took (self->archive, result, self->error == NULL ? &self->error : NULL))
    self->ended = self->archive->length == 0;
  if (self->closed)
    archive_stream_free (self);
  else
    self->stream.ready (self->stream.reader);
}

/* what of @piece is asked for */
static gboolean
cut (ArchiveStream *self, const guint8 **piece, gsize *length)
{
  gsize skip = (gsize) MIN (*length, self->skip);

  self->skip -= skip;
  *piece += skip;
  *length = (gsize) MIN (*length - skip, self->left);
  self->left -= *length;
  return *length > 0;
}

/* Returns: TRUE with @item filled */
static gboolean
take (ArchiveStream *self, TholeItem *item, GError **error)
{
  TholeArchive *archive = self->archive;
  const guint8 *piece = archive->data;
  gsize length = archive->length;

  if (self->whole && length > 0)
    archive->length = 0;
  else if (self->whole)
    return FALSE;
  else
    do
      if (thole_tar_parse (archive->tar, &archive->data, &archive->length, &piece, &length, error) != THOLE_TAR_DATA)
        return FALSE;
    while (!cut (self, &piece, &length));
  *item = (TholeItem) { .data = g_bytes_new (piece, length) };
  return TRUE;
}

static TholeStreamResult
archive_stream_next (TholeStream *stream, TholeItem *item, GError **error)
{
  ArchiveStream *self = (ArchiveStream *) stream;
  GError *bad = NULL;

  if (!self->whole && self->left == 0)
    return THOLE_STREAM_END;
  if (!self->reading && take (self, item, &bad))
    return THOLE_STREAM_ITEM;
  if (bad == NULL && self->error == NULL && self->ended && !self->whole)
    bad = cut_off ();
  if (bad != NULL || self->error != NULL)
    {
      g_propagate_error (error, bad != NULL ? bad : g_steal_pointer (&self->error));
      return THOLE_STREAM_ERROR;
    }
  if (self->ended)
    return THOLE_STREAM_END;
  if (!self->reading)
    {
      self->reading = TRUE;
      g_input_stream_read_bytes_async (self->archive->input, PIECE, G_PRIORITY_DEFAULT, self->archive->cancel, filled, self);
    }
  return THOLE_STREAM_WAIT;
}

static void
archive_stream_close (TholeStream *stream)
{
  ArchiveStream *self = (ArchiveStream *) stream;

  self->closed = TRUE;
  g_cancellable_cancel (self->archive->cancel);
  if (!self->reading)
    archive_stream_free (self);
}

static TholeStream *
archive_stream_new (TholeArchive *archive, gboolean whole, guint64 from, guint64 length)
{
  ArchiveStream *self = g_new0 (ArchiveStream, 1);

  unbind (archive);
  self->stream.next = archive_stream_next;
  self->stream.close = archive_stream_close;
  self->archive = thole_archive_ref (archive);
  self->whole = whole;
  self->skip = from;
  self->left = length;
  return &self->stream;
}

TholeStream *
thole_archive_content (TholeArchive *self, guint64 from, guint64 length)
{
  return archive_stream_new (self, FALSE, from, length);
}

TholeStream *
thole_archive_whole (TholeArchive *self)
{
  return archive_stream_new (self, TRUE, 0, 0);
}
