/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The near end of two socket pairs; the pump is at the other. So reading and writing work in every form that GIO has.
 */
#include "private.h"

#include <sys/socket.h>

#include "pump.h"

struct _TholeAttachment
{
  GIOStream parent;
  TholeClient *client;
  TholePump *pump;             /* (nullable) before it is made */
  GSocketConnection *main, *errors;
  TholePumpState told;         /* what properties show */
  GPtrArray *waiting;          /* of GTask */
  TholeSession *own;           /* (nullable): it goes when its program has ended */
  GCancellable *ending;        /* (nullable): ends the program */
  gulong cancelled;            /* of it */
};

enum { PROP_POSITION = 1, PROP_CONNECTED, PROP_CONTROL, PROP_EXIT_CODE, PROP_EXIT_SIGNAL, PROP_ERROR_STREAM };
enum { SIGNAL_GAP, N_SIGNALS };

static guint signals[N_SIGNALS];

G_DEFINE_TYPE (TholeAttachment, thole_attachment, G_TYPE_IO_STREAM)

/* waiting ----------------------------------------------------------------------------------------------- */

static gboolean
is_for_end (GTask *task)
{
  return g_task_get_source_tag (task) == thole_attachment_wait_async;
}

/* Why it ended, unless the program did. */
static gboolean
set_end_error (const TholePumpState *state, GError **error)
{
  if (state->ended && state->error != NULL)
    g_propagate_error (error, g_error_copy (state->error));
  return !state->ended || state->error == NULL;
}

/* Ends those that wait for what has come. */
static void
end_waiting (TholeAttachment *self)
{
  for (guint i = self->waiting->len; i > 0; i--)
    {
      g_autoptr(GTask) task = g_object_ref (g_ptr_array_index (self->waiting, i - 1));
      gboolean cancelled = g_cancellable_is_cancelled (g_task_get_cancellable (task));
      GError *error = NULL;

      if (!cancelled && !self->told.ended && (is_for_end (task) || !self->told.begun))
        continue;
      g_ptr_array_remove_index (self->waiting, i - 1);
      if (cancelled)
        g_task_return_error_if_cancelled (task);
      else if (set_end_error (&self->told, &error))
        g_task_return_boolean (task, TRUE);
      else
        g_task_return_error (task, error);
    }
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr(TholeAttachment) self = g_weak_ref_get (user_data);

  if (self != NULL)
    end_waiting (self);
  return G_SOURCE_REMOVE;
}

static void
free_weak (gpointer user_data)
{
  g_weak_ref_clear (user_data);
  g_free (user_data);
}

