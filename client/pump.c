/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pump.h"

#include <string.h>

#include "source.h"

#define PIECE 32768

typedef struct
{
  GSocket *socket;
  GByteArray *bytes; /* output that its reader has no room for */
  GSource *writable; /* (nullable) */
  gboolean deaf;     /* nobody reads any more */
} Lane;

struct _TholePump
{
  gatomicrefcount references;
  GMainContext *worker;

  /* of the worker alone */
  TholeTransport *transport;
  char *session;
  GVariant *options;
  TholeWire *wire;   /* (nullable) */
  Lane lanes[2];     /* the main one, errors */
  GSource *readable; /* (nullable): input from the main one */
  guint64 arrived;
  gboolean paused, input_over, finished, stopped, killed;

  /* of all, under @mutex */
  GMutex mutex;
  GCond cond;
  TholePumpState state;
  gboolean ends_input;
  GMainContext *owner;
  void (*changed) (gpointer user_data); /* (nullable): nobody wants to know */
  gpointer user_data;
  GSource *telling;  /* (nullable) */
};

/* An order to the worker. */
typedef struct
{
  TholePump *pump;
  void (*run) (TholePump *pump, guint first, guint second, const char *text);
  guint first, second;
  char *text;
} Order;

TholePump *
thole_pump_ref (TholePump *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
thole_pump_unref (TholePump *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (self->lanes); i++)
    {
      g_object_unref (self->lanes[i].socket);
      g_byte_array_unref (self->lanes[i].bytes);
    }
  g_main_context_unref (self->worker);
  g_main_context_unref (self->owner);
  g_clear_pointer (&self->options, g_variant_unref);
  g_free (self->session);
  g_clear_error (&self->state.error);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self);
}

/* telling ----------------------------------------------------------------------------------------------- */

static gboolean
on_tell (gpointer user_data)
{
  TholePump *self = user_data;
  void (*changed) (gpointer user_data);
  gpointer data;

  g_mutex_lock (&self->mutex);
  changed = self->changed;
  data = self->user_data;
  g_clear_pointer (&self->telling, g_source_unref);
  g_mutex_unlock (&self->mutex);
  if (changed != NULL)
    changed (data);
  return G_SOURCE_REMOVE;
}

/* The state was changed, under the mutex, which is given back. */
static void
publish (TholePump *self)
{
  g_cond_broadcast (&self->cond);
  if (self->telling == NULL && self->changed != NULL)
    {
      self->telling = g_idle_source_new ();
      g_source_set_priority (self->telling, G_PRIORITY_DEFAULT);
      g_source_set_callback (self->telling, on_tell, thole_pump_ref (self), (GDestroyNotify) thole_pump_unref);
      g_source_attach (self->telling, self->owner);
    }
  g_mutex_unlock (&self->mutex);
}

void
thole_pump_state (TholePump *self, TholePumpState *state)
{
  g_mutex_lock (&self->mutex);
  *state = self->state;
  state->error = self->state.error != NULL ? g_error_copy (self->state.error) : NULL;
  g_mutex_unlock (&self->mutex);
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  TholePump *self = user_data;

  g_mutex_lock (&self->mutex);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
}

gboolean
thole_pump_wait (TholePump *self, gboolean end, GCancellable *cancellable, GError **error)
{
  gulong id = cancellable != NULL ? g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), self, NULL) : 0;
  gboolean done;

  g_mutex_lock (&self->mutex);
  while (!self->state.ended && (end || !self->state.begun) && !g_cancellable_is_cancelled (cancellable))
    g_cond_wait (&self->cond, &self->mutex);
  done = self->state.ended || (!end && self->state.begun);
  g_mutex_unlock (&self->mutex);
  g_cancellable_disconnect (cancellable, id);
  return done || !g_cancellable_set_error_if_cancelled (cancellable, error);
}

/* output ------------------------------------------------------------------------------------------------ */

static void flush (TholePump *self);

static guint
held (TholePump *self)
{
  return self->lanes[0].bytes->len + self->lanes[1].bytes->len;
}

static gboolean
on_writable (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  TholePump *self = user_data;
  Lane *lane = socket == self->lanes[0].socket ? &self->lanes[0] : &self->lanes[1];

  thole_source_clear (&lane->writable);
  flush (self);
  return G_SOURCE_REMOVE;
}

static void
flush_lane (TholePump *self, Lane *lane)
{
  while (lane->bytes->len > 0 && !lane->deaf)
    {
      g_autoptr(GError) error = NULL;
      gssize sent = g_socket_send (lane->socket, (const char *) lane->bytes->data, lane->bytes->len, NULL, &error);

      if (sent > 0)
        g_byte_array_remove_range (lane->bytes, 0, (guint) sent);
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      else
        lane->deaf = TRUE;
    }
  if (lane->deaf)
    g_byte_array_set_size (lane->bytes, 0);
  if (lane->bytes->len == 0 || lane->writable != NULL)
    return;
  lane->writable = g_socket_create_source (lane->socket, G_IO_OUT, NULL);
  g_source_set_callback (lane->writable, G_SOURCE_FUNC (on_writable), self, NULL);
  g_source_attach (lane->writable, self->worker);
}

