/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session over a socket that the daemon hands over: it speaks frames of thole-agent (agent/PROTOCOL.md) on channel 1. Nothing
 * comes that was not granted. A socket that ends early is asked for again: output goes on at the byte that is missing, and input
 * that the program had not taken is sent again.
 */
#include "dbus.h"

#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <string.h>

#include "source.h"
#include "thole-agent-protocol.h"
#include "thole-dict.h"
#include "unacknowledged.h"

#define CHANNEL 1
#define WINDOW (256 * 1024)          /* output bytes that may be on their way */
#define GRANT_STEP 65536
#define ACK_BYTES 65536
#define ACK_PAUSE 100                /* ms */
#define PIECE 32768
#define FIRST_PAUSE 50               /* ms until it is tried again; then twice as long each time */
#define LAST_PAUSE 2000
#define PATIENCE 60                  /* s */

typedef struct
{
  TholeWire parent;
  TholeDBus *bus;
  TholeCall *call;
  const TholeWireEvents *events;
  gpointer user_data;
  char *from, *mode;              /* (nullable): options of the first attach, and of each */
  gboolean take, watch;
  gint64 patience;                /* µs */

  GSocket *socket;                /* (nullable) */
  GCancellable *asking;           /* (nullable) */
  GSource *again, *in, *out, *acker;
  GByteArray *got, *pending;      /* frames: the begin of one that comes, what goes */
  gint64 lost;                    /* when it broke, 0 = it did not */
  guint pause;
  gboolean paused, over;

  gboolean begun;
  guint64 held, arrived, acked;   /* output bytes: received; used by the reader; told */
  guint64 granted;                /* up to which number output may come */
  TholeUnacknowledged input;
  guint rows, cols;               /* 0 = not to be said */
  gboolean exited;
  int code, signal;
} Wire;

/* What an attach waits with: it may end after the wire. */
typedef struct
{
  Wire *wire;
  GCancellable *cancellable;
  TholeDBusRequest request;
} Asking;

static void dial (Wire *self);

/* the end ----------------------------------------------------------------------------------------------- */

static void
hang_up (Wire *self)
{
  thole_source_clear (&self->in);
  thole_source_clear (&self->out);
  thole_source_clear (&self->acker);
  if (self->socket != NULL)
    g_socket_close (self->socket, NULL);
  g_clear_object (&self->socket);
  g_byte_array_set_size (self->got, 0);
  g_byte_array_set_size (self->pending, 0);
}

static void
finish (Wire *self, const GError *error)
{
  if (self->over)
    return;
  self->over = TRUE;
  thole_source_clear (&self->again);
  hang_up (self);
  self->events->ended (self->user_data, self->code, self->signal, error);
}

static gboolean
on_again (gpointer user_data)
{
  Wire *self = user_data;

  thole_source_clear (&self->again);
  dial (self);
  return G_SOURCE_REMOVE;
}

/* It broke: tries again, unless that has gone on for too long. */
static void
break_off (Wire *self, const GError *cause)
{
  gint64 now = g_get_monotonic_time ();
  gboolean first = self->lost == 0;

  hang_up (self);
  if (first)
    self->lost = now;
  if (now - self->lost >= self->patience)
    {
      finish (self, cause);
      return;
    }
  self->pause = first ? FIRST_PAUSE : MIN (self->pause * 2, LAST_PAUSE);
  thole_source_clear (&self->again);
  thole_source_set (&self->again, g_timeout_source_new (self->pause), on_again, self);
  if (first)
    self->events->state (self->user_data, FALSE);
}

static void
break_with (Wire *self, const char *text)
{
  g_autoptr(GError) error = g_error_new_literal (THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE, text);

  break_off (self, error);
}

/* frames to the daemon ---------------------------------------------------------------------------------- */

static void send_now (Wire *self);

static void
put (GByteArray *out, guint64 value, guint bytes)
{
  guint64 big = GUINT64_TO_BE (value);

  g_byte_array_append (out, (const guint8 *) &big + (8 - bytes), bytes);
}

static guint64
get (const guint8 *data, guint bytes)
{
  guint64 value = 0;

  for (guint i = 0; i < bytes; i++)
    value = value << 8 | data[i];
  return value;
}