static void
destroy_source (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
wait_for (TholeAttachment *self, gpointer tag, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_ptr_array_add (self->waiting, task);
  if (cancellable != NULL)
    {
      GSource *source = g_cancellable_source_new (cancellable);
      GWeakRef *weak = g_new0 (GWeakRef, 1);

      g_weak_ref_init (weak, self);
      g_source_set_callback (source, G_SOURCE_FUNC (on_cancelled), weak, free_weak);
      g_source_attach (source, g_task_get_context (task));
      g_task_set_task_data (task, source, destroy_source);
    }
  end_waiting (self);
}

/* the session of its own --------------------------------------------------------------------------------- */

static void
on_ending (GCancellable *cancellable, gpointer pump)
{
  thole_pump_kill (pump);
}

void
thole_attachment_own (TholeAttachment *self, TholeSession *session, GCancellable *cancellable)
{
  self->own = g_object_ref (session);
  if (cancellable == NULL)
    return;
  self->ending = g_object_ref (cancellable);
  self->cancelled = g_cancellable_connect (cancellable, G_CALLBACK (on_ending), thole_pump_ref (self->pump),
                                           (GDestroyNotify) thole_pump_unref);
}

/* without waiting for who is in the middle of it, which may be ourselves */
static void
forget_ending (TholeAttachment *self)
{
  if (self->ending != NULL)
    g_clear_signal_handler (&self->cancelled, self->ending);
  g_clear_object (&self->ending);
}

/* of a program that cannot be reached nobody knows whether it has ended */
static gboolean
is_over (const TholePumpState *state)
{
  return state->ended && (state->error == NULL || g_error_matches (state->error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
}

/* what the pump tells ----------------------------------------------------------------------------------- */

static void
on_changed (gpointer user_data)
{
  g_autoptr(TholeAttachment) self = g_object_ref (user_data);
  TholePumpState before = self->told;

  self->told = (TholePumpState) { 0 };
  thole_pump_state (self->pump, &self->told);
  g_clear_error (&before.error);
  if (before.connected != self->told.connected)
    g_object_notify (G_OBJECT (self), "connected");
  if (before.control != self->told.control)
    g_object_notify (G_OBJECT (self), "control");
  if (before.ended != self->told.ended)
    {
      g_object_notify (G_OBJECT (self), "exit-code");
      g_object_notify (G_OBJECT (self), "exit-signal");
    }
  if (before.gaps != self->told.gaps)
    g_signal_emit (self, signals[SIGNAL_GAP], 0, self->told.gap_from, self->told.gap_to);
  if (is_over (&self->told) && self->own != NULL)
    {
      g_autoptr(TholeSession) session = g_steal_pointer (&self->own);

      thole_session_delete_async (session, NULL, NULL, NULL, NULL);
    }
  end_waiting (self);
}

/* calls ------------------------------------------------------------------------------------------------- */

void
thole_attachment_begin_async (TholeAttachment *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  wait_for (self, thole_attachment_begin_async, cancellable, callback, user_data);
}

gboolean
thole_attachment_begin_finish (TholeAttachment *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
wait_here (TholeAttachment *self, gboolean end, GCancellable *cancellable, GError **error)
{
  TholePumpState state;
  gboolean good;

  if (!thole_pump_wait (self->pump, end, cancellable, error))
    return FALSE;
  thole_pump_state (self->pump, &state);
  good = set_end_error (&state, error);
  if (end && is_over (&state) && self->own != NULL)
    {
      g_autoptr(TholeSession) session = g_steal_pointer (&self->own);

      thole_session_delete (session, NULL, NULL, NULL);
    }
  g_clear_error (&state.error);
  return good;
}

gboolean
thole_attachment_begin (TholeAttachment *self, GCancellable *cancellable, GError **error)
{
  return wait_here (self, FALSE, cancellable, error);
}

void
thole_attachment_wait_async (TholeAttachment *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL);
  wait_for (self, thole_attachment_wait_async, cancellable, callback, user_data);
}

gboolean
thole_attachment_wait_finish (TholeAttachment *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
thole_attachment_wait (TholeAttachment *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL, FALSE);
  return wait_here (self, TRUE, cancellable, error);
}

void
thole_attachment_resize (TholeAttachment *self, guint rows, guint cols)
{
  g_return_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL);
  thole_pump_resize (self->pump, rows, cols);
}

void
thole_attachment_send_signal (TholeAttachment *self, const char *name)
{
  g_return_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL);
  g_return_if_fail (name != NULL);
  thole_pump_signal (self->pump, name);
}

void
thole_attachment_take_control (TholeAttachment *self)
{
  g_return_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL);
  thole_pump_take (self->pump);
}

void
thole_attachment_end_input (TholeAttachment *self)
{
  g_return_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL);
  thole_pump_end_input (self->pump);
  g_socket_shutdown (g_socket_connection_get_socket (self->main), FALSE, TRUE, NULL);
}

/* properties: as it stands now, also for who runs no main loop ------------------------------------------ */

static TholePumpState
look (TholeAttachment *self)
{
  TholePumpState state = { .code = -1 };

  if (self->pump != NULL)
    thole_pump_state (self->pump, &state);
  g_clear_error (&state.error);
  return state;
}

GInputStream *
thole_attachment_get_error_stream (TholeAttachment *self)
{
  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self) && self->pump != NULL, NULL);
  return g_io_stream_get_input_stream (G_IO_STREAM (self->errors));
}

guint64
thole_attachment_get_position (TholeAttachment *self)
{
  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self), 0);
  return look (self).position;
}

gboolean
thole_attachment_get_connected (TholeAttachment *self)
{
  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self), FALSE);
  return look (self).connected;
}

gboolean
thole_attachment_get_control (TholeAttachment *self)
{
  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self), FALSE);
  return look (self).control;
}

int
thole_attachment_get_exit_code (TholeAttachment *self)
{
  TholePumpState state;

  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self), -1);
  state = look (self);
  return state.ended ? state.code : -1;
}

int
thole_attachment_get_exit_signal (TholeAttachment *self)
{
  TholePumpState state;

  g_return_val_if_fail (THOLE_IS_ATTACHMENT (self), 0);
  state = look (self);
  return state.ended ? state.signal : 0;
}