/* all was given: the reader sees the end */
static void
hang_up (TholePump *self)
{
  thole_source_clear (&self->readable);
  for (guint i = 0; i < G_N_ELEMENTS (self->lanes); i++)
    {
      thole_source_clear (&self->lanes[i].writable);
      g_socket_close (self->lanes[i].socket, NULL);
    }
  g_mutex_lock (&self->mutex);
  self->state.ended = TRUE;
  self->state.connected = FALSE;
  publish (self);
}

static void
flush (TholePump *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->lanes); i++)
    flush_lane (self, &self->lanes[i]);
  g_mutex_lock (&self->mutex);
  self->state.position = self->arrived - MIN (self->arrived, held (self));
  g_mutex_unlock (&self->mutex);
  if (self->wire != NULL && !self->finished)
    self->wire->class->ack (self->wire, self->state.position);
  if (self->finished && held (self) == 0)
    {
      hang_up (self);
    }
  else if (self->paused && held (self) < THOLE_PUMP_LOW && !self->finished)
    {
      self->paused = FALSE;
      self->wire->class->resume (self->wire);
    }
}

/* input ------------------------------------------------------------------------------------------------- */

static void read_input (TholePump *self);

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  TholePump *self = user_data;

  thole_source_clear (&self->readable);
  read_input (self);
  return G_SOURCE_REMOVE;
}

/* The writer shut down its side: the end of input when it said so, else it only left. */
static void
end_input (TholePump *self)
{
  gboolean said;

  g_mutex_lock (&self->mutex);
  said = self->ends_input;
  g_mutex_unlock (&self->mutex);
  self->input_over = TRUE;
  if (said)
    self->wire->class->end_of_input (self->wire);
}

static void
read_input (TholePump *self)
{
  guint8 piece[PIECE];
  gsize room;

  while (self->wire != NULL && !self->finished && !self->input_over && (room = self->wire->class->room (self->wire)) > 0)
    {
      g_autoptr(GError) error = NULL;
      gssize got = g_socket_receive (self->lanes[0].socket, (char *) piece, MIN (room, sizeof piece), NULL, &error);

      if (got > 0)
        {
          self->wire->class->input (self->wire, piece, (gsize) got);
          continue;
        }
      if (got == 0)
        {
          end_input (self);
        }
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) && self->readable == NULL)
        {
          self->readable = g_socket_create_source (self->lanes[0].socket, G_IO_IN, NULL);
          g_source_set_callback (self->readable, G_SOURCE_FUNC (on_readable), self, NULL);
          g_source_attach (self->readable, self->worker);
        }
      return;
    }
}

/* the wire ---------------------------------------------------------------------------------------------- */

static void
on_began (gpointer user_data, guint64 position)
{
  TholePump *self = user_data;

  self->arrived = position;
  g_mutex_lock (&self->mutex);
  self->state.begun = TRUE;
  self->state.position = position;
  publish (self);
  read_input (self);
}

static void
on_output (gpointer user_data, int channel, const guint8 *data, gsize length, guint64 position)
{
  TholePump *self = user_data;

  g_byte_array_append (self->lanes[channel == 2 ? 1 : 0].bytes, data, (guint) length);
  self->arrived = position;
  flush (self);
  if (held (self) <= THOLE_PUMP_FULL || self->paused || self->finished)
    return;
  self->paused = TRUE;
  self->wire->class->pause (self->wire);
}

static void
on_gap (gpointer user_data, guint64 position, guint64 lines)
{
  TholePump *self = user_data;

  g_mutex_lock (&self->mutex);
  self->state.gap_from = self->arrived;
  self->state.gap_to = position;
  self->state.gaps++;
  publish (self);
  self->arrived = position;
}

static void
on_control (gpointer user_data, gboolean control)
{
  TholePump *self = user_data;

  g_mutex_lock (&self->mutex);
  self->state.control = control;
  publish (self);
}

static void
on_taken (gpointer user_data)
{
  TholePump *self = user_data;

  if (self->readable == NULL)
    read_input (self);
}

static void
on_state (gpointer user_data, gboolean connected)
{
  TholePump *self = user_data;

  g_mutex_lock (&self->mutex);
  self->state.connected = connected;
  publish (self);
  /* what was said over the connection before may be lost */
  if (connected && self->killed)
    self->wire->class->signal (self->wire, "SIGKILL");
}