static void
frame (Wire *self, guint8 type, guint16 channel, const guint8 *head, gsize head_length, const guint8 *data, gsize length)
{
  if (self->socket == NULL)
    return;
  put (self->pending, head_length + length, 4);
  put (self->pending, type, 1);
  put (self->pending, 0, 1);
  put (self->pending, channel, 2);
  g_byte_array_append (self->pending, head, (guint) head_length);
  if (length > 0)
    g_byte_array_append (self->pending, data, (guint) length);
  send_now (self);
}

static void
frame_number (Wire *self, guint8 type, guint64 value, guint bytes)
{
  guint64 big = GUINT64_TO_BE (value);

  frame (self, type, CHANNEL, (const guint8 *) &big + (8 - bytes), bytes, NULL, 0);
}

static gboolean
on_writable (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  Wire *self = user_data;

  thole_source_clear (&self->out);
  send_now (self);
  return G_SOURCE_REMOVE;
}

static void
send_now (Wire *self)
{
  while (self->socket != NULL && self->pending->len > 0)
    {
      g_autoptr(GError) error = NULL;
      gssize sent = g_socket_send (self->socket, (const char *) self->pending->data, self->pending->len, NULL, &error);

      if (sent > 0)
        g_byte_array_remove_range (self->pending, 0, (guint) sent);
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) && self->out == NULL)
        thole_source_set (&self->out, g_socket_create_source (self->socket, G_IO_OUT, NULL), G_SOURCE_FUNC (on_writable), self);
      /* that the other end is gone is found by reading, behind what it said last */
      if (sent <= 0)
        return;
    }
}

/* input ------------------------------------------------------------------------------------------------- */

static void
flush (Wire *self)
{
  const guint8 *data;
  guint64 offset;
  gsize length;

  /* on a new connection nothing goes before it has told what was taken: that is where input goes on */
  if (self->socket == NULL || !self->begun || self->lost != 0)
    return;
  while (thole_unacknowledged_next (&self->input, PIECE, &data, &length, &offset))
    {
      guint64 big = GUINT64_TO_BE (offset);

      frame (self, THOLE_AGENT_INPUT, CHANNEL, (const guint8 *) &big, sizeof big, data, length);
    }
  if (thole_unacknowledged_end (&self->input, &offset))
    frame_number (self, THOLE_AGENT_INPUT_END, offset, 8);
}

static gsize
wire_room (TholeWire *wire)
{
  return thole_unacknowledged_room (&((Wire *) wire)->input);
}

static void
wire_input (TholeWire *wire, const guint8 *data, gsize length)
{
  Wire *self = (Wire *) wire;

  /* who only watches types into nothing */
  if (!self->watch)
    thole_unacknowledged_add (&self->input, data, length);
  flush (self);
}

static void
wire_end_of_input (TholeWire *wire)
{
  Wire *self = (Wire *) wire;

  self->input.ended = !self->watch;
  flush (self);
}

/* output ------------------------------------------------------------------------------------------------ */

static void
grant (Wire *self)
{
  guint64 wanted = self->held + WINDOW;

  if (self->paused || self->socket == NULL || self->lost != 0 || wanted < self->granted + GRANT_STEP)
    return;
  frame_number (self, THOLE_AGENT_GRANT, wanted - self->granted, 4);
  self->granted = wanted;
}

static gboolean
on_ack (gpointer user_data)
{
  Wire *self = user_data;

  thole_source_clear (&self->acker);
  self->acked = self->arrived;
  frame_number (self, THOLE_AGENT_ACK, self->arrived, 8);
  return G_SOURCE_REMOVE;
}

static void
wire_ack (TholeWire *wire, guint64 position)
{
  Wire *self = (Wire *) wire;

  self->arrived = position;
  if (self->socket == NULL || self->arrived <= self->acked)
    return;
  if (self->arrived - self->acked >= ACK_BYTES)
    on_ack (self);
  else if (self->acker == NULL)
    thole_source_set (&self->acker, g_timeout_source_new (ACK_PAUSE), on_ack, self);
}

static void
say_size (Wire *self)
{
  g_autoptr(GByteArray) body = g_byte_array_new ();

  /* request 0 wants no answer */
  put (body, 0, 4);
  put (body, THOLE_AGENT_TAG_ROWS, 2);
  put (body, 2, 2);
  put (body, self->rows, 2);
  put (body, THOLE_AGENT_TAG_COLS, 2);
  put (body, 2, 2);
  put (body, self->cols, 2);
  frame (self, THOLE_AGENT_RESIZE, 0, body->data, body->len, NULL, 0);
}

/* frames from the daemon -------------------------------------------------------------------------------- */