static void
thole_attachment_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  TholeAttachment *self = THOLE_ATTACHMENT (object);

  switch (id)
    {
    case PROP_POSITION:
      g_value_set_uint64 (value, thole_attachment_get_position (self));
      break;
    case PROP_CONNECTED:
      g_value_set_boolean (value, thole_attachment_get_connected (self));
      break;
    case PROP_CONTROL:
      g_value_set_boolean (value, thole_attachment_get_control (self));
      break;
    case PROP_EXIT_CODE:
      g_value_set_int (value, thole_attachment_get_exit_code (self));
      break;
    case PROP_EXIT_SIGNAL:
      g_value_set_int (value, thole_attachment_get_exit_signal (self));
      break;
    case PROP_ERROR_STREAM:
      g_value_set_object (value, thole_attachment_get_error_stream (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

/* the stream -------------------------------------------------------------------------------------------- */

static GInputStream *
get_input_stream (GIOStream *stream)
{
  return g_io_stream_get_input_stream (G_IO_STREAM (THOLE_ATTACHMENT (stream)->main));
}

static GOutputStream *
get_output_stream (GIOStream *stream)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (THOLE_ATTACHMENT (stream)->main));
}

static gboolean
close_stream (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  TholeAttachment *self = THOLE_ATTACHMENT (stream);

  if (self->pump == NULL)
    return TRUE;
  thole_pump_stop (self->pump);
  g_io_stream_close (G_IO_STREAM (self->errors), NULL, NULL);
  return g_io_stream_close (G_IO_STREAM (self->main), cancellable, error);
}

static void
thole_attachment_finalize (GObject *object)
{
  TholeAttachment *self = THOLE_ATTACHMENT (object);

  forget_ending (self);
  g_clear_object (&self->own);
  if (self->pump != NULL)
    thole_pump_mute (self->pump);
  g_clear_pointer (&self->pump, thole_pump_unref);
  g_clear_object (&self->main);
  g_clear_object (&self->errors);
  g_clear_error (&self->told.error);
  g_ptr_array_unref (self->waiting);
  g_clear_object (&self->client);
  G_OBJECT_CLASS (thole_attachment_parent_class)->finalize (object);
}

/* A pair of connected sockets: (transfer full) both. */
static gboolean
make_pair (GSocketConnection **near, GSocket **far, GError **error)
{
  g_autoptr(GSocket) ours = NULL;
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    {
      g_set_error_literal (error, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_FAILED, "no socket pair can be made");
      return FALSE;
    }
  ours = g_socket_new_from_fd (ends[0], NULL);
  *far = g_socket_new_from_fd (ends[1], NULL);
  *near = g_socket_connection_factory_create_connection (ours);
  return TRUE;
}

TholeAttachment *
thole_attachment_new (TholeClient *client, const char *session, GVariant *options, GError **error)
{
  g_autoptr(TholeAttachment) self = g_object_new (THOLE_TYPE_ATTACHMENT, NULL);
  g_autoptr(GVariant) owned = thole_options_with (options, "session", g_variant_new_string (session));
  g_autoptr(GSocket) main = NULL, errors = NULL;

  self->client = g_object_ref (client);
  if (!make_pair (&self->main, &main, error) || !make_pair (&self->errors, &errors, error))
    return NULL;
  self->pump = thole_pump_new (client, session, owned, g_steal_pointer (&main), g_steal_pointer (&errors), on_changed, self);
  return g_steal_pointer (&self);
}

static void
thole_attachment_class_init (TholeAttachmentClass *class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object = G_OBJECT_CLASS (class);
  GIOStreamClass *stream = G_IO_STREAM_CLASS (class);

  object->get_property = thole_attachment_get_property;
  object->finalize = thole_attachment_finalize;
  stream->get_input_stream = get_input_stream;
  stream->get_output_stream = get_output_stream;
  stream->close_fn = close_stream;
  g_object_class_install_property (object, PROP_POSITION, g_param_spec_uint64 ("position", NULL, "Output up to here has arrived", 0,
                                                                               G_MAXUINT64, 0, flags));
  g_object_class_install_property (object, PROP_CONNECTED, g_param_spec_boolean ("connected", NULL, "The daemon is there", FALSE, flags));
  g_object_class_install_property (object, PROP_CONTROL, g_param_spec_boolean ("control", NULL, "What is written counts", FALSE, flags));
  g_object_class_install_property (object, PROP_EXIT_CODE, g_param_spec_int ("exit-code", NULL, "Exit code, -1 = none", -1, G_MAXINT,
                                                                             -1, flags));
  g_object_class_install_property (object, PROP_EXIT_SIGNAL, g_param_spec_int ("exit-signal", NULL, "Signal that ended it, 0 = none", 0,
                                                                               G_MAXINT, 0, flags));
  g_object_class_install_property (object, PROP_ERROR_STREAM, g_param_spec_object ("error-stream", NULL, "Standard error",
                                                                                   G_TYPE_INPUT_STREAM, flags));
  signals[SIGNAL_GAP] = g_signal_new ("gap", THOLE_TYPE_ATTACHMENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                      G_TYPE_UINT64, G_TYPE_UINT64);
}

static void
thole_attachment_init (TholeAttachment *self)
{
  self->told.code = -1;
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
}