static void
on_ended (gpointer user_data, int code, int signal, const GError *error)
{
  TholePump *self = user_data;

  self->finished = TRUE;
  g_mutex_lock (&self->mutex);
  self->state.code = error == NULL && signal == 0 ? code : -1;
  self->state.signal = signal;
  if (self->killed && error == NULL)
    self->state.error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the program was ended");
  else
    self->state.error = error != NULL ? g_error_copy (error) : NULL;
  g_mutex_unlock (&self->mutex);
  flush (self);
}

/* orders ------------------------------------------------------------------------------------------------ */

static void
start (TholePump *self, guint first, guint second, const char *text)
{
  static const TholeWireEvents events = { on_began, on_output, on_gap, on_control, on_taken, on_state, on_ended };

  self->wire = self->transport->class->wire (self->transport, self->session, self->options, &events, self);
}

static void
stop (TholePump *self, guint first, guint second, const char *text)
{
  self->stopped = self->finished = TRUE;
  if (self->wire != NULL)
    self->wire->class->free (self->wire);
  self->wire = NULL;
  g_mutex_lock (&self->mutex);
  if (!self->state.ended && self->state.error == NULL)
    self->state.error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "detached");
  g_mutex_unlock (&self->mutex);
  hang_up (self);
}

static void
resize (TholePump *self, guint rows, guint cols, const char *text)
{
  if (self->wire != NULL)
    self->wire->class->resize (self->wire, rows, cols);
}

static void
send_signal (TholePump *self, guint first, guint second, const char *name)
{
  if (self->wire != NULL)
    self->wire->class->signal (self->wire, name);
}

static void
take (TholePump *self, guint first, guint second, const char *text)
{
  if (self->wire != NULL)
    self->wire->class->take (self->wire);
}

static void
kill_program (TholePump *self, guint first, guint second, const char *text)
{
  if (self->finished || self->killed)
    return;
  self->killed = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (self->lanes); i++)
    self->lanes[i].deaf = TRUE;
  self->wire->class->signal (self->wire, "SIGKILL");
  flush (self);
}

static gboolean
on_order (gpointer user_data)
{
  Order *order = user_data;

  if (!order->pump->stopped)
    order->run (order->pump, order->first, order->second, order->text);
  return G_SOURCE_REMOVE;
}

static void
order_free (gpointer user_data)
{
  Order *order = user_data;

  thole_pump_unref (order->pump);
  g_free (order->text);
  g_free (order);
}

static void
give_order (TholePump *self, void (*run) (TholePump *, guint, guint, const char *), guint first, guint second, const char *text)
{
  Order *order = g_new0 (Order, 1);
  g_autoptr(GSource) source = g_idle_source_new ();

  order->pump = thole_pump_ref (self);
  order->run = run;
  order->first = first;
  order->second = second;
  order->text = g_strdup (text);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_order, order, order_free);
  g_source_attach (source, self->worker);
}

void
thole_pump_resize (TholePump *self, guint rows, guint cols)
{
  give_order (self, resize, rows, cols, NULL);
}

void
thole_pump_signal (TholePump *self, const char *name)
{
  give_order (self, send_signal, 0, 0, name);
}

void
thole_pump_kill (TholePump *self)
{
  give_order (self, kill_program, 0, 0, NULL);
}

void
thole_pump_take (TholePump *self)
{
  give_order (self, take, 0, 0, NULL);
}

void
thole_pump_end_input (TholePump *self)
{
  g_mutex_lock (&self->mutex);
  self->ends_input = TRUE;
  g_mutex_unlock (&self->mutex);
}

void
thole_pump_stop (TholePump *self)
{
  give_order (self, stop, 0, 0, NULL);
}

void
thole_pump_mute (TholePump *self)
{
  g_autoptr(GSource) telling = NULL;

  g_mutex_lock (&self->mutex);
  self->changed = NULL;
  telling = g_steal_pointer (&self->telling);
  g_mutex_unlock (&self->mutex);
  /* gives back a reference of ours */
  if (telling != NULL)
    g_source_destroy (telling);
}

TholePump *
thole_pump_new (TholeClient *client, const char *session, GVariant *options, GSocket *main, GSocket *errors,
                void (*changed) (gpointer user_data), gpointer user_data)
{
  TholePump *self = g_new0 (TholePump, 1);

  g_atomic_ref_count_init (&self->references);
  self->worker = g_main_context_ref (thole_client_worker (client));
  self->owner = g_main_context_ref_thread_default ();
  self->transport = thole_client_transport (client);
  self->session = g_strdup (session);
  self->options = g_variant_ref (options);
  self->lanes[0].socket = main;
  self->lanes[1].socket = errors;
  for (guint i = 0; i < G_N_ELEMENTS (self->lanes); i++)
    {
      self->lanes[i].bytes = g_byte_array_new ();
      g_socket_set_blocking (self->lanes[i].socket, FALSE);
    }
  self->state.code = -1;
  self->changed = changed;
  self->user_data = user_data;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  give_order (self, start, 0, 0, NULL);
  return self;
}
