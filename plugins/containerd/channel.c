/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "channel.h"

#include <errno.h>
#include <gio/gunixconnection.h>
#include <glib-unix.h>
#include <nghttp2/nghttp2.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reply.h"
#include "thole-dict.h"
#include "thole-error.h"

#define FRAME_HEADER 5
#define STREAM_WINDOW (1024 * 1024)
#define CONNECTION_WINDOW (8 * 1024 * 1024)
#define SEND_PIECE 65536

struct _CtrChannel
{
  gatomicrefcount references;
  char *path;
  char *namespace;
  GIOStream *connection;     /* NULL = there is none */
  GCancellable *connecting;  /* NULL = not under way */
  nghttp2_session *session;
  int fd;
  GSource *reading, *writing, *flushing;
  GByteArray *out;           /* not yet taken by the socket */
  GPtrArray *streams;        /* all that have not ended, not owned */
  GQueue ready;              /* streams with news, each with a reference */
};

struct _CtrStream
{
  guint references;          /* the caller's, and one while it is in `ready` */
  CtrChannel *channel;
  char *method;
  char *lease;
  double seconds;
  const CtrStreamHandler *handler;
  gpointer user_data;
  gint32 id;                 /* 0 = not submitted */
  GByteArray *in, *out;
  gsize sent;                /* of `out` */
  gboolean last;             /* nothing will be added to `out` */
  gboolean queued;           /* is in `ready` */
  gboolean closed;           /* HTTP/2 has ended it */
  gboolean freed;            /* by the caller */
  int status;                /* gRPC's, -1 = none came */
  char *text;
  GError *failure;           /* of the connection */
};

static void channel_schedule (CtrChannel *self);

/* streams --------------------------------------------------------------------------------------------- */

static CtrChannel *
channel_ref (CtrChannel *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

static void
channel_unref (CtrChannel *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_byte_array_unref (self->out);
  g_ptr_array_unref (self->streams);
  g_free (self->path);
  g_free (self->namespace);
  g_free (self);
}

static void
stream_unref (CtrStream *self)
{
  if (--self->references > 0)
    return;
  channel_unref (self->channel);
  g_byte_array_unref (self->in);
  g_byte_array_unref (self->out);
  g_clear_error (&self->failure);
  g_free (self->method);
  g_free (self->lease);
  g_free (self->text);
  g_free (self);
}

/* Callbacks run after nghttp2 has come back, so that they may do anything. */
static void
stream_has_news (CtrStream *self)
{
  if (self->queued || self->freed)
    return;
  self->queued = TRUE;
  self->references++;
  g_queue_push_tail (&self->channel->ready, self);
  channel_schedule (self->channel);
}

static void
stream_close (CtrStream *self, const GError *failure)
{
  if (self->closed)
    return;
  self->closed = TRUE;
  self->id = 0;
  g_ptr_array_remove_fast (self->channel->streams, self);
  if (failure != NULL && self->failure == NULL)
    self->failure = g_error_copy (failure);
  stream_has_news (self);
}

/* Gives what is whole. Returns FALSE for what is not a message. */
static gboolean
stream_give_messages (CtrStream *self)
{
  gsize done = 0;

  while (!self->freed && self->in->len - done >= FRAME_HEADER)
    {
      const guint8 *head = self->in->data + done;
      gsize length = (gsize) head[1] << 24 | (gsize) head[2] << 16 | (gsize) head[3] << 8 | head[4];

      if (head[0] != 0 || length > CTR_MESSAGE_MAX)
        return FALSE;
      if (self->in->len - done - FRAME_HEADER < length)
        break;
      done += FRAME_HEADER + length;
      self->handler->message (self, head + FRAME_HEADER, length, self->user_data);
    }
  if (!self->freed && done > 0)
    g_byte_array_remove_range (self->in, 0, (guint) done);
  return TRUE;
}

static void
stream_give_end (CtrStream *self)
{
  g_autoptr(GError) error = g_steal_pointer (&self->failure);

  if (error == NULL && self->status != 0)
    error = self->status > 0 ? ctr_error_new (self->status, self->text)
                             : g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine ended the call without a status");
  self->handler->ended (self, error, self->user_data);
}

/* What it says cannot be read: it ends here. */
static void
stream_break (CtrStream *self)
{
  nghttp2_session *session = self->channel->session;

  g_clear_error (&self->failure);
  self->failure = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_FAILED, "the engine's message cannot be read");
  if (self->id > 0 && session != NULL)
    {
      /* its owner may free it before the library has ended it */
      nghttp2_session_set_stream_user_data (session, self->id, NULL);
      nghttp2_submit_rst_stream (session, NGHTTP2_FLAG_NONE, self->id, NGHTTP2_CANCEL);
    }
  /* its end is told by who asks for this: not queued once more */
  self->queued = TRUE;
  stream_close (self, NULL);
  self->queued = FALSE;
}