/* Returns: (transfer none) (nullable): the value of a field */
static const guint8 *
find (const guint8 *data, gsize length, guint tag, gsize *size)
{
  while (length >= 4)
    {
      *size = (gsize) get (data + 2, 2);
      if (*size > length - 4)
        break;
      if (get (data, 2) == tag && *size > 0)
        return data + 4;
      data += 4 + *size;
      length -= 4 + *size;
    }
  return NULL;
}

static guint64
field (const guint8 *data, gsize length, guint tag, guint64 fallback)
{
  gsize size = 0;
  const guint8 *value = find (data, length, tag, &size);

  return value != NULL && size <= 8 ? get (value, (guint) size) : fallback;
}

/* Returns: (transfer full): what the daemon says, as UTF-8 */
static char *
sentence (const guint8 *data, gsize length)
{
  gsize size = 0;
  const guint8 *text = find (data, length, THOLE_AGENT_TAG_TEXT, &size);

  return text != NULL ? g_utf8_make_valid ((const char *) text, (gssize) size) : g_strdup ("the session has ended");
}

static void
take_attached (Wire *self, const guint8 *data, gsize length)
{
  gboolean first = !self->begun, back = self->lost != 0;

  if (first)
    self->held = self->arrived = field (data, length, THOLE_AGENT_TAG_SEQ, 0);
  self->begun = TRUE;
  self->lost = 0;
  self->acked = self->arrived;
  self->granted = self->held;
  thole_unacknowledged_resume (&self->input, field (data, length, THOLE_AGENT_TAG_TAKEN, 0));
  if (self->rows > 0)
    say_size (self);
  grant (self);
  flush (self);
  if (first)
    self->events->began (self->user_data, self->held);
  if (first || back)
    self->events->state (self->user_data, TRUE);
  self->events->control (self->user_data, !self->watch);
}

static void
take_output (Wire *self, const guint8 *data, gsize length)
{
  guint64 seq = get (data + 1, 8), skip;

  length -= 9;
  /* what we have is not given twice */
  skip = seq < self->held ? MIN (self->held - seq, length) : 0;
  self->held = MAX (self->held, seq + length);
  if (skip < length)
    self->events->output (self->user_data, data[0] == THOLE_AGENT_STREAM_STDERR ? 2 : 1, data + 9 + skip, length - skip, self->held);
  grant (self);
}

static void
take_detached (Wire *self, const guint8 *data, gsize length)
{
  guint code = (guint) get (data, 2);
  g_autofree char *text = sentence (data + 2, length - 2);
  g_autoptr(GError) error = NULL;

  if (self->exited)
    {
      finish (self, NULL);
      return;
    }
  if (code == THOLE_AGENT_STOPPING)
    {
      break_with (self, "the daemon goes down");
      return;
    }
  error = g_error_new_literal (THOLE_CLIENT_ERROR, code == THOLE_AGENT_PROTOCOL ? THOLE_CLIENT_ERROR_MALFORMED : THOLE_CLIENT_ERROR_GONE,
                               text);
  finish (self, error);
}

static void
take_frame (Wire *self, guint8 type, const guint8 *data, gsize length)
{
  if (type == THOLE_AGENT_ATTACHED)
    take_attached (self, data, length);
  else if (type == THOLE_AGENT_OUTPUT && length >= 9 && self->begun)
    take_output (self, data, length);
  else if (type == THOLE_AGENT_GAP && length == 16 && get (data + 8, 8) > self->held)
    {
      self->held = get (data + 8, 8);
      self->events->gap (self->user_data, self->held, 0);
      grant (self);
    }
  else if (type == THOLE_AGENT_TAKEN && length >= 8)
    {
      thole_unacknowledged_take (&self->input, get (data, 8));
      self->events->taken (self->user_data);
    }
  else if (type == THOLE_AGENT_EXIT && length == 16)
    {
      self->exited = TRUE;
      self->code = (int) (gint32) get (data, 4);
      self->signal = (int) (gint32) get (data + 4, 4);
    }
  else if (type == THOLE_AGENT_DETACHED && length >= 2)
    take_detached (self, data, length);
}

