/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-socket.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"
#include "source.h"
#include "unacknowledged.h"

#define HEAD 9                       /* of a frame with output: channel, u64be number of its first byte */
#define PIECE 32768                  /* of input in one frame */
#define MAX_MESSAGE (8 * 1024 * 1024)
#define ACK_BYTES 65536
#define ACK_PAUSE 100                /* ms */
#define FIRST_PAUSE 50               /* ms until it is tried again; then twice as long each time */
#define LAST_PAUSE 2000
#define PING 10                      /* s */
#define SILENCE (35 * G_USEC_PER_SEC)
#define SIGNALS 16 /* that wait for a connection */
#define SHORT_CUT (60 * G_USEC_PER_SEC) /* after which control is still ours */
#define TOUCH 20                     /* s between touches, at most */
#define TOUCHES 3                    /* while the session would go on alone */
#define LINGER 250                   /* ms that a touch goes on for what was said to leave */

/* While nobody reads there is no connection, but for touches: they show the daemon that somebody is still there, and bring it
 * the signals that were sent meanwhile. Output that comes over them is passed over, and comes again. */
typedef enum
{
  NO_TOUCH,
  TOUCHING, /* from the dial until the daemon is there */
  TOUCHED,  /* signals were said, and are leaving */
} Touch;

typedef struct
{
  TholeWire parent;
  SoupSession *session;
  const TholeSocketWay *way;
  gpointer way_data;
  const TholeWireEvents *events;
  gpointer user_data;
  char *from;                    /* (nullable): where it begins */
  gboolean take, watch, shared, console;
  gint64 patience;               /* µs */

  SoupWebsocketConnection *connection; /* (nullable) */
  GCancellable *dialling;        /* (nullable) */
  GSource *again, *watcher, *acker, *toucher;
  gint64 heard, lost;            /* when something came; when it broke, 0 = it did not */
  guint pause;
  gboolean paused, over;
  Touch touch;
  guint touch_pause;             /* ms */

  gboolean begun;                /* @held is known */
  gboolean resumed;              /* this connection has told where input goes on */
  guint64 held, arrived, acked;  /* output bytes: received; used by the reader; told */
  TholeUnacknowledged input;
  GPtrArray *unsaid;             /* signals for a connection that is not there yet: it was let go of while nobody read */
  gboolean control;
  guint rows, cols;              /* 0 = not to be said */
  gboolean exited;
  int code, signal;
} Wire;

/* What a dial waits with: it may end after the wire. */
typedef struct
{
  Wire *wire; /* (nullable) */
  SoupMessage *message;
  GCancellable *cancellable;
} Dial;

static void dial (Wire *self);
static void touch (Wire *self);

/* the end ----------------------------------------------------------------------------------------------- */

