/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"

#include <string.h>

#include "command.h"
#include "problem.h"
#include "thole-dict.h"
#include "thole-json.h"

#define HEAD 9                  /* of a frame with output: channel, u64be number of its first byte */
#define INPUT_MAX_BYTES (256 * 1024)  /* bytes that the program has not taken */
#define PIECE 32768             /* of input in one frame */
#define MAX_MESSAGE (8 * 1024 * 1024)
#define ACK_BYTES 65536
#define ACK_PAUSE 100           /* ms */
#define FIRST_PAUSE 50          /* ms until it is tried again; then twice as long each time */
#define LAST_PAUSE 2000
#define PING 10                 /* s */
#define SILENCE (35 * G_USEC_PER_SEC)
#define SHORT_CUT (60 * G_USEC_PER_SEC) /* after which control is still ours */

struct _CliWire
{
  CliClient *client;
  char *path;
  char *from;
  gboolean console, take, watch, shared;
  gint64 patience;          /* µs */
  const CliWireEvents *events;
  gpointer user_data;

  SoupWebsocketConnection *connection; /* (nullable) */
  GCancellable *dialling;   /* (nullable) */
  GSource *again, *watcher, *acker;
  gint64 heard, lost;       /* when something came; when it broke, 0 = it did not */
  guint pause;
  GError *cause;            /* (nullable): why it broke */
  gboolean over;

  gboolean begun;           /* @held is known */
  guint64 held, acked;      /* output bytes */
  GByteArray *input;        /* what the program has not taken */
  guint64 input_at;         /* number of its first byte */
  gsize sent;               /* of it, over this connection */
  gboolean counted;         /* @input_at is known */
  gboolean input_ended, end_sent;
  gboolean control;
  guint rows, cols;         /* 0 = not to be said */
  gboolean exited;
  int code;
};

static void dial (CliWire *self);