static void
take_frames (Wire *self)
{
  gsize used = 0;

  /* a frame may end the socket, and the bytes with it */
  while (self->socket != NULL && self->got->len - used >= THOLE_AGENT_HEADER)
    {
      g_autofree guint8 *payload = NULL;
      const guint8 *head = self->got->data + used;
      gsize length = (gsize) get (head, 4);
      guint8 type = head[4];

      if (length > THOLE_AGENT_MAX_PAYLOAD)
        {
          break_with (self, "the daemon sent what is no frame");
          return;
        }
      if (self->got->len - used < THOLE_AGENT_HEADER + length)
        break;
      payload = g_memdup2 (head + THOLE_AGENT_HEADER, length);
      used += THOLE_AGENT_HEADER + length;
      take_frame (self, type, payload, length);
    }
  if (self->socket != NULL && used > 0)
    g_byte_array_remove_range (self->got, 0, (guint) used);
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  Wire *self = user_data;
  guint8 piece[PIECE];
  g_autoptr(GError) error = NULL;
  gssize got = g_socket_receive (socket, (char *) piece, sizeof piece, NULL, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;
  if (got <= 0 && self->exited)
    {
      finish (self, NULL);
      return G_SOURCE_REMOVE;
    }
  if (got <= 0)
    {
      break_with (self, "the daemon closed the session's socket");
      return G_SOURCE_REMOVE;
    }
  g_byte_array_append (self->got, piece, (guint) got);
  take_frames (self);
  return G_SOURCE_CONTINUE;
}

/* attaching --------------------------------------------------------------------------------------------- */

static void
asking_free (Asking *asking)
{
  g_object_unref (asking->cancellable);
  thole_dbus_request_clear (&asking->request);
  g_free (asking);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Asking, asking_free)

static void
refused (Wire *self, const GError *fault)
{
  g_autoptr(GError) error = NULL;

  thole_dbus_explain (self->bus, fault, &error);
  if (g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNREACHABLE)
      || g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_UNAVAILABLE)
      || g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_INTERRUPTED)
      || g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_OVERLOADED)
      || g_error_matches (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_RATE_LIMITED))
    break_off (self, error);
  else
    finish (self, error);
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(Asking) asking = user_data;
  Wire *self = asking->wire;
  g_autoptr(GUnixFDList) descriptors = NULL;
  g_autoptr(GError) fault = NULL;
  g_autoptr(GVariant) results
    = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), &descriptors, result, &fault);
  int fd = results != NULL ? thole_dbus_descriptor (results, descriptors, &fault) : -1;

  /* a wire that is freed cancels this and is not looked at any more */
  if (g_cancellable_is_cancelled (asking->cancellable))
    {
      if (fd >= 0)
        g_close (fd, NULL);
      return;
    }
  g_clear_object (&self->asking);
  self->socket = fd >= 0 ? g_socket_new_from_fd (fd, &fault) : NULL;
  if (self->socket == NULL)
    {
      refused (self, fault);
      return;
    }
  g_socket_set_blocking (self->socket, FALSE);
  thole_source_set (&self->in, g_socket_create_source (self->socket, G_IO_IN, NULL), G_SOURCE_FUNC (on_readable), self);
}

static void
connect_here (GTask *task, gpointer source, gpointer bus, GCancellable *cancellable)
{
  GError *error = NULL;
  GDBusConnection *connection = thole_dbus_shared (bus, cancellable, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(Asking) asking = user_data;
  g_autoptr(GError) fault = NULL;
  g_autoptr(GDBusConnection) connection = g_task_propagate_pointer (G_TASK (result), &fault);
  TholeDBusRequest *request = &asking->request;
  GVariant *arguments = g_steal_pointer (&request->arguments);

  if (g_cancellable_is_cancelled (asking->cancellable))
    {
      g_variant_unref (g_variant_ref_sink (arguments));
    }
  else if (connection == NULL)
    {
      g_variant_unref (g_variant_ref_sink (arguments));
      g_clear_object (&asking->wire->asking);
      refused (asking->wire, fault);
    }
  else
    {
      const char *path = request->path, *interface = request->interface, *member = request->member;
      GCancellable *cancellable = asking->cancellable;

      g_dbus_connection_call_with_unix_fd_list (connection, THOLE_DBUS_NAME, path, interface, member, arguments, NULL,
                                                G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, cancellable, on_given,
                                                g_steal_pointer (&asking));
    }
}

/* The daemon has no screen to give here: it gives what is still held of the output. */
static GVariant *
attach_options (Wire *self)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (self->begun)
    {
      g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, self->held);
      g_variant_dict_insert (&options, "from", "s", number);
    }
  else
    {
      g_variant_dict_insert (&options, "from", "s", g_strcmp0 (self->from, "snapshot") == 0 ? "oldest" : self->from);
    }
  if (self->mode != NULL)
    g_variant_dict_insert (&options, "input", "s", self->mode);
  if (self->take || (self->begun && g_strcmp0 (self->mode, "shared") != 0 && !self->watch))
    g_variant_dict_insert (&options, "take", "b", TRUE);
  self->take = FALSE;
  return g_variant_ref_sink (g_variant_dict_end (&options));
}