static void
hang_up (Wire *self)
{
  thole_source_clear (&self->watcher);
  thole_source_clear (&self->acker);
  self->resumed = FALSE;
  if (self->connection == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->connection, self);
  if (soup_websocket_connection_get_state (self->connection) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close (self->connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
  g_clear_object (&self->connection);
}

static void
finish (Wire *self, const GError *error)
{
  if (self->over)
    return;
  self->over = TRUE;
  thole_source_clear (&self->again);
  thole_source_clear (&self->toucher);
  hang_up (self);
  self->events->ended (self->user_data, self->code, self->signal, error);
}

static void
end_touch (Wire *self)
{
  self->touch = NO_TOUCH;
  thole_source_clear (&self->again);
  hang_up (self);
  if (!self->paused)
    dial (self);
  else if (self->unsaid->len > 0)
    touch (self);
}

static gboolean
on_again (gpointer user_data)
{
  Wire *self = user_data;

  thole_source_clear (&self->again);
  if (self->touch == TOUCHED)
    end_touch (self);
  else if (!self->paused)
    dial (self);
  else if (self->unsaid->len > 0)
    touch (self);
  return G_SOURCE_REMOVE;
}

/* nobody reads: that it broke is told when somebody does, if it is still so then */
static void
miss (Wire *self, gboolean final)
{
  self->touch = NO_TOUCH;
  thole_source_clear (&self->again);
  hang_up (self);
  if (final)
    thole_source_clear (&self->toucher);
  else if (self->unsaid->len > 0)
    thole_source_set (&self->again, g_timeout_source_new (LAST_PAUSE), on_again, self);
}

/* It broke: tries again, unless that has gone on for too long or there is nothing to come back to. */
static void
lose (Wire *self, const TholeSocketEnd *end)
{
  gint64 now = g_get_monotonic_time ();
  gboolean first = self->lost == 0;

  if (self->paused)
    {
      miss (self, end->final);
      return;
    }
  if (self->touch == TOUCHED)
    {
      end_touch (self);
      return;
    }
  if (first)
    self->lost = now;
  if (end->final || now - self->lost >= self->patience)
    {
      g_autoptr(GError) error = self->way->explain (self->way_data, end);

      finish (self, error);
      return;
    }
  hang_up (self);
  self->pause = first ? FIRST_PAUSE : MIN (self->pause * 2, LAST_PAUSE);
  thole_source_clear (&self->again);
  thole_source_set (&self->again, g_timeout_source_new (self->pause), on_again, self);
  if (first)
    self->events->state (self->user_data, FALSE);
}

/* input ------------------------------------------------------------------------------------------------- */

static gboolean
is_open (Wire *self)
{
  return self->connection != NULL && soup_websocket_connection_get_state (self->connection) == SOUP_WEBSOCKET_STATE_OPEN;
}

/* @fields is empty afterwards. */
static void
say (Wire *self, const char *type, GVariantDict *fields)
{
  g_autoptr(GVariant) message = NULL;
  g_autofree char *text = NULL;

  g_variant_dict_insert (fields, "schema_version", "s", "1");
  g_variant_dict_insert (fields, "type", "s", type);
  message = g_variant_ref_sink (g_variant_dict_end (fields));
  if (!is_open (self))
    return;
  text = thole_json_to_string (message);
  soup_websocket_connection_send_text (self->connection, text);
}

static void
send_input (Wire *self, const guint8 *data, gsize length)
{
  g_autofree guint8 *frame = g_malloc (length + 1);

  frame[0] = 0;
  if (length > 0)
    memcpy (frame + 1, data, length);
  soup_websocket_connection_send_binary (self->connection, frame, length + 1);
}

/* what was not sent over this connection */
static void
flush (Wire *self)
{
  const guint8 *data;
  guint64 offset;
  gsize length;

  if (!self->control || !self->resumed || !is_open (self))
    return;
  while (thole_unacknowledged_next (&self->input, PIECE, &data, &length, &offset))
    send_input (self, data, length);
  if (thole_unacknowledged_end (&self->input, &offset))
    send_input (self, NULL, 0);
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

  thole_unacknowledged_add (&self->input, data, length);
  flush (self);
}

static void
wire_end_of_input (TholeWire *wire)
{
  ((Wire *) wire)->input.ended = TRUE;
  flush ((Wire *) wire);
}

/* output ------------------------------------------------------------------------------------------------ */

static gboolean
on_ack (gpointer user_data)
{
  Wire *self = user_data;
  g_auto(GVariantDict) fields = G_VARIANT_DICT_INIT (NULL);

  thole_source_clear (&self->acker);
  self->acked = self->arrived;
  g_variant_dict_insert (&fields, "seq", "t", self->arrived);
  say (self, "ack", &fields);
  return G_SOURCE_REMOVE;
}

static void
wire_ack (TholeWire *wire, guint64 position)
{
  Wire *self = (Wire *) wire;

  self->arrived = position;
  if (self->arrived - self->acked >= ACK_BYTES)
    on_ack (self);
  else if (self->acker == NULL && self->arrived > self->acked)
    thole_source_set (&self->acker, g_timeout_source_new (ACK_PAUSE), on_ack, self);
}

static void
take_output (Wire *self, const guint8 *data, gsize length)
{
  guint64 seq, skip;

  if (length < HEAD || !self->begun)
    return;
  memcpy (&seq, data + 1, sizeof seq);
  seq = GUINT64_FROM_BE (seq);
  /* what we have is not given twice */
  skip = seq < self->held ? MIN (self->held - seq, length - HEAD) : 0;
  self->held = MAX (self->held, seq + length - HEAD);
  if (skip < length - HEAD)
    self->events->output (self->user_data, data[0] == 2 ? 2 : 1, data + HEAD + skip, length - HEAD - skip, self->held);
}

/* messages ---------------------------------------------------------------------------------------------- */

/* another daemon counts from the beginning: what was on its way may have come or not, and nobody wants it twice */
static void
count_anew (Wire *self, guint64 seq, guint64 taken)
{
  self->held = MIN (self->held, seq);
  self->arrived = MIN (self->arrived, seq);
  thole_unacknowledged_restart (&self->input, taken);
}

static void
say_signal (Wire *self, const char *name)
{
  g_auto(GVariantDict) fields = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&fields, "name", "s", name);
  say (self, "signal", &fields);
}

static void
say_signals (Wire *self)
{
  for (guint i = 0; i < self->unsaid->len; i++)
    say_signal (self, self->unsaid->pdata[i]);
  g_ptr_array_set_size (self->unsaid, 0);
}

static void
take_resumed (Wire *self, GVariant *message)
{
  guint64 seq = (guint64) thole_dict_int (message, "seq", 0), taken = (guint64) thole_dict_int (message, "stdin", 0);
  gboolean first = !self->begun, back = self->lost != 0;

  if (first)
    self->held = self->arrived = seq;
  else if (self->console)
    count_anew (self, seq, taken);
  self->begun = TRUE;
  self->acked = self->arrived;
  self->lost = 0;
  thole_unacknowledged_resume (&self->input, taken);
  self->resumed = TRUE;
  if (first || self->console)
    self->events->began (self->user_data, self->held);
  say_signals (self);
  if (first || back)
    self->events->state (self->user_data, TRUE);
}

static void
say_size (Wire *self)
{
  g_auto(GVariantDict) fields = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&fields, "rows", "u", self->rows);
  g_variant_dict_insert (&fields, "cols", "u", self->cols);
  say (self, "resize", &fields);
}