static void
give_news (CtrChannel *self)
{
  CtrStream *stream;

  while ((stream = g_queue_pop_head (&self->ready)) != NULL)
    {
      stream->queued = FALSE;
      if (!stream->freed && !stream_give_messages (stream) && !stream->freed)
        stream_break (stream);
      if (!stream->freed && stream->closed)
        stream_give_end (stream);
      stream_unref (stream);
    }
}

/* what nghttp2 calls ---------------------------------------------------------------------------------- */

static int
on_header (nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value,
           size_t value_length, uint8_t flags, void *user_data)
{
  CtrStream *stream = nghttp2_session_get_stream_user_data (session, frame->hd.stream_id);
  g_autofree char *text = NULL;

  if (stream == NULL)
    return 0;
  if (name_length == 11 && memcmp (name, "grpc-status", 11) == 0)
    {
      text = g_strndup ((const char *) value, value_length);
      stream->status = (int) g_ascii_strtoll (text, NULL, 10);
    }
  else if (name_length == 12 && memcmp (name, "grpc-message", 12) == 0)
    {
      g_free (stream->text);
      stream->text = g_uri_unescape_segment ((const char *) value, (const char *) value + value_length, NULL);
    }
  return 0;
}

static int
on_data (nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length, void *user_data)
{
  CtrStream *stream = nghttp2_session_get_stream_user_data (session, id);

  if (stream == NULL || stream->freed)
    return 0;
  g_byte_array_append (stream->in, data, (guint) length);
  stream_has_news (stream);
  return 0;
}

static int
on_stream_close (nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
  CtrStream *stream = nghttp2_session_get_stream_user_data (session, id);

  if (stream != NULL)
    stream_close (stream, NULL);
  return 0;
}

static ssize_t
read_body (nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length, uint32_t *flags, nghttp2_data_source *source,
           void *user_data)
{
  CtrStream *stream = nghttp2_session_get_stream_user_data (session, id);
  gsize n;

  if (stream == NULL)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  n = MIN (length, stream->out->len - stream->sent);
  if (n > 0)
    memcpy (buffer, stream->out->data + stream->sent, n);
  stream->sent += n;
  if (stream->sent == stream->out->len)
    {
      g_byte_array_set_size (stream->out, 0);
      stream->sent = 0;
      if (stream->last)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      else if (n == 0)
        return NGHTTP2_ERR_DEFERRED;
    }
  return (ssize_t) n;
}

static nghttp2_nv
field (const char *name, const char *value)
{
  return (nghttp2_nv){ (uint8_t *) name, (uint8_t *) value, strlen (name), strlen (value), NGHTTP2_NV_FLAG_NONE };
}