static void
dial (Wire *self)
{
  g_autoptr(GTask) task = NULL;
  g_autoptr(GError) error = NULL;
  Asking *asking;

  g_clear_pointer (&self->call->options, g_variant_unref);
  self->call->options = attach_options (self);
  self->asking = g_cancellable_new ();
  asking = g_new0 (Asking, 1);
  asking->wire = self;
  asking->cancellable = g_object_ref (self->asking);
  if (!thole_dbus_request (self->call, &asking->request, &error))
    {
      g_clear_object (&self->asking);
      asking_free (asking);
      finish (self, error);
      return;
    }
  task = g_task_new (NULL, self->asking, on_connected, asking);
  g_task_set_task_data (task, self->bus, NULL);
  g_task_run_in_thread (task, connect_here);
}

/* ------------------------------------------------------------------------------------------------------- */

static void
wire_resize (TholeWire *wire, guint rows, guint cols)
{
  Wire *self = (Wire *) wire;

  self->rows = rows;
  self->cols = cols;
  if (self->begun)
    say_size (self);
}

static void
wire_signal (TholeWire *wire, const char *name)
{
  Wire *self = (Wire *) wire;
  g_autoptr(GByteArray) body = g_byte_array_new ();

  put (body, 0, 4);
  put (body, THOLE_AGENT_TAG_SIGNAL, 2);
  put (body, 1, 2);
  put (body, (guint64) thole_signal_number (name), 1);
  frame (self, THOLE_AGENT_SIGNAL, 0, body->data, body->len, NULL, 0);
}

/* control is taken by who attaches: it is attached again at the same byte */
static void
wire_take (TholeWire *wire)
{
  Wire *self = (Wire *) wire;

  self->take = TRUE;
  if (self->socket == NULL || self->again != NULL)
    return;
  hang_up (self);
  thole_source_set (&self->again, g_idle_source_new (), on_again, self);
}

static void
wire_pause (TholeWire *wire)
{
  ((Wire *) wire)->paused = TRUE;
}

static void
wire_resume (TholeWire *wire)
{
  ((Wire *) wire)->paused = FALSE;
  grant ((Wire *) wire);
}

static void
wire_free (TholeWire *wire)
{
  Wire *self = (Wire *) wire;

  self->over = TRUE;
  if (self->asking != NULL)
    g_cancellable_cancel (self->asking);
  g_clear_object (&self->asking);
  thole_source_clear (&self->again);
  hang_up (self);
  g_byte_array_unref (self->got);
  g_byte_array_unref (self->pending);
  thole_unacknowledged_clear (&self->input);
  thole_call_free (self->call);
  g_free (self->from);
  g_free (self->mode);
  g_free (self);
}

TholeWire *
thole_dbus_wire_new (TholeTransport *transport, const char *session, GVariant *options, const TholeWireEvents *events,
                     gpointer user_data)
{
  static const TholeWireClass class = {
    wire_room, wire_input, wire_end_of_input, wire_resize, wire_signal, wire_take, wire_pause, wire_resume, wire_ack, wire_free,
  };
  Wire *self = g_new0 (Wire, 1);

  self->parent.class = &class;
  self->bus = (TholeDBus *) transport;
  self->call = thole_call_new (thole_client_operation ("session.attach"), session, NULL);
  self->events = events;
  self->user_data = user_data;
  self->from = g_strdup (thole_dict_string (options, "from", "oldest"));
  self->mode = g_strdup (thole_dict_string (options, "input", NULL));
  self->watch = g_strcmp0 (self->mode, "none") == 0;
  self->take = thole_dict_boolean (options, "take", FALSE);
  self->patience = (gint64) (thole_dict_double (options, "patience", PATIENCE) * G_USEC_PER_SEC);
  self->got = g_byte_array_new ();
  self->pending = g_byte_array_new ();
  thole_unacknowledged_init (&self->input);
  /* nothing is told from inside of here */
  thole_source_set (&self->again, g_idle_source_new (), on_again, self);
  return &self->parent;
}