static void
take_control (Wire *self, GVariant *message)
{
  self->control = thole_dict_boolean (message, "held", FALSE);
  if (!self->control && !self->watch)
    {
      /* it is passed over; better now than when nobody expects it any more */
      thole_unacknowledged_drop (&self->input);
    }
  if (self->control && self->rows > 0)
    say_size (self);
  flush (self);
  self->events->control (self->user_data, self->control);
  self->events->taken (self->user_data);
}

static void
take_ack (Wire *self, GVariant *message)
{
  thole_unacknowledged_take (&self->input, (guint64) thole_dict_int (message, "stdin", 0));
  self->events->taken (self->user_data);
}

static void
take_screen (Wire *self, GVariant *message)
{
  const char *text = thole_dict_string (message, "data", ""), *encoded = thole_dict_string (message, "data_base64", NULL);
  g_autofree guchar *decoded = NULL;
  gsize length = strlen (text);

  if (encoded != NULL)
    decoded = g_base64_decode (encoded, &length);
  self->held = (guint64) thole_dict_int (message, "seq", 0);
  self->events->output (self->user_data, 1, decoded != NULL ? decoded : (const guint8 *) text, length, self->held);
}

static void
take_gap (Wire *self, GVariant *message)
{
  guint64 to = (guint64) thole_dict_int (message, "to", 0), lines = (guint64) thole_dict_int (message, "lines", 0);

  if (to <= self->held && lines == 0)
    return;
  self->held = MAX (self->held, to);
  self->events->gap (self->user_data, self->held, lines);
}

static void
take_exit (Wire *self, GVariant *message)
{
  const char *signal = thole_dict_string (message, "signal", NULL);

  self->exited = TRUE;
  self->code = (int) thole_dict_int (message, "code", -1);
  self->signal = signal != NULL ? thole_signal_number (signal) : (int) thole_dict_int (message, "signal", 0);
  on_ack (self);
}