static void
stream_submit (CtrStream *self)
{
  CtrChannel *channel = self->channel;
  g_autofree char *timeout = g_strdup_printf ("%.0fm", MAX (self->seconds * 1000, 1));
  nghttp2_data_provider body = { .read_callback = read_body };
  nghttp2_nv fields[10];
  gsize n = 0;

  fields[n++] = field (":method", "POST");
  fields[n++] = field (":scheme", "http");
  fields[n++] = field (":path", self->method);
  fields[n++] = field (":authority", "localhost");
  fields[n++] = field ("content-type", "application/grpc");
  fields[n++] = field ("te", "trailers");
  fields[n++] = field ("containerd-namespace", channel->namespace);
  if (self->lease != NULL)
    fields[n++] = field ("containerd-lease", self->lease);
  if (self->seconds > 0)
    fields[n++] = field ("grpc-timeout", timeout);
  self->id = nghttp2_submit_request (channel->session, NULL, fields, n, &body, self);
  if (self->id < 0)
    {
      g_autoptr(GError) error = g_error_new (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "no further call: %s", nghttp2_strerror (self->id));

      stream_close (self, error);
    }
  channel_schedule (channel);
}

/* the connection -------------------------------------------------------------------------------------- */

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
attach (GSource *source, GSourceFunc function, gpointer data)
{
  g_source_set_callback (source, function, data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

void
ctr_channel_reset (CtrChannel *self, const GError *error)
{
  clear_source (&self->reading);
  clear_source (&self->writing);
  if (self->connecting != NULL)
    g_cancellable_cancel (self->connecting);
  g_clear_object (&self->connecting);
  g_clear_pointer (&self->session, nghttp2_session_del);
  g_clear_object (&self->connection);
  g_byte_array_set_size (self->out, 0);
  while (self->streams->len > 0)
    stream_close (g_ptr_array_index (self->streams, self->streams->len - 1), error);
}

static void
channel_break (CtrChannel *self, const char *why)
{
  g_autoptr(GError) error = g_error_new (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "%s: %s", self->path, why);

  ctr_channel_reset (self, error);
}

/* Until the socket takes no more, or all is sent. */
static gboolean
send_some (CtrChannel *self)
{
  for (;;)
    {
      const uint8_t *data;
      ssize_t n = 1;

      while (self->out->len < SEND_PIECE && (n = nghttp2_session_mem_send (self->session, &data)) > 0)
        g_byte_array_append (self->out, data, (guint) n);
      if (n < 0)
        return FALSE;
      if (self->out->len == 0)
        return TRUE;
      n = send (self->fd, self->out->data, self->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0)
        return errno == EAGAIN || errno == EINTR;
      g_byte_array_remove_range (self->out, 0, (guint) n);
    }
}

static gboolean on_writable (int fd, GIOCondition condition, gpointer user_data);

static void
channel_flush (CtrChannel *self)
{
  if (self->session == NULL)
    return;
  if (!send_some (self))
    channel_break (self, "the connection broke");
  else if (self->out->len > 0 && self->writing == NULL)
    self->writing = attach (g_unix_fd_source_new (self->fd, G_IO_OUT), G_SOURCE_FUNC (on_writable), self);
}

static gboolean
on_flush (gpointer user_data)
{
  CtrChannel *self = channel_ref (user_data);

  clear_source (&self->flushing);
  channel_flush (self);
  give_news (self);
  channel_flush (self);
  channel_unref (self);
  return G_SOURCE_REMOVE;
}

static void
channel_schedule (CtrChannel *self)
{
  GSource *source;

  if (self->flushing != NULL)
    return;
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  self->flushing = attach (source, on_flush, self);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  CtrChannel *self = user_data;

  clear_source (&self->writing);
  channel_flush (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  CtrChannel *self = user_data;
  guint8 piece[SEND_PIECE];
  ssize_t n = recv (fd, piece, sizeof piece, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    channel_break (self, n == 0 ? "the engine closed the connection" : g_strerror (errno));
  else if (nghttp2_session_mem_recv (self->session, piece, (size_t) n) < 0)
    channel_break (self, "the engine does not speak HTTP/2");
  else
    channel_schedule (self);
  return self->reading != NULL ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
make_session (CtrChannel *self)
{
  nghttp2_settings_entry settings[] = {
    { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
    { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
  };
  nghttp2_session_callbacks *callbacks;

  nghttp2_session_callbacks_new (&callbacks);
  nghttp2_session_callbacks_set_on_header_callback (callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback (callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback (callbacks, on_stream_close);
  nghttp2_session_client_new (&self->session, callbacks, self);
  nghttp2_session_callbacks_del (callbacks);
  nghttp2_submit_settings (self->session, NGHTTP2_FLAG_NONE, settings, G_N_ELEMENTS (settings));
  nghttp2_session_set_local_window_size (self->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  CtrChannel *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOStream) connection = thole_unix_connect_finish (result, &error);

  /* given up meanwhile */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || self->connecting == NULL || self->connection != NULL)
    {
      channel_unref (self);
      return;
    }
  g_clear_object (&self->connecting);
  if (connection == NULL)
    channel_break (self, error->message);
  else
    {
      self->fd = g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection)));
      self->connection = g_steal_pointer (&connection);
      make_session (self);
      self->reading = attach (g_unix_fd_source_new (self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR), G_SOURCE_FUNC (on_readable), self);
      for (guint i = 0; i < self->streams->len; i++)
        stream_submit (g_ptr_array_index (self->streams, i));
    }
  channel_unref (self);
}

/* what is used ---------------------------------------------------------------------------------------- */

CtrChannel *
ctr_channel_new (const char *socket_path, const char *namespace)
{
  CtrChannel *self = g_new0 (CtrChannel, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = g_strdup (socket_path);
  self->namespace = g_strdup (namespace);
  self->out = g_byte_array_new ();
  self->streams = g_ptr_array_new ();
  return self;
}

void
ctr_channel_free (CtrChannel *self)
{
  CtrStream *stream;

  channel_break (self, "closed");
  clear_source (&self->flushing);
  while ((stream = g_queue_pop_head (&self->ready)) != NULL)
    {
      stream->queued = FALSE;
      stream_unref (stream);
    }
  channel_unref (self);
}

CtrStream *
ctr_stream_new (CtrChannel *channel, const char *method, const char *lease, double seconds, const CtrStreamHandler *handler,
                gpointer user_data)
{
  CtrStream *self = g_new0 (CtrStream, 1);

  self->references = 1;
  self->channel = channel_ref (channel);
  self->method = g_strdup (method);
  self->lease = g_strdup (lease);
  self->seconds = seconds;
  self->handler = handler;
  self->user_data = user_data;
  self->in = g_byte_array_new ();
  self->out = g_byte_array_new ();
  self->status = -1;
  g_ptr_array_add (channel->streams, self);
  if (channel->session != NULL)
    stream_submit (self);
  else if (channel->connecting == NULL)
    {
      channel->connecting = g_cancellable_new ();
      thole_unix_connect_async (channel->path, channel->connecting, on_connected, channel_ref (channel));
    }
  return self;
}

void
ctr_stream_send (CtrStream *self, const ProtobufCMessage *message, gboolean last)
{
  gsize length = message != NULL ? protobuf_c_message_get_packed_size (message) : 0;
  guint at = self->out->len;
  guint8 *head;

  if (self->closed)
    return;
  if (message != NULL)
    {
      g_byte_array_set_size (self->out, at + FRAME_HEADER + (guint) length);
      head = self->out->data + at;
      head[0] = 0;
      for (guint i = 0; i < 4; i++)
        head[1 + i] = (guint8) (length >> (24 - 8 * i));
      protobuf_c_message_pack (message, head + FRAME_HEADER);
    }
  self->last = self->last || last;
  if (self->id > 0 && self->channel->session != NULL)
    nghttp2_session_resume_data (self->channel->session, self->id);
  channel_schedule (self->channel);
}

void
ctr_stream_free (CtrStream *self)
{
  self->freed = TRUE;
  if (!self->closed)
    {
      CtrChannel *channel = self->channel;

      if (self->id > 0 && channel->session != NULL)
        {
          nghttp2_session_set_stream_user_data (channel->session, self->id, NULL);
          nghttp2_submit_rst_stream (channel->session, NGHTTP2_FLAG_NONE, self->id, NGHTTP2_CANCEL);
          channel_schedule (channel);
        }
      self->closed = TRUE;
      g_ptr_array_remove_fast (channel->streams, self);
    }
  stream_unref (self);
}
