/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "thole-error.h"
#include "thole-tar.h"

typedef struct
{
  TholeStream *stream; /* (nullable): NULL after its end */
  TholeSpool *spool;
  TholeSpoolBounds bounds;
  GSource *late;       /* (nullable): whoever sends is waited for */
  gint64 since, waited; /* µs monotonic; µs before that */
  GBytes *piece;       /* that is being written */
  TholeTar *tar;       /* (nullable) */
  gboolean whole;      /* its end has come */
  guint64 end;         /* bytes before what follows its end, which nobody is given */
} Spooling;

void
thole_spool_free (TholeSpool *spool)
{
  if (spool->fd >= 0)
    close (spool->fd);
  g_free (spool);
}

static void
close_stream (Spooling *self)
{
  TholeStream *stream = g_steal_pointer (&self->stream);

  thole_source_clear (&self->late);
  if (stream == NULL)
    return;
  stream->ready = NULL;
  stream->close (stream);
}

static void
spooling_free (gpointer data)
{
  Spooling *self = data;

  close_stream (self);
  g_clear_pointer (&self->spool, thole_spool_free);
  g_clear_pointer (&self->piece, g_bytes_unref);
  g_clear_pointer (&self->tar, thole_tar_free);
  g_free (self);
}

static GError *
storage_error (int number)
{
  return g_error_new (THOLE_ERROR, number == ENOSPC || number == EDQUOT ? THOLE_ERROR_STORAGE_FULL : THOLE_ERROR_STORAGE,
                      "the upload cannot be kept: %s", g_strerror (number));
}

/* the store is on this disk, too */
static GError *
check_room (const Spooling *self, guint64 size)
{
  struct statvfs disk;

  if (self->bounds.reserve == 0 || fstatvfs (self->spool->fd, &disk) != 0
      || (guint64) disk.f_bavail * disk.f_frsize >= self->bounds.reserve + size)
    return NULL;
  return g_error_new (THOLE_ERROR, THOLE_ERROR_STORAGE_FULL,
                      "the upload cannot be kept: less than %" G_GUINT64_FORMAT " bytes of the disk would be left", self->bounds.reserve);
}

static int
open_nameless (const char *folder)
{
  int fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  g_autofree char *path = NULL;

  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return fd;
  path = g_build_filename (folder, "upload-XXXXXX", NULL);
  fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0)
    unlink (path);
  return fd;
}

/* an archive -------------------------------------------------------------------------------------------- */

static gboolean
check_entry (const TholeTarEntry *entry, GError **error)
{
  const TholeTarNameFlags leaves = THOLE_TAR_NAME_ABSOLUTE | THOLE_TAR_NAME_CLIMBS;
  const char *fault = NULL;

  if ((entry->name_flags & THOLE_TAR_NAME_EMPTY) != 0)
    fault = "has no name";
  else if ((entry->name_flags & leaves) != 0)
    fault = "leads out of the folder";
  else if (entry->kind == THOLE_TAR_HARD_LINK && (entry->link_flags & leaves) != 0)
    fault = "links to something outside of the folder";
  if (fault == NULL)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "the entry %.256s of the archive %s", entry->name, fault);
  return FALSE;
}

static gboolean
check_piece (Spooling *self, GError **error)
{
  gsize length, piece_length;
  const guint8 *data = g_bytes_get_data (self->piece, &length), *piece;

  while (!self->whole)
    switch (thole_tar_parse (self->tar, &data, &length, &piece, &piece_length, error))
      {
      case THOLE_TAR_ENTRY:
        if (!check_entry (thole_tar_entry (self->tar), error))
          return FALSE;
        break;
      case THOLE_TAR_DATA:
        break;
      case THOLE_TAR_END:
        self->whole = TRUE;
        self->end = self->spool->size + g_bytes_get_size (self->piece) - length;
        break;
      case THOLE_TAR_BAD:
        return FALSE;
      case THOLE_TAR_MORE:
      default:
        return TRUE;
      }
  return TRUE;
}

/* ------------------------------------------------------------------------------------------------------- */

static void
write_piece (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Spooling *self = data;
  gsize length;
  const char *text = g_bytes_get_data (self->piece, &length);
  GError *full = check_room (self, length);

  if (full != NULL)
    {
      g_task_return_error (task, full);
      return;
    }
  while (length > 0)
    {
      gssize done = write (self->spool->fd, text, length);

      if (done < 0 && errno == EINTR)
        continue;
      if (done < 0)
        {
          g_task_return_error (task, storage_error (errno));
          return;
        }
      text += done;
      length -= (gsize) done;
    }
  g_task_return_boolean (task, TRUE);
}