static void
take_text (Wire *self, const char *data, gsize length)
{
  static const struct { const char *type; void (*take) (Wire *self, GVariant *message); } types[] = {
    { "resumed", take_resumed }, { "control", take_control }, { "ack", take_ack },
    { "screen", take_screen },   { "gap", take_gap },         { "exit", take_exit },
  };
  g_autoptr(GVariant) message = thole_json_parse (data, length, NULL);
  const char *type;

  if (message == NULL || !g_variant_is_of_type (message, G_VARIANT_TYPE_VARDICT))
    return;
  type = thole_dict_string (message, "type", "");
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (strcmp (types[i].type, type) == 0)
      types[i].take (self, message);
}

/* the daemon is there */
static void
take_touch (Wire *self, const char *data, gsize length)
{
  g_autoptr(GVariant) message = thole_json_parse (data, length, NULL);

  if (message == NULL || !g_variant_is_of_type (message, G_VARIANT_TYPE_VARDICT)
      || strcmp (thole_dict_string (message, "type", ""), "resumed") != 0)
    return;
  if (self->unsaid->len == 0)
    {
      end_touch (self);
      return;
    }
  /* one that is closing is told of, and tried again */
  if (!is_open (self))
    return;
  say_signals (self);
  self->touch = TOUCHED;
  thole_source_clear (&self->again);
  thole_source_set (&self->again, g_timeout_source_new (LINGER), on_again, self);
}

static void
on_message (SoupWebsocketConnection *connection, int type, GBytes *message, gpointer user_data)
{
  Wire *self = user_data;
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  self->heard = g_get_monotonic_time ();
  if (self->over || length == 0)
    return;
  if (self->touch == TOUCHING && type == SOUP_WEBSOCKET_DATA_TEXT)
    {
      take_touch (self, (const char *) data, length);
      return;
    }
  if (self->touch != NO_TOUCH || self->paused)
    return;
  if (type == SOUP_WEBSOCKET_DATA_BINARY)
    take_output (self, data, length);
  else
    take_text (self, (const char *) data, length);
}

/* the connection ---------------------------------------------------------------------------------------- */

/* the daemon has said what it thinks of it, and would say the same again */
static gboolean
is_final (guint status)
{
  return (status >= 400 && status < 500 && status != 408 && status != 429) || status == 501;
}

static void
on_closed (SoupWebsocketConnection *connection, gpointer user_data)
{
  Wire *self = user_data;
  guint code = soup_websocket_connection_get_close_code (connection);
  const char *text = soup_websocket_connection_get_close_data (connection);
  g_autoptr(GVariant) reason = text != NULL ? thole_json_parse (text, strlen (text), NULL) : NULL;
  TholeSocketEnd end = { .status = code >= 4400 ? code - 4000 : 0 };

  if (self->exited)
    {
      finish (self, NULL);
      return;
    }
  end.final = code == SOUP_WEBSOCKET_CLOSE_NORMAL || is_final (end.status);
  if (reason != NULL && g_variant_is_of_type (reason, G_VARIANT_TYPE_VARDICT))
    {
      end.word = thole_dict_string (reason, "code", NULL);
      end.detail = thole_dict_string (reason, "detail", end.word);
    }
  lose (self, &end);
}

static void
on_pong (SoupWebsocketConnection *connection, GBytes *message, gpointer user_data)
{
  ((Wire *) user_data)->heard = g_get_monotonic_time ();
}

/* a connection over which nothing comes any more, not even answers to our pings */
static gboolean
on_watch (gpointer user_data)
{
  Wire *self = user_data;

  if (g_get_monotonic_time () - self->heard <= SILENCE)
    return G_SOURCE_CONTINUE;
  lose (self, &(TholeSocketEnd){ .silent = TRUE });
  return G_SOURCE_REMOVE;
}

