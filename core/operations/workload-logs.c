/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/idle.h"
#include "operations/verb.h"

#include "thole-dict.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER (2 * (THOLE_RECORD_MAX + THOLE_LOG_RECORD_HEADER))

/* a driver's stream of log records as a pull stream: reads only when the buffer has no whole record and the reader asks */
typedef struct
{
  TholeStream stream;
  GIOStream *source;
  GInputStream *input;
  GCancellable *cancel;
  GByteArray *buffer;
  gsize taken;        /* bytes of the buffer that were handed out */
  gboolean reading, ended, closed;
  TholeSubject *subject; /* it is used until the stream is closed */
  GError *error;
} LogStream;

static void
log_stream_free (LogStream *self)
{
  g_io_stream_close_async (self->source, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_object_unref (self->source);
  g_object_unref (self->cancel);
  g_byte_array_unref (self->buffer);
  g_clear_error (&self->error);
  g_free (self);
}

static void
filled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  LogStream *self = user_data;
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, self->error == NULL ? &self->error : NULL);

  self->reading = FALSE;
  if (self->closed)
    {
      log_stream_free (self);
      return;
    }
  if (bytes == NULL || g_bytes_get_size (bytes) == 0)
    self->ended = TRUE;
  else
    {
      gsize length;
      gconstpointer data = g_bytes_get_data (bytes, &length);

      g_byte_array_append (self->buffer, data, (guint) length);
    }
  self->stream.ready (self->stream.reader);
}

static void
fill (LogStream *self)
{
  if (self->reading)
    return;
  g_byte_array_remove_range (self->buffer, 0, (guint) self->taken);
  self->taken = 0;
  self->reading = TRUE;
  g_input_stream_read_bytes_async (self->input, BUFFER - self->buffer->len, G_PRIORITY_DEFAULT, self->cancel, filled, self);
}

static TholeStreamResult
log_stream_next (TholeStream *stream, TholeItem *item, GError **error)
{
  LogStream *self = (LogStream *) stream;
  const guint8 *body;
  gsize length;
  guint8 channel;
  gint64 time;
  gssize whole = thole_log_record_parse (self->buffer->data + self->taken, self->buffer->len - self->taken, &channel, &time, &body, &length);

  if (whole > 0)
    {
      *item = (TholeItem) { .time = time, .channel = channel, .data = g_bytes_new (body, length) };
      self->taken += (gsize) whole;
      return THOLE_STREAM_ITEM;
    }
  if (whole < 0)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the driver sent something that is no log record");
      return THOLE_STREAM_ERROR;
    }
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return THOLE_STREAM_ERROR;
    }
  if (self->ended)
    return THOLE_STREAM_END;
  fill (self);
  return THOLE_STREAM_WAIT;
}

static void
log_stream_close (TholeStream *stream)
{
  LogStream *self = (LogStream *) stream;

  self->closed = TRUE;
  thole_idle_release (self->subject);
  thole_subject_unref (self->subject);
  g_cancellable_cancel (self->cancel);
  if (!self->reading)
    log_stream_free (self);
}

static TholeStream *
log_stream_new (GIOStream *source, TholeSubject *subject)
{
  LogStream *self = g_new0 (LogStream, 1);

  self->subject = thole_subject_ref (subject);
  thole_idle_hold (subject);

  self->stream.next = log_stream_next;
  self->stream.close = log_stream_close;
  self->source = source;
  self->input = g_io_stream_get_input_stream (source);
  self->cancel = g_cancellable_new ();
  self->buffer = g_byte_array_sized_new (BUFFER);
  return &self->stream;
}

/* the operation ---------------------------------------------------------------------------------------- */

static void
opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  if (thole_backend_call_finish (THOLE_BACKEND (source), result, &out, &error))
    thole_call_stream (call, THOLE_REPLY_LOG, log_stream_new (g_steal_pointer (&out.stream), call->state));
  else
    thole_call_error (call, error);
}

/* RFC 3339 or seconds since the epoch (a fraction is allowed) */
static gint64
when (TholeCall *call, const char *key)
{
  const char *text = thole_query_string (call, key);
  char *end;
  double seconds;

  if (text[0] == '\0')
    return 0;
  seconds = g_ascii_strtod (text, &end);
  return *end == '\0' ? (gint64) (seconds * G_USEC_PER_SEC) : thole_time_parse (text);
}

static GVariant *
options_of (TholeCall *call)
{
  const char *streams = thole_query_string (call, "stream");
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "follow", "b", thole_query_boolean (call, "follow"));
  g_variant_dict_insert (&dict, "tail", "x", thole_query_int (call, "tail", -1));
  g_variant_dict_insert (&dict, "since", "x", when (call, "since"));
  g_variant_dict_insert (&dict, "until", "x", when (call, "until"));
  g_variant_dict_insert (&dict, "stdout", "b", streams[0] == '\0' || strstr (streams, "stdout") != NULL);
  g_variant_dict_insert (&dict, "stderr", "b", streams[0] == '\0' || strstr (streams, "stderr") != NULL);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

void
thole_op_workload_logs (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend;
  g_autoptr (GVariant) options = NULL;
  TholeSlotArgs args = { 0 };

  if (subject == NULL)
    return;
  if (subject->now->engine_id[0] == '\0')
    {
      thole_call_problem (call, thole_verb_illegal (subject->now, "logs"));
      return;
    }
  backend = thole_call_backend (call, thole_subject_backend (subject), subject->now->backend, THOLE_SLOT_WORKLOAD_LOGS);
  if (backend == NULL)
    return;
  options = options_of (call);
  args = (TholeSlotArgs) { .id = subject->now->id, .options = options, .deadline = 30 };
  call->state = thole_subject_ref (subject);
  call->state_free = (GDestroyNotify) thole_subject_unref;
  call->operations->calls++;
  thole_backend_call_async (backend, THOLE_SLOT_WORKLOAD_LOGS, &args, call->cancellable, opened, call);
}