/* the end ----------------------------------------------------------------------------------------------- */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* lets go of a connection, whatever becomes of it */
static void
hang_up (CliWire *self)
{
  clear_source (&self->watcher);
  clear_source (&self->acker);
  if (self->connection == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->connection, self);
  if (soup_websocket_connection_get_state (self->connection) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close (self->connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
  g_clear_object (&self->connection);
}

static void
finish (CliWire *self, const GError *error)
{
  if (self->over)
    return;
  self->over = TRUE;
  hang_up (self);
  self->events->ended (self->user_data, self->code, error);
}

static gboolean
on_again (gpointer user_data)
{
  CliWire *self = user_data;

  clear_source (&self->again);
  dial (self);
  return G_SOURCE_REMOVE;
}

/* It broke: tries again, unless that has gone on for too long. @cause: (transfer full) */
static void
break_off (CliWire *self, GError *cause)
{
  gint64 now = g_get_monotonic_time ();
  gboolean first = self->lost == 0;

  hang_up (self);
  g_clear_error (&self->cause);
  self->cause = cause;
  if (first)
    self->lost = now;
  if (now - self->lost >= self->patience)
    {
      finish (self, self->cause);
      return;
    }
  self->pause = first ? FIRST_PAUSE : MIN (self->pause * 2, LAST_PAUSE);
  self->again = g_timeout_source_new (self->pause);
  g_source_set_callback (self->again, on_again, self, NULL);
  g_source_attach (self->again, NULL);
  if (first)
    self->events->state (self->user_data, CLI_WIRE_LOST);
}

/* input ------------------------------------------------------------------------------------------------- */

static void
say (CliWire *self, const char *type, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
say (CliWire *self, const char *type, const char *format, ...)
{
  g_autoptr(GString) text = g_string_new (NULL);
  va_list arguments;

  if (self->connection == NULL || soup_websocket_connection_get_state (self->connection) != SOUP_WEBSOCKET_STATE_OPEN)
    return;
  g_string_printf (text, "{\"schema_version\":\"1\",\"type\":\"%s\"", type);
  va_start (arguments, format);
  g_string_append_vprintf (text, format, arguments);
  va_end (arguments);
  g_string_append_c (text, '}');
  soup_websocket_connection_send_text (self->connection, text->str);
}

static void
send_input (CliWire *self, const guint8 *data, gsize length)
{
  g_autofree guint8 *frame = g_malloc (length + 1);

  frame[0] = 0;
  if (length > 0)
    memcpy (frame + 1, data, length);
  soup_websocket_connection_send_binary (self->connection, frame, length + 1);
}

/* what was not sent over this connection */
static void
flush (CliWire *self)
{
  if (!self->control || self->connection == NULL
      || soup_websocket_connection_get_state (self->connection) != SOUP_WEBSOCKET_STATE_OPEN)
    return;
  while (self->sent < self->input->len)
    {
      gsize length = MIN (PIECE, self->input->len - self->sent);

      send_input (self, self->input->data + self->sent, length);
      self->sent += length;
    }
  if (self->input_ended && !self->end_sent)
    send_input (self, NULL, 0);
  self->end_sent = self->input_ended;
}

/* the program has taken @count input bytes since it began */
static void
take_count (CliWire *self, guint64 count)
{
  gsize taken;

  if (!self->counted || count < self->input_at)
    {
      self->input_at = self->counted ? self->input_at : count;
      self->counted = TRUE;
      return;
    }
  taken = (gsize) MIN (count - self->input_at, (guint64) self->input->len);
  if (taken > 0)
    g_byte_array_remove_range (self->input, 0, (guint) taken);
  self->sent -= MIN (taken, self->sent);
  self->input_at = count;
}

gsize
cli_wire_room (CliWire *self)
{
  return INPUT_MAX_BYTES - MIN (self->input->len, INPUT_MAX_BYTES);
}

void
cli_wire_input (CliWire *self, const guint8 *data, gsize length)
{
  g_return_if_fail (length <= cli_wire_room (self));
  g_byte_array_append (self->input, data, (guint) length);
  flush (self);
}

void
cli_wire_end_of_input (CliWire *self)
{
  self->input_ended = TRUE;
  flush (self);
}

/* output ------------------------------------------------------------------------------------------------ */

static gboolean
on_ack (gpointer user_data)
{
  CliWire *self = user_data;

  clear_source (&self->acker);
  self->acked = self->held;
  say (self, "ack", ",\"seq\":%" G_GUINT64_FORMAT, self->held);
  return G_SOURCE_REMOVE;
}

static void
acknowledge (CliWire *self)
{
  if (self->held - self->acked >= ACK_BYTES)
    on_ack (self);
  else if (self->acker == NULL)
    {
      self->acker = g_timeout_source_new (ACK_PAUSE);
      g_source_set_callback (self->acker, on_ack, self, NULL);
      g_source_attach (self->acker, NULL);
    }
}

/* nobody reads what we write: as a broken pipe ends a program here */
static void
reader_gone (CliWire *self)
{
  g_autoptr(GError) error = g_error_new (CLI_ERROR, CLI_FAILED, _("nobody reads our output"));

  finish (self, error);
}

static void
take_output (CliWire *self, const guint8 *data, gsize length)
{
  guint64 seq, skip;

  if (length < HEAD || !self->begun)
    return;
  memcpy (&seq, data + 1, sizeof seq);
  seq = GUINT64_FROM_BE (seq);
  /* what we have is not written twice */
  skip = seq < self->held ? MIN (self->held - seq, length - HEAD) : 0;
  self->held = MAX (self->held, seq + length - HEAD);
  if (skip < length - HEAD && !self->events->output (self->user_data, data[0], data + HEAD + skip, length - HEAD - skip))
    reader_gone (self);
  else
    acknowledge (self);
}

/* messages ---------------------------------------------------------------------------------------------- */

/* another daemon counts from the beginning: what was on its way may have come or not, and nobody wants it twice */
static void
count_anew (CliWire *self, guint64 seq, guint64 taken)
{
  self->held = MIN (self->held, seq);
  if (!self->counted || taken >= self->input_at)
    return;
  g_byte_array_remove_range (self->input, 0, (guint) MIN (self->sent, (gsize) self->input->len));
  self->input_at = taken;
}

static void
take_resumed (CliWire *self, GVariant *message)
{
  guint64 seq = (guint64) thole_dict_int (message, "seq", 0);
  gboolean back = self->lost != 0;

  if (!self->begun)
    self->held = seq;
  else if (self->console)
    count_anew (self, seq, (guint64) thole_dict_int (message, "stdin", 0));
  self->begun = TRUE;
  self->acked = self->held;
  self->lost = 0;
  self->sent = 0;
  self->end_sent = FALSE;
  take_count (self, (guint64) thole_dict_int (message, "stdin", 0));
  if (back)
    self->events->state (self->user_data, CLI_WIRE_BACK);
}

static void
take_control (CliWire *self, GVariant *message)
{
  self->control = thole_dict_boolean (message, "held", FALSE);
  if (!self->control && !self->watch)
    {
      /* it is passed over; better now than when nobody expects it any more */
      g_byte_array_set_size (self->input, 0);
      self->sent = 0;
    }
  if (self->control && self->rows > 0)
    cli_wire_resize (self, self->rows, self->cols);
  flush (self);
  self->events->control (self->user_data, self->control);
}

static void
take_ack (CliWire *self, GVariant *message)
{
  take_count (self, (guint64) thole_dict_int (message, "stdin", 0));
  self->events->taken (self->user_data);
}

static void
take_screen (CliWire *self, GVariant *message)
{
  const char *text = thole_dict_string (message, "data", "");
  const char *encoded = thole_dict_string (message, "data_base64", NULL);
  g_autofree guchar *decoded = NULL;
  gsize length = strlen (text);
  gboolean read;

  if (encoded != NULL)
    decoded = g_base64_decode (encoded, &length);
  self->held = (guint64) thole_dict_int (message, "seq", 0);
  read = length == 0 || self->events->output (self->user_data, 1, decoded != NULL ? decoded : (const guint8 *) text, length);
  if (!read)
    reader_gone (self);
}

static void
take_gap (CliWire *self, GVariant *message)
{
  guint64 to = (guint64) thole_dict_int (message, "to", 0);
  guint64 bytes = to > self->held ? to - self->held : 0;
  guint64 lines = (guint64) thole_dict_int (message, "lines", 0);

  self->held = MAX (self->held, to);
  if (lines > 0)
    self->events->skipped (self->user_data, lines);
  else if (bytes > 0)
    self->events->gap (self->user_data, bytes);
}

static void
take_exit (CliWire *self, GVariant *message)
{
  self->exited = TRUE;
  self->code = (int) thole_dict_int (message, "code", CLI_FAILED) & 255;
  on_ack (self);
}

static void
take_text (CliWire *self, const char *data, gsize length)
{
  static const struct { const char *type; void (*take) (CliWire *self, GVariant *message); } types[] = {
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

static void
on_message (SoupWebsocketConnection *connection, int type, GBytes *message, gpointer user_data)
{
  CliWire *self = user_data;
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  self->heard = g_get_monotonic_time ();
  if (self->over || length == 0)
    return;
  if (type == SOUP_WEBSOCKET_DATA_BINARY)
    take_output (self, data, length);
  else
    take_text (self, (const char *) data, length);
}

/* the connection ---------------------------------------------------------------------------------------- */

/* The reason of a close: JSON with a detail for people. Returns: (transfer full) (nullable) */
static char *
close_detail (SoupWebsocketConnection *connection)
{
  const char *text = soup_websocket_connection_get_close_data (connection);
  g_autoptr(GVariant) reason = text != NULL ? thole_json_parse (text, strlen (text), NULL) : NULL;

  if (reason == NULL || !g_variant_is_of_type (reason, G_VARIANT_TYPE_VARDICT))
    return NULL;
  return g_strdup (thole_dict_string (reason, "detail", thole_dict_string (reason, "code", NULL)));
}

/* after these there is nothing to come back to; the exit code is that of the HTTP status */
static gboolean
is_final (guint code)
{
  return code == SOUP_WEBSOCKET_CLOSE_NORMAL || (code >= 4400 && code < 4500 && code != 4408 && code != 4429) || code == 4501;
}

static void
on_closed (SoupWebsocketConnection *connection, gpointer user_data)
{
  CliWire *self = user_data;
  guint code = soup_websocket_connection_get_close_code (connection);
  g_autofree char *detail = close_detail (connection);
  GError *error = NULL;

  if (self->exited)
    {
      finish (self, NULL);
      return;
    }
  if (!is_final (code))
    {
      g_set_error (&error, CLI_ERROR, CLI_UNREACHABLE, _("the connection to the daemon broke: %s"),
                   detail != NULL ? detail : _("it was closed"));
      break_off (self, error);
      return;
    }
  g_set_error (&error, CLI_ERROR, code >= 4400 ? cli_exit_for_status (code - 4000) : CLI_FAILED, "%s",
               detail != NULL ? detail : _("the session has ended"));
  finish (self, error);
  g_error_free (error);
}

static void
on_pong (SoupWebsocketConnection *connection, GBytes *message, gpointer user_data)
{
  ((CliWire *) user_data)->heard = g_get_monotonic_time ();
}

/* a connection over which nothing comes any more, not even answers to our pings */
static gboolean
on_watch (gpointer user_data)
{
  CliWire *self = user_data;

  if (g_get_monotonic_time () - self->heard > SILENCE)
    break_off (self, g_error_new (CLI_ERROR, CLI_UNREACHABLE, _("the daemon does not answer any more")));
  return G_SOURCE_CONTINUE;
}

static void
begin (CliWire *self)
{
  self->heard = g_get_monotonic_time ();
  self->watcher = g_timeout_source_new_seconds (PING / 2);
  g_source_set_callback (self->watcher, on_watch, self, NULL);
  g_source_attach (self->watcher, NULL);
  soup_websocket_connection_set_max_incoming_payload_size (self->connection, MAX_MESSAGE);
  soup_websocket_connection_set_keepalive_interval (self->connection, PING);
  g_signal_connect (self->connection, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->connection, "pong", G_CALLBACK (on_pong), self);
  g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
  if (self->begun)
    say (self, "resume", ",\"from_seq\":%" G_GUINT64_FORMAT, self->held);
  else
    say (self, "resume", ",\"from\":\"%s\"", self->from);
}

static void
on_dialled (SoupWebsocketConnection *connection, const GError *error, gpointer user_data)
{
  CliWire *self = user_data;

  g_clear_object (&self->dialling);
  if (self->over)
    {
      g_clear_object (&connection);
      return;
    }
  if (connection != NULL)
    {
      self->connection = connection;
      begin (self);
    }
  else if (g_error_matches (error, CLI_ERROR, CLI_UNREACHABLE))
    break_off (self, g_error_copy (error));
  else
    finish (self, error);
}

static void
dial (CliWire *self)
{
  g_autoptr(GString) path = g_string_new (self->path);
  /* the daemon may not know yet that our last connection broke */
  gboolean ours = self->control && g_get_monotonic_time () - self->lost < SHORT_CUT;

  cli_query (path, "input", self->watch ? "none" : self->shared ? "shared" : NULL);
  cli_query (path, "take", !self->watch && !self->shared && (self->take || ours) ? "true" : NULL);
  self->take = FALSE;
  self->dialling = g_cancellable_new ();
  cli_client_dial (self->client, path->str, "thole.v1", self->dialling, on_dialled, self);
}

/* ------------------------------------------------------------------------------------------------------- */

void
cli_wire_resize (CliWire *self, guint rows, guint cols)
{
  self->rows = rows;
  self->cols = cols;
  if (self->control)
    say (self, "resize", ",\"rows\":%u,\"cols\":%u", rows, cols);
}

void
cli_wire_signal (CliWire *self, const char *name)
{
  say (self, "signal", ",\"name\":\"%s\"", name);
}

void
cli_wire_take (CliWire *self)
{
  say (self, "take", "%s", "");
}

guint64
cli_wire_held (CliWire *self)
{
  return self->held;
}

CliWire *
cli_wire_new (CliClient *client, const CliWireOptions *options, const CliWireEvents *events, gpointer user_data)
{
  CliWire *self = g_new0 (CliWire, 1);

  self->client = client;
  self->console = options->console;
  self->path = cli_path (options->console ? "/v1/workloads/%s/console" : "/v1/sessions/%s/attach", options->session);
  self->from = g_strdup (options->from);
  self->take = options->take;
  self->watch = options->watch;
  self->shared = options->shared;
  self->patience = (gint64) (options->patience * G_USEC_PER_SEC);
  self->events = events;
  self->user_data = user_data;
  self->input = g_byte_array_new ();
  dial (self);
  return self;
}

static gboolean
on_gone (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* runs the main context until the good-bye was said, but not for long */
static void
say_goodbye (CliWire *self)
{
  g_autoptr(SoupWebsocketConnection) connection = g_object_ref (self->connection);
  g_autoptr(GSource) timer = g_timeout_source_new (500);
  gboolean gone = FALSE;

  hang_up (self);
  g_source_set_callback (timer, on_gone, &gone, NULL);
  g_source_attach (timer, NULL);
  while (!gone && soup_websocket_connection_get_state (connection) != SOUP_WEBSOCKET_STATE_CLOSED)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (timer);
}

void
cli_wire_free (CliWire *self)
{
  self->over = TRUE;
  if (self->connection != NULL)
    say_goodbye (self);
  if (self->dialling != NULL)
    g_cancellable_cancel (self->dialling);
  while (self->dialling != NULL)
    g_main_context_iteration (NULL, TRUE);
  clear_source (&self->again);
  hang_up (self);
  g_clear_error (&self->cause);
  g_byte_array_unref (self->input);
  g_free (self->path);
  g_free (self->from);
  g_free (self);
}