static void
begin (Wire *self)
{
  g_auto(GVariantDict) fields = G_VARIANT_DICT_INIT (NULL);

  self->heard = g_get_monotonic_time ();
  thole_source_set (&self->watcher, g_timeout_source_new_seconds (PING / 2), on_watch, self);
  soup_websocket_connection_set_max_incoming_payload_size (self->connection, MAX_MESSAGE);
  soup_websocket_connection_set_keepalive_interval (self->connection, PING);
  g_signal_connect (self->connection, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->connection, "pong", G_CALLBACK (on_pong), self);
  g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
  if (self->begun)
    g_variant_dict_insert (&fields, "from_seq", "t", self->held);
  else if (self->from != NULL && g_ascii_isdigit (*self->from))
    g_variant_dict_insert (&fields, "from_seq", "t", g_ascii_strtoull (self->from, NULL, 10));
  else
    g_variant_dict_insert (&fields, "from", "s", self->from != NULL ? self->from : "oldest");
  say (self, "resume", &fields);
}

static void
refused (Wire *self, guint status, const GError *fault)
{
  /* a daemon that begins may not have opened its socket to us yet, but the first time that is for good */
  gboolean denied = !self->begun && g_error_matches (fault, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);

  lose (self, &(TholeSocketEnd){ .final = is_final (status) || denied, .status = status, .fault = fault });
}

static void
on_dialled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dial *waited = user_data;
  Wire *self = waited->wire;
  g_autoptr(GError) fault = NULL;
  g_autoptr(SoupWebsocketConnection) connection
    = soup_session_websocket_connect_finish (SOUP_SESSION (source), result, &fault);
  guint status = soup_message_get_status (waited->message);

  /* a wire that is freed cancels this and is not looked at any more */
  if (!g_cancellable_is_cancelled (waited->cancellable))
    {
      g_clear_object (&self->dialling);
      if (connection != NULL && self->paused && self->touch == NO_TOUCH)
        {
          soup_websocket_connection_close (connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
        }
      else if (connection == NULL)
        {
          refused (self, status == SOUP_STATUS_SWITCHING_PROTOCOLS ? 0 : status, fault);
        }
      else
        {
          self->connection = g_steal_pointer (&connection);
          begin (self);
        }
    }
  g_object_unref (waited->message);
  g_object_unref (waited->cancellable);
  g_free (waited);
}

static void
dial (Wire *self)
{
  static char *protocols[] = { "thole.v1", NULL };
  /* the daemon may not know yet that our last connection broke */
  gboolean ours = self->control && (self->lost == 0 || g_get_monotonic_time () - self->lost < SHORT_CUT);
  /* who has taken it since is left alone by one that has nothing to say */
  gboolean silent = self->touch != NO_TOUCH && self->unsaid->len == 0;
  const char *input = self->watch ? "none" : self->shared ? "shared" : NULL;
  g_autoptr(GError) error = NULL;
  SoupMessage *message = self->way->message (self->way_data, input, input == NULL && (self->take || (ours && !silent)), &error);
  Dial *waiting;

  self->take = FALSE;
  if (message == NULL)
    {
      if (self->touch == NO_TOUCH)
        finish (self, error);
      self->touch = NO_TOUCH;
      return;
    }
  self->dialling = g_cancellable_new ();
  waiting = g_new0 (Dial, 1);
  waiting->wire = self;
  waiting->message = message;
  waiting->cancellable = g_object_ref (self->dialling);
  soup_session_websocket_connect_async (self->session, message, NULL, protocols, G_PRIORITY_DEFAULT, self->dialling,
                                        on_dialled, waiting);
}

/* ------------------------------------------------------------------------------------------------------- */

/* One at a time; one that failed is tried again by its timer. */
static void
touch (Wire *self)
{
  if (self->over || !self->paused || !self->begun || self->touch == TOUCHED || self->again != NULL)
    return;
  self->touch = TOUCHING;
  if (self->connection == NULL && self->dialling == NULL)
    dial (self);
}

static gboolean
on_touch (gpointer user_data)
{
  Wire *self = user_data;

  /* one that the daemon has not answered for all that time */
  if (self->touch == TOUCHING)
    hang_up (self);
  touch (self);
  return G_SOURCE_CONTINUE;
}

static void
wire_resize (TholeWire *wire, guint rows, guint cols)
{
  Wire *self = (Wire *) wire;

  self->rows = rows;
  self->cols = cols;
  if (self->control)
    say_size (self);
}

