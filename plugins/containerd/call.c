/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "call.h"

#include <string.h>

typedef struct
{
  GTask *task;
  CtrNext next;
  CtrStream *stream;
  const ProtobufCMessageDescriptor *reply;
  ProtobufCMessage *value;
  GError *error;
  GSource *deadline;
  GSource *later; /* calls `next` from the main loop, after a cancellation or a deadline */
  gulong watch;
} Call;

ProtobufCMessage *
ctr_message_copy (const ProtobufCMessage *message)
{
  gsize length = protobuf_c_message_get_packed_size (message);
  g_autofree guint8 *packed = g_malloc (length + 1);

  protobuf_c_message_pack (message, packed);
  return protobuf_c_message_unpack (message->descriptor, NULL, length, packed);
}

void
ctr_fail (GTask *task, const GError *error)
{
  g_task_return_error (task, g_error_copy (error));
}

gboolean
ctr_is (const GError *error, int code)
{
  return error != NULL && error->domain == THOLE_ERROR && error->code == code;
}

gboolean
ctr_is_unsure (const GError *error)
{
  return error != NULL
         && (error->domain == G_IO_ERROR || ctr_is (error, THOLE_ERROR_UNAVAILABLE) || ctr_is (error, THOLE_ERROR_TIMEOUT));
}

struct _CtrWait
{
  GTask *task; /* NULL when it was told that it is cancelled */
  CtrNext next;
  GSource *cancelled;
};

static gboolean
on_wait_cancelled (GCancellable *cancellable, gpointer user_data)
{
  CtrWait *self = user_data;
  g_autoptr(GTask) task = g_steal_pointer (&self->task);
  g_autoptr(GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");

  thole_timer_clear (&self->cancelled);
  self->next (task, NULL, error);
  return G_SOURCE_REMOVE;
}

CtrWait *
ctr_wait_new (GTask *task, CtrNext next)
{
  CtrWait *self = g_new0 (CtrWait, 1);
  GCancellable *cancellable = g_task_get_cancellable (task);

  self->task = g_object_ref (task);
  self->next = next;
  if (cancellable == NULL)
    return self;
  self->cancelled = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancelled, G_SOURCE_FUNC (on_wait_cancelled), self, NULL);
  g_source_attach (self->cancelled, g_task_get_context (task));
  return self;
}

void
ctr_wait_end (CtrWait *self, gpointer value, GError *error)
{
  g_autoptr(GTask) task = g_steal_pointer (&self->task);
  CtrNext next = self->next;

  thole_timer_clear (&self->cancelled);
  g_free (self);
  if (task != NULL)
    next (task, value, error);
}

gboolean
ctr_wait_is_over (const CtrWait *self)
{
  return self->task == NULL;
}

static void
call_end (Call *self)
{
  GCancellable *cancellable = g_task_get_cancellable (self->task);

  if (self->watch != 0)
    g_signal_handler_disconnect (cancellable, self->watch);
  thole_timer_clear (&self->deadline);
  if (self->later != NULL)
    g_source_destroy (self->later);
  g_clear_pointer (&self->later, g_source_unref);
  g_clear_pointer (&self->stream, ctr_stream_free);
  self->next (self->task, self->error == NULL ? self->value : NULL, self->error);
  g_clear_pointer (&self->value, ctr_message_free);
  g_clear_error (&self->error);
  g_object_unref (self->task);
  g_free (self);
}

static void
on_message (CtrStream *stream, const guint8 *data, gsize length, gpointer user_data)
{
  Call *self = user_data;

  if (self->reply == NULL || self->value != NULL)
    return;
  self->value = protobuf_c_message_unpack (self->reply, NULL, length, data);
  if (self->value == NULL && self->error == NULL)
    self->error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "the engine's answer cannot be read");
}

static void
on_ended (CtrStream *stream, const GError *error, gpointer user_data)
{
  Call *self = user_data;

  if (error != NULL && self->error == NULL)
    self->error = g_error_copy (error);
  if (self->error == NULL && self->reply != NULL && self->value == NULL)
    self->error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "the engine gave no answer");
  call_end (self);
}

static const CtrStreamHandler handler = { on_message, on_ended };

static gboolean
give_up (gpointer user_data)
{
  call_end (user_data);
  return G_SOURCE_REMOVE;
}

/* Not from here: a cancellation may come from anywhere. */
static void
end_later (Call *self, GError *error)
{
  if (self->later != NULL)
    {
      g_error_free (error);
      return;
    }
  g_clear_error (&self->error);
  self->error = error;
  self->later = g_idle_source_new ();
  g_source_set_priority (self->later, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->later, give_up, self, NULL);
  g_source_attach (self->later, g_task_get_context (self->task));
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  end_later (user_data, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled"));
}

static gboolean
on_deadline (gpointer user_data)
{
  Call *self = user_data;

  thole_timer_clear (&self->deadline);
  end_later (self, g_error_new_literal (THOLE_ERROR, THOLE_ERROR_TIMEOUT, "the engine did not answer in time"));
  return G_SOURCE_REMOVE;
}

/* "Tasks/Get" -> "/containerd.services.tasks.v1.Tasks/Get" */
static char *
full_method (const char *method)
{
  g_autofree char *service = g_strndup (method, strcspn (method, "/"));
  g_autofree char *folder = g_ascii_strdown (service, -1);

  return g_strdup_printf ("/containerd.services.%s.v1.%s", folder, method);
}

void
ctr_call (GTask *task, const CtrCall *call, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  double seconds = call->seconds > 0 ? call->seconds : call->seconds < 0 ? 0 : CTR_CALL_SECONDS;
  g_autofree char *method = full_method (call->method);
  Call *self = g_new0 (Call, 1);

  self->task = g_object_ref (task);
  self->next = next;
  self->reply = call->reply;
  if (driver->host == NULL)
    {
      end_later (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the backend was closed"));
      return;
    }
  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    {
      on_cancelled (cancellable, self);
      return;
    }
  self->stream = ctr_stream_new (driver->channel, method, call->lease, seconds > 0 ? seconds + 1 : 0, &handler, self);
  ctr_stream_send (self->stream, call->message, TRUE);
  if (seconds > 0)
    self->deadline = ctr_timer (driver, seconds, on_deadline, self);
  if (cancellable != NULL)
    self->watch = g_signal_connect (cancellable, "cancelled", G_CALLBACK (on_cancelled), self);
}
