/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "pack-input.h"

struct _TholeCtrPackInput
{
  GInputStream parent;
  CtrTransfer *transfer;
};

#define CTR_TYPE_PACK_INPUT (thole_ctr_pack_input_get_type ())
G_DECLARE_FINAL_TYPE (TholeCtrPackInput, thole_ctr_pack_input, THOLE, CTR_PACK_INPUT, GInputStream)
G_DEFINE_FINAL_TYPE (TholeCtrPackInput, thole_ctr_pack_input, G_TYPE_INPUT_STREAM)

static GInputStream *
source_of (TholeCtrPackInput *self)
{
  return g_io_stream_get_input_stream (ctr_transfer_stream (self->transfer));
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GTask) task = user_data;
  TholeCtrPackInput *self = g_task_get_source_object (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    g_task_return_error (task, error);
  else if (n == 0 && ctr_transfer_failure (self->transfer) != NULL)
    g_task_return_error (task, g_error_copy (ctr_transfer_failure (self->transfer)));
  else
    g_task_return_int (task, n);
}

static void
input_read_async (GInputStream *stream, void *buffer, gsize count, int priority, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, priority);
  g_input_stream_read_async (source_of (THOLE_CTR_PACK_INPUT (stream)), buffer, count, priority, cancellable, on_read,
                             g_steal_pointer (&task));
}

static gssize
input_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static gssize
input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this stream is read asynchronously");
  return -1;
}

static gboolean
input_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  TholeCtrPackInput *self = THOLE_CTR_PACK_INPUT (stream);

  ctr_transfer_stop (self->transfer, NULL);
  g_io_stream_close (ctr_transfer_stream (self->transfer), NULL, NULL);
  return TRUE;
}

static void
input_close_async (GInputStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_return_boolean (task, input_close (stream, NULL, NULL));
}

static gboolean
input_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
thole_ctr_pack_input_finalize (GObject *object)
{
  TholeCtrPackInput *self = THOLE_CTR_PACK_INPUT (object);

  ctr_transfer_stop (self->transfer, NULL);
  ctr_transfer_unref (self->transfer);
  G_OBJECT_CLASS (thole_ctr_pack_input_parent_class)->finalize (object);
}

static void
thole_ctr_pack_input_class_init (TholeCtrPackInputClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = thole_ctr_pack_input_finalize;
  stream_class->read_fn = input_read;
  stream_class->read_async = input_read_async;
  stream_class->read_finish = input_read_finish;
  stream_class->close_fn = input_close;
  stream_class->close_async = input_close_async;
  stream_class->close_finish = input_close_finish;
}

static void
thole_ctr_pack_input_init (TholeCtrPackInput *self)
{
}

GInputStream *
ctr_pack_input_new (CtrTransfer *transfer)
{
  TholeCtrPackInput *self = g_object_new (CTR_TYPE_PACK_INPUT, NULL);

  self->transfer = ctr_transfer_ref (transfer);
  return G_INPUT_STREAM (self);
}