static void
wire_signal (TholeWire *wire, const char *name)
{
  Wire *self = (Wire *) wire;

  if (is_open (self) && self->touch == NO_TOUCH)
    {
      say_signal (self, name);
      return;
    }
  /* over a broken way nobody knows what came */
  if (self->lost != 0)
    return;
  /* nothing comes behind this one, nor must anything before it keep it away */
  if (strcmp (name, "SIGKILL") == 0)
    g_ptr_array_set_size (self->unsaid, 0);
  if (self->unsaid->len < SIGNALS)
    g_ptr_array_add (self->unsaid, g_strdup (name));
  touch (self);
}

static void
wire_take (TholeWire *wire)
{
  g_auto(GVariantDict) fields = G_VARIANT_DICT_INIT (NULL);

  say ((Wire *) wire, "take", &fields);
}

static void
wire_pause (TholeWire *wire)
{
  Wire *self = (Wire *) wire;

  self->paused = TRUE;
  /* one that is just being made is let go of once it is there, too */
  if (self->connection != NULL && self->touch == NO_TOUCH)
    hang_up (self);
  thole_source_clear (&self->toucher);
  thole_source_set (&self->toucher, g_timeout_source_new (self->touch_pause), on_touch, self);
}

static void
wire_resume (TholeWire *wire)
{
  Wire *self = (Wire *) wire;

  self->paused = FALSE;
  thole_source_clear (&self->toucher);
  /* output was passed over: it comes with another connection, behind a touch whose signals are leaving */
  if (self->touch == TOUCHING)
    {
      self->touch = NO_TOUCH;
      hang_up (self);
    }
  if (!self->over && self->connection == NULL && self->dialling == NULL && self->again == NULL)
    dial (self);
}

SoupWebsocketConnection *
thole_socket_wire_part (TholeWire *wire)
{
  Wire *self = (Wire *) wire;
  SoupWebsocketConnection *connection = self->connection != NULL ? g_object_ref (self->connection) : NULL;

  self->over = TRUE;
  if (self->dialling != NULL)
    g_cancellable_cancel (self->dialling);
  g_clear_object (&self->dialling);
  thole_source_clear (&self->again);
  thole_source_clear (&self->toucher);
  hang_up (self);
  return connection;
}

static void
wire_free (TholeWire *wire)
{
  Wire *self = (Wire *) wire;
  g_autoptr(SoupWebsocketConnection) connection = thole_socket_wire_part (wire);

  thole_unacknowledged_clear (&self->input);
  g_ptr_array_unref (self->unsaid);
  self->way->free (self->way_data);
  g_object_unref (self->session);
  g_free (self->from);
  g_free (self);
}

static gboolean
on_begin (gpointer user_data)
{
  return on_again (user_data);
}

TholeWire *
thole_socket_wire_new (SoupSession *session, const TholeSocketWay *way, gpointer data, const TholeSocketOptions *options,
                       const TholeWireEvents *events, gpointer user_data)
{
  static const TholeWireClass class = {
    wire_room, wire_input, wire_end_of_input, wire_resize, wire_signal, wire_take, wire_pause, wire_resume, wire_ack, wire_free,
  };
  Wire *self = g_new0 (Wire, 1);

  self->parent.class = &class;
  self->session = g_object_ref (session);
  self->way = way;
  self->way_data = data;
  self->events = events;
  self->user_data = user_data;
  self->from = g_strdup (options->from);
  self->take = options->take;
  self->watch = options->watch;
  self->shared = options->shared;
  self->console = options->console;
  self->patience = (gint64) (options->patience * G_USEC_PER_SEC);
  self->touch_pause = TOUCH * 1000;
  if (options->alone > 0 && options->alone < TOUCH * TOUCHES)
    self->touch_pause = MAX (1, (guint) (options->alone * 1000 / TOUCHES));
  thole_unacknowledged_init (&self->input);
  self->unsaid = g_ptr_array_new_with_free_func (g_free);
  /* nothing is told from inside of here */
  thole_source_set (&self->again, g_idle_source_new (), on_begin, self);
  return &self->parent;
}