static void go_on (GTask *task);

static void
written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Spooling *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->spool->size += g_bytes_get_size (self->piece);
  g_clear_pointer (&self->piece, g_bytes_unref);
  if (g_task_propagate_boolean (G_TASK (result), &error))
    go_on (task);
  else
    g_task_return_error (task, error);
}

/* Returns: FALSE with @error set when the piece may not be taken */
static gboolean
may_take (Spooling *self, GError **error)
{
  if (g_bytes_get_size (self->piece) > self->bounds.most - self->spool->size)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_TOO_LARGE, "An upload may have %" G_GUINT64_FORMAT " bytes",
                   self->bounds.most);
      return FALSE;
    }
  return self->tar == NULL || check_piece (self, error);
}

static void
take_piece (GTask *task, GBytes *piece)
{
  Spooling *self = g_task_get_task_data (task);
  g_autoptr (GTask) writing = NULL;
  GError *error = NULL;

  self->piece = piece;
  if (!may_take (self, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  writing = g_task_new (NULL, NULL, written, g_object_ref (task));
  g_task_set_task_data (writing, self, NULL);
  g_task_run_in_thread (writing, write_piece);
}

static void
end (GTask *task)
{
  Spooling *self = g_task_get_task_data (task);

  if (self->tar != NULL && !self->whole)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "not a good tar archive: it ends too early");
      return;
    }
  if (self->tar != NULL)
    self->spool->size = self->end;
  g_task_return_pointer (task, g_steal_pointer (&self->spool), (GDestroyNotify) thole_spool_free);
}

static void
on_ready (gpointer reader)
{
  GTask *task = reader;
  Spooling *self = g_task_get_task_data (task);

  self->stream->ready = NULL;
  if (self->late != NULL)
    self->waited += thole_clock_monotonic (self->bounds.clock) - self->since;
  thole_source_clear (&self->late);
  go_on (task);
  g_object_unref (task);
}

static gboolean
on_late (gpointer user_data)
{
  GTask *task = user_data;
  Spooling *self = g_task_get_task_data (task);

  close_stream (self);
  g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_REQUEST_TIMEOUT, "the upload did not come to its end: it is too slow");
  /* the stream's */
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

static void
wait_for_more (GTask *task)
{
  Spooling *self = g_task_get_task_data (task);
  gint64 patience = self->bounds.patience, earned;

  self->stream->ready = on_ready;
  self->stream->reader = g_object_ref (task);
  if (patience <= 0)
    return;
  earned = (gint64) ((double) self->spool->size / THOLE_SPOOL_RATE * G_USEC_PER_SEC);
  self->since = thole_clock_monotonic (self->bounds.clock);
  self->late = thole_clock_timer (self->bounds.clock, CLAMP (patience + earned - self->waited, 0, THOLE_SPOOL_PAUSES * patience), on_late, task);
}

static void
go_on (GTask *task)
{
  Spooling *self = g_task_get_task_data (task);
  TholeItem item = { 0 };
  GError *error = NULL;

  switch (self->stream->next (self->stream, &item, &error))
    {
    case THOLE_STREAM_ITEM:
      take_piece (task, item.data);
      break;
    case THOLE_STREAM_WAIT:
      wait_for_more (task);
      break;
    case THOLE_STREAM_ERROR:
      close_stream (self);
      g_task_return_error (task, error);
      break;
    case THOLE_STREAM_END:
    default:
      close_stream (self);
      end (task);
    }
}

void
thole_spool_async (const TholeSpoolBounds *bounds, TholeStream *stream, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  Spooling *self = g_new0 (Spooling, 1);
  GError *error = NULL;

  self->stream = stream;
  self->bounds = *bounds;
  self->tar = bounds->is_tar ? thole_tar_new () : NULL;
  self->spool = g_new0 (TholeSpool, 1);
  g_task_set_task_data (task, self, spooling_free);
  self->spool->fd = open_nameless (bounds->folder);
  if (self->spool->fd < 0)
    error = storage_error (errno);
  else
    error = check_room (self, (guint64) MAX (bounds->told, 0));
  if (error != NULL)
    g_task_return_error (task, error);
  else
    go_on (task);
}

TholeSpool *
thole_spool_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
