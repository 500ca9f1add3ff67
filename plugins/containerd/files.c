/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "files/1": whether it runs or not.
 */
#include "pack-input.h"

#define PIECE 65536

typedef struct _Pump Pump;

typedef struct
{
  CtrJob job;
  char *path;
  GInputStream *tar; /* (nullable): of a `put` */
  Pump *pump;        /* (nullable): while it works */
} Files;

static void
files_clear (gpointer data)
{
  Files *self = data;

  g_free (self->path);
  g_clear_object (&self->tar);
}

static void
files_begin (TholeDriver *self, const char *id, const char *path, GInputStream *tar, GVariant *options, GCancellable *cancellable,
             CtrNext next, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (Files), files_clear, options, cancellable, callback, user_data);
  Files *files = task != NULL ? g_task_get_task_data (task) : NULL;

  if (files == NULL)
    return;
  files->path = g_strdup (path);
  files->tar = tar != NULL ? g_object_ref (tar) : NULL;
  if (path[0] != '/')
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_INVALID, "\"%s\" is not an absolute path", path);
  else
    ctr_root_open (task, id, next);
}

/* get ------------------------------------------------------------------------------------------------- */

static void
on_get_opened (GTask *task, gpointer value, GError *error)
{
  g_autoptr(GInputStream) input = NULL;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  input = ctr_pack_input_new (value);
  g_task_return_pointer (task, thole_stream_new (input, NULL), g_object_unref);
}

static void
on_opened (CtrTransfer *transfer, const GError *error, gpointer user_data)
{
  g_autoptr(GError) own = error != NULL ? g_error_copy (error) : NULL;

  /* nobody waits for it any more */
  if (ctr_wait_is_over (user_data))
    ctr_transfer_stop (transfer, NULL);
  ctr_wait_end (user_data, transfer, own);
}

static void
on_root_to_get (GTask *task, gpointer value, GError *error)
{
  Files *self = g_task_get_task_data (task);
  CtrWait *wait;
  g_autoptr(CtrTransfer) transfer = NULL;
  g_autoptr(GError) wrong = NULL;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  wait = ctr_wait_new (task, on_get_opened);
  transfer = ctr_transfer_get (value, self->path, on_opened, wait, &wrong);
  if (transfer == NULL)
    ctr_wait_end (wait, NULL, wrong);
}

static void
ctr_get_async (TholeDriver *self, const char *id, const char *path, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  files_begin (self, id, path, NULL, options, cancellable, on_root_to_get, callback, user_data);
}

/* put ------------------------------------------------------------------------------------------------- */

/* Brings the archive to the thread. It outlives its call when that is cancelled, until the thread and what it reads have ended. */
struct _Pump
{
  Files *owner;            /* NULL = cancelled */
  CtrWait *wait;
  CtrTransfer *transfer;
  GInputStream *tar;
  GCancellable *cancellable;
  GBytes *piece;           /* (nullable): that is being written */
  gboolean busy;           /* a read or a write is under way */
  gboolean ended;          /* the thread has */
  GError *error;           /* (nullable): it did so with this */
};

static void read_piece (Pump *self);

static void
pump_end (Pump *self)
{
  if (!self->ended || self->busy)
    return;
  if (self->owner != NULL)
    self->owner->pump = NULL;
  ctr_wait_end (self->wait, NULL, self->error);
  ctr_transfer_unref (self->transfer);
  g_object_unref (self->tar);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_free (self);
}

static void
on_written (GObject *stream, GAsyncResult *result, gpointer user_data)
{
  Pump *self = user_data;
  gboolean good = g_output_stream_write_all_finish (G_OUTPUT_STREAM (stream), result, NULL, NULL);

  g_clear_pointer (&self->piece, g_bytes_unref);
  self->busy = FALSE;
  /* else the thread has ended, and says why */
  if (good && !self->ended)
    read_piece (self);
  else
    pump_end (self);
}

static void
on_piece (GObject *stream, GAsyncResult *result, gpointer user_data)
{
  Pump *self = user_data;
  GOutputStream *output = g_io_stream_get_output_stream (ctr_transfer_stream (self->transfer));
  g_autoptr(GError) error = NULL, own = NULL;

  self->piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (stream), result, &error);
  if (self->piece != NULL && g_bytes_get_size (self->piece) > 0 && !self->ended)
    {
      g_output_stream_write_all_async (output, g_bytes_get_data (self->piece, NULL), g_bytes_get_size (self->piece), G_PRIORITY_DEFAULT,
                                       NULL, on_written, self);
      return;
    }
  self->busy = FALSE;
  if (self->piece == NULL && !self->ended)
    {
      own = error->domain == THOLE_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
            ? g_error_copy (error) : g_error_new (THOLE_ERROR, THOLE_ERROR_FAILED, "the archive cannot be read: %s", error->message);
      ctr_transfer_stop (self->transfer, own);
    }
  else if (!self->ended)
    ctr_transfer_end_input (self->transfer);
  g_clear_pointer (&self->piece, g_bytes_unref);
  pump_end (self);
}

static void
read_piece (Pump *self)
{
  self->busy = TRUE;
  g_input_stream_read_bytes_async (self->tar, PIECE, G_PRIORITY_DEFAULT, self->cancellable, on_piece, self);
}

static void
on_filled (CtrTransfer *transfer, const GError *error, gpointer user_data)
{
  Pump *self = user_data;

  self->ended = TRUE;
  self->error = error != NULL ? g_error_copy (error) : NULL;
  g_cancellable_cancel (self->cancellable);
  pump_end (self);
}

static void
on_put_ended (GTask *task, gpointer value, GError *error)
{
  Files *self = g_task_get_task_data (task);
  Pump *pump = g_steal_pointer (&self->pump);

  if (pump != NULL)
    {
      /* cancelled: what has its place by now stays there */
      pump->owner = NULL;
      ctr_transfer_stop (pump->transfer, error);
      g_cancellable_cancel (pump->cancellable);
    }
  if (error != NULL)
    ctr_fail (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_root_to_put (GTask *task, gpointer value, GError *error)
{
  Files *self = g_task_get_task_data (task);
  Pump *pump;
  g_autoptr(GError) wrong = NULL;

  if (error != NULL)
    {
      ctr_fail (task, error);
      return;
    }
  pump = g_new0 (Pump, 1);
  pump->transfer = ctr_transfer_put (value, self->path, on_filled, pump, &wrong);
  if (pump->transfer == NULL)
    {
      g_free (pump);
      ctr_fail (task, wrong);
      return;
    }
  self->pump = pump;
  pump->owner = self;
  pump->wait = ctr_wait_new (task, on_put_ended);
  pump->tar = g_object_ref (self->tar);
  pump->cancellable = g_cancellable_new ();
  read_piece (pump);
}

static void
ctr_put_async (TholeDriver *self, const char *id, const char *path, GInputStream *tar, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  files_begin (self, id, path, tar, options, cancellable, on_root_to_put, callback, user_data);
}

const TholeFilesOps ctr_files_ops = {
  .struct_size = sizeof ctr_files_ops,
  .get_async = ctr_get_async,
  .get_finish = thole_finish_stream,
  .put_async = ctr_put_async,
  .put_finish = thole_finish_boolean,
};
